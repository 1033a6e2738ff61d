// SPDX-License-Identifier: ISC
//! SecVec does what Vec does.

#![deny(clippy::undocumented_unsafe_blocks)]

mod common;

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use secmalloc::{SecVec, Zeroed};

fn of(bytes: &[u8]) -> SecVec<u8> {
    SecVec::try_from(bytes).unwrap()
}

/// The bytes after the elements, which have to be zero.
fn spare(vector: &SecVec<u8>) -> &[u8] {
    let end = vector.as_ptr().wrapping_add(vector.len());

    // SAFETY: The library wrote every byte of the chunk.
    unsafe { std::slice::from_raw_parts(end, vector.capacity() - vector.len()) }
}

/// Random operations have the results that Vec's have, and leave zeros after
/// the elements.
#[test]
fn same_as_vec() {
    need_arena!("same_as_vec");
    let (mut ours, mut theirs) = (SecVec::new(), Vec::new());
    let mut state = 1_u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 8) as usize % below
    };

    for step in 0..20_000 {
        let byte = (random(255) + 1) as u8;
        match random(12) {
            0 | 1 => {
                ours.push(byte).unwrap();
                theirs.push(byte);
            }
            2 => assert_eq!(ours.pop(), theirs.pop()),
            3 => {
                let at = random(theirs.len() + 1);
                ours.insert(at, byte).unwrap();
                theirs.insert(at, byte);
            }
            4 if !theirs.is_empty() => {
                let at = random(theirs.len());
                assert_eq!(ours.remove(at), theirs.remove(at));
            }
            5 => {
                let more = vec![byte; random(40)];
                ours.extend_from_slice(&more).unwrap();
                theirs.extend_from_slice(&more);
            }
            6 => {
                let len = random(theirs.len() + 20);
                ours.truncate(len);
                theirs.truncate(len);
            }
            7 => {
                let len = random(300);
                ours.resize(len, byte).unwrap();
                theirs.resize(len, byte);
            }
            8 => ours.shrink_to_fit().unwrap(),
            9 => ours.reserve(random(100)).unwrap(),
            10 if random(50) == 0 => {
                ours.clear();
                theirs.clear();
            }
            11 => {
                ours.push_with(|last| *last = byte).unwrap();
                theirs.push(byte);
            }
            _ => {}
        }
        assert_eq!(&*ours, &*theirs, "step {}", step);
        assert!(spare(&ours).iter().all(|byte| *byte == 0), "step {}", step);
    }
    drop(ours);
}

#[test]
fn capacity() {
    need_arena!("capacity");
    let mut vector = SecVec::<u16>::new();
    assert_eq!(vector.capacity(), 0);
    vector.push(1).unwrap();
    assert_eq!(vector.capacity(), 16);
    assert!(secmalloc::owns(vector.as_ptr()));
    vector.extend_from_slice(&[2; 16]).unwrap();
    assert_eq!(vector.capacity(), 32);
    vector.shrink_to_fit().unwrap();
    assert_eq!(vector.capacity(), 17);
    vector.clear();
    let at = vector.as_ptr();
    vector.shrink_to_fit().unwrap();
    assert_eq!(vector.capacity(), 0);
    assert!(!secmalloc::owns(at));
    vector.reserve_exact(3).unwrap();
    assert_eq!(vector.capacity(), 3);
    assert_eq!(SecVec::<u8>::with_capacity(5).unwrap().capacity(), 5);
}

#[test]
fn too_large_is_an_error() {
    need_arena!("too_large_is_an_error");
    for len in [usize::MAX, usize::MAX / 4, isize::MAX as usize] {
        let error = SecVec::<u32>::with_capacity(len).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert!(!error.to_string().is_empty());
    }
    let mut vector = of(b"stays");
    vector.reserve(usize::MAX).unwrap_err();
    vector.reserve(usize::MAX - 5).unwrap_err();
    vector.resize(usize::MAX, 1).unwrap_err();
    assert_eq!(vector, *b"stays");
}

#[test]
fn types_without_bytes() {
    need_arena!("types_without_bytes");
    let mut vector = SecVec::new();

    for _ in 0..100 {
        vector.push(()).unwrap();
    }
    assert_eq!(vector.len(), 100);
    assert_eq!(vector.pop(), Some(()));
    vector.remove(3);
    vector.shrink_to_fit().unwrap();
    assert_eq!(vector.iter().count(), 98);
}

#[derive(Clone, Copy)]
#[repr(align(128))]
struct Line([u8; 128]);
secmalloc::impl_zeroed!(Line { 0 });

#[test]
fn alignment_stays_as_it_grows() {
    need_arena!("alignment_stays_as_it_grows");
    let mut lines = SecVec::new();

    for i in 0..40 {
        lines.push(Line([i; 128])).unwrap();
        assert_eq!(lines.as_ptr() as usize % 128, 0);
    }
    lines.truncate(9);
    lines.shrink_to_fit().unwrap();
    assert_eq!(lines.as_ptr() as usize % 128, 0);
    assert!(lines.iter().zip(0..).all(|(line, i)| line.0 == [i; 128]));
}

