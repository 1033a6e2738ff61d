// SPDX-License-Identifier: ISC
//! The life of an arena: what is refused before it and after it, and that its
//! configuration reaches the library.

#![deny(clippy::undocumented_unsafe_blocks)]

mod common;

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};

use secmalloc::{Arena, Backing, Builder, Checks, Flags, Fork, Guarded, SecVec, Secret};

/// Not the default.
const POOL_BYTES: usize = 128 * 1024;
const LOW_BYTES: usize = 120_000;

static LOW: AtomicUsize = AtomicUsize::new(0);

fn on_low(free_bytes: usize) {
    LOW.store(free_bytes, Ordering::SeqCst);
}

/// The arenas follow one another, so they are one test.
#[test]
fn life() {
    // There is none yet.
    let error = Secret::<u64>::zeroed().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert!(error.to_string().contains("secmalloc_init()"), "{}", error);
    for result in [
        secmalloc::audit(),
        secmalloc::stats().map(|_| ()),
        secmalloc::verify_only(Checks::LOCKED),
        secmalloc::daemon(false, false),
        secmalloc::reserve(1),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::NotConnected);
    }

    assert_eq!(secmalloc::trim(), 0);

    // A field out of range is named.
    let error = Arena::builder().max_bytes(1).init().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("max_bytes"), "{}", error);
    let error = Arena::builder().pool_size(1).init().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("pool_size"), "{}", error);

    let arena = match Arena::builder()
        .initial_pools(2)
        .max_pools(3)
        .pool_size(POOL_BYTES)
        .flags(Flags::CHECK_WHOLE | Flags::NO_MEMBARRIER)
        .guarded_chunks(3)
        .guarded_size(5000)
        .backing(Backing::Locked)
        .fork(Fork::Wipe)
        .on_low(LOW_BYTES, on_low)
        .init()
    {
        Ok(arena) => arena,
        Err(error) => return common::skip("life", &error),
    };
    let stats = secmalloc::stats().unwrap();
    assert_eq!(stats.pools_initial, 2);
    assert_eq!(stats.pools_max, 3);
    assert_eq!(stats.pool_bytes, 2 * POOL_BYTES as u64);
    assert_eq!(stats.guarded_free, 3);
    assert!(stats.guarded_bytes >= 3 * 5000);
    assert_eq!(
        stats.backing,
        u64::from(secmalloc::sys::SECMALLOC_BACKING_LOCKED)
    );

    // There is only one.
    let error = Arena::builder().init().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);

    secmalloc::audit().unwrap();
    match secmalloc::verify_only(Checks::LOCKED | Checks::ADVICE) {
        Err(error) if error.kind() == ErrorKind::Unsupported => common::skip("verify", &error),
        result => result.unwrap(),
    }
    let error = secmalloc::verify_only(Checks::SECRET).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);

    // The hook is called, and may use the arena.
    assert_eq!(LOW.load(Ordering::SeqCst), 0);
    let half = SecVec::<u8>::with_capacity(POOL_BYTES - 5000).unwrap();
    let most = SecVec::<u8>::with_capacity(POOL_BYTES / 4).unwrap();
    let low = LOW.load(Ordering::SeqCst);
    assert!(0 < low && low < LOW_BYTES, "{}", low);
    assert_eq!(secmalloc::stats().unwrap().low_crossings, 1);
    drop((half, most));

    // Dropping it ends nothing.
    std::thread::spawn(move || arena).join().unwrap();
    drop(Secret::<u64>::zeroed().unwrap());

    // SAFETY: No value is left, and no other thread uses the library.
    unsafe { secmalloc::sys::secmalloc_fini() };
    assert!(secmalloc::stats().is_err());

    // Another one. An explicit end works too.
    let arena = Arena::builder().initial_pools(1).init().unwrap();
    assert_eq!(secmalloc::stats().unwrap().low_crossings, 0);
    // SAFETY: As above.
    unsafe { arena.fini() };
    assert!(secmalloc::stats().is_err());
}

/// Run the part of a test that needs an arena with a configuration of its own,
/// in a process of its own. Returns its fate, unless it had to be skipped.
fn with_arena(
    test: &str,
    configure: fn(Builder) -> Builder,
    part: fn(),
) -> Option<(Option<i32>, String)> {
    if common::is_child(test) {
        match configure(Arena::builder().initial_pools(1).guarded_chunks(1)).init() {
            Ok(_) => part(),
            Err(error) => common::skip(test, &error),
        }
        return None;
    }
    let (signal, words) = common::fate(&common::child(test));
    if words.contains("SKIPPED") {
        common::skip(test, &words);
        return None;
    }
    Some((signal, words))
}

