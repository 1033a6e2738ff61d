// SPDX-License-Identifier: ISC
//! A full arena: a vector takes what room there is, a failure changes nothing,
//! and shrinking always succeeds.

#![deny(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(feature = "allocator-api", feature(allocator_api))]

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

    // Shrinking aligned elements needs no room: they stay, if need be.
    let mut blocks = SecVec::with_capacity(32).unwrap();
    for i in 0..32 {
        blocks.push(Block([i; 1024])).unwrap();
    }
    let rest = fill_up();
    let at = blocks.as_ptr();
    blocks.truncate(20);
    blocks.shrink_to_fit().unwrap();
    assert_eq!((blocks.as_ptr(), blocks.capacity()), (at, 20));
    assert!(blocks
        .iter()
        .zip(0..)
        .all(|(block, i)| block.0 == [i; 1024]));
    drop(rest);
    blocks.push(Block([20; 1024])).unwrap();
    assert!(blocks
        .iter()
        .zip(0..)
        .all(|(block, i)| block.0 == [i; 1024]));
    drop(blocks);

    #[cfg(feature = "allocator-api")]
    shrink_a_block();

    // An empty vector keeps no chunk.
    assert_eq!(secmalloc::stats().unwrap().chunks, 1);
    vector.clear();
    vector.shrink_to_fit().unwrap();
    assert_eq!(secmalloc::stats().unwrap().chunks, 0);

    // fmt::Write reports it too.
    let mut string = SecString::new();
    string.push_str(&"x".repeat(60_000)).unwrap();
    assert!(write!(string, "{}", "y".repeat(60_000)).is_err());
    assert_eq!(string.len(), 60_000);
    drop(string);

    assert_eq!(secmalloc::stats().unwrap().chunks, 0);
    secmalloc::audit().unwrap();
}

fn fill_up() -> Vec<SecVec<u8>> {
    let all: Vec<SecVec<u8>> = std::iter::from_fn(|| SecVec::zeroed(1024).ok()).collect();

    assert!(!all.is_empty());
    all
}

/// A block that stays where it is, for lack of room, is wiped behind its new
/// end. (A vector wipes what it removes by itself.)
#[cfg(feature = "allocator-api")]
fn shrink_a_block() {
    use std::alloc::{Allocator, Layout};

    let layout = |size| Layout::from_size_align(size, 1024).unwrap();
    let block = secmalloc::SecAllocator.allocate(layout(16384)).unwrap();
    // SAFETY: The block has that many bytes. It is freed with its new layout.
    unsafe {
        let at = block.cast::<u8>();
        at.as_ptr().write_bytes(0xee, 16384);
        let rest = fill_up();
        let smaller = secmalloc::SecAllocator.shrink(at, layout(16384), layout(100));
        assert_eq!(smaller.unwrap().cast(), at);
        let bytes = std::slice::from_raw_parts(at.as_ptr(), 16384);
        assert!(bytes[..100].iter().all(|byte| *byte == 0xee));
        assert!(bytes[100..].iter().all(|byte| *byte == 0));
        drop(rest);
        secmalloc::SecAllocator.deallocate(at, layout(100));
    }
}
