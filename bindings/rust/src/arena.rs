// SPDX-License-Identifier: ISC
//! Making the arena, and looking at it.

use std::ffi::CStr;
use std::mem;
use std::os::raw::{c_char, c_int, c_uint};
use std::process;
use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::sys;

/// The counters of an arena, as [`stats()`] returns them.
pub type Stats = sys::secmalloc_stats;

/// A set of bits of the C interface.
macro_rules! bits {
    ($(#[$about:meta])* $name:ident {
        $($(#[$bit_about:meta])* $bit:ident = $value:path,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(c_uint);

        impl $name {
            $($(#[$bit_about])* pub const $bit: $name = $name($value);)*
        }

        impl std::ops::BitOr for $name {
            type Output = $name;

            fn bitor(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }
    };
}

bits! {
    /// For [`Builder::flags`]. Sets are joined with `|`.
    Flags {
        /// When freed memory is handed out again, check that all of it still
        /// reads as zero, and not only the first 256 bytes. The flag also
        /// extends the checks of a guarded chunk to more than a page before it.
        CHECK_WHOLE = sys::SECMALLOC_CHECK_WHOLE,
        /// Never call membarrier(2). Set it if the process installs a system
        /// call filter that kills on membarrier(2). It costs a few nanoseconds
        /// in each call.
        NO_MEMBARRIER = sys::SECMALLOC_NO_MEMBARRIER,
        /// Prevent core dumps of the process, and prevent other processes of
        /// the same user from tracing it. A change of uid or gid and execve(2)
        /// may undo it, see secmalloc_init(3); [`verify()`] tells.
        NODUMP = sys::SECMALLOC_NODUMP,
        /// When SIGSEGV or SIGBUS hits an address of the library, write one
        /// line to standard error that explains the address. Then the handler
        /// does what the previous one would have done.
        EXPLAIN_FAULTS = sys::SECMALLOC_EXPLAIN_FAULTS,
    }
}

bits! {
    /// For [`verify_only()`]. Sets are joined with `|`.
    Checks {
        /// The pools, the guarded chunks and the page of the canary key are
        /// locked and resident in memory.
        LOCKED = sys::SECMALLOC_VERIFY_LOCKED,
        /// The same are excluded from core dumps, from merging with equal pages
        /// and, except with [`Fork::Keep`], from children.
        ADVICE = sys::SECMALLOC_VERIFY_ADVICE,
        /// In each thread, the uids are equal and not 0, and so are the gids.
        /// Group 0 is not among the supplementary groups. No thread could
        /// change that.
        IDS = sys::SECMALLOC_VERIFY_IDS,
        /// No thread has a permitted, effective, inheritable or ambient
        /// capability.
        CAPABILITIES = sys::SECMALLOC_VERIFY_CAPABILITIES,
        /// The process leaves no core dump, and other processes of its user
        /// cannot trace it.
        DUMPABLE = sys::SECMALLOC_VERIFY_DUMPABLE,
        /// `RLIMIT_CORE` prevents core dumps.
        CORE = sys::SECMALLOC_VERIFY_CORE,
        /// The arena consists of secret memory. [`verify()`] leaves this check
        /// out.
        SECRET = sys::SECMALLOC_VERIFY_SECRET,
    }
}

/// The kind of memory that holds the pools, for [`Builder::backing`].
///
/// Both kinds count against `RLIMIT_MEMLOCK`. An arena has one kind only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backing {
    /// Private memory, locked with mlock(2). The default.
    Locked,
    /// memfd_secret(2). No other process can read these pages, not even as
    /// root. Locking takes longer, the system cannot hibernate, and a value in
    /// such memory cannot be the target of direct I/O.
    Secret,
    /// Secret memory where it is available, and locked memory otherwise. The
    /// field `backing` of [`Stats`] reports which was chosen.
    Auto,
}

/// What a child of fork(2) gets of the arena, for [`Builder::fork`]. See
/// secmalloc_init(3) for the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fork {
    /// Nothing. The addresses of the pools stay inaccessible in the child, so
    /// that it must not use a value which it inherited. It may drop the value,
    /// which does nothing. The default.
    None,
    /// A copy of all pools, locked before fork(2) returns. Values are live in
    /// both processes. If the copy cannot be locked, the child gets nothing.
    Keep,
    /// A new, empty arena. The addresses of the parent's pools read as zero.
    Wipe,
}

/// The configuration of an arena that is still to be made. The methods have the
/// names of the fields of `struct secmalloc_config`, and zero always stands for
/// the default.
///
/// ```
/// use secmalloc::{Arena, Backing, Flags};
///
/// fn low(free_bytes: usize) {
///     eprintln!("only {} bytes of locked memory are left", free_bytes);
/// }
///
/// # fn main() -> secmalloc::Result<()> {
/// Arena::builder()
///     .initial_pools(4)
///     .max_pools(8)
///     .flags(Flags::CHECK_WHOLE | Flags::EXPLAIN_FAULTS)
///     .backing(Backing::Auto)
///     .on_low(4096, low)
///     .init()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a configuration makes no arena until init() is called"]
pub struct Builder {
    config: sys::secmalloc_config,
}

impl Builder {
    /// The number of pools to lock before [`init`](Builder::init) returns.
    /// Without any, each pool is locked when it is first needed, which works
    /// only as long as the process may lock memory.
    pub fn initial_pools(mut self, pools: usize) -> Builder {
        self.config.initial_pools = pools;
        self
    }

    /// The maximum number of pools, including the initial ones. By default, as
    /// many as fit in a reservation of 8 GiB of addresses.
    pub fn max_pools(mut self, pools: usize) -> Builder {
        self.config.max_pools = pools;
        self
    }

    /// The most bytes that all pools together may have. By default there is no
    /// limit but `max_pools`.
    pub fn max_bytes(mut self, bytes: usize) -> Builder {
        self.config.max_bytes = bytes;
        self
    }

    /// The size of a pool in bytes, a multiple of the page size. By default
    /// 64 KiB, or less where the lock limit leaves less room.
    pub fn pool_size(mut self, bytes: usize) -> Builder {
        self.config.pool_size = bytes;
        self
    }

    /// The flags. A second call replaces those of the first.
    pub fn flags(mut self, flags: Flags) -> Builder {
        self.config.flags = flags.0;
        self
    }

    /// A function that is called once when misuse has been detected, after the
    /// line about it was written to standard error and before abort(3). It is
    /// passed that line. Every call into the arena fails inside it. A panic in
    /// it ends the process at once.
    ///
    /// It is a function, or a closure without captures: anything else does not
    /// compile.
    ///
    /// ```compile_fail,E0277
    /// let prefix = String::from("fault: ");
    /// let _ = secmalloc::Arena::builder()
    ///     .on_fault(move |line| eprintln!("{}{:?}", prefix, line))
    ///     .init();
    /// ```
    pub fn on_fault<F>(mut self, _: F) -> Builder
    where
        F: Fn(&CStr) + Copy + Send + Sync + 'static,
    {
        self.config.on_fault = Some(call_on_fault::<F>);
        let () = Hook::<F>::HAS_NO_CAPTURES;
        self
    }

    /// The number of guarded chunks to prepare and lock. When all are in use,
    /// the library makes more as long as the process may lock memory.
    pub fn guarded_chunks(mut self, chunks: usize) -> Builder {
        self.config.guarded_chunks = chunks;
        self
    }

    /// The largest size in bytes of each of the prepared guarded chunks. By
    /// default, what fits in one page, which is its size less 16.
    pub fn guarded_size(mut self, bytes: usize) -> Builder {
        self.config.guarded_size = bytes;
        self
    }

    /// The kind of memory that holds the pools.
    pub fn backing(mut self, backing: Backing) -> Builder {
        self.config.backing = match backing {
            Backing::Locked => sys::SECMALLOC_BACKING_LOCKED,
            Backing::Secret => sys::SECMALLOC_BACKING_SECRET,
            Backing::Auto => sys::SECMALLOC_BACKING_AUTO,
        };
        self
    }

    /// What a child of fork(2) gets.
    pub fn fork(mut self, fork: Fork) -> Builder {
        self.config.fork = match fork {
            Fork::None => sys::SECMALLOC_FORK_NONE,
            Fork::Keep => sys::SECMALLOC_FORK_KEEP,
            Fork::Wipe => sys::SECMALLOC_FORK_WIPE,
        };
        self
    }

    /// A function that is called when fewer than `low_bytes` bytes of the pools
    /// are free. It is passed the number of free bytes. It is called once each
    /// time the number falls below `low_bytes`, by the thread whose call does
    /// that, at the end of the call. These are the fields `low_bytes` and
    /// `on_low`.
    ///
    /// It may use any value of this crate, and must return: a panic in it ends
    /// the process at once. It is a function, or a closure without captures:
    ///
    /// ```compile_fail,E0080
    /// let kept = 512;
    /// let _ = secmalloc::Arena::builder()
    ///     .on_low(4096, move |free_bytes| eprintln!("{}", free_bytes - kept))
    ///     .init();
    /// ```
    pub fn on_low<F>(mut self, low_bytes: usize, _: F) -> Builder
    where
        F: Fn(usize) + Copy + Send + Sync + 'static,
    {
        self.config.low_bytes = low_bytes;
        self.config.on_low = Some(call_on_low::<F>);
        let () = Hook::<F>::HAS_NO_CAPTURES;
        self
    }

    /// Make the arena of this process. The call either locks everything that
    /// was requested or fails as a whole.
    ///
    /// # Errors
    ///
    /// Those of secmalloc_init(3). In particular, a library that finds an arena
    /// already made simply uses it:
    ///
    /// ```
    /// # fn main() -> secmalloc::Result<()> {
    /// match secmalloc::Arena::builder().init() {
    ///     Ok(_) => {}
    ///     Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
    ///     Err(e) => return Err(e),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn init(self) -> Result<Arena> {
        // SAFETY: The configuration is read only during the call. Its functions
        // accept every argument that the library passes.
        check(unsafe { sys::secmalloc_init(&self.config) })?;
        Ok(Arena { _made: () })
    }
}

/// The process's arena. There can be only one at a time.
///
/// Dropping an `Arena` ends nothing, because values in other threads and in
/// static variables may still need it. The kernel clears locked memory when the
/// process ends. [`fini`](Arena::fini) ends the arena.
///
/// ```
/// # fn main() -> secmalloc::Result<()> {
/// use secmalloc::{Arena, SecString};
///
/// Arena::builder().initial_pools(4).init()?;
/// // Drop privileges here. Locked memory needs none from now on.
///
/// let mut password = SecString::new();
/// password.push_str("correct horse")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Arena {
    _made: (),
}

impl Arena {
    /// A configuration in which every field has its default.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Wipe everything in the arena and unmap it. Another one may be made then.
    ///
    /// # Safety
    ///
    /// No value of this crate's types may be used or dropped after that, and no
    /// other call of the library may be in progress in any thread. That is true
    /// of values that are dropped after `main`, and of those that C code holds.
    pub unsafe fn fini(self) {
        // SAFETY: The caller promises what the function demands.
        unsafe { sys::secmalloc_fini() }
    }
}

/// Ask the kernel whether the daemon and its arena are as they should be once
/// privileges have been dropped: all [`Checks`] except [`Checks::SECRET`]. A
/// daemon calls this at that point, and stops if it fails.
///
/// # Errors
///
/// `PermissionDenied` if a check failed: the [`Error`] names each of them and
/// its remedy. Also those of secmalloc_verify(3).
///
/// ```no_run
/// # fn main() -> secmalloc::Result<()> {
/// # let drop_privileges = || {};
/// secmalloc::Arena::builder().initial_pools(4).init()?;
/// drop_privileges();
/// secmalloc::verify()?;
/// # Ok(())
/// # }
/// ```
pub fn verify() -> Result<()> {
    verify_only(Checks::default())
}

/// Make some of the checks of [`verify()`]. An empty set stands for those that
/// `verify()` makes.
///
/// ```
/// # fn main() -> secmalloc::Result<()> {
/// use secmalloc::{verify_only, Checks};
///
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// verify_only(Checks::LOCKED | Checks::ADVICE)?;
/// # Ok(())
/// # }
/// ```
pub fn verify_only(checks: Checks) -> Result<()> {
    // SAFETY: The function accepts every argument.
    check(unsafe { sys::secmalloc_verify(checks.0) })
}

/// Put the process into the background, and move the arena along, whatever
/// [`Fork`] says. Values keep their addresses and stay locked.
///
/// The process forks once, and the call returns in the child. The parent exits.
/// The child changes to the root directory if `change_directory` is set, and
/// redirects the standard streams to `/dev/null` if `close_streams` is set.
///
/// Call it before the process starts threads and while it may lock memory.
///
/// # Errors
///
/// Those of secmalloc_daemon(3), in the parent, where nothing has changed. In
/// particular, `Unsupported` if the process has other threads.
pub fn daemon(change_directory: bool, close_streams: bool) -> Result<()> {
    // SAFETY: The function refuses to fork if there are other threads.
    check(unsafe {
        sys::secmalloc_daemon(c_int::from(!change_directory), c_int::from(!close_streams))
    })
}

/// The counters of the arena, all from one moment.
///
/// ```
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// let _key = secmalloc::Secret::<[u8; 32]>::zeroed()?;
/// let stats = secmalloc::stats()?;
///
/// assert_eq!(stats.chunks, 1);
/// assert_eq!(stats.chunk_bytes, 32);
/// # Ok(())
/// # }
/// ```
pub fn stats() -> Result<Stats> {
    let mut stats = Stats::default();

    // SAFETY: The function writes to no more than the structure.
    check(unsafe { sys::secmalloc_stats(&mut stats) })?;
    Ok(stats)
}

/// Lock `bytes` more than are free now. What was reserved is not given back
/// before the arena ends, and a value of that size fits.
///
/// ```
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// secmalloc::reserve(100_000)?;
/// assert!(secmalloc::stats()?.largest_free >= 100_000);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of secmalloc_reserve(3). Nothing is locked then.
pub fn reserve(bytes: usize) -> Result<()> {
    // SAFETY: The function accepts every argument.
    check(unsafe { sys::secmalloc_reserve(bytes) })
}

/// Give back all memory that is not in use, except for the initial pools and
/// what was reserved. Returns how many bytes were given back: 0 if there is no
/// arena.
///
/// What was given back can be locked again only as long as the lock limit
/// allows it. A process that has dropped its privileges and has a limit of 0
/// cannot do that.
///
/// ```
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// drop(secmalloc::Secret::<[u8; 100_000]>::zeroed()?);
/// assert!(secmalloc::trim() > 0);
/// assert_eq!(secmalloc::trim(), 0);
/// # Ok(())
/// # }
/// ```
pub fn trim() -> usize {
    // SAFETY: The function takes no arguments, and values keep their memory.
    unsafe { sys::secmalloc_trim() }
}

/// Check the arena for damage: all of its structures, every canary, and that
/// free memory reads as zero. The time it takes grows with the arena.
///
/// # Errors
///
/// `InvalidData` if there is damage, `NotConnected` if there is no arena.
pub fn audit() -> Result<()> {
    // SAFETY: The function takes no arguments and changes nothing.
    check(unsafe { sys::secmalloc_audit() })
}

/// What a function that returns 0 or -1 returned.
pub(crate) fn check(returned: c_int) -> Result<()> {
    if returned == 0 {
        Ok(())
    } else {
        Err(Error::last())
    }
}

/// C calls a function without an argument of our own. Therefore a hook must be
/// a type with one value only, which can be made anywhere.
struct Hook<F>(F);

impl<F: Copy + Send + Sync + 'static> Hook<F> {
    const HAS_NO_CAPTURES: () = assert!(
        mem::size_of::<F>() == 0,
        "give a function or a closure without captures"
    );

    fn get() -> F {
        let () = Hook::<F>::HAS_NO_CAPTURES;
        // SAFETY: F has no bytes. The builder was given a value of it, so it has
        // one; F is Copy, Send, Sync and 'static, so there may be another in any
        // thread at any time.
        unsafe { NonNull::<F>::dangling().as_ptr().read() }
    }
}

/// Ends the process if it is dropped. A panic must not unwind into C.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        process::abort();
    }
}

unsafe extern "C" fn call_on_fault<F>(line: *const c_char)
where
    F: Fn(&CStr) + Copy + Send + Sync + 'static,
{
    let bomb = AbortOnPanic;

    // SAFETY: The library passes a string that is valid during this call.
    Hook::<F>::get()(unsafe { CStr::from_ptr(line) });
    mem::forget(bomb);
}

unsafe extern "C" fn call_on_low<F>(free_bytes: usize)
where
    F: Fn(usize) + Copy + Send + Sync + 'static,
{
    let bomb = AbortOnPanic;

    Hook::<F>::get()(free_bytes);
    mem::forget(bomb);
}
