// SPDX-License-Identifier: ISC
//! A chunk of the arena, without the type of what is in it. The other modules
//! allocate and free through this one.

use std::alloc::Layout;
use std::mem;
use std::ptr::{self, NonNull};

use crate::error::{errno, Error, Result};
use crate::sys;

/// The alignment of every chunk.
const ALIGNMENT: usize = 16;

/// Owns a live chunk, and wipes and frees it when dropped.
pub(crate) struct Chunk(NonNull<u8>);

// SAFETY: A chunk belongs to no thread, and any thread may free it.
unsafe impl Send for Chunk {}
// SAFETY: A shared reference gives only the address.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// A chunk of this size and alignment, all zero.
    pub(crate) fn take(layout: Layout) -> Result<Chunk> {
        // SAFETY: Both functions accept every argument.
        let chunk = unsafe {
            if layout.align() <= ALIGNMENT {
                sys::secmalloc(layout.size())
            } else {
                sys::secaligned_alloc(layout.align(), layout.size())
            }
        };

        NonNull::new(chunk.cast())
            .map(Chunk)
            .ok_or_else(Error::last)
    }

    /// A guarded chunk of this size, all zero and writable. It ends at a page
    /// if the size is a multiple of 16.
    pub(crate) fn take_guarded(size: usize) -> Result<Chunk> {
        // SAFETY: The function accepts every argument.
        let chunk = unsafe { sys::secmalloc_guarded(size) };

        NonNull::new(chunk.cast())
            .map(Chunk)
            .ok_or_else(Error::last)
    }

    /// # Safety
    ///
    /// The address is that of a live chunk, which nothing else owns.
    #[cfg(feature = "allocator-api")]
    pub(crate) unsafe fn from_address(address: NonNull<u8>) -> Chunk {
        Chunk(address)
    }

    pub(crate) fn address(&self) -> NonNull<u8> {
        self.0
    }

    /// Change the size. The contents are preserved up to the smaller one, new
    /// bytes are zero, and what is cut off or left behind is wiped. On failure,
    /// which a smaller size cannot have if the alignment stays, nothing has
    /// changed.
    ///
    /// # Safety
    ///
    /// `old` is the layout for which the chunk was taken or last resized. The
    /// bytes are not borrowed.
    pub(crate) unsafe fn resize(&mut self, old: Layout, new: Layout) -> Result<()> {
        if new.align() <= ALIGNMENT {
            // SAFETY: The chunk is live, and owned by this object.
            let moved = unsafe { sys::secrealloc(self.0.as_ptr().cast(), new.size()) };
            self.0 = NonNull::new(moved.cast()).ok_or_else(Error::last)?;
            return Ok(());
        }
        // secrealloc() knows nothing of alignments.
        match Chunk::take(new) {
            Ok(chunk) => {
                // SAFETY: Both chunks are live and have that many bytes. They are
                // two chunks, so they do not overlap.
                unsafe {
                    ptr::copy_nonoverlapping(
                        self.0.as_ptr(),
                        chunk.0.as_ptr(),
                        old.size().min(new.size()),
                    );
                }
                *self = chunk;
                Ok(())
            }
            Err(_) if new.size() <= old.size() && self.is_aligned_to(new.align()) => {
                // SAFETY: The chunk has old.size() bytes.
                unsafe {
                    sys::secmalloc_wipe(
                        self.0.as_ptr().add(new.size()).cast(),
                        old.size() - new.size(),
                    );
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn is_aligned_to(&self, alignment: usize) -> bool {
        self.0.as_ptr() as usize % alignment == 0
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: The chunk is live, and this object owns it.
        unsafe { sys::secfree(self.0.as_ptr().cast()) }
    }
}

/// The layout of an array of `count` values.
pub(crate) fn array<T>(count: usize) -> Result<Layout> {
    Layout::array::<T>(count)
        .map_err(|_| Error::found(errno::ENOMEM, "more elements than any object can have"))
}

/// The bytes of a value, moved to `to`. Zeros take their place.
///
/// # Safety
///
/// `from` and `to` are valid for writes of `count` values, and do not overlap.
pub(crate) unsafe fn relocate<T>(from: *mut T, to: *mut T, count: usize) {
    // SAFETY: The caller promises it.
    unsafe {
        ptr::copy_nonoverlapping(from, to, count);
        sys::secmalloc_wipe(from.cast(), count * mem::size_of::<T>());
    }
}
