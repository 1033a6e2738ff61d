// SPDX-License-Identifier: ISC
//! daemon() takes secrets along. It refuses to run in a process with threads,
//! as every test of libtest is one, so this test has a main() of its own.

#![deny(clippy::undocumented_unsafe_blocks)]

mod common;

use std::env;
use std::io::ErrorKind;
use std::process::{self, Command};
use std::thread;

use secmalloc::{Arena, Guarded, SecString};

const ROLE: &str = "SECMALLOC_TEST_DAEMON";

fn main() {
    if env::var_os(ROLE).is_some() {
        return be_daemon();
    }
    // The output ends when the daemon does.
    let output = Command::new(env::current_exe().unwrap())
        .env(ROLE, "1")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout);

    if let Some(reason) = words.strip_prefix("SKIPPED: ") {
        return common::skip("daemon", &reason.trim_end());
    }
    assert!(output.status.success(), "{:?}", output);
    assert_eq!(
        words, "threads refused\nsecrets kept in /\n",
        "{:?}",
        output
    );
    println!("daemon: ok");
}

fn be_daemon() {
    if let Err(error) = Arena::builder().initial_pools(1).guarded_chunks(1).init() {
        return println!("SKIPPED: {}", error);
    }
    let before = process::id();
    let password = SecString::try_from("horse").unwrap();
    let key = Guarded::new_with(|key: &mut [u8; 32]| key.fill(1)).unwrap();

    let refused = thread::spawn(|| secmalloc::daemon(true, false))
        .join()
        .unwrap();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
    println!("threads refused");

    secmalloc::daemon(true, false).unwrap();
    assert_ne!(process::id(), before);
    assert_eq!(password, "horse");
    assert_eq!(*key.read().unwrap(), [1; 32]);
    secmalloc::verify_only(secmalloc::Checks::LOCKED).unwrap();
    println!("secrets kept in {}", env::current_dir().unwrap().display());
}
