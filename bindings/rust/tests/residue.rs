// SPDX-License-Identifier: ISC
//! A secret in SecString, SecVec, Secret or Guarded is in locked memory only,
//! and nowhere once they have lost it. With String, Vec and Box, it is in
//! ordinary memory.
//!
//! The process searches all of its own memory. It computes each byte of the
//! secret where it needs it, so that the only copies are those of the types.

#![deny(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(feature = "allocator-api", feature(allocator_api))]

mod common;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use secmalloc::{Guarded, SecString, SecVec, Secret};

const LENGTH: usize = 32;
const PAGE_BYTES: usize = 4096;

/// Each test has a secret of its own, so that it does not find that of an
/// earlier one.
static SEED: AtomicU32 = AtomicU32::new(0);

/// Byte i of the secret, which no register or variable has as a whole.
fn byte(i: usize) -> u8 {
    let x = SEED
        .load(Ordering::Relaxed)
        .wrapping_add(i as u32 * 77)
        .wrapping_mul(0x85eb_ca6b);

    b'!' + ((x ^ x >> 15) % 90) as u8
}

fn fill(secret: &mut [u8; LENGTH]) {
    for (i, place) in secret.iter_mut().enumerate() {
        *place = byte(i);
    }
}

/// Gives the secret to whoever reads, byte by byte.
struct Source(usize);

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(LENGTH - self.0);

        for place in &mut buffer[..n] {
            *place = byte(self.0);
            self.0 += 1;
        }
        Ok(n)
    }
}

#[derive(Debug, Default, PartialEq)]
struct Places {
    locked: usize,
    other: usize,
}

/// The page that is being searched, with the start of the next one. Copies of
/// the secret in here do not count.
static PAGES: Mutex<[u8; 2 * PAGE_BYTES]> = Mutex::new([0; 2 * PAGE_BYTES]);

fn count_in(pages: &[u8], at: usize) -> usize {
    let own = pages.as_ptr() as usize;
    let is_own = |found: usize| found + LENGTH > own && found < own + 2 * PAGE_BYTES;

    let starts = PAGE_BYTES.min(pages.len().saturating_sub(LENGTH - 1));
    let (first, mut start, mut found) = (byte(0), 0, 0);

    while let Some(n) = find(first, &pages[start..starts]) {
        let at_n = |i: usize| pages[start + n + i];
        let is_whole = (0..LENGTH).all(|i| at_n(i) == byte(i));

        found += usize::from(is_whole && !is_own(at + start + n));
        start += n + 1;
    }
    found
}

/// Where a byte is. The loop of a debug build would take minutes.
fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    extern "C" {
        fn memchr(bytes: *const u8, byte: i32, n: usize) -> *const u8;
    }

    // SAFETY: The function reads these bytes only.
    let found = unsafe { memchr(bytes.as_ptr(), byte.into(), bytes.len()) };

    (!found.is_null()).then(|| found as usize - bytes.as_ptr() as usize)
}

/// How often it is in these addresses. Pages that were never touched are left
/// out.
fn count(start: usize, end: usize, memory: &File, pagemap: &File) -> usize {
    let mut pages = PAGES.lock().unwrap();
    let mut entries = [0_u8; 8 * 512];
    let mut found = 0;

    for first in (start..end).step_by(512 * PAGE_BYTES) {
        let n = ((end - first) / PAGE_BYTES).min(512);
        pagemap
            .read_exact_at(&mut entries[..8 * n], (first / PAGE_BYTES * 8) as u64)
            .unwrap();
        for i in (0..n).filter(|i| entries[8 * i + 7] >> 6 != 0) {
            let at = first + i * PAGE_BYTES;
            let wanted = (2 * PAGE_BYTES).min(end - at);
            let read = memory.read_at(&mut pages[..wanted], at as u64).unwrap();
            found += count_in(&pages[..read], at);
        }
    }
    pages.fill(0);
    found
}

/// Where the secret is in this process's memory.
fn search() -> Places {
    let memory = File::open("/proc/self/mem").unwrap();
    let pagemap = File::open("/proc/self/pagemap").unwrap();
    let (mut range, mut is_writable) = ((0, 0), false);
    let mut places = Places::default();

    for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
        let mut words = line.split([' ', '-']);
        let mut address = || usize::from_str_radix(words.next()?, 16).ok();

        if let Some(flags) = line.strip_prefix("VmFlags:") {
            // A closed guarded chunk is locked, and not writable.
            if flags.split(' ').any(|flag| flag == "lo") {
                places.locked += count(range.0, range.1, &memory, &pagemap);
            } else if is_writable {
                places.other += count(range.0, range.1, &memory, &pagemap);
            }
        } else if let (Some(start), Some(end)) = (address(), address()) {
            range = (start, end);
            is_writable = line.contains(" rw");
        }
    }
    places
}

