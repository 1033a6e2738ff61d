// SPDX-License-Identifier: ISC
//! Locks for memory that the caller owns.
//!
//! The functions have the names, the signatures and the contract of those of
//! the crate os_memlock, so that a program changes only its `use` lines. They
//! need no arena, and a length of 0 succeeds without a call to the kernel. A
//! call that the platform does not have fails with
//! [`io::ErrorKind::Unsupported`]. Every other error has the errno of the
//! kernel ([`io::Error::raw_os_error`]).
//!
//! One thing is stricter than in os_memlock: a range that touches the arena is
//! refused with EINVAL by [`mlock`] and [`munlock`]. The arena manages its own
//! locks, and a secret must not lose them by mistake.
//!
//! A locked page can still be dumped, copied to a child and left behind when it
//! is freed. A [`Secret`](crate::Secret) cannot.

use std::io;
use std::os::raw::{c_int, c_void};

use crate::error::errno::ENOTSUP;
use crate::sys;

/// Locks all pages that contain any of the `len` bytes at `addr`.
///
/// # Errors
///
/// * EINVAL: `addr` + `len` overflows, or the range touches the arena
/// * ENOMEM: part of the range is not mapped, or the lock limit is too small
/// * EPERM: the process has no right to lock memory
/// * [`io::ErrorKind::Unsupported`]: the platform has no such call
///
/// # Safety
///
/// The range must be memory of the caller's that nobody unmaps or remaps during
/// the call. Locks are not counted and concern whole pages, so other data on
/// these pages is locked too.
pub unsafe fn mlock(addr: *const c_void, len: usize) -> io::Result<()> {
    // SAFETY: the call accesses no byte of the range, and the caller promises
    // that it is his.
    result(unsafe { sys::secmalloc_mlock(addr, len) })
}

/// Unlocks all pages that contain any of the `len` bytes at `addr`.
///
/// It wipes nothing: overwrite a secret first.
///
/// # Errors
///
/// As for [`mlock`].
///
/// # Safety
///
/// As for [`mlock`]. Other data on these pages loses its lock too.
pub unsafe fn munlock(addr: *const c_void, len: usize) -> io::Result<()> {
    // SAFETY: as in mlock().
    result(unsafe { sys::secmalloc_munlock(addr, len) })
}

/// Excludes the pages of the `len` bytes at `addr` from core dumps: with
/// MADV_DONTDUMP on Linux, and with MADV_NOCORE on FreeBSD.
///
/// # Errors
///
/// * EINVAL: `addr` is not the start of a page
/// * ENOMEM: part of the range is not mapped
/// * [`io::ErrorKind::Unsupported`]: the platform is neither Linux nor FreeBSD
///
/// # Safety
///
/// The range must be memory of the caller's that nobody unmaps or remaps during
/// the call. The whole of its last page is excluded.
pub unsafe fn madvise_dontdump(addr: *mut c_void, len: usize) -> io::Result<()> {
    // SAFETY: the caller promises that the range is his.
    unsafe { advice::dontdump(addr, len) }
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod advice {
    use super::{c_int, c_void, io, result};

    #[cfg(target_os = "linux")]
    const DONTDUMP: c_int = 16; // MADV_DONTDUMP
    #[cfg(target_os = "freebsd")]
    const DONTDUMP: c_int = 8; // MADV_NOCORE

    extern "C" {
        fn madvise(addr: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    /// # Safety
    /// As for [`super::madvise_dontdump`].
    pub unsafe fn dontdump(addr: *mut c_void, len: usize) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        // SAFETY: this advice changes no byte, and the caller promises that
        // the range is his.
        result(unsafe { madvise(addr, len, DONTDUMP) })
    }
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
mod advice {
    use super::{c_void, io};

    /// # Safety
    /// It does nothing.
    pub unsafe fn dontdump(_addr: *mut c_void, _len: usize) -> io::Result<()> {
        Err(super::unsupported())
    }
}

/// Sets the soft limit of RLIMIT_CORE to 0 on macOS.
///
/// # Errors
///
/// On all other platforms it fails with [`io::ErrorKind::Unsupported`], as in
/// os_memlock. On Linux such a limit would promise too much, because the kernel
/// ignores it when core_pattern is a pipe. The arena's flag
/// [`NODUMP`](sys::SECMALLOC_NODUMP) does what is needed there.
pub fn disable_core_dumps_for_process() -> io::Result<()> {
    core_limit::lower().map(drop)
}

/// Does the same as [`disable_core_dumps_for_process`], until the guard is
/// dropped.
///
/// # Errors
///
/// As for [`disable_core_dumps_for_process`].
pub fn disable_core_dumps_with_guard() -> io::Result<CoreDumpsDisabledGuard> {
    core_limit::lower().map(|previous| CoreDumpsDisabledGuard { previous })
}

/// Restores the limit of core dumps when it is dropped. If that fails, the limit
/// stays 0.
#[derive(Debug)]
pub struct CoreDumpsDisabledGuard {
    previous: core_limit::Limit,
}

impl Drop for CoreDumpsDisabledGuard {
    fn drop(&mut self) {
        core_limit::restore(&self.previous);
    }
}

// The tests run the code for macOS on Linux too: there both have the same number
// of the limit and, on processors of 64 bits, the same structure.
#[cfg(any(
    target_os = "macos",
    all(test, target_os = "linux", target_pointer_width = "64")
))]
mod core_limit {
    use super::{c_int, io, result};

