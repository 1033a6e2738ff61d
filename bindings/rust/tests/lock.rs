// SPDX-License-Identifier: ISC
//! What the functions of the module `lock` do, as the kernel tells it.

#![cfg(target_os = "linux")]

mod common;

use secmalloc::lock;
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::raw::{c_int, c_void};
use std::ptr;

const EINVAL: i32 = 22;
const ENOMEM: i32 = 12;
/// The largest page of any Linux.
const PAGE: usize = 65536;

/// Three pages, so that the one in the middle has neighbours of the test's own.
struct Pages(*mut u8);

impl Pages {
    const LAYOUT: Layout = match Layout::from_size_align(3 * PAGE, PAGE) {
        Ok(layout) => layout,
        Err(_) => panic!(),
    };

    fn new() -> Pages {
        // SAFETY: the size is not 0.
        let pages = unsafe { alloc_zeroed(Pages::LAYOUT) };
        assert!(!pages.is_null());
        Pages(pages)
    }

    fn page(&self, number: usize) -> *mut c_void {
        self.0.wrapping_add(number * PAGE).cast()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: they come from alloc_zeroed() with this layout.
        unsafe { dealloc(self.0, Pages::LAYOUT) }
    }
}

/// Whether the mapping that has this address has a flag, of those that proc(5)
/// lists for smaps.
fn has_flag(address: *const c_void, flag: &str) -> bool {
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut is_here = false;

    for line in smaps.lines() {
        let word = line.split_whitespace().next().unwrap_or("");
        if let Some((from, to)) = word.split_once('-') {
            let number = |hex| usize::from_str_radix(hex, 16).unwrap();
            is_here = (number(from)..number(to)).contains(&(address as usize));
        } else if word == "VmFlags:" && is_here {
            return line.split_whitespace().any(|word| word == flag);
        }
    }
    panic!("{:p} is not in a mapping", address);
}

extern "C" {
    #[link_name = "mlock"]
    fn libc_mlock(address: *const c_void, size: usize) -> c_int;
    #[link_name = "munlock"]
    fn libc_munlock(address: *const c_void, size: usize) -> c_int;
}

/// Whether this process may lock a page. If not, the test is skipped.
fn may_lock(test: &str) -> bool {
    let pages = Pages::new();

    // SAFETY: the page is the test's.
    if unsafe { libc_mlock(pages.page(0), 1) } != 0 {
        common::skip(test, &io::Error::last_os_error());
        return false;
    }
    // SAFETY: as above.
    assert_eq!(unsafe { libc_munlock(pages.page(0), 1) }, 0);
    true
}

#[test]
fn mlock_locks_the_page_and_munlock_unlocks_it() {
    if !may_lock("mlock_locks_the_page_and_munlock_unlocks_it") {
        return;
    }
    let pages = Pages::new();
    // Some byte of the page is enough.
    let inside = pages.page(1).cast::<u8>().wrapping_add(100).cast();

    assert!(!has_flag(pages.page(1), "lo"), "control");
    // SAFETY: the page is the test's.
    unsafe { lock::mlock(inside, 1) }.unwrap();
    assert!(has_flag(pages.page(1), "lo"));
    assert!(!has_flag(pages.page(0), "lo") && !has_flag(pages.page(2), "lo"));

    // SAFETY: as above.
    unsafe { lock::munlock(inside, 1) }.unwrap();
    assert!(!has_flag(pages.page(1), "lo"));
}

#[test]
fn madvise_dontdump_excludes_the_page_from_dumps() {
    let pages = Pages::new();

    assert!(!has_flag(pages.page(1), "dd"), "control");
    // SAFETY: the page is the test's.
    unsafe { lock::madvise_dontdump(pages.page(1), 1) }.unwrap();
    assert!(has_flag(pages.page(1), "dd"));
    assert!(!has_flag(pages.page(0), "dd") && !has_flag(pages.page(2), "dd"));
    assert!(!has_flag(pages.page(1), "lo"));
}

#[test]
fn a_length_of_0_does_nothing_at_any_address() {
    let pages = Pages::new();

    for address in [ptr::null_mut(), pages.page(1), usize::MAX as *mut c_void] {
        // SAFETY: no byte is concerned.
        unsafe {
            lock::mlock(address, 0).unwrap();
            lock::munlock(address, 0).unwrap();
            lock::madvise_dontdump(address, 0).unwrap();
        }
    }
    assert!(!has_flag(pages.page(1), "lo") && !has_flag(pages.page(1), "dd"));
}

#[test]
fn other_errors_have_the_errno_of_the_kernel() {
    if !may_lock("other_errors_have_the_errno_of_the_kernel") {
        return;
    }
    let pages = Pages::new();
    let odd = pages.page(1).cast::<u8>().wrapping_add(1).cast();
    let last = (usize::MAX & !(PAGE - 1)) as *mut c_void;
    let errno = |result: io::Result<()>| result.unwrap_err().raw_os_error();

    // SAFETY: the calls fail, and the only memory that is named is the test's.
    unsafe {
        assert_eq!(errno(lock::madvise_dontdump(odd, 1)), Some(EINVAL));
        assert_eq!(errno(lock::mlock(odd, usize::MAX)), Some(EINVAL));
        assert_eq!(errno(lock::munlock(odd, usize::MAX)), Some(EINVAL));
        for result in [
            lock::mlock(last, 1),
            lock::munlock(last, 1),
            lock::madvise_dontdump(last, 1),
        ] {
            // An old kernel calls the last page an overflow.
            let errno = errno(result);
            assert!(
                errno == Some(ENOMEM) || errno == Some(EINVAL),
                "{:?}",
                errno
            );
        }
    }
}

#[test]
fn the_arena_keeps_its_locks() {
    need_arena!("the_arena_keeps_its_locks");
    // SAFETY: the chunk is never used, and freed only with the process.
    let chunk = unsafe { secmalloc::sys::secmalloc(16) };

    assert!(has_flag(chunk, "lo"), "control");
    // SAFETY: the range is in a live chunk.
    let error = unsafe { lock::munlock(chunk, 16) }.unwrap_err();
    assert_eq!(error.raw_os_error(), Some(EINVAL));
    assert!(has_flag(chunk, "lo"));
}

/// As in os_memlock: only macOS has them.
#[test]
fn core_dumps_are_not_disabled_here() {
    let limits = || fs::read_to_string("/proc/self/limits").unwrap();
    let before = limits();

    let process = lock::disable_core_dumps_for_process().unwrap_err();
    assert_eq!(process.kind(), ErrorKind::Unsupported);
    let guard = lock::disable_core_dumps_with_guard().unwrap_err();
    assert_eq!(guard.kind(), ErrorKind::Unsupported);
    assert_eq!(limits(), before);
}

/// The signatures are those of os_memlock.
#[test]
fn the_signatures_are_those_of_os_memlock() {
    use io::Result;

    let _: unsafe fn(*const c_void, usize) -> Result<()> = lock::mlock;
    let _: unsafe fn(*const c_void, usize) -> Result<()> = lock::munlock;
    let _: unsafe fn(*mut c_void, usize) -> Result<()> = lock::madvise_dontdump;
    let _: fn() -> Result<()> = lock::disable_core_dumps_for_process;
    let _: fn() -> Result<lock::CoreDumpsDisabledGuard> = lock::disable_core_dumps_with_guard;
}
