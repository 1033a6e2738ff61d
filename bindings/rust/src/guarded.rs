// SPDX-License-Identifier: ISC
//! A value that is accessible only while a guard exists.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::process;
use std::ptr;

use crate::arena;
use crate::chunk::{self, Chunk};
use crate::error::{Error, Result};
use crate::sys;
use crate::zeroed::Zeroed;

/// A value in a guarded chunk, with guard pages around it. Nothing can read or
/// write it, except while a guard of [`read`](Guarded::read) or
/// [`write`](Guarded::write) exists. Any other access raises SIGSEGV, even one
/// by other code through a stray pointer.
///
/// ```
/// use secmalloc::Guarded;
///
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).guarded_chunks(1).init()?;
/// let mut key = Guarded::new_with(|key: &mut [u8; 32]| key[0] = 1)?;
///
/// key.write()?[31] = 2;
/// let key = key.read()?;
/// assert_eq!(key[0] + key[31], 3);
/// # Ok(())
/// # }
/// ```
///
/// Guards are counted: several threads may have one of `read`, and the chunk is
/// closed with the last. The system calls that open and close the chunk are all
/// that a guard costs. A guard that is passed to `mem::forget` leaves the chunk
/// open.
///
/// Values that need an alignment of more than 4096 bytes do not compile:
///
/// ```compile_fail,E0080
/// #[repr(align(8192))]
/// struct Table([u8; 8192]);
/// secmalloc::impl_zeroed!(Table { 0 });
/// # secmalloc::Arena::builder().init().unwrap();
/// let table = secmalloc::Guarded::<Table>::zeroed();
/// ```
///
/// There is no `Clone`, so that no copy is made by accident:
///
/// ```compile_fail,E0277
/// # secmalloc::Arena::builder().init().unwrap();
/// let key = secmalloc::Guarded::<[u8; 32]>::zeroed().unwrap();
/// let copy = key.read().unwrap().clone();
/// ```
///
/// A guard cannot outlive its value, and `write` excludes all other guards:
///
/// ```compile_fail,E0502
/// # secmalloc::Arena::builder().init().unwrap();
/// let mut key = secmalloc::Guarded::<[u8; 32]>::zeroed().unwrap();
/// let reader = key.read().unwrap();
/// key.write().unwrap()[0] = 1;
/// reader.len();
/// ```
///
/// ```compile_fail,E0597
/// # secmalloc::Arena::builder().init().unwrap();
/// let reader = {
///     let key = secmalloc::Guarded::<[u8; 32]>::zeroed().unwrap();
///     let reader = key.read().unwrap();
///     reader
/// };
/// ```
///
/// A value and its guards are `Send` and `Sync` as references to the value are:
///
/// ```
/// # use secmalloc::{Guarded, ReadGuard, WriteGuard};
/// fn moves<T: Send + Sync>() {}
/// moves::<Guarded<[u8; 32]>>();
/// moves::<ReadGuard<'_, [u8; 32]>>();
/// moves::<WriteGuard<'_, [u8; 32]>>();
/// ```
///
/// ```compile_fail,E0277
/// fn moves<T: Send>() {}
/// moves::<secmalloc::ReadGuard<'_, std::cell::Cell<u8>>>();
/// ```
///
/// ```compile_fail,E0277
/// fn shares<T: Sync>() {}
/// shares::<secmalloc::Guarded<std::cell::Cell<u8>>>();
/// ```
pub struct Guarded<T> {
    chunk: Chunk,
    value: PhantomData<T>,
}

/// Read access to a [`Guarded`] value, as long as it exists.
#[must_use = "the value is accessible only while the guard exists"]
pub struct ReadGuard<'a, T> {
    guarded: &'a Guarded<T>,
}

/// Read and write access to a [`Guarded`] value, as long as it exists.
#[must_use = "the value is accessible only while the guard exists"]
pub struct WriteGuard<'a, T> {
    guarded: &'a mut Guarded<T>,
}

impl<T: Zeroed> Guarded<T> {
    const IS_ALIGNED: () = assert!(
        mem::align_of::<T>() <= 4096,
        "a guarded chunk is aligned to at most 4096 bytes"
    );

    /// A value of zeros.
    ///
    /// # Errors
    ///
    /// Those of secmalloc_guarded(3) and secmalloc_protect(3), which
    /// `OutOfMemory`, `NotConnected` and `PermissionDenied` stand for.
    pub fn zeroed() -> Result<Guarded<T>> {
        Guarded::new_with(|_| {})
    }

    /// A value that the closure makes in place, from zeros.
    ///
    /// # Errors
    ///
    /// Those of [`zeroed`](Guarded::zeroed).
    pub fn new_with<F: FnOnce(&mut T)>(make: F) -> Result<Guarded<T>> {
        Guarded::try_new_with(|value| {
            make(value);
            Ok(())
        })
    }

