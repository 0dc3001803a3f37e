//! Which types a rule is for: a rule for another one is a mistake that the compiler tells.

/// A type with a text, which the rules for texts are for.
#[diagnostic::on_unimplemented(
    message = "this rule is for texts, and `{Self}` is none",
    label = "not a `String`, nor an `Option` of one"
)]
pub trait Textual {}

impl Textual for String {}
impl<T: Textual> Textual for Option<T> {}

/// A number, which `range` is for.
#[diagnostic::on_unimplemented(
    message = "`range` is for numbers, and `{Self}` is none",
    label = "not a number, nor an `Option` of one"
)]
pub trait Numeric {}

impl<T: Numeric> Numeric for Option<T> {}

/// What has a length, which `length` is for.
#[diagnostic::on_unimplemented(
    message = "`length` is for texts and lists, and `{Self}` is neither",
    label = "not a `String` or a `Vec`, nor an `Option` of one"
)]
pub trait Measured {}

impl Measured for String {}
impl<T> Measured for Vec<T> {}
impl<T: Measured> Measured for Option<T> {}

/// Compiles where the rules for texts are for the type.
pub const fn textual<T: Textual>() {}

/// Compiles where `range` is for the type.
pub const fn numeric<T: Numeric>() {}

/// Compiles where `length` is for the type.
pub const fn measured<T: Measured>() {}
