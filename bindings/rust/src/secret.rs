// SPDX-License-Identifier: ISC
//! A value in a chunk of its own.

use std::alloc::Layout;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;

use crate::bytes;
use crate::chunk::{self, Chunk};
use crate::error::{Error, Result};
use crate::zeroed::Zeroed;

/// A value in locked memory, as `Box` holds one in ordinary memory. Dropping it
/// wipes the memory.
///
/// The value is made in place. This matters: with `Box::new_in(value,
/// SecAllocator)`, as with every function that takes a value, the compiler
/// builds the value on the stack first, and a copy stays there. [`new_with`]
/// passes a closure a reference to zeros in locked memory instead, and the
/// closure fills them:
///
/// ```
/// use secmalloc::Secret;
/// use std::io::Read;
///
/// # fn main() -> std::io::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// let key = Secret::try_new_with(|key: &mut [u8; 32]| {
///     std::fs::File::open("/dev/urandom")?.read_exact(key)
/// })?;
///
/// assert_eq!(key.len(), 32);
/// assert_eq!(format!("{:?}", key), "Secret(..)");
/// # Ok(())
/// # }
/// ```
///
/// Moving a `Secret` moves its pointer only. Copying the value out of it, as
/// `*key` does for an array, takes it out of locked memory: work with
/// references.
///
/// Two secrets of bytes are compared in a time that does not depend on their
/// contents. There is no `Clone`, so that no copy is made by accident; see
/// [`try_clone`](Secret::try_clone).
///
/// ```compile_fail,E0277
/// # secmalloc::Arena::builder().init().unwrap();
/// let key = secmalloc::Secret::<[u8; 32]>::zeroed().unwrap();
/// let copy = key.clone();
/// ```
///
/// It is `Send` and `Sync` if the value is:
///
/// ```
/// fn moves<T: Send + Sync>() {}
/// moves::<secmalloc::Secret<[u8; 32]>>();
/// ```
///
/// ```compile_fail,E0277
/// fn moves<T: Send>() {}
/// moves::<secmalloc::Secret<*const u8>>();
/// ```
///
/// ```compile_fail,E0277
/// fn shares<T: Sync>() {}
/// shares::<secmalloc::Secret<std::cell::Cell<u8>>>();
/// ```
///
/// [`new_with`]: Secret::new_with
pub struct Secret<T> {
    chunk: Chunk,
    value: PhantomData<T>,
}

impl<T: Zeroed> Secret<T> {
    /// A value of zeros.
    ///
    /// # Errors
    ///
    /// `OutOfMemory` or `NotConnected`, as for secmalloc(3). `InvalidInput` if
    /// the type's alignment is greater than 16 and than half of a pool.
    pub fn zeroed() -> Result<Secret<T>> {
        Ok(Secret {
            chunk: Chunk::take(Layout::new::<T>())?,
            value: PhantomData,
        })
    }

    /// A value that the closure makes in place, from zeros.
    ///
    /// # Errors
    ///
    /// Those of [`zeroed`](Secret::zeroed).
    pub fn new_with<F: FnOnce(&mut T)>(make: F) -> Result<Secret<T>> {
        let mut secret = Secret::zeroed()?;

        make(&mut *secret);
        Ok(secret)
    }

    /// A value that the closure makes in place, from zeros, or its error. Then
    /// what it made so far is wiped.
    ///
    /// # Errors
    ///
    /// Those of the closure and of [`zeroed`](Secret::zeroed).
    pub fn try_new_with<E, F>(make: F) -> std::result::Result<Secret<T>, E>
    where
        E: From<Error>,
        F: FnOnce(&mut T) -> std::result::Result<(), E>,
    {
        let mut secret = Secret::zeroed()?;

        make(&mut *secret)?;
        Ok(secret)
    }

    /// Move a value out of ordinary memory, and leave zeros in its place.
    /// Copies that were made of it before are not found.
    ///
    /// ```
    /// # fn main() -> secmalloc::Result<()> {
    /// # secmalloc::Arena::builder().initial_pools(1).init()?;
    /// let mut buffer = [0xaa_u8; 16];
    /// let key = secmalloc::Secret::take_from(&mut buffer)?;
    /// assert_eq!(buffer, [0; 16]);
    /// assert_eq!(key[0], 0xaa);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`zeroed`](Secret::zeroed). Then the value is where it was.
    pub fn take_from(source: &mut T) -> Result<Secret<T>> {
        Secret::new_with(|value| {
            // SAFETY: Both references are exclusive, so they do not overlap. Zeros
            // are a valid value, which the source gets.
            unsafe { chunk::relocate(source, value, 1) }
        })
    }

    /// Another secret with the same value.
    ///
    /// # Errors
    ///
    /// Those of [`zeroed`](Secret::zeroed).
    pub fn try_clone(&self) -> Result<Secret<T>>
    where
        T: Copy,
    {
        Secret::new_with(|copy| {
            // SAFETY: Both values are live. They are in two chunks.
            unsafe { ptr::copy_nonoverlapping(&**self, copy, 1) }
        })
    }
}

impl<T> Secret<T> {
    /// Hides that of the value, which would return a copy outside of locked
    /// memory.
    #[doc(hidden)]
    #[allow(clippy::should_implement_trait)]
    pub fn clone(&self) -> Secret<T>
    where
        Secret<T>: Clone,
    {
        Clone::clone(self)
    }
}

impl<T> Deref for Secret<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The chunk holds a value as long as this object lives.
        unsafe { self.chunk.address().cast().as_ref() }
    }
}

impl<T> DerefMut for Secret<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As above. The reference is exclusive because that to this
        // object is.
        unsafe { self.chunk.address().cast().as_mut() }
    }
}

impl<T> Drop for Secret<T> {
    fn drop(&mut self) {
        // SAFETY: The value is live, and not used any more. The chunk is freed
        // after it.
        unsafe { ptr::drop_in_place(self.chunk.address().cast::<T>().as_ptr()) }
    }
}

/// Does not print the value.
impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Takes a time that does not depend on the contents.
impl<const N: usize> PartialEq for Secret<[u8; N]> {
    fn eq(&self, other: &Secret<[u8; N]>) -> bool {
        bytes::equal(&**self, &**other)
    }
}

impl<const N: usize> Eq for Secret<[u8; N]> {}

/// Takes a time that does not depend on the contents.
impl<const N: usize> PartialEq<[u8; N]> for Secret<[u8; N]> {
    fn eq(&self, other: &[u8; N]) -> bool {
        bytes::equal(&**self, other)
    }
}
