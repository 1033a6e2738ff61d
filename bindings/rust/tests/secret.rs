// SPDX-License-Identifier: ISC
//! Secret: where its value is, how it is aligned, and when it is dropped.

#![deny(clippy::undocumented_unsafe_blocks)]

mod common;

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use secmalloc::{Secret, Zeroed};

#[test]
fn value_is_made_in_the_arena() {
    need_arena!("value_is_made_in_the_arena");
    let mut inside = std::ptr::null();
    let secret = Secret::new_with(|value: &mut [u8; 100]| {
        assert_eq!(*value, [0; 100]);
        assert!(secmalloc::owns(value));
        inside = value.as_ptr();
        value[99] = 7;
    })
    .unwrap();

    assert_eq!(secret.as_ptr(), inside);
    assert_eq!(secret[99], 7);
}

#[test]
fn chunk_is_freed_when_dropped() {
    need_arena!("chunk_is_freed_when_dropped");
    let secret = Secret::new_with(|value: &mut u64| *value = 5).unwrap();
    let at: *const u64 = &*secret;

    assert!(secmalloc::owns(at));
    drop(secret);
    assert!(!secmalloc::owns(at));
}

#[test]
fn errors_of_the_closure_are_returned() {
    need_arena!("errors_of_the_closure_are_returned");
    let mut at = std::ptr::null();
    let failed = Secret::try_new_with(|value: &mut [u8; 16]| {
        at = value.as_ptr();
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "short"))
    });

    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(!secmalloc::owns(at));
}

#[test]
fn panic_of_the_closure_frees_the_chunk() {
    need_arena!("panic_of_the_closure_frees_the_chunk");
    let mut at = std::ptr::null();
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        Secret::new_with(|value: &mut [u8; 16]| {
            at = value.as_ptr();
            panic!("expected by the test");
        })
    }));

    assert!(result.is_err());
    assert!(!secmalloc::owns(at));
}

#[repr(align(1024))]
struct Page([u8; 1024]);
secmalloc::impl_zeroed!(Page { 0 });

#[repr(align(1048576))]
struct TooAligned([u8; 1048576]);
secmalloc::impl_zeroed!(TooAligned { 0 });

#[repr(align(64))]
struct Nothing {}
secmalloc::impl_zeroed!(Nothing {});

#[test]
fn types_get_their_alignment() {
    need_arena!("types_get_their_alignment");
    let page = Secret::new_with(|page: &mut Page| page.0[1023] = 1).unwrap();
    assert_eq!(&*page as *const Page as usize % 1024, 0);
    assert_eq!(page.0[1023], 1);

    let nothing = Secret::<Nothing>::zeroed().unwrap();
    assert_eq!(&*nothing as *const Nothing as usize % 64, 0);
    drop(Secret::<()>::zeroed().unwrap());

    let error = Secret::<TooAligned>::zeroed().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("alignment"), "{}", error);
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Counted(u32);
secmalloc::impl_zeroed!(Counted { 0 });

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.fetch_add(self.0 as usize, Ordering::SeqCst);
    }
}

#[test]
fn value_is_dropped_once() {
    need_arena!("value_is_dropped_once");
    let mut outside = Counted(10);
    let taken = Secret::take_from(&mut outside).unwrap();

    assert_eq!(outside.0, 0);
    drop(outside); // a zero, which counts as nothing
    assert_eq!(DROPPED.load(Ordering::SeqCst), 0);
    drop(taken);
    assert_eq!(DROPPED.load(Ordering::SeqCst), 10);
}

#[test]
fn clones_and_comparisons() {
    need_arena!("clones_and_comparisons");
    let mut first = Secret::new_with(|value: &mut [u8; 32]| value.fill(9)).unwrap();
    let second = first.try_clone().unwrap();

    assert_ne!(first.as_ptr(), second.as_ptr());
    assert_eq!(first, second);
    assert_eq!(first, [9; 32]);
    first[31] ^= 1;
    assert_ne!(first, second);
    assert_ne!(first, [9; 32]);
}

#[test]
fn debug_prints_no_content() {
    need_arena!("debug_prints_no_content");
    let secret = Secret::new_with(|value: &mut u32| *value = 12345).unwrap();

    assert_eq!(
        format!("{:?} {:#?}", secret, secret),
        "Secret(..) Secret(..)"
    );
}

#[test]
fn another_thread_uses_and_frees_it() {
    need_arena!("another_thread_uses_and_frees_it");
    let secret = Secret::new_with(|value: &mut [u8; 32]| value.fill(3)).unwrap();

    thread::spawn(move || assert_eq!(secret, [3; 32]))
        .join()
        .unwrap();
}

#[test]
fn zeros_are_values() {
    fn zero<T: Zeroed>() -> T {
        // SAFETY: Zeroed says so.
        unsafe { std::mem::zeroed() }
    }

    assert_eq!(zero::<(u8, bool, char, f64)>(), (0, false, '\0', 0.0));
    assert_eq!(zero::<[std::num::Wrapping<i128>; 2]>()[1].0, 0);
}

#[test]
fn wipe_and_equal_and_explain() {
    need_arena!("wipe_and_equal_and_explain");
    let mut numbers = [1_u32, 2, 3];

    secmalloc::wipe(&mut numbers[1..]);
    assert_eq!(numbers, [1, 0, 0]);
    assert!(secmalloc::equal(b"", b""));
    assert!(secmalloc::equal(b"abc", b"abc"));
    assert!(!secmalloc::equal(b"abc", b"abd"));
    assert!(!secmalloc::equal(b"abc", b"ab"));
    let secret = Secret::<[u8; 32]>::zeroed().unwrap();
    assert!(
        secmalloc::explain(&secret[4]).contains("32 bytes"),
        "{}",
        secmalloc::explain(&secret[4])
    );
}
