// SPDX-License-Identifier: ISC
//! A heap of locked memory for a daemon's secrets: keys, passwords, tokens.
//!
//! A daemon makes the [`Arena`] while it still may lock memory. From then on,
//! values are placed in locked memory without a system call and without any
//! privilege. They are never swapped out, are not in core dumps, and are wiped
//! when they are dropped. This crate is the interface to the C library
//! secmalloc, whose manual page secmalloc(7) says what it protects from.
//!
//! ```
//! use secmalloc::{Arena, SecString, Secret};
//!
//! # fn main() -> secmalloc::Result<()> {
//! Arena::builder().initial_pools(4).init()?;
//! // Drop privileges here, and ask secmalloc::verify() whether that worked.
//!
//! let key = Secret::new_with(|key: &mut [u8; 32]| key.fill(0x42))?;
//! let mut password = SecString::new();
//! password.push_str("correct horse")?;
//!
//! assert_eq!(key[31], 0x42);
//! assert_eq!(password, "correct horse");
//! # Ok(())
//! # }
//! ```
//!
//! | type | what it holds |
//! |---|---|
//! | [`Secret`] | one value, made in place |
//! | [`SecVec`] | a vector that leaves nothing behind when it grows |
//! | [`SecString`] | a string that does not print itself |
//! | [`Guarded`] | one value that is accessible only while a guard exists |
//! | `SecAllocator` | the contents of `Vec`, `Box` and others, with the feature `allocator-api` |
//!
//! # Failures
//!
//! Locked memory is scarce, so what needs some returns a [`Result`]. The
//! [`Error`] says what happened and how to fix it. Misuse, such as a write past
//! the end of a value by C code, ends the process: see
//! [`on_fault`](Builder::on_fault).
//!
//! # Copies
//!
//! A value is protected where these types hold it, and nowhere else. Whatever
//! copies it makes an unprotected one: `to_vec()`, `to_string()`, an array that
//! is passed by value, a buffered reader. The types here help to avoid copies:
//! their values are made in place, moving them moves a pointer, and they have
//! neither `Clone` nor `Display`.
//!
//! # Threads, signals, fork
//!
//! Any thread may use these types, which are `Send` and `Sync` as their values
//! are. In a signal handler, only [`wipe`], [`equal`], [`version`] and the
//! functions that they stand for in [`sys`] may be called. What a child of
//! fork(2) gets is chosen by [`Builder::fork`].
//!
//! # Linking
//!
//! The build script finds the library with the program `pkg-config`, or what
//! `PKG_CONFIG` names, and honors its `PKG_CONFIG_PATH` and other variables. With
//! `SECMALLOC_STATIC=1` or `PKG_CONFIG_ALL_STATIC=1`, it links the static
//! library. A shared library in a directory that the loader does not search
//! needs `LD_LIBRARY_PATH`, or an rpath in `RUSTFLAGS`. A section
//! `[target.TRIPLE.secmalloc]` in Cargo's configuration replaces the build
//! script.

#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
// A constant that holds an assertion is evaluated in a `let`. Rust 1.63 asks for
// a statement, which has a warning too.
#![allow(clippy::let_unit_value)]
#![warn(missing_docs)]
#![cfg_attr(feature = "allocator-api", feature(allocator_api))]

#[cfg(feature = "allocator-api")]
mod allocator;
mod arena;
mod bytes;
mod chunk;
mod error;
mod guarded;
pub mod lock;
mod secret;
mod string;
pub mod sys;
mod vec;
mod zeroed;

#[cfg(feature = "allocator-api")]
pub use allocator::SecAllocator;
pub use arena::{audit, daemon, reserve, stats, trim, verify, verify_only};
pub use arena::{Arena, Backing, Builder, Checks, Flags, Fork, Stats};
pub use bytes::{equal, explain, owns, version, wipe};
pub use error::{Error, Result};
pub use guarded::{Guarded, ReadGuard, WriteGuard};
pub use secret::Secret;
pub use string::{FromUtf8Error, SecString};
pub use vec::SecVec;
pub use zeroed::Zeroed;
