// SPDX-License-Identifier: ISC
//! A vector in locked memory.

use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use crate::bytes;
use crate::chunk::{self, Chunk};
use crate::error::{Error, Result};
use crate::sys;
use crate::zeroed::Zeroed;

/// A vector in locked memory. Growth leaves nothing behind: the place that the
/// elements move from is wiped. So is what a call removes, and all of it when
/// the vector is dropped.
///
/// It has the methods of `Vec` that change its length. Those that may need
/// memory return a [`Result`]; nothing has changed if they fail. All else is in
/// the slice that it derefs to.
///
/// ```
/// use secmalloc::SecVec;
///
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// let mut token = SecVec::with_capacity(4)?;
/// token.extend_from_slice(b"id:")?;
/// token.push(0x2a)?;
/// assert!(token.starts_with(b"id:"));
/// assert_eq!(token, *b"id:*");
/// assert_eq!(format!("{:?}", token), "SecVec(..)");
/// # Ok(())
/// # }
/// ```
///
/// A `SecVec<u8>` is an [`io::Write`], and [`read_to_end`](SecVec::read_to_end)
/// fills it from a file. Note that `BufReader` and `Stdin` have buffers of their
/// own, in ordinary memory, and that a value passed to [`push`](SecVec::push)
/// has been on the stack.
///
/// Two vectors of bytes are compared in a time that depends on their lengths
/// alone. There is no `Clone`, so that no copy is made by accident; see
/// [`try_clone`](SecVec::try_clone).
///
/// ```compile_fail,E0599
/// let copy = secmalloc::SecVec::<u8>::new().clone();
/// ```
///
/// It is `Send` and `Sync` if its elements are:
///
/// ```
/// fn moves<T: Send + Sync>() {}
/// moves::<secmalloc::SecVec<u8>>();
/// ```
///
/// ```compile_fail,E0277
/// fn moves<T: Send>() {}
/// moves::<secmalloc::SecVec<*const u8>>();
/// ```
///
/// ```compile_fail,E0277
/// fn shares<T: Sync>() {}
/// shares::<secmalloc::SecVec<std::cell::Cell<u8>>>();
/// ```
pub struct SecVec<T> {
    /// There is one if capacity is not 0. The bytes after the first `len`
    /// elements are zero.
    chunk: Option<Chunk>,
    capacity: usize,
    len: usize,
    elements: PhantomData<T>,
}

impl<T> SecVec<T> {
    /// An empty vector. It takes no memory until it grows, and needs no arena
    /// until then.
    pub const fn new() -> SecVec<T> {
        SecVec {
            chunk: None,
            capacity: 0,
            len: 0,
            elements: PhantomData,
        }
    }

    /// The number of elements for which there is room.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Drop the elements after the first `len`, and wipe where they were. The
    /// capacity stays.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        let removed = self.len - len;

        self.len = len;
        // Wipes even if dropping an element panics.
        let start = Wiped {
            start: self.end(),
            count: removed,
        };
        // SAFETY: These elements are live, and not reachable any more.
        unsafe { ptr::drop_in_place(ptr::slice_from_raw_parts_mut(start.start, removed)) }
    }

    /// Drop all elements, and wipe where they were. The capacity stays.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Remove the last element, and wipe where it was.
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        let _wiped = Wiped {
            start: self.end(),
            count: 1,
        };
        // SAFETY: The element is live. Now it is not reachable any more.
        Some(unsafe { self.end().read() })
    }

    /// Remove the element at `index`. Those after it move down.
    ///
    /// # Panics
    ///
    /// If there is no such element.
    pub fn remove(&mut self, index: usize) -> T {
        assert!(index < self.len, "no element {} to remove", index);
        self.len -= 1;
        let _wiped = Wiped {
            start: self.end(),
            count: 1,
        };
        // SAFETY: The element is live. It is overwritten by those after it, of
        // which the last leaves its place.
        unsafe {
            let at = self.start().as_ptr().add(index);
            let element = at.read();

            ptr::copy(at.add(1), at, self.len - index);
            element
        }
    }

    fn start(&self) -> NonNull<T> {
        self.chunk
            .as_ref()
            .map_or(NonNull::dangling(), |chunk| chunk.address().cast())
    }

    /// The place after the last element.
    fn end(&mut self) -> *mut T {
        // SAFETY: There are len elements, or room for them.
        unsafe { self.start().as_ptr().add(self.len) }
    }
}

impl<T: Zeroed> SecVec<T> {
    /// An empty vector with room for `capacity` elements.
    ///
    /// # Errors
    ///
    /// `OutOfMemory` or `NotConnected`, as for secmalloc(3). `InvalidInput` if
    /// the type's alignment is greater than 16 and than half of a pool.
    pub fn with_capacity(capacity: usize) -> Result<SecVec<T>> {
        let mut vector = SecVec::new();

        vector.reserve_exact(capacity)?;
        Ok(vector)
    }

