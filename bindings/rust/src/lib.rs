//! A heap of locked memory for a daemon's secrets.
//!
//! SPDX-License-Identifier: ISC

#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]
#![cfg_attr(feature = "allocator-api", feature(allocator_api))]

mod arena;
mod error;
pub mod sys;

pub use arena::{audit, daemon, stats, verify, verify_only};
pub use arena::{Arena, Backing, Builder, Checks, Flags, Fork, Stats};
pub use error::{Error, Result};
