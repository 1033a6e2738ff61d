// SPDX-License-Identifier: ISC
//! The library as an allocator of the standard library's types.

use std::alloc::{AllocError, Allocator, Layout};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

use crate::chunk::Chunk;

/// An allocator for the types of the standard library that accept one, in
/// locked memory. It needs the feature `allocator-api`, which an unstable
/// feature of the compiler stands behind.
///
/// ```
/// #![feature(allocator_api)]
/// use secmalloc::SecAllocator;
///
/// # secmalloc::Arena::builder().initial_pools(1).init().unwrap();
/// let mut token = Vec::with_capacity_in(4, SecAllocator);
/// token.extend_from_slice(b"longer than four");
///
/// let key = Box::new_in([0xca, 0xfe, 0xba, 0xbe], SecAllocator);
/// assert_eq!(key[0], 0xca);
/// ```
///
/// All of its values are equal. When memory is freed, and where it is left
/// behind as a vector grows, it is wiped.
///
/// Three things that these types do are as everywhere:
///
/// - `Box::new_in` builds the value on the stack first, and a copy stays there.
///   [`Secret::new_with`](crate::Secret::new_with) does not.
/// - They print their contents with `Debug`, and can be cloned.
/// - A failure ends the process. `Vec::try_reserve` and `Box::try_new_in` report
///   it.
///
/// The alignment may be at most half of
/// [`pool_size`](crate::Builder::pool_size). A greater one is an `AllocError`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecAllocator;

impl SecAllocator {
    /// The bytes of a chunk that the caller of an `Allocator` owns.
    fn block(chunk: &ManuallyDrop<Chunk>, layout: Layout) -> NonNull<[u8]> {
        let block = ptr::slice_from_raw_parts_mut(chunk.address().as_ptr(), layout.size());

        // SAFETY: It is the address of the chunk, which is not null.
        // NonNull::slice_from_raw_parts() is unstable in Rust 1.63.
        unsafe { NonNull::new_unchecked(block) }
    }

    /// # Safety
    ///
    /// As for `Allocator::grow` and `Allocator::shrink`.
    unsafe fn resize(
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: The block is a chunk that the caller owns. It is owned here
        // only as long as this call resizes it.
        let mut chunk = ManuallyDrop::new(unsafe { Chunk::from_address(block) });

        // SAFETY: The caller promises that the old layout is that of the block,
        // and that it does not use the block.
        unsafe { chunk.resize(old, new) }.map_err(|_| AllocError)?;
        Ok(SecAllocator::block(&chunk, new))
    }
}

// SAFETY: A block is a chunk of the arena, which stays where it is until it is
// freed or resized, by whichever value of this type. Arena::fini() is unsafe.
unsafe impl Allocator for SecAllocator {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let chunk = Chunk::take(layout).map_err(|_| AllocError)?;

        Ok(SecAllocator::block(&ManuallyDrop::new(chunk), layout))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, _: Layout) {
        // SAFETY: The caller promises that the block is one of this allocator,
        // and is not used any more.
        drop(unsafe { Chunk::from_address(block) });
    }

    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: The caller promises it.
        unsafe { SecAllocator::resize(block, old, new) }
    }

    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: The caller promises it. A chunk's new bytes are zero.
        unsafe { self.grow(block, old, new) }
    }

    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: The caller promises it.
        unsafe { SecAllocator::resize(block, old, new) }
    }
}