    /// A vector of `len` zeros, to be filled in place.
    ///
    /// ```
    /// # use std::io::Read;
    /// # fn main() -> std::io::Result<()> {
    /// # secmalloc::Arena::builder().initial_pools(1).init()?;
    /// let mut seed = secmalloc::SecVec::zeroed(48)?;
    /// std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn zeroed(len: usize) -> Result<SecVec<T>> {
        let mut vector = SecVec::with_capacity(len)?;

        vector.len = len;
        Ok(vector)
    }

    /// Move elements out of ordinary memory, and leave zeros in their place.
    /// Copies that were made of them before are not found.
    ///
    /// ```
    /// # fn main() -> secmalloc::Result<()> {
    /// # secmalloc::Arena::builder().initial_pools(1).init()?;
    /// let mut line = *b"password";
    /// let password = secmalloc::SecVec::take_from(&mut line)?;
    /// assert_eq!(line, [0; 8]);
    /// assert_eq!(password, *b"password");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn take_from(source: &mut [T]) -> Result<SecVec<T>> {
        let mut vector = SecVec::zeroed(source.len())?;

        // SAFETY: Both slices have that many elements and are exclusive. Zeros
        // are valid elements, which the source gets.
        unsafe { chunk::relocate(source.as_mut_ptr(), vector.as_mut_ptr(), source.len()) }
        Ok(vector)
    }

    /// Another vector with the same elements.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn try_clone(&self) -> Result<SecVec<T>>
    where
        T: Copy,
    {
        let mut copy = SecVec::with_capacity(self.len)?;

        copy.extend_from_slice(self)?;
        Ok(copy)
    }

    /// Make room for at least `additional` more elements, and for more than
    /// that if there is room, so that growing by small steps is fast.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn reserve(&mut self, additional: usize) -> Result<()> {
        /// What a first growth takes at least.
        const FIRST_BYTES: usize = 32;

        if additional <= self.capacity - self.len {
            return Ok(());
        }
        let needed = self.len.saturating_add(additional);
        let wanted = needed
            .max(self.capacity.saturating_mul(2))
            .max(FIRST_BYTES / mem::size_of::<T>().max(1));

        self.set_capacity(wanted)
            .or_else(|_| self.set_capacity(needed))
    }

    /// Make room for `additional` more elements, and for no more than that.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn reserve_exact(&mut self, additional: usize) -> Result<()> {
        if additional <= self.capacity - self.len {
            return Ok(());
        }
        self.set_capacity(self.len.saturating_add(additional))
    }

    /// Give back the room that no element needs.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no arena, or the elements stayed in the parent
    /// of this process.
    pub fn shrink_to_fit(&mut self) -> Result<()> {
        if self.len == self.capacity {
            return Ok(());
        }
        self.set_capacity(self.len)
    }

    /// Append an element.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn push(&mut self, element: T) -> Result<()> {
        self.insert(self.len, element)
    }

    /// Append an element that the closure makes in place, from zeros.
    ///
    /// ```
    /// # fn main() -> secmalloc::Result<()> {
    /// # secmalloc::Arena::builder().initial_pools(1).init()?;
    /// let mut keys = secmalloc::SecVec::<[u8; 32]>::new();
    /// keys.push_with(|key| key.fill(0x17))?;
    /// assert_eq!(keys[0][31], 0x17);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn push_with<F: FnOnce(&mut T)>(&mut self, make: F) -> Result<()> {
        self.reserve(1)?;
        // The place holds zeros, which are an element.
        self.len += 1;
        let last = self.len - 1;
        make(&mut self[last]);
        Ok(())
    }

    /// Insert an element at `index`. Those from there on move up.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    ///
    /// # Panics
    ///
    /// If `index` is greater than the length.
    pub fn insert(&mut self, index: usize, element: T) -> Result<()> {
        assert!(index <= self.len, "no place {} to insert at", index);
        self.reserve(1)?;
        // SAFETY: There is room for one element more. No element is lost: the
        // one that is overwritten has moved, or there was none.
        unsafe {
            let at = self.start().as_ptr().add(index);

            ptr::copy(at, at.add(1), self.len - index);
            at.write(element);
        }
        self.len += 1;
        Ok(())
    }

    /// Append copies of elements.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn extend_from_slice(&mut self, elements: &[T]) -> Result<()>
    where
        T: Copy,
    {
        self.reserve(elements.len())?;
        // SAFETY: There is room for that many elements. The slice is not of this
        // vector, which is borrowed exclusively.
        unsafe { ptr::copy_nonoverlapping(elements.as_ptr(), self.end(), elements.len()) }
        self.len += elements.len();
        Ok(())
    }

    /// Change the length. New elements are copies of `element`.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecVec::with_capacity).
    pub fn resize(&mut self, len: usize, element: T) -> Result<()>
    where
        T: Copy,
    {
        let old = self.len;

        self.truncate(len);
        self.reserve(len - self.len)?;
        self.len = len;
        if let Some(new) = self.get_mut(old..) {
            new.fill(element);
        }
        Ok(())
    }

    fn set_capacity(&mut self, capacity: usize) -> Result<()> {
        let new = chunk::array::<T>(capacity)?;

        match &mut self.chunk {
            Some(_) if capacity == 0 => self.chunk = None,
            // SAFETY: The chunk was taken for this capacity. Its bytes are not
            // borrowed, as this vector is borrowed exclusively.
            Some(chunk) => unsafe { chunk.resize(chunk::array::<T>(self.capacity)?, new)? },
            None => self.chunk = Some(Chunk::take(new)?),
        }
        self.capacity = capacity;
        Ok(())
    }
}

