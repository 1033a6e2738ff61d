// SPDX-License-Identifier: ISC
//! A full arena: a vector takes what room there is, a failure changes nothing,
//! and shrinking always succeeds.

mod common;

use std::fmt::Write;
use std::io::ErrorKind;

use secmalloc::{Arena, SecString, SecVec};

#[derive(Clone, Copy)]
#[repr(align(1024))]
struct Block([u8; 1024]);
secmalloc::impl_zeroed!(Block { 0 });

#[test]
fn full() {
    let made = Arena::builder()
        .initial_pools(1)
        .max_pools(1)
        .pool_size(64 * 1024)
        .init();
    if let Err(error) = made {
        return common::skip("full", &error);
    }

    // Twice as much does not fit, but what is needed does.
    let mut vector = SecVec::zeroed(40_000).unwrap();
    vector.fill(7_u8);
    vector.extend_from_slice(&[8; 10_000]).unwrap();
    assert_eq!(vector.capacity(), 50_000);

    // A failure says why, and changes nothing.
    let error = vector.extend_from_slice(&[9; 20_000]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert_eq!(error.raw_os_error(), 12);
    assert!(error.to_string().contains("max_pools"), "{}", error);
    assert!(vector.try_clone().is_err());
    assert_eq!(vector.len(), 50_000);
    assert!(vector[..40_000].iter().all(|byte| *byte == 7));
    assert!(vector[40_000..].iter().all(|byte| *byte == 8));
    vector.truncate(10);
    vector.shrink_to_fit().unwrap();
    assert_eq!(vector, [7; 10]);
    drop(vector);

    // Shrinking aligned elements needs no room: they stay, if need be.
    let mut blocks = SecVec::with_capacity(32).unwrap();
    for i in 0..32 {
        blocks.push(Block([i; 1024])).unwrap();
    }
    let rest: Vec<SecVec<u8>> = std::iter::from_fn(|| SecVec::zeroed(1024).ok()).collect();
    assert!(!rest.is_empty());
    let at = blocks.as_ptr();
    blocks.truncate(20);
    blocks.shrink_to_fit().unwrap();
    assert_eq!((blocks.as_ptr(), blocks.capacity()), (at, 20));
    assert!(blocks
        .iter()
        .zip(0..)
        .all(|(block, i)| block.0 == [i; 1024]));
    // SAFETY: The chunk still has its 32 elements, which are bytes.
    let cut_off = unsafe { std::slice::from_raw_parts(at.add(20), 12) };
    assert!(cut_off.iter().all(|block| block.0 == [0; 1024]));
    drop(rest);
    blocks.push(Block([20; 1024])).unwrap();
    assert!(blocks
        .iter()
        .zip(0..)
        .all(|(block, i)| block.0 == [i; 1024]));
    drop(blocks);

    // fmt::Write reports it too.
    let mut string = SecString::new();
    string.push_str(&"x".repeat(60_000)).unwrap();
    assert!(write!(string, "{}", "y".repeat(60_000)).is_err());
    assert_eq!(string.len(), 60_000);
    drop(string);

    assert_eq!(secmalloc::stats().unwrap().chunks, 0);
    secmalloc::audit().unwrap();
}
