//! What the parameters of a context can be, and how they are written.

/// A type that a parameter of a context can have.
///
/// Integers, `bool`, `String`, and `Option` of any of them; with the crate's features `uuid` and
/// `chrono` also `uuid::Uuid`, `chrono::NaiveDate` and `chrono::DateTime<Utc>`. A newtype of your
/// own can be one too.
///
/// # Example
///
/// ```
/// use mizan::context::{ContextParam, Value};
///
/// #[derive(Clone, PartialEq)]
/// struct UserId(i64);
///
/// impl ContextParam for UserId {
///     const EXPECTED: &'static str = i64::EXPECTED;
///
///     fn to_value(&self) -> Value {
///         self.0.to_value()
///     }
///
///     fn from_value(value: Value) -> Option<Self> {
///         i64::from_value(value).map(UserId)
///     }
/// }
///
/// #[mizan::context]
/// pub struct ProfileContext {
///     user_id: UserId,
/// }
/// # let _ = ProfileContext { user_id: UserId(1) };
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a parameter",
    label = "not a type of parameter",
    note = "a parameter is a whole number, `bool`, `String`, an `Option` of these, or a type that implements `mizan::context::ContextParam`"
)]
pub trait ContextParam: Clone + PartialEq + Send + Sync + 'static {
    /// What a value has to be, behind "is not": `a whole number from 0 to 255`.
    const EXPECTED: &'static str;

    /// Writes the value. Different values are written differently.
    fn to_value(&self) -> Value;

    /// Reads what [`to_value`](Self::to_value) wrote, or the text of it out of a URL.
    fn from_value(value: Value) -> Option<Self>;
}

/// The value of a parameter, as the wire knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// No value: `None`, or a parameter that is missing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number that is too large for the other. (One type for both would have 128 bits,
    /// whose arithmetic is kilobytes of WebAssembly.)
    Large(u64),
    /// Any text, and what is written as one.
    Text(String),
}

macro_rules! integers {
    ($($ty:ident, $expected:literal;)*) => {$(
        impl ContextParam for $ty {
            const EXPECTED: &'static str = $expected;

            fn to_value(&self) -> Value {
                Value::Integer((*self).into())
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Integer(number) => number.try_into().ok(),
                    Value::Text(text) => text.parse().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

integers! {
    i8, "a whole number from -128 to 127";
    i16, "a whole number from -32768 to 32767";
    i32, "a whole number from -2147483648 to 2147483647";
    i64, "a whole number of 64 bits";
    u8, "a whole number from 0 to 255";
    u16, "a whole number from 0 to 65535";
    u32, "a whole number from 0 to 4294967295";
}

impl ContextParam for u64 {
    const EXPECTED: &'static str = "a whole number of 64 bits from 0";

    fn to_value(&self) -> Value {
        match i64::try_from(*self) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Large(*self),
        }
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Integer(number) => number.try_into().ok(),
            Value::Large(number) => Some(number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl ContextParam for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(flag),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl ContextParam for String {
    const EXPECTED: &'static str = "a text";

    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<T: ContextParam> ContextParam for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// Types that have a text of their own.
#[cfg(any(feature = "uuid", feature = "chrono"))]
macro_rules! texts {
    ($($ty:ty, $expected:literal;)*) => {$(
        impl ContextParam for $ty {
            const EXPECTED: &'static str = $expected;

            fn to_value(&self) -> Value {
                Value::Text(self.to_string())
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Text(text) => text.parse().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

#[cfg(feature = "uuid")]
texts! { uuid::Uuid, "a UUID"; }

#[cfg(feature = "chrono")]
texts! {
    chrono::NaiveDate, "a date, as 2026-01-31";
    chrono::NaiveDateTime, "a time, as 2026-01-31 12:30:00";
    chrono::DateTime<chrono::Utc>, "a time in UTC, as 2026-01-31 12:30:00 UTC";
}
