// SPDX-License-Identifier: ISC
//! What a child of fork() gets, and that it may drop what it did not get.

#![deny(clippy::undocumented_unsafe_blocks)]

mod common;

use std::io::ErrorKind;
use std::panic::{self, AssertUnwindSafe};

use secmalloc::{Arena, Fork, SecVec, Secret};

extern "C" {
    fn fork() -> i32;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
}

/// Make an arena with a policy and a secret in it. Then run a function with the
/// secret in a child.
fn in_a_child(policy: Fork, function: fn(Secret<[u8; 32]>)) {
    let arena = match Arena::builder().initial_pools(1).fork(policy).init() {
        Ok(arena) => arena,
        Err(error) => return common::skip("policies", &error),
    };
    let mut secret = Some(Secret::new_with(|secret: &mut [u8; 32]| secret.fill(5)).unwrap());

    // SAFETY: The child runs this function only, and leaves with _exit(). The
    // fork handlers of libc let it allocate memory.
    match unsafe { fork() } {
        0 => {
            let secret = secret.take().unwrap();
            let result = panic::catch_unwind(AssertUnwindSafe(|| function(secret)));
            // SAFETY: It ends the child without the handlers of the parent.
            unsafe { _exit(i32::from(result.is_err())) }
        }
        pid => {
            let mut status = -1;

            assert!(pid > 0);
            // SAFETY: It writes to the variable.
            assert_eq!(unsafe { waitpid(pid, &mut status, 0) }, pid);
            assert_eq!(status, 0, "{:?}", policy);
        }
    }
    assert_eq!(secret.take().unwrap(), [5; 32]);
    // SAFETY: The secret was dropped, and no other thread uses the library.
    unsafe { arena.fini() };
}

/// The arenas follow one another, so they are one test.
#[test]
fn policies() {
    in_a_child(Fork::None, |secret| {
        assert!(!secmalloc::owns(&*secret));
        assert_eq!(
            secmalloc::stats().unwrap_err().kind(),
            ErrorKind::NotConnected
        );
        drop(secret);
        // It may have an arena of its own.
        Arena::builder().initial_pools(1).init().unwrap();
        SecVec::<u8>::zeroed(10).unwrap();
    });
    in_a_child(Fork::Keep, |mut secret| {
        assert_eq!(secret, [5; 32]);
        secret[0] = 1; // which the parent does not see
        assert_eq!(secmalloc::stats().unwrap().chunks, 1);
        drop(secret);
        assert_eq!(secmalloc::stats().unwrap().chunks, 0);
    });
    in_a_child(Fork::Wipe, |secret| {
        assert_eq!(*secret, [0; 32]);
        assert!(!secmalloc::owns(&*secret));
        assert_eq!(secmalloc::stats().unwrap().chunks, 0);
        drop(secret);
        SecVec::<u8>::zeroed(10).unwrap();
    });
}