/// Run a function so far down the stack that what it leaves there is not
/// overwritten by a search.
#[inline(never)]
fn deep<T>(function: impl FnOnce() -> T) -> T {
    let mut below = [0; 128 * 1024];

    // The reference keeps this frame until the function returns.
    call(function, &mut below)
}

#[inline(never)]
fn call<T>(function: impl FnOnce() -> T, above: &mut [u8]) -> T {
    // SAFETY: It writes to a byte of the slice. The compiler keeps it for that.
    unsafe { above.as_mut_ptr().write_volatile(1) };
    function()
}

/// One test at a time searches. Returns `None` if none can.
fn begin(test: &str) -> Option<MutexGuard<'static, ()>> {
    static ONE: Mutex<()> = Mutex::new(());

    if !common::have_arena(test) {
        return None;
    }
    for file in ["mem", "pagemap", "smaps"] {
        if let Err(error) = File::open(format!("/proc/self/{}", file)) {
            common::skip(test, &format!("/proc/self/{}: {}", file, error));
            return None;
        }
    }
    let one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    SEED.fetch_add(0x9e37_79b9, Ordering::Relaxed);
    assert_eq!(search(), Places::default());
    Some(one)
}

/// Leave the test if this process cannot search.
macro_rules! begin {
    ($test:expr) => {
        match begin($test) {
            Some(one) => one,
            None => return,
        }
    };
}

macro_rules! is_at {
    ($locked:expr, $other:expr) => {
        assert_eq!(
            search(),
            Places {
                locked: $locked,
                other: $other
            }
        )
    };
}

fn put(string: &mut SecString) {
    for i in 0..LENGTH {
        string.push(char::from(byte(i))).unwrap();
    }
}

fn string() -> SecString {
    let mut string = SecString::new();

    put(&mut string);
    string
}

fn vector() -> SecVec<u8> {
    let mut vector = SecVec::new();

    for i in 0..LENGTH {
        vector.push(byte(i)).unwrap();
    }
    vector
}

#[test]
fn control_a_string_leaves_it_in_ordinary_memory() {
    let _one = begin!("control_a_string_leaves_it_in_ordinary_memory");
    // The first bytes of freed memory are overwritten.
    let mut string = " ".repeat(100);

    string.extend((0..LENGTH).map(|i| char::from(byte(i))));
    is_at!(0, 1);
    drop(string);
    is_at!(0, 1);
}

#[test]
fn control_a_vector_leaves_it_where_it_was() {
    let _one = begin!("control_a_vector_leaves_it_where_it_was");
    let mut vector = vec![0_u8; 100];

    vector.extend((0..LENGTH).map(byte));
    let copy = vector.clone();
    is_at!(0, 2);
    drop(copy);
    vector.clear();
    is_at!(0, 2);
}

#[test]
fn control_a_box_is_made_on_the_stack() {
    let _one = begin!("control_a_box_is_made_on_the_stack");
    let key = deep(|| {
        let mut key = [0; LENGTH];
        fill(&mut key);
        Box::new(key)
    });

    let places = search();
    assert!(places.other > 1, "{:?}", places);
    assert_eq!(places.locked, 0);
    drop(key);
}

#[cfg(feature = "allocator-api")]
mod allocator {
    use super::*;
    use secmalloc::SecAllocator;

    #[test]
    fn control_box_new_in_makes_it_on_the_stack() {
        let _one = begin!("control_box_new_in_makes_it_on_the_stack");
        let key = deep(|| {
            let mut key = [0; LENGTH];
            fill(&mut key);
            Box::new_in(key, SecAllocator)
        });

        let places = search();
        assert!(places.other > 0, "{:?}", places);
        assert_eq!(places.locked, 1);
        drop(key);
    }

    #[test]
    fn vectors_leave_none_as_they_grow_and_shrink() {
        let _one = begin!("vectors_leave_none_as_they_grow_and_shrink");
        let mut vector = Vec::with_capacity_in(4, SecAllocator);

        (0..LENGTH).for_each(|i| vector.push(byte(i)));
        is_at!(1, 0);
        vector.reserve_exact(5000);
        is_at!(1, 0);
        vector.shrink_to_fit();
        is_at!(1, 0);
        let moved = vector;
        is_at!(1, 0);
        drop(moved);
        is_at!(0, 0);
    }
}

