// SPDX-License-Identifier: ISC
//! SecString does what String does, and prints nothing.

#![deny(clippy::undocumented_unsafe_blocks)]

mod common;

use std::fmt::Write;
use std::panic::{self, AssertUnwindSafe};

use secmalloc::{SecString, SecVec};

#[test]
fn same_as_string() {
    need_arena!("same_as_string");
    let (mut ours, mut theirs) = (SecString::new(), String::new());

    for c in "aß€😀z".chars().cycle().take(500) {
        ours.push(c).unwrap();
        theirs.push(c);
    }
    ours.push_str("ünd").unwrap();
    theirs.push_str("ünd");
    assert_eq!(&*ours, theirs);
    for _ in 0..50 {
        assert_eq!(ours.pop(), theirs.pop());
        assert_eq!(ours.as_str(), theirs);
    }
    ours.make_ascii_uppercase();
    theirs.make_ascii_uppercase();
    ours.truncate(10);
    theirs.truncate(10);
    ours.truncate(5000);
    ours.shrink_to_fit().unwrap();
    assert_eq!(&*ours, theirs);
    assert_eq!(ours.capacity(), 10);
    ours.reserve(500).unwrap();
    assert!(ours.capacity() >= 510);
    ours.clear();
    assert!(ours.is_empty());
    assert_eq!(ours.pop(), None);
}

#[test]
fn a_character_is_not_cut() {
    need_arena!("a_character_is_not_cut");
    let mut string = SecString::try_from("a€").unwrap();
    let result = panic::catch_unwind(AssertUnwindSafe(|| string.truncate(2)));

    assert!(result.is_err());
    assert_eq!(string, "a€");
}

#[test]
fn bytes_become_a_string_and_back() {
    need_arena!("bytes_become_a_string_and_back");
    let bytes = SecVec::try_from("a€".as_bytes()).unwrap();
    let at = bytes.as_ptr();
    let string = SecString::from_utf8(bytes).unwrap();
    assert_eq!(string, "a€");
    assert_eq!(string.into_bytes().as_ptr(), at);

    let bytes = SecVec::try_from(&b"ab\xff"[..]).unwrap();
    let error = SecString::from_utf8(bytes).unwrap_err();
    assert_eq!(error.utf8_error().valid_up_to(), 2);
    assert!(!format!("{} {:?}", error, error).contains("97"));
    assert_eq!(error.into_bytes(), *b"ab\xff");
}

#[test]
fn take_from_wipes_the_whole_buffer() {
    need_arena!("take_from_wipes_the_whole_buffer");
    let mut source = String::with_capacity(64);
    source.push_str("horse battery");
    source.truncate(5);
    let (at, capacity) = (source.as_ptr(), source.capacity());
    let taken = SecString::take_from(&mut source).unwrap();

    assert_eq!(taken, "horse");
    assert_eq!((source.as_ptr(), source.len()), (at, 0));
    // SAFETY: The bytes were written just now.
    let buffer = unsafe { std::slice::from_raw_parts(at, capacity) };
    assert!(buffer.iter().all(|byte| *byte == 0));
}

#[test]
fn nothing_is_printed() {
    need_arena!("nothing_is_printed");
    let string = SecString::try_from("password").unwrap();

    assert_eq!(
        format!("{:?} {:#?} {:?}", string, string, Some(&string)),
        "SecString(..) SecString(..) Some(SecString(..))"
    );
}

#[test]
fn copies_and_comparisons() {
    need_arena!("copies_and_comparisons");
    let mut string = SecString::new();
    write!(string, "pass{}", 7).unwrap();
    string.write_char('é').unwrap();
    let mut copy = string.try_clone().unwrap();

    assert_eq!(string, copy);
    assert_eq!(string, "pass7é");
    assert_eq!(string, *"pass7é");
    assert_ne!(string, "pass7e");
    copy.pop();
    assert_ne!(string, copy);
    assert_ne!(string, "");
    assert_eq!(SecString::default(), SecString::with_capacity(3).unwrap());
    let bytes: &[u8] = string.as_ref();
    assert_eq!(bytes.len(), 7);
}