    const RLIMIT_CORE: c_int = 4;

    /// struct rlimit
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[repr(C)]
    pub struct Limit {
        pub soft: u64,
        pub hard: u64,
    }

    extern "C" {
        fn getrlimit(resource: c_int, limit: *mut Limit) -> c_int;
        fn setrlimit(resource: c_int, limit: *const Limit) -> c_int;
    }

    pub fn get() -> io::Result<Limit> {
        let mut limit = Limit { soft: 0, hard: 0 };
        // SAFETY: the call writes a structure of this layout, and no more.
        result(unsafe { getrlimit(RLIMIT_CORE, &mut limit) })?;
        Ok(limit)
    }

    fn set(limit: &Limit) -> io::Result<()> {
        // SAFETY: the call only reads a structure of this layout.
        result(unsafe { setrlimit(RLIMIT_CORE, limit) })
    }

    /// Returns the limit that was in force.
    pub fn lower() -> io::Result<Limit> {
        let previous = get()?;
        set(&Limit {
            soft: 0,
            ..previous
        })?;
        Ok(previous)
    }

    pub fn restore(previous: &Limit) {
        // A soft limit below the hard one is always allowed, and there is
        // nobody to tell.
        let _ = set(previous);
    }
}

#[cfg(not(any(
    target_os = "macos",
    all(test, target_os = "linux", target_pointer_width = "64")
)))]
mod core_limit {
    use super::io;

    #[derive(Debug)]
    pub enum Limit {}

    pub fn lower() -> io::Result<Limit> {
        Err(super::unsupported())
    }

    pub fn restore(previous: &Limit) {
        match *previous {}
    }
}

fn unsupported() -> io::Error {
    io::Error::from(io::ErrorKind::Unsupported)
}

fn result(status: c_int) -> io::Result<()> {
    if status == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(ENOTSUP) {
        return Err(unsupported());
    }
    Err(error)
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use super::{core_limit, disable_core_dumps_for_process, disable_core_dumps_with_guard};

    #[test]
    fn the_soft_limit_of_core_dumps_is_0_until_the_guard_is_dropped() {
        let before = core_limit::get().unwrap();
        assert_ne!(before.hard, 0, "the test needs room below the hard limit");
        let raised = core_limit::Limit {
            soft: before.hard,
            ..before
        };
        core_limit::restore(&raised);
        assert_eq!(core_limit::get().unwrap(), raised);

        let guard = disable_core_dumps_with_guard().unwrap();
        let lowered = core_limit::Limit { soft: 0, ..before };
        assert_eq!(core_limit::get().unwrap(), lowered);
        drop(guard);
        assert_eq!(core_limit::get().unwrap(), raised);

        disable_core_dumps_for_process().unwrap();
        assert_eq!(core_limit::get().unwrap(), lowered);
        core_limit::restore(&before);
    }
}