#[test]
fn a_string_leaves_none() {
    let _one = begin!("a_string_leaves_none");
    let mut string = deep(string);
    is_at!(1, 0);
    string.push_str(&"x".repeat(1000)).unwrap();
    is_at!(1, 0);
    string.truncate(LENGTH);
    string.shrink_to_fit().unwrap();
    is_at!(1, 0);
    let copy = string.try_clone().unwrap();
    is_at!(2, 0);
    assert_eq!(copy, string);
    assert_eq!(format!("{:?}", copy), "SecString(..)");
    is_at!(2, 0);
    drop(copy);
    is_at!(1, 0);

    let moved = deep(|| string);
    let mut all = vec![moved];
    all.reserve(100);
    is_at!(1, 0);
    let string = all.pop().unwrap();
    let string = thread::spawn(|| deep(|| string)).join().unwrap();
    is_at!(1, 0);
    let string = SecString::from_utf8(string.into_bytes()).unwrap();
    is_at!(1, 0);
    drop(string);
    is_at!(0, 0);
}

#[test]
fn what_is_removed_is_wiped() {
    let _one = begin!("what_is_removed_is_wiped");
    let mut string = SecString::with_capacity(1000).unwrap();

    put(&mut string);
    string.pop();
    is_at!(0, 0);
    string.clear();
    put(&mut string);
    is_at!(1, 0);
    string.truncate(LENGTH - 1);
    is_at!(0, 0);
    string.clear();
    put(&mut string);
    string.clear();
    is_at!(0, 0);

    let mut vector = deep(vector);
    vector.remove(3);
    is_at!(0, 0);
    vector.insert(3, byte(3)).unwrap();
    is_at!(1, 0);
    vector.resize(LENGTH - 1, 0).unwrap();
    is_at!(0, 0);
}

#[test]
fn a_vector_leaves_none() {
    let _one = begin!("a_vector_leaves_none");
    let mut vector = SecVec::new();

    deep(|| vector.read_to_end(&mut Source(0))).unwrap();
    is_at!(1, 0);
    vector.reserve(5000).unwrap();
    vector.insert(0, 1).unwrap();
    vector.shrink_to_fit().unwrap();
    is_at!(1, 0);
    let copy = vector.try_clone().unwrap();
    is_at!(2, 0);
    assert_eq!(copy, vector);
    drop(vector);
    is_at!(1, 0);
    drop(copy);
    is_at!(0, 0);
}

#[test]
fn aligned_elements_leave_none() {
    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Line([u8; LENGTH]);
    secmalloc::impl_zeroed!(Line { 0 });

    let _one = begin!("aligned_elements_leave_none");
    let mut vector = SecVec::<Line>::new();

    deep(|| vector.push_with(|line| fill(&mut line.0))).unwrap();
    is_at!(1, 0);
    vector.reserve_exact(50).unwrap();
    is_at!(1, 0);
    vector.shrink_to_fit().unwrap();
    is_at!(1, 0);
    vector.truncate(0);
    is_at!(0, 0);
}

#[test]
fn a_value_is_made_in_place() {
    let _one = begin!("a_value_is_made_in_place");
    let key = deep(|| Secret::new_with(fill)).unwrap();
    is_at!(1, 0);
    let key = Box::new(deep(|| key));
    is_at!(1, 0);
    let copy = key.try_clone().unwrap();
    is_at!(2, 0);
    assert_eq!(*key, copy);
    drop((key, copy));
    is_at!(0, 0);

    let key = deep(|| Guarded::new_with(fill)).unwrap();
    is_at!(1, 0);
    assert_eq!(key.read().unwrap()[3], byte(3));
    is_at!(1, 0);
    drop(key);
    is_at!(0, 0);

    let failed = deep(|| {
        Secret::try_new_with(|key| {
            fill(key);
            Err(io::Error::from(io::ErrorKind::Other))
        })
    });
    assert!(failed.is_err());
    is_at!(0, 0);
}

#[test]
fn taken_values_are_wiped_where_they_were() {
    let _one = begin!("taken_values_are_wiped_where_they_were");
    let mut buffer = [0; LENGTH];

    fill(&mut buffer);
    is_at!(0, 1);
    let key = Secret::take_from(&mut buffer).unwrap();
    is_at!(1, 0);
    fill(&mut buffer);
    let guarded = Guarded::take_from(&mut buffer).unwrap();
    is_at!(2, 0);
    fill(&mut buffer);
    let vector = SecVec::take_from(&mut buffer).unwrap();
    is_at!(3, 0);

    let mut line = String::with_capacity(LENGTH);
    line.extend((0..LENGTH).map(|i| char::from(byte(i))));
    is_at!(3, 1);
    let string = SecString::take_from(&mut line).unwrap();
    is_at!(4, 0);
    drop((key, guarded, vector, string));
    is_at!(0, 0);
}
