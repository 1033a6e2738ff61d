// SPDX-License-Identifier: ISC
//! A failure of the library.

use std::ffi::CStr;
use std::fmt;
use std::io;

use crate::sys;

/// Why a call failed, in the words of the library: what happened, the figures
/// involved, and the remedy.
///
/// The C library's words belong to the thread and change with its next failure.
/// Therefore an `Error` holds a copy, made before the call returned. The copy is
/// in memory of Rust's global allocator, and not in locked memory: the words
/// never contain a secret, and there has to be an `Error` when the arena is full.
/// If the global allocator has no room for it either, the words are those of the
/// operating system for [`raw_os_error`](Error::raw_os_error).
///
/// ```
/// use std::io::ErrorKind;
///
/// // Without an arena, there is no memory for secrets.
/// let error = secmalloc::SecVec::<u8>::with_capacity(16).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotConnected);
/// println!("{}", error); // names the remedy: call secmalloc_init()
/// ```
pub struct Error {
    code: i32,
    words: Words,
}

enum Words {
    Copied(String),
    Fixed(&'static str),
}

/// What a function of this crate returns if it can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The calling thread's last failure.
    ///
    /// Call this before anything that could fail or change errno.
    pub(crate) fn last() -> Error {
        let code = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        // SAFETY: The function returns a string that is valid until the thread's
        // next failing call, and nothing below makes one.
        let words = unsafe { CStr::from_ptr(sys::secmalloc_error()) };
        let bytes = words.to_bytes();
        let mut copy = Vec::new();
        let words = if copy.try_reserve_exact(bytes.len()).is_ok() {
            copy.extend_from_slice(bytes);
            String::from_utf8(copy).map_or(Words::Fixed(""), Words::Copied)
        } else {
            Words::Fixed("")
        };

        Error { code, words }
    }

    /// A failure that this crate found before the library was called.
    pub(crate) const fn found(code: i32, words: &'static str) -> Error {
        Error {
            code,
            words: Words::Fixed(words),
        }
    }

    /// The errno of the failure, one of those that the C function's manual page
    /// lists.
    pub fn raw_os_error(&self) -> i32 {
        self.code
    }

    /// The kind of the failure.
    ///
    /// | kind | errno | |
    /// |---|---|---|
    /// | `InvalidInput` | `EINVAL` | an argument or a field is out of range |
    /// | `PermissionDenied` | `EPERM` | no right to lock memory; a check of [`verify()`](crate::verify) failed |
    /// | `OutOfMemory` | `ENOMEM` | no room, or the lock limit is too small |
    /// | `NotConnected` | `ENXIO` | there is no arena |
    /// | `AlreadyExists` | `EALREADY` | there is an arena already |
    /// | `Unsupported` | `ENOTSUP`, `ENOSYS` | the system cannot do it |
    /// | `InvalidData` | `EBADMSG` | [`audit()`](crate::audit) found damage |
    ///
    /// For any other errno, it is the kind that the standard library gives it.
    pub fn kind(&self) -> io::ErrorKind {
        match self.code {
            errno::EALREADY => io::ErrorKind::AlreadyExists,
            errno::EBADMSG => io::ErrorKind::InvalidData,
            errno::ENOTSUP => io::ErrorKind::Unsupported,
            errno::ENXIO => io::ErrorKind::NotConnected,
            code => io::Error::from_raw_os_error(code).kind(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Words::Copied(words) if !words.is_empty() => f.write_str(words),
            Words::Fixed(words) if !words.is_empty() => f.write_str(words),
            _ => io::Error::from_raw_os_error(self.code).fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code)
            .field("words", &format_args!("\"{}\"", self))
            .finish()
    }
}

impl std::error::Error for Error {}

/// The words stay. [`io::Error::raw_os_error`] returns `None`, as it does for
/// every `io::Error` that has words of its own.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

/// The numbers that the standard library does not give a kind, or not in every
/// version.
pub(crate) mod errno {
    pub(crate) const ENXIO: i32 = 6;
    pub(crate) const ENOMEM: i32 = 12;

    #[cfg(any(target_arch = "mips", target_arch = "mips64"))]
    mod of_system {
        pub(crate) const EALREADY: i32 = 149;
        pub(crate) const EBADMSG: i32 = 77;
        pub(crate) const ENOTSUP: i32 = 122;
    }
    #[cfg(all(
        target_os = "linux",
        not(any(target_arch = "mips", target_arch = "mips64"))
    ))]
    mod of_system {
        pub(crate) const EALREADY: i32 = 114;
        pub(crate) const EBADMSG: i32 = 74;
        pub(crate) const ENOTSUP: i32 = 95;
    }
    #[cfg(target_os = "freebsd")]
    mod of_system {
        pub(crate) const EALREADY: i32 = 37;
        pub(crate) const EBADMSG: i32 = 89;
        pub(crate) const ENOTSUP: i32 = 45;
    }
    #[cfg(target_os = "netbsd")]
    mod of_system {
        pub(crate) const EALREADY: i32 = 37;
        pub(crate) const EBADMSG: i32 = 88;
        pub(crate) const ENOTSUP: i32 = 86;
    }
    #[cfg(target_os = "openbsd")]
    mod of_system {
        pub(crate) const EALREADY: i32 = 37;
        pub(crate) const EBADMSG: i32 = 92;
        pub(crate) const ENOTSUP: i32 = 91;
    }
    pub(crate) use of_system::*;
}