#[test]
fn faults_are_explained() {
    let fate = with_arena(
        "faults_are_explained",
        |builder| builder.flags(Flags::CHECK_WHOLE | Flags::EXPLAIN_FAULTS),
        || {
            let mut at = std::ptr::null();
            let _key = Guarded::new_with(|key: &mut [u8; 32]| at = key.as_ptr()).unwrap();
            // SAFETY: It is not safe, which is what the test is about.
            unsafe { at.read_volatile() };
        },
    );

    if let Some((signal, words)) = fate {
        assert_eq!(signal, Some(common::SIGSEGV), "{}", words);
        assert!(words.contains("guarded chunk of 32 bytes"), "{}", words);
    }
}

#[test]
fn dumps_are_prevented() {
    let fate = with_arena(
        "dumps_are_prevented",
        |builder| {
            let error = secmalloc::verify_only(Checks::DUMPABLE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            builder.flags(Flags::NODUMP)
        },
        || {
            let result = secmalloc::verify_only(Checks::DUMPABLE | Checks::CORE);
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", error);
                common::skip("dumps_are_prevented", &error);
            }
        },
    );

    if let Some((signal, words)) = fate {
        assert!(signal.is_none() && words.is_empty(), "{}", words);
    }
}

#[test]
fn memory_is_secret() {
    let fate = with_arena(
        "memory_is_secret",
        |builder| builder.backing(Backing::Secret),
        || {
            assert_eq!(
                secmalloc::stats().unwrap().backing,
                u64::from(secmalloc::sys::SECMALLOC_BACKING_SECRET)
            );
            match secmalloc::verify_only(Checks::SECRET | Checks::LOCKED) {
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    common::skip("memory_is_secret", &error);
                }
                result => result.unwrap(),
            }
        },
    );

    if let Some((signal, words)) = fate {
        assert!(signal.is_none() && words.is_empty(), "{}", words);
    }
}

fn free_twice() {
    // SAFETY: It is not safe, which is what the tests are about.
    unsafe {
        let chunk = secmalloc::sys::secmalloc(32);
        secmalloc::sys::secfree(chunk);
        secmalloc::sys::secfree(chunk);
    }
}

#[test]
fn misuse_calls_on_fault() {
    let fate = with_arena(
        "misuse_calls_on_fault",
        |builder| builder.on_fault(|line| eprint!("hook: {}", line.to_str().unwrap())),
        free_twice,
    );

    if let Some((signal, words)) = fate {
        assert_eq!(signal, Some(common::SIGABRT), "{}", words);
        let mut lines = words.lines();
        let line = lines.find_map(|line| line.strip_prefix("hook: "));
        // The library wrote the same line by itself.
        assert!(words.lines().any(|other| Some(other) == line), "{}", words);
    }
}

/// A panic does not unwind into the library.
#[test]
fn panic_in_a_hook_aborts() {
    let fate = with_arena(
        "panic_in_a_hook_aborts",
        |builder| builder.on_low(40_000, |_| panic!("in the hook")),
        || {
            let _ = SecVec::<u8>::with_capacity(40_000);
            eprintln!("unwound, or not called");
        },
    );

    if let Some((signal, words)) = fate {
        assert_eq!(signal, Some(common::SIGABRT), "{}", words);
        assert!(words.contains("in the hook"), "{}", words);
        assert!(!words.contains("unwound"), "{}", words);
    }
}

#[test]
fn version_is_that_of_the_header() {
    let number = secmalloc::sys::SECMALLOC_VERSION_NUMBER;
    let header = format!("{}.{}.", number >> 16, number >> 8 & 0xff);

    assert!(secmalloc::version().starts_with(&header));
    assert!(env!("CARGO_PKG_VERSION").starts_with(&header));
}

/// An error is a copy of the words, which later failures do not change, and it
/// becomes an io::Error with the same words.
#[test]
fn errors_keep_their_words() {
    let fail = |pool_size| {
        Arena::builder()
            .pool_size(pool_size)
            .init()
            .expect_err("a pool of so many bytes")
    };
    let first = fail(1);
    let words = first.to_string();
    let second = fail(3);

    assert_ne!(words, second.to_string());
    assert_eq!(words, first.to_string());
    assert_eq!(first.raw_os_error(), 22);
    assert_eq!(
        format!("{:?}", first),
        format!("Error {{ code: 22, words: \"{}\" }}", words)
    );

    let error = io::Error::from(first);
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), words);
    assert!(error.get_ref().unwrap().is::<secmalloc::Error>());
}