    /// A value that the closure makes in place, from zeros, or its error. Then
    /// what it made so far is wiped.
    ///
    /// # Errors
    ///
    /// Those of the closure and of [`zeroed`](Guarded::zeroed).
    pub fn try_new_with<E, F>(make: F) -> std::result::Result<Guarded<T>, E>
    where
        E: From<Error>,
        F: FnOnce(&mut T) -> std::result::Result<(), E>,
    {
        let () = Guarded::<T>::IS_ALIGNED;
        // A type without bytes may need an alignment too. The chunk ends at a
        // page, so it has the alignment of its size.
        let size = mem::size_of::<T>().max(mem::align_of::<T>());
        let mut guarded = Guarded {
            chunk: Chunk::take_guarded(size)?,
            value: PhantomData,
        };

        // SAFETY: The chunk holds zeros, which are a value, and is writable.
        // This function owns it.
        make(unsafe { guarded.value_mut() })?;
        guarded.protect(sys::SECMALLOC_NOACCESS)?;
        Ok(guarded)
    }

    /// Move a value out of ordinary memory, and leave zeros in its place.
    /// Copies that were made of it before are not found.
    ///
    /// # Errors
    ///
    /// Those of [`zeroed`](Guarded::zeroed).
    pub fn take_from(source: &mut T) -> Result<Guarded<T>> {
        Guarded::new_with(|value| {
            // SAFETY: Both references are exclusive, so they do not overlap. Zeros
            // are a valid value, which the source gets.
            unsafe { chunk::relocate(source, value, 1) }
        })
    }
}

impl<T> Guarded<T> {
    /// Make the value readable while the guard exists.
    ///
    /// # Errors
    ///
    /// Those of secmalloc_open(3): `PermissionDenied` if a system call filter
    /// refused mprotect(2), for example.
    pub fn read(&self) -> Result<ReadGuard<'_, T>> {
        self.open(sys::SECMALLOC_READONLY)?;
        Ok(ReadGuard { guarded: self })
    }

    /// Make the value readable and writable while the guard exists.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Guarded::read).
    pub fn write(&mut self) -> Result<WriteGuard<'_, T>> {
        self.open(sys::SECMALLOC_READWRITE)?;
        Ok(WriteGuard { guarded: self })
    }

    fn open(&self, access: sys::secmalloc_access) -> Result<()> {
        // SAFETY: The chunk is guarded and live.
        arena::check(unsafe { sys::secmalloc_open(self.chunk.address().as_ptr().cast(), access) })
    }

    fn protect(&mut self, access: sys::secmalloc_access) -> Result<()> {
        // SAFETY: The chunk is guarded and live. It is not borrowed.
        arena::check(unsafe {
            sys::secmalloc_protect(self.chunk.address().as_ptr().cast(), access)
        })
    }

    /// A chunk that the kernel refuses to close stays readable. A program must
    /// not miss that, and a panic could be caught.
    fn close(&self) {
        // SAFETY: The chunk is guarded and live. A guard opened it, and its
        // borrow ends here.
        let closed = unsafe { sys::secmalloc_close(self.chunk.address().as_ptr().cast()) };

        arena::check(closed).unwrap_or_else(die);
    }

    /// # Safety
    ///
    /// The chunk is readable as long as the reference exists.
    unsafe fn value(&self) -> &T {
        // SAFETY: The chunk holds a value as long as this object lives.
        unsafe { self.chunk.address().cast().as_ref() }
    }

    /// # Safety
    ///
    /// The chunk is writable as long as the reference exists.
    unsafe fn value_mut(&mut self) -> &mut T {
        // SAFETY: As above. The reference is exclusive because that to this
        // object is.
        unsafe { self.chunk.address().cast().as_mut() }
    }
}

fn die(error: Error) {
    eprintln!("{}", error);
    process::abort();
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if mem::needs_drop::<T>() {
            self.open(sys::SECMALLOC_READWRITE).unwrap_or_else(die);
            // SAFETY: The value is live, writable, and not used any more. The
            // chunk is freed after it, whatever its access is.
            unsafe { ptr::drop_in_place(self.chunk.address().cast::<T>().as_ptr()) }
        }
    }
}

impl<T> ReadGuard<'_, T> {
    /// Hides that of the value, which would return a copy outside of locked
    /// memory.
    #[doc(hidden)]
    #[allow(clippy::should_implement_trait)]
    pub fn clone(&self) -> Self
    where
        Self: Clone,
    {
        Clone::clone(self)
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The chunk is open until this guard is dropped.
        unsafe { self.guarded.value() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        self.guarded.close();
    }
}

impl<T> WriteGuard<'_, T> {
    /// Hides that of the value, which would return a copy outside of locked
    /// memory.
    #[doc(hidden)]
    #[allow(clippy::should_implement_trait)]
    pub fn clone(&self) -> Self
    where
        Self: Clone,
    {
        Clone::clone(self)
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The chunk is open until this guard is dropped.
        unsafe { self.guarded.value() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The chunk is open for writing until this guard is dropped.
        unsafe { self.guarded.value_mut() }
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        self.guarded.close();
    }
}

/// Does not print the value.
impl<T> fmt::Debug for Guarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded(..)")
    }
}

/// Does not print the value.
impl<T> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadGuard(..)")
    }
}

/// Does not print the value.
impl<T> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteGuard(..)")
    }
}