impl SecVec<u8> {
    /// Append all that there is to read until the end of the file, without a
    /// buffer in between. Returns the number of bytes.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # secmalloc::Arena::builder().initial_pools(1).init()?;
    /// let mut file = std::fs::File::open("/etc/passwd")?;
    /// let mut text = secmalloc::SecVec::new();
    /// text.read_to_end(&mut file)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the reader and of [`with_capacity`](SecVec::with_capacity). What
    /// was read until then is appended.
    pub fn read_to_end<R: Read + ?Sized>(&mut self, reader: &mut R) -> io::Result<usize> {
        let old = self.len;

        loop {
            self.reserve(1)?;
            match reader.read(self.spare()) {
                Ok(0) => return Ok(self.len - old),
                Ok(n) => {
                    assert!(n <= self.capacity - self.len, "more read than asked for");
                    self.len += n;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The room after the elements: bytes, all zero.
    fn spare(&mut self) -> &mut [u8] {
        // SAFETY: The chunk has that many bytes more, and each of them was
        // written by the library.
        unsafe { std::slice::from_raw_parts_mut(self.end(), self.capacity - self.len) }
    }
}

/// The place of elements that were moved or dropped, to be wiped.
struct Wiped<T> {
    start: *mut T,
    count: usize,
}

impl<T> Drop for Wiped<T> {
    fn drop(&mut self) {
        // SAFETY: The places are in the vector's chunk. No element is there any
        // more.
        unsafe { sys::secmalloc_wipe(self.start.cast(), self.count * mem::size_of::<T>()) }
    }
}

impl<T> Deref for SecVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: There are that many elements.
        unsafe { std::slice::from_raw_parts(self.start().as_ptr(), self.len) }
    }
}

impl<T> DerefMut for SecVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: There are that many elements. The reference is exclusive
        // because that to this object is.
        unsafe { std::slice::from_raw_parts_mut(self.start().as_ptr(), self.len) }
    }
}

impl<T> Drop for SecVec<T> {
    fn drop(&mut self) {
        // SAFETY: The elements are live, and not used any more. The chunk is
        // wiped and freed after them.
        unsafe { ptr::drop_in_place(&mut **self) }
    }
}

impl<T> Default for SecVec<T> {
    fn default() -> SecVec<T> {
        SecVec::new()
    }
}

impl<T> AsRef<[T]> for SecVec<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T> AsMut<[T]> for SecVec<T> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<'a, T> IntoIterator for &'a SecVec<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut SecVec<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

/// Copies the elements. See [`SecVec::take_from`], which wipes them.
impl<T: Zeroed + Copy> TryFrom<&[T]> for SecVec<T> {
    type Error = Error;

    fn try_from(elements: &[T]) -> Result<SecVec<T>> {
        let mut vector = SecVec::with_capacity(elements.len())?;

        vector.extend_from_slice(elements)?;
        Ok(vector)
    }
}

/// Appends. An error is that of [`SecVec::with_capacity`].
impl Write for SecVec<u8> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend_from_slice(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does not print the elements.
impl<T> fmt::Debug for SecVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecVec(..)")
    }
}

/// Takes a time that depends on the lengths alone.
impl PartialEq for SecVec<u8> {
    fn eq(&self, other: &SecVec<u8>) -> bool {
        bytes::equal(self, other)
    }
}

impl Eq for SecVec<u8> {}

/// Takes a time that depends on the lengths alone.
impl PartialEq<[u8]> for SecVec<u8> {
    fn eq(&self, other: &[u8]) -> bool {
        bytes::equal(self, other)
    }
}

/// Takes a time that depends on the lengths alone.
impl PartialEq<&[u8]> for SecVec<u8> {
    fn eq(&self, other: &&[u8]) -> bool {
        bytes::equal(self, other)
    }
}

/// Takes a time that depends on the lengths alone.
impl<const N: usize> PartialEq<[u8; N]> for SecVec<u8> {
    fn eq(&self, other: &[u8; N]) -> bool {
        bytes::equal(self, other)
    }
}
