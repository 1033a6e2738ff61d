// SPDX-License-Identifier: ISC
//! A string in locked memory.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::str::{self, Utf8Error};

use crate::error::{Error, Result};
use crate::vec::SecVec;

/// A string in locked memory, such as a password. Growth and removal leave
/// nothing behind, as with [`SecVec`].
///
/// It has the methods of `String` that change its length. Those that may need
/// memory return a [`Result`]. All else is in the `str` that it derefs to.
///
/// ```
/// use secmalloc::SecString;
///
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// let mut password = SecString::new();
/// password.push_str("correct ")?;
/// password.push_str("horse")?;
/// assert_eq!(password, "correct horse"); // in constant time
/// assert_eq!(format!("{:?}", password), "SecString(..)");
/// # Ok(())
/// # }
/// ```
///
/// Two strings are compared in a time that depends on their lengths alone. Note
/// that two of type `str`, such as `&*password`, are not.
///
/// There is no `Display`, and no `Clone`, so that no copy is made by accident;
/// see [`try_clone`](SecString::try_clone).
///
/// ```compile_fail,E0277
/// println!("{}", secmalloc::SecString::new());
/// ```
///
/// ```compile_fail,E0599
/// let copy = secmalloc::SecString::new().clone();
/// ```
#[derive(Default)]
pub struct SecString {
    /// Valid UTF-8.
    bytes: SecVec<u8>,
}

impl SecString {
    /// An empty string. It takes no memory until it grows, and needs no arena
    /// until then.
    pub const fn new() -> SecString {
        SecString {
            bytes: SecVec::new(),
        }
    }

    /// An empty string with room for `capacity` bytes.
    ///
    /// # Errors
    ///
    /// `OutOfMemory` or `NotConnected`, as for secmalloc(3).
    pub fn with_capacity(capacity: usize) -> Result<SecString> {
        Ok(SecString {
            bytes: SecVec::with_capacity(capacity)?,
        })
    }

    /// A string of bytes that are UTF-8. They are not copied.
    ///
    /// # Errors
    ///
    /// The bytes are not UTF-8: the error gives them back.
    pub fn from_utf8(bytes: SecVec<u8>) -> std::result::Result<SecString, FromUtf8Error> {
        match str::from_utf8(&bytes) {
            Ok(_) => Ok(SecString { bytes }),
            Err(error) => Err(FromUtf8Error { bytes, error }),
        }
    }

    /// Move a string out of ordinary memory. Its buffer is wiped, and it is
    /// empty then. Copies that were made of it before are not found, including
    /// those that it left behind as it grew.
    ///
    /// ```
    /// # fn main() -> secmalloc::Result<()> {
    /// # secmalloc::Arena::builder().initial_pools(1).init()?;
    /// let mut line = String::from("horse");
    /// let password = secmalloc::SecString::take_from(&mut line)?;
    /// assert_eq!(line, "");
    /// assert_eq!(password, "horse");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecString::with_capacity). Then the string is
    /// where it was.
    pub fn take_from(source: &mut String) -> Result<SecString> {
        let mut string = SecString::new();

        string.push_str(source)?;
        // SAFETY: Zeros are UTF-8.
        let bytes = unsafe { source.as_mut_vec() };
        // What is after the length may be a part of the string that was longer
        // once. It grows no buffer, as the room is there.
        bytes.resize(bytes.capacity(), 0);
        crate::wipe(bytes);
        bytes.clear();
        Ok(string)
    }

    /// Another string with the same contents.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecString::with_capacity).
    pub fn try_clone(&self) -> Result<SecString> {
        Ok(SecString {
            bytes: self.bytes.try_clone()?,
        })
    }

    /// The bytes of the string. They are not copied.
    pub fn into_bytes(self) -> SecVec<u8> {
        self.bytes
    }

    /// The contents. They are out of locked memory once they are copied.
    pub fn as_str(&self) -> &str {
        self
    }