/// Counts how often it is dropped, and panics if it is told to.
struct Noisy {
    drops: Option<Rc<Cell<u32>>>,
    panics: bool,
}

// SAFETY: Zeros stand for None and false. The counter is elsewhere.
unsafe impl Zeroed for Noisy {}

impl Drop for Noisy {
    fn drop(&mut self) {
        if let Some(drops) = &self.drops {
            drops.set(drops.get() + 1);
        }
        if self.panics {
            panic!("expected by the test");
        }
    }
}

#[test]
fn elements_are_dropped_once() {
    need_arena!("elements_are_dropped_once");
    let drops = Rc::new(Cell::new(0));
    let noisy = |panics| Noisy {
        drops: Some(drops.clone()),
        panics,
    };
    let mut vector = SecVec::new();

    for _ in 0..10 {
        vector.push(noisy(false)).unwrap();
    }
    assert_eq!(drops.get(), 0);
    drop(vector.pop());
    assert_eq!(drops.get(), 1);
    drop(vector.remove(0));
    assert_eq!(drops.get(), 2);
    vector.truncate(5);
    assert_eq!(drops.get(), 5);

    // What a panicking destructor leaves is neither dropped again nor seen by
    // the next element.
    vector.push(noisy(true)).unwrap();
    vector.push(noisy(false)).unwrap();
    let result = panic::catch_unwind(AssertUnwindSafe(|| vector.truncate(5)));
    assert!(result.is_err());
    assert_eq!(drops.get(), 7);
    vector
        .push_with(|last| assert!(last.drops.is_none() && !last.panics))
        .unwrap();
    drop(vector);
    assert_eq!(drops.get(), 12);
    assert_eq!(Rc::strong_count(&drops), 1);
}

#[test]
fn panic_in_push_with_keeps_the_element() {
    need_arena!("panic_in_push_with_keeps_the_element");
    let mut vector = SecVec::new();
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        vector.push_with(|last: &mut u32| {
            *last = 1;
            panic!("expected by the test");
        })
    }));

    assert!(result.is_err());
    assert_eq!(&*vector, [1]);
}

#[test]
fn reads_and_writes() {
    need_arena!("reads_and_writes");
    struct InSteps<'a>(&'a [u8], bool);

    impl Read for InSteps<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(buffer.iter().all(|byte| *byte == 0));
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = buffer.len().min(7);
            self.0.read(&mut buffer[..n])
        }
    }

    let text: Vec<u8> = (0..3000).map(|i| i as u8).collect();
    let mut vector = of(b"start:");
    let n = vector.read_to_end(&mut InSteps(&text, false)).unwrap();
    assert_eq!(n, 3000);
    assert_eq!(&vector[..6], b"start:");
    assert_eq!(&vector[6..], text);

    let mut vector = SecVec::new();
    write!(vector, "{}-two", 1).unwrap();
    vector.flush().unwrap();
    assert_eq!(vector, *b"1-two");
}

/// A reader that claims to have read more than there was room for.
#[test]
fn a_lying_reader_panics() {
    need_arena!("a_lying_reader_panics");
    struct Liar;

    impl Read for Liar {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len() + 1)
        }
    }

    let mut vector = SecVec::new();
    let result = panic::catch_unwind(AssertUnwindSafe(|| vector.read_to_end(&mut Liar)));
    assert!(result.is_err());
    assert!(vector.is_empty());
}

#[test]
fn copies_and_comparisons() {
    need_arena!("copies_and_comparisons");
    let mut source = *b"secret";
    let vector = SecVec::take_from(&mut source).unwrap();
    let copy = vector.try_clone().unwrap();

    assert_eq!(source, [0; 6]);
    assert_eq!(vector, copy);
    assert_eq!(vector, b"secret"[..]);
    assert_eq!(vector, &b"secret"[..]);
    assert_ne!(vector, *b"secreT");
    assert_ne!(vector, *b"secre");
    assert_ne!(vector, SecVec::new());
    assert_eq!(SecVec::<u8>::new(), SecVec::default());
    assert_eq!(
        format!("{:?} {:#?}", vector, vector),
        "SecVec(..) SecVec(..)"
    );
}

#[test]
fn empty_needs_no_chunk() {
    need_arena!("empty_needs_no_chunk");
    let mut empty = SecVec::<u8>::new();

    assert_eq!(&*empty, b"");
    assert_eq!(empty.pop(), None);
    empty.truncate(0);
    empty.extend_from_slice(b"").unwrap();
    empty.shrink_to_fit().unwrap();
    assert!(!secmalloc::owns(empty.as_ptr()));
    assert!(SecVec::<u8>::zeroed(0).unwrap().is_empty());
    let result = panic::catch_unwind(AssertUnwindSafe(|| empty.remove(0)));
    assert!(result.is_err());
    let result = panic::catch_unwind(AssertUnwindSafe(|| empty.insert(1, 0)));
    assert!(result.is_err());
}
