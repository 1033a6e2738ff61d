// SPDX-License-Identifier: ISC
//! Bytes and addresses of any memory.

use std::ffi::CStr;
use std::mem;
use std::os::raw::c_char;

use crate::sys;
use crate::zeroed::Zeroed;

/// Overwrite values with zeros. The compiler does not remove the call, even if
/// the memory is never read again. It needs no arena.
///
/// ```
/// let mut digits = *b"1234";
/// secmalloc::wipe(&mut digits);
/// assert_eq!(digits, [0; 4]);
/// ```
pub fn wipe<T: Zeroed>(values: &mut [T]) {
    // SAFETY: The function writes zeros to these bytes only, which leaves valid
    // values.
    unsafe { sys::secmalloc_wipe(values.as_mut_ptr().cast(), mem::size_of_val(values)) }
}

/// Compare bytes, in a time that depends on the lengths alone. It needs no
/// arena.
///
/// ```
/// let expected = [0x5a; 16];
/// assert!(secmalloc::equal(&expected, &[0x5a; 16]));
/// assert!(!secmalloc::equal(&expected, &[0x5a; 15]));
/// ```
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // SAFETY: The function reads a.len() bytes of both.
    unsafe { sys::secmalloc_equal(a.as_ptr().cast(), b.as_ptr().cast(), a.len()) == 1 }
}

/// Whether the address is that of a byte of a live chunk, or the start of a
/// chunk without bytes. Any address is allowed.
///
/// ```
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// let key = secmalloc::Secret::<[u8; 32]>::zeroed()?;
/// assert!(secmalloc::owns(&key[31]));
/// assert!(!secmalloc::owns(&key));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn owns<T: ?Sized>(address: *const T) -> bool {
    // SAFETY: The function dereferences no address.
    unsafe { sys::secmalloc_owns(address.cast()) == 1 }
}

/// Describe an address in one line, such as "inside a free slot of 48 bytes,
/// pool 0". Any address is allowed, and it needs no arena.
///
/// ```
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// let key = secmalloc::Secret::<[u8; 32]>::zeroed()?;
/// println!("{}", secmalloc::explain(&*key));
/// assert_eq!(secmalloc::explain(&key), "not an address of this library");
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn explain<T: ?Sized>(address: *const T) -> String {
    // secmalloc.h: 120 bytes are always enough.
    let mut text: [c_char; 120] = [0; 120];

    // SAFETY: The function dereferences no address, and writes a string to no
    // more than the array.
    let words = unsafe {
        sys::secmalloc_explain(address.cast(), text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr())
    };
    words.to_string_lossy().into_owned()
}

/// The version of the library that is running, such as "1.1.0".
#[must_use]
pub fn version() -> &'static str {
    // SAFETY: The string is a constant of the library.
    let words = unsafe { CStr::from_ptr(sys::secmalloc_version()) };

    words.to_str().unwrap_or("")
}
