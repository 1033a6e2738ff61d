// SPDX-License-Identifier: ISC
//! The C interface, as it is in `secmalloc.h`.
//!
//! The other modules offer the same with Rust's checks. This one is for what
//! they leave out. The manual pages secmalloc(7) and those of the functions
//! describe it; every function is unsafe, as it is foreign, even if it accepts
//! any argument.

#![allow(non_camel_case_types)]

use std::os::raw::{c_char, c_int, c_uint, c_void};

/// The version of the header that this module was written from.
pub const SECMALLOC_VERSION_NUMBER: c_uint = 0x010100;

/// For [`secmalloc_config::flags`]: see [`Flags::CHECK_WHOLE`](crate::Flags::CHECK_WHOLE).
pub const SECMALLOC_CHECK_WHOLE: c_uint = 0x1;
/// For [`secmalloc_config::flags`]: see [`Flags::NO_MEMBARRIER`](crate::Flags::NO_MEMBARRIER).
pub const SECMALLOC_NO_MEMBARRIER: c_uint = 0x2;
/// For [`secmalloc_config::flags`]: see [`Flags::NODUMP`](crate::Flags::NODUMP).
pub const SECMALLOC_NODUMP: c_uint = 0x4;
/// For [`secmalloc_config::flags`]: see [`Flags::EXPLAIN_FAULTS`](crate::Flags::EXPLAIN_FAULTS).
pub const SECMALLOC_EXPLAIN_FAULTS: c_uint = 0x8;

/// For [`secmalloc_config::backing`]: see [`Backing::Locked`](crate::Backing::Locked).
pub const SECMALLOC_BACKING_LOCKED: c_uint = 0;
/// For [`secmalloc_config::backing`]: see [`Backing::Secret`](crate::Backing::Secret).
pub const SECMALLOC_BACKING_SECRET: c_uint = 1;
/// For [`secmalloc_config::backing`]: see [`Backing::Auto`](crate::Backing::Auto).
pub const SECMALLOC_BACKING_AUTO: c_uint = 2;

/// For [`secmalloc_config::fork`]: see [`Fork::None`](crate::Fork::None).
pub const SECMALLOC_FORK_NONE: c_uint = 0;
/// For [`secmalloc_config::fork`]: see [`Fork::Keep`](crate::Fork::Keep).
pub const SECMALLOC_FORK_KEEP: c_uint = 1;
/// For [`secmalloc_config::fork`]: see [`Fork::Wipe`](crate::Fork::Wipe).
pub const SECMALLOC_FORK_WIPE: c_uint = 2;

/// The configuration of an arena. [`Builder`](crate::Builder) describes its
/// fields. All zero, which is the default, is a valid configuration.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct secmalloc_config {
    /// The number of pools to lock at once.
    pub initial_pools: usize,
    /// The maximum number of pools.
    pub max_pools: usize,
    /// The size of a pool in bytes.
    pub pool_size: usize,
    /// The sum of any flags.
    pub flags: c_uint,
    /// The version of this structure's layout: 0.
    pub version: c_uint,
    /// Called once when misuse has been detected.
    pub on_fault: Option<unsafe extern "C" fn(line: *const c_char)>,
    /// The number of guarded chunks to prepare.
    pub guarded_chunks: usize,
    /// The largest size of each of them in bytes.
    pub guarded_size: usize,
    /// A `SECMALLOC_BACKING_` value.
    pub backing: c_uint,
    /// A `SECMALLOC_FORK_` value.
    pub fork: c_uint,
    /// The number of free bytes below which `on_low` is called.
    pub low_bytes: usize,
    /// Called when locked memory runs low.
    pub on_low: Option<unsafe extern "C" fn(free_bytes: usize)>,
    /// The most bytes that all pools together may have. 0 is no limit.
    pub max_bytes: usize,
    /// Zero.
    pub reserved: [usize; 4],
}

/// The access to a guarded chunk: one of the three constants below.
pub type secmalloc_access = c_uint;
/// No access.
pub const SECMALLOC_NOACCESS: secmalloc_access = 0;
/// Read access.
pub const SECMALLOC_READONLY: secmalloc_access = 1;
/// Read and write access.
pub const SECMALLOC_READWRITE: secmalloc_access = 2;

/// In [`secmalloc_stats::advice_missing`]: pools may be in core dumps.
pub const SECMALLOC_ADVICE_DONTDUMP: u64 = 0x1;
/// In [`secmalloc_stats::advice_missing`]: never missing since Linux 2.6.16.
pub const SECMALLOC_ADVICE_DONTFORK: u64 = 0x2;
/// In [`secmalloc_stats::advice_missing`]: no KSM, so nothing is merged.
pub const SECMALLOC_ADVICE_UNMERGEABLE: u64 = 0x4;
/// In [`secmalloc_stats::advice_missing`]: no huge pages, so none is used.
pub const SECMALLOC_ADVICE_NOHUGEPAGE: u64 = 0x8;

