// SPDX-License-Identifier: ISC
//! Guarded: a value is accessible only while a guard exists.

#![deny(clippy::undocumented_unsafe_blocks)]
// Rust 1.63 takes the constant of a thread-local variable for an item.
#![allow(clippy::declare_interior_mutable_const)]

mod common;

use std::io;
use std::mem;
use std::thread;

use secmalloc::Guarded;

#[test]
fn guards_give_access() {
    need_arena!("guards_give_access");
    let mut key = Guarded::new_with(|key: &mut [u8; 40]| {
        assert_eq!(*key, [0; 40]);
        key[0] = 1;
    })
    .unwrap();

    key.write().unwrap()[39] = 2;
    let one = key.read().unwrap();
    let two = key.read().unwrap();
    drop(one);
    assert_eq!(two[0] + two[39], 3);
    assert_eq!(format!("{:?} {:?}", key, two), "Guarded(..) ReadGuard(..)");
}

#[test]
fn threads_have_guards_of_their_own() {
    need_arena!("threads_have_guards_of_their_own");
    let key = Guarded::new_with(|key: &mut [u64; 4]| key.fill(6)).unwrap();

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(*key.read().unwrap(), [6; 4]);
                }
            });
        }
    });
}

#[repr(align(4096))]
struct Page([u8; 4096]);
secmalloc::impl_zeroed!(Page { 0 });

#[repr(align(64))]
struct Nothing {}
secmalloc::impl_zeroed!(Nothing {});

#[test]
fn types_get_their_alignment() {
    need_arena!("types_get_their_alignment");
    let page = Guarded::new_with(|page: &mut Page| page.0.fill(1)).unwrap();
    let page = page.read().unwrap();
    assert_eq!(&*page as *const Page as usize % 4096, 0);

    let nothing = Guarded::<Nothing>::zeroed().unwrap();
    let nothing = nothing.read().unwrap();
    assert_eq!(&*nothing as *const Nothing as usize % 64, 0);
}

/// Its destructor reads it, though it is inaccessible when it is dropped.
struct Read(u8);
secmalloc::impl_zeroed!(Read { 0 });

thread_local!(static SEEN: std::cell::Cell<u8> = const { std::cell::Cell::new(0) });

impl Drop for Read {
    fn drop(&mut self) {
        SEEN.with(|seen| seen.set(seen.get() + self.0));
    }
}

#[test]
fn value_is_dropped_once() {
    need_arena!("value_is_dropped_once");
    let mut outside = Read(5);
    let key = Guarded::take_from(&mut outside).unwrap();

    drop(outside);
    assert_eq!(SEEN.with(|seen| seen.get()), 0);
    drop(key);
    assert_eq!(SEEN.with(|seen| seen.get()), 5);
}

#[test]
fn errors_of_the_closure_are_returned() {
    need_arena!("errors_of_the_closure_are_returned");
    let before = secmalloc::stats().unwrap().guarded_bytes;
    let failed = Guarded::try_new_with(|_: &mut [u8; 16]| {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "short"))
    });

    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(before > 0);
}

/// What a child reads or writes without a guard, or with one that does not
/// allow it.
fn dies(test: &str, attack: fn(Guarded<[u8; 32]>, *mut u8)) {
    if common::is_child(test) {
        need_arena!(test);
        let mut at = std::ptr::null_mut();
        let key = Guarded::new_with(|key: &mut [u8; 32]| at = key.as_mut_ptr()).unwrap();

        return attack(key, at);
    }
    let (signal, words) = common::fate(&common::child(test));
    if words.contains("SKIPPED") {
        return common::skip(test, &words);
    }
    assert_eq!(signal, Some(common::SIGSEGV), "{}", words);
}

fn peek(at: *const u8) -> u8 {
    // SAFETY: It is not safe without a guard, which is what the tests show.
    unsafe { at.read_volatile() }
}

#[test]
fn reading_without_a_guard_dies() {
    dies("reading_without_a_guard_dies", |_key, at| {
        peek(at);
    });
}

#[test]
fn reading_after_the_last_guard_dies() {
    dies("reading_after_the_last_guard_dies", |mut key, at| {
        drop(key.write().unwrap());
        drop((key.read().unwrap(), key.read().unwrap()));
        peek(at);
    });
}

#[test]
fn writing_with_a_read_guard_dies() {
    dies("writing_with_a_read_guard_dies", |key, at| {
        let _guard = key.read().unwrap();
        assert_eq!(peek(at), 0); // this much is allowed
                                 // SAFETY: As in peek().
        unsafe { at.write_volatile(1) };
    });
}

#[test]
fn reading_past_the_end_dies() {
    dies("reading_past_the_end_dies", |key, at| {
        let _guard = key.read().unwrap();
        assert_eq!(peek(at.wrapping_add(31)), 0);
        peek(at.wrapping_add(32));
    });
}

/// The other side of the four tests above: with a guard, the child lives.
#[test]
fn control_a_guard_prevents_the_death() {
    need_arena!("control_a_guard_prevents_the_death");
    let mut at = std::ptr::null_mut();
    let mut key = Guarded::new_with(|key: &mut [u8; 32]| at = key.as_mut_ptr()).unwrap();
    let guard = key.write().unwrap();

    // SAFETY: The guard is not used in between.
    unsafe { at.write_volatile(1) };
    assert_eq!(peek(at), guard[0]);
}

#[test]
fn a_forgotten_guard_leaves_it_open() {
    need_arena!("a_forgotten_guard_leaves_it_open");
    let mut key = Guarded::new_with(|key: &mut [u8; 32]| key[3] = 3).unwrap();

    mem::forget(key.write().unwrap());
    mem::forget(key.read().unwrap());
    assert_eq!(key.read().unwrap()[3], 3);
}
