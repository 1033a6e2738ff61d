// SPDX-License-Identifier: ISC
//! SecAllocator under the types of the standard library.

#![deny(clippy::undocumented_unsafe_blocks)]
#![feature(allocator_api)]

mod common;

use std::alloc::{Allocator, Layout};
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::rc::Rc;

use secmalloc::SecAllocator;

/// The examples of sodium_alloc, with the type's name changed.
#[test]
fn examples() {
    need_arena!("examples");
    let mut vec = Vec::with_capacity_in(4, SecAllocator);
    vec.extend_from_slice(&[0xca, 0xfe, 0xba, 0xbe]);
    assert!(secmalloc::owns(vec.as_ptr()));
    vec.extend_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
    assert_eq!(vec, [0xca, 0xfe, 0xba, 0xbe, 0xde, 0xad, 0xbe, 0xef]);

    let boxed = Box::new_in([0xca, 0xfe, 0xba, 0xbe], SecAllocator);
    assert!(secmalloc::owns(&*boxed));
    assert_eq!(*boxed, [0xca, 0xfe, 0xba, 0xbe]);
}

#[test]
fn vectors_grow_and_shrink() {
    need_arena!("vectors_grow_and_shrink");
    let mut vec = Vec::new_in(SecAllocator);

    for i in 0..10_000_u32 {
        vec.push(i);
    }
    assert!(vec.iter().zip(0..).all(|(x, i)| *x == i));
    vec.truncate(100);
    vec.shrink_to_fit();
    assert!(secmalloc::owns(&vec[99]));
    assert!(vec.iter().zip(0..).all(|(x, i)| *x == i));
    vec.clear();
    vec.shrink_to_fit();
    assert!(vec.try_reserve(usize::MAX / 8).is_err());
    let boxed = vec![5_u8; 40].into_iter().collect::<Vec<_>>();
    let mut copy = Vec::new_in(SecAllocator);
    copy.extend(boxed);
    assert_eq!(copy.into_boxed_slice().len(), 40);
}

#[test]
fn other_types() {
    need_arena!("other_types");
    let mut queue = VecDeque::new_in(SecAllocator);

    for i in 0..1000 {
        queue.push_back(i);
        queue.push_front(i);
    }
    assert_eq!(queue.iter().sum::<i32>(), 999_000);
    let boxed: Box<dyn Fn() -> u8, SecAllocator> = Box::new_in(|| 3, SecAllocator);
    assert_eq!(boxed(), 3);
    drop(Rc::new(queue));
}

struct Block(NonNull<[u8]>, Layout);

impl Block {
    fn new(size: usize, align: usize) -> Block {
        let layout = Layout::from_size_align(size, align).unwrap();
        Block(SecAllocator.allocate(layout).unwrap(), layout)
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: The block has that many bytes, which are zero at first.
        unsafe { self.0.as_mut() }
    }

    fn change(&mut self, size: usize, align: usize) {
        let layout = Layout::from_size_align(size, align).unwrap();
        let at = self.0.cast();

        // SAFETY: The layout is that of the block, which nothing borrows.
        self.0 = unsafe {
            if size >= self.1.size() {
                SecAllocator.grow_zeroed(at, self.1, layout)
            } else {
                SecAllocator.shrink(at, self.1, layout)
            }
        }
        .unwrap();
        self.1 = layout;
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: As above.
        unsafe { SecAllocator.deallocate(self.0.cast(), self.1) }
    }
}

/// Every pair of sizes and alignments: the contents stay, and new bytes are
/// zero.
#[test]
fn blocks_change_size_and_alignment() {
    need_arena!("blocks_change_size_and_alignment");
    const SIZES: [usize; 6] = [0, 1, 16, 100, 1000, 5000];
    const ALIGNS: [usize; 5] = [1, 16, 32, 256, 4096];

    for (old, new) in SIZES
        .iter()
        .flat_map(|o| SIZES.iter().map(move |n| (*o, *n)))
    {
        for (from, to) in ALIGNS
            .iter()
            .flat_map(|f| ALIGNS.iter().map(move |t| (*f, *t)))
        {
            let mut block = Block::new(old, from);

            assert_eq!(block.0.cast::<u8>().as_ptr() as usize % from, 0);
            assert_eq!(block.bytes().len(), old);
            assert!(block.bytes().iter().all(|byte| *byte == 0));
            block.bytes().fill(0xee);
            block.change(new, to);
            assert_eq!(block.0.cast::<u8>().as_ptr() as usize % to, 0);
            assert_eq!(block.bytes().len(), new);
            let kept = old.min(new);
            assert!(block.bytes()[..kept].iter().all(|byte| *byte == 0xee));
            assert!(block.bytes()[kept..].iter().all(|byte| *byte == 0));
        }
    }
}

#[test]
fn blocks_without_bytes_are_distinct() {
    need_arena!("blocks_without_bytes_are_distinct");
    let (a, b) = (Block::new(0, 1), Block::new(0, 64));

    assert_ne!(a.0.cast::<u8>(), b.0.cast::<u8>());
}

#[test]
fn too_much_alignment_is_an_error() {
    need_arena!("too_much_alignment_is_an_error");
    let half_a_pool = 32 * 1024;

    drop(Block::new(100, half_a_pool));
    for align in [2 * half_a_pool, 1 << 30] {
        let layout = Layout::from_size_align(100, align).unwrap();
        assert!(SecAllocator.allocate(layout).is_err());
        assert!(SecAllocator.allocate_zeroed(layout).is_err());

        // A block that cannot grow stays as it is.
        let mut block = Block::new(50, 16);
        block.bytes().fill(1);
        // SAFETY: As above.
        let grown = unsafe { SecAllocator.grow(block.0.cast(), block.1, layout) };
        assert!(grown.is_err());
        assert!(block.bytes().iter().all(|byte| *byte == 1));
    }
}