/// The counters of an arena. They contain no secrets and no addresses.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct secmalloc_stats {
    /// Pools locked now, counted as [`max_pools`](crate::Builder::max_pools) counts them.
    pub pools: u64,
    /// Of `pools`, those locked when the arena was made.
    pub pools_initial: u64,
    /// The maximum number of pools.
    pub pools_max: u64,
    /// The size of the pools locked now.
    pub pool_bytes: u64,
    /// What the arena adds to the locked memory of the process: `pool_bytes`,
    /// `guarded_bytes` and the page of the canary key.
    pub locked_bytes: u64,
    /// Of `pool_bytes`, not taken by chunks.
    pub free_bytes: u64,
    /// Of `free_bytes`, in the caches of threads.
    pub cached_bytes: u64,
    /// The largest amount of `pool_bytes` that was ever in chunks and in the
    /// caches of threads at once. Not for sizing: see `sizing_bytes`.
    pub used_bytes_peak: u64,
    /// Chunks that are live now.
    pub chunks: u64,
    /// The requested sizes of the live chunks.
    pub chunk_bytes: u64,
    /// Chunks made since the arena was made. A chunk that moves as it is
    /// resized counts again.
    pub allocations: u64,
    /// Chunks freed or moved since then.
    pub frees: u64,
    /// Allocations refused for lack of room.
    pub failures: u64,
    /// `SECMALLOC_ADVICE_` bits.
    pub advice_missing: u64,
    /// Of `chunks`, those that are guarded.
    pub guarded_chunks: u64,
    /// The largest number of them at once.
    pub guarded_peak: u64,
    /// More are available without locking.
    pub guarded_free: u64,
    /// Locked for guarded chunks, free or not.
    pub guarded_bytes: u64,
    /// [`SECMALLOC_BACKING_LOCKED`] or [`SECMALLOC_BACKING_SECRET`].
    pub backing: u64,
    /// How often `on_low` was called.
    pub low_crossings: u64,
    /// How large the pools must be for the same load. `initial_pools` is this
    /// divided by the default `pool_size`, rounded up.
    pub sizing_bytes: u64,
    /// The largest chunk that fits without locking more memory.
    pub largest_free: u64,
    /// Of `pool_bytes`, locked beyond the initial pools and what was reserved.
    pub grown_bytes: u64,
    /// Given back since the arena was made.
    pub trimmed_bytes: u64,
    /// Zero.
    #[doc(hidden)]
    pub reserved: [u64; 8],
}

/// See [`Checks::LOCKED`](crate::Checks::LOCKED).
pub const SECMALLOC_VERIFY_LOCKED: c_uint = 0x1;
/// See [`Checks::ADVICE`](crate::Checks::ADVICE).
pub const SECMALLOC_VERIFY_ADVICE: c_uint = 0x2;
/// See [`Checks::IDS`](crate::Checks::IDS).
pub const SECMALLOC_VERIFY_IDS: c_uint = 0x4;
/// See [`Checks::CAPABILITIES`](crate::Checks::CAPABILITIES).
pub const SECMALLOC_VERIFY_CAPABILITIES: c_uint = 0x8;
/// See [`Checks::DUMPABLE`](crate::Checks::DUMPABLE).
pub const SECMALLOC_VERIFY_DUMPABLE: c_uint = 0x10;
/// See [`Checks::CORE`](crate::Checks::CORE).
pub const SECMALLOC_VERIFY_CORE: c_uint = 0x20;
/// See [`Checks::SECRET`](crate::Checks::SECRET).
pub const SECMALLOC_VERIFY_SECRET: c_uint = 0x40;

#[allow(missing_docs)] // The names and contracts are those of the header.
extern "C" {
    pub fn secmalloc_init(config: *const secmalloc_config) -> c_int;
    pub fn secmalloc_fini();
    pub fn secmalloc_daemon(nochdir: c_int, noclose: c_int) -> c_int;
    pub fn secmalloc_error() -> *const c_char;
    pub fn secmalloc_version() -> *const c_char;

    pub fn secmalloc(size: usize) -> *mut c_void;
    pub fn seccalloc(nmemb: usize, size: usize) -> *mut c_void;
    pub fn secrealloc(ptr: *mut c_void, size: usize) -> *mut c_void;
    pub fn secfree(ptr: *mut c_void);
    pub fn secaligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    pub fn secstrdup(s: *const c_char) -> *mut c_char;
    pub fn secmemdup(p: *const c_void, size: usize) -> *mut c_void;
    pub fn secmalloc_usable_size(ptr: *const c_void) -> usize;
    pub fn secmalloc_owns(ptr: *const c_void) -> c_int;

    pub fn secmalloc_guarded(size: usize) -> *mut c_void;
    pub fn secmalloc_protect(ptr: *mut c_void, access: secmalloc_access) -> c_int;
    pub fn secmalloc_open(ptr: *mut c_void, access: secmalloc_access) -> c_int;
    pub fn secmalloc_close(ptr: *mut c_void) -> c_int;

    pub fn secmalloc_reserve(bytes: usize) -> c_int;
    pub fn secmalloc_trim() -> usize;

    pub fn secmalloc_wipe(p: *mut c_void, size: usize);
    pub fn secmalloc_equal(a: *const c_void, b: *const c_void, size: usize) -> c_int;

    pub fn secmalloc_stats(stats: *mut secmalloc_stats) -> c_int;
    pub fn secmalloc_audit() -> c_int;
    pub fn secmalloc_explain(addr: *const c_void, buf: *mut c_char, n: usize) -> c_int;
    pub fn secmalloc_verify(checks: c_uint) -> c_int;

    pub fn secmalloc_mlock(addr: *const c_void, size: usize) -> c_int;
    pub fn secmalloc_munlock(addr: *const c_void, size: usize) -> c_int;
    pub fn secmalloc_dontdump(addr: *const c_void, size: usize) -> c_int;
}
