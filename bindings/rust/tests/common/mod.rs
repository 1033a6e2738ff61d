// SPDX-License-Identifier: ISC
//! What several tests need.

#![allow(dead_code)] // No test needs all of it.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Output};
use std::sync::Once;

use secmalloc::Arena;

/// Say that a test is skipped, and why. libtest shows what is printed by a test
/// only if it fails, so this writes to standard error by itself.
pub fn skip(test: &str, reason: &dyn std::fmt::Display) {
    let line = format!("{}: SKIPPED: {}\n", test, reason);
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Whether there is an arena for the tests of this process. If not, the test
/// that asks is skipped.
pub fn have_arena(test: &str) -> bool {
    static ONCE: Once = Once::new();

    ONCE.call_once(|| {
        if let Err(error) = Arena::builder().initial_pools(2).guarded_chunks(2).init() {
            skip("no arena", &error);
        }
    });
    if secmalloc::stats().is_err() {
        skip(test, &"there is no arena");
        return false;
    }
    true
}

/// Leave the test if there is no arena.
#[macro_export]
macro_rules! need_arena {
    ($test:expr) => {
        if !common::have_arena($test) {
            return;
        }
    };
}

const CHILD: &str = "SECMALLOC_TEST_CHILD";

/// Whether this process is to be the victim of a test, which `child` started.
pub fn is_child(test: &str) -> bool {
    env::var(CHILD).as_deref() == Ok(test)
}

/// Run one test of this program in a process of its own, in which `is_child`
/// is true.
pub fn child(test: &str) -> Output {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, test)
        .output()
        .unwrap()
}

/// The signal that ended a child, and what it wrote to standard error.
pub fn fate(output: &Output) -> (Option<i32>, String) {
    use std::os::unix::process::ExitStatusExt;

    (
        output.status.signal(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

pub const SIGABRT: i32 = 6;
pub const SIGSEGV: i32 = 11;