    /// The number of bytes for which there is room.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Make room for at least `additional` more bytes.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecString::with_capacity).
    pub fn reserve(&mut self, additional: usize) -> Result<()> {
        self.bytes.reserve(additional)
    }

    /// Give back the room that the contents do not need.
    ///
    /// # Errors
    ///
    /// Those of [`SecVec::shrink_to_fit`].
    pub fn shrink_to_fit(&mut self) -> Result<()> {
        self.bytes.shrink_to_fit()
    }

    /// Append a character.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecString::with_capacity).
    pub fn push(&mut self, c: char) -> Result<()> {
        let old = self.bytes.len();

        // It is encoded in place, and not in a buffer on the stack.
        self.bytes.resize(old + c.len_utf8(), 0)?;
        c.encode_utf8(&mut self.bytes[old..]);
        Ok(())
    }

    /// Append a string.
    ///
    /// # Errors
    ///
    /// Those of [`with_capacity`](SecString::with_capacity).
    pub fn push_str(&mut self, string: &str) -> Result<()> {
        self.bytes.extend_from_slice(string.as_bytes())
    }

    /// Remove the last character, and wipe where it was.
    pub fn pop(&mut self) -> Option<char> {
        let c = self.chars().next_back()?;

        self.bytes.truncate(self.len() - c.len_utf8());
        Some(c)
    }

    /// Remove all bytes after the first `len`, and wipe where they were. The
    /// capacity stays.
    ///
    /// # Panics
    ///
    /// If a character would be cut into parts.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            assert!(self.is_char_boundary(len), "{} is inside a character", len);
            self.bytes.truncate(len);
        }
    }

    /// Remove all contents, and wipe where they were. The capacity stays.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

impl Deref for SecString {
    type Target = str;

    fn deref(&self) -> &str {
        // SAFETY: The bytes are valid UTF-8, as every method leaves them.
        unsafe { str::from_utf8_unchecked(&self.bytes) }
    }
}

impl DerefMut for SecString {
    fn deref_mut(&mut self) -> &mut str {
        // SAFETY: As above.
        unsafe { str::from_utf8_unchecked_mut(&mut self.bytes) }
    }
}

impl AsRef<str> for SecString {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for SecString {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Copies the string. See [`SecString::take_from`], which wipes it.
impl TryFrom<&str> for SecString {
    type Error = Error;

    fn try_from(string: &str) -> Result<SecString> {
        let mut copy = SecString::new();

        copy.push_str(string)?;
        Ok(copy)
    }
}

/// Appends, for the macro `write!`. Note that a number is turned into digits on
/// the stack.
impl fmt::Write for SecString {
    fn write_str(&mut self, string: &str) -> fmt::Result {
        self.push_str(string).map_err(|_| fmt::Error)
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        self.push(c).map_err(|_| fmt::Error)
    }
}

/// Does not print the contents.
impl fmt::Debug for SecString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecString(..)")
    }
}

/// Takes a time that depends on the lengths alone.
impl PartialEq for SecString {
    fn eq(&self, other: &SecString) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for SecString {}

/// Takes a time that depends on the lengths alone.
impl PartialEq<str> for SecString {
    fn eq(&self, other: &str) -> bool {
        self.bytes == *other.as_bytes()
    }
}

/// Takes a time that depends on the lengths alone.
impl PartialEq<&str> for SecString {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// Bytes that [`SecString::from_utf8`] does not accept. It prints none of them.
#[derive(Debug)]
pub struct FromUtf8Error {
    bytes: SecVec<u8>,
    error: Utf8Error,
}

impl FromUtf8Error {
    /// The bytes, as they were.
    pub fn into_bytes(self) -> SecVec<u8> {
        self.bytes
    }

    /// Where the first byte is that is not UTF-8.
    pub fn utf8_error(&self) -> Utf8Error {
        self.error
    }
}

impl fmt::Display for FromUtf8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for FromUtf8Error {}
