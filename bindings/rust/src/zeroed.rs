// SPDX-License-Identifier: ISC
//! Types whose values may be made from zero bytes.

use std::num::Wrapping;

/// A type whose value may be all zero bytes, and which holds its secret itself.
///
/// Fresh memory of the arena is zero. Therefore a value of such a type exists
/// before any code has set it, and can be made in place, without a copy on the
/// stack. Integers, floating-point numbers, `bool`, `char`, and arrays and
/// tuples of such types are `Zeroed`. A structure of such fields becomes so with
/// [`impl_zeroed!`](crate::impl_zeroed), which checks each of them.
///
/// `Vec`, `String` and `Box` are not: what they point to is in ordinary memory,
/// so to keep one in a [`Secret`](crate::Secret) would protect nothing. Use
/// [`SecVec`](crate::SecVec) and [`SecString`](crate::SecString).
///
/// ```compile_fail,E0599
/// # secmalloc::Arena::builder().init().unwrap();
/// let secret = secmalloc::Secret::<String>::zeroed();
/// ```
///
/// # Safety
///
/// A value in which every byte is zero has to be valid. A reference, a
/// `NonZeroU32` and an enumeration without a variant 0 have no such value.
///
/// The type must have no interior mutability (`Cell`, atomics, `Mutex`): a
/// [`ReadGuard`](crate::ReadGuard) gives a shared reference to memory that
/// cannot be written.
pub unsafe trait Zeroed: Sized {}

macro_rules! plain {
    ($($type:ty)*) => {
        $(
            // SAFETY: Zero is a value of the type.
            unsafe impl Zeroed for $type {}
        )*
    };
}

plain! { () u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char }

// SAFETY: The bytes are those of the elements, which may be zero.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}
// SAFETY: The bytes are those of the field, which may be zero.
unsafe impl<T: Zeroed> Zeroed for Wrapping<T> {}
// SAFETY: The bytes are those of the fields, which may be zero, and padding.
unsafe impl<A: Zeroed> Zeroed for (A,) {}
// SAFETY: As above.
unsafe impl<A: Zeroed, B: Zeroed> Zeroed for (A, B) {}
// SAFETY: As above.
unsafe impl<A: Zeroed, B: Zeroed, C: Zeroed> Zeroed for (A, B, C) {}
// SAFETY: As above.
unsafe impl<A: Zeroed, B: Zeroed, C: Zeroed, D: Zeroed> Zeroed for (A, B, C, D) {}

/// Make a structure [`Zeroed`], if each of its fields is.
///
/// Name the structure and all of its fields. The fields of a tuple structure
/// have numbers. A generic structure needs an `unsafe impl` instead.
///
/// ```
/// struct Keys {
///     public: [u8; 32],
///     private: [u8; 32],
/// }
/// secmalloc::impl_zeroed!(Keys { public, private });
///
/// struct Scalar([u64; 4]);
/// secmalloc::impl_zeroed!(Scalar { 0 });
///
/// # fn main() -> secmalloc::Result<()> {
/// # secmalloc::Arena::builder().initial_pools(1).init()?;
/// let pair = secmalloc::Secret::new_with(|pair: &mut Keys| {
///     pair.private = [7; 32];
///     pair.public = [1; 32];
/// })?;
/// assert_eq!(pair.private[0] + pair.public[0], 8);
/// # Ok(())
/// # }
/// ```
///
/// It does not compile if a field is not `Zeroed`,
///
/// ```compile_fail,E0277
/// struct Login {
///     id: u32,
///     name: &'static str,
/// }
/// secmalloc::impl_zeroed!(Login { id, name });
/// ```
///
/// or if one is left out,
///
/// ```compile_fail
/// struct Login {
///     id: u32,
///     name: &'static str,
/// }
/// secmalloc::impl_zeroed!(Login { id });
/// ```
///
/// or for an enumeration.
///
/// ```compile_fail,E0574
/// enum Choice {
///     First = 1,
/// }
/// secmalloc::impl_zeroed!(Choice {});
/// ```
#[macro_export]
macro_rules! impl_zeroed {
    ($name:ident { $($field:tt),* $(,)? }) => {
        // SAFETY: The bytes are padding and those of the fields. The function
        // below does not compile unless all fields are listed, and are Zeroed.
        unsafe impl $crate::Zeroed for $name {}

        const _: fn(&$name) = |value| {
            #[allow(dead_code)]
            fn is_zeroed<T: $crate::Zeroed>(_: &T) {}

            let $name { $($field: _),* } = value;
            $(is_zeroed(&value.$field);)*
        };
    };
}
