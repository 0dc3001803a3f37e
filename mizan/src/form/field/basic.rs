//! Texts, numbers, boxes to tick, and what may be missing.

use super::{Field, Reading};
use crate::{
    context::ContextParam,
    form::{
        Pairs, Shape, Widget,
        rules::{Bound, Numeric, Subject},
        values::Raw,
    },
};

/// A text. Without white space around it, unless it is a password's; its lines end in `\n`.
impl Field for String {
    const SHAPE: Shape = Shape::new(Widget::Text);

    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let text = reading.text()?;
        if text.is_empty() && reading.is_required() {
            reading.required();
            return None;
        }
        Some(text.into_owned())
    }

    fn show(&self, name: &str, pairs: &mut Pairs) {
        pairs.put(name, self.clone());
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Text(self)
    }
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        /// A whole number.
        impl Field for $ty {
            const SHAPE: Shape = Shape::new(Widget::Number);

            fn read(reading: &mut Reading<'_>) -> Option<Self> {
                reading.parse(<Self as ContextParam>::EXPECTED)
            }

            fn show(&self, name: &str, pairs: &mut Pairs) {
                pairs.put(name, self.to_string());
            }

            fn subject(&self) -> Subject<'_> {
                // No bound is larger
                let number = i64::try_from(*self).unwrap_or(i64::MAX);
                Subject::Number(Bound::Integer(number))
            }
        }

        impl Numeric for $ty {}
    )*};
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($ty:ty),*) => {$(
        /// A number; none that is infinite or not a number.
        impl Field for $ty {
            const SHAPE: Shape = Shape::new(Widget::Number).decimal();

            fn read(reading: &mut Reading<'_>) -> Option<Self> {
                let parse = |text: &str| text.parse().ok().filter(|number: &$ty| number.is_finite());
                reading.parse_with("a number", parse)
            }

            fn show(&self, name: &str, pairs: &mut Pairs) {
                pairs.put(name, self.to_string());
            }

            fn subject(&self) -> Subject<'_> {
                Subject::Number(Bound::Float((*self).into()))
            }
        }

        impl Numeric for $ty {}
    )*};
}

floats!(f32, f64);

/// A box to tick: what a form sends nothing of is not ticked. One that is required has to be.
impl Field for bool {
    const SHAPE: Shape = Shape::new(Widget::Checkbox).optional();

    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        const EXPECTED: &str = "`true` or `false`";
        let ticked = match reading.one(EXPECTED)? {
            Raw::Null => false,
            Raw::Bool(ticked) => *ticked,
            Raw::Text(text) if matches!(text.as_str(), "on" | "true") => true,
            Raw::Text(text) if matches!(text.as_str(), "" | "off" | "false") => false,
            Raw::Text(_) | Raw::Number(_) => {
                reading.mistyped(EXPECTED);
                return None;
            }
        };
        if !ticked && reading.is_required() {
            reading.required();
            return None;
        }
        Some(ticked)
    }

    fn show(&self, name: &str, pairs: &mut Pairs) {
        if *self {
            pairs.put(name, "on".to_owned());
        }
    }
}

/// What may be missing. HTML has no null: a field that was left empty is none.
impl<T: Field> Field for Option<T> {
    const SHAPE: Shape = T::SHAPE.optional();

    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        if !reading.is_blank() {
            return T::read(reading).map(Some);
        }
        if reading.is_required() {
            reading.required();
            return None;
        }
        Some(None)
    }

    fn show(&self, name: &str, pairs: &mut Pairs) {
        if let Some(value) = self {
            value.show(name, pairs);
        }
    }

    fn subject(&self) -> Subject<'_> {
        self.as_ref().map_or(Subject::Nothing, T::subject)
    }
}

/// An id, in a field that nobody sees.
#[cfg(feature = "uuid")]
impl Field for uuid::Uuid {
    const SHAPE: Shape = Shape::new(Widget::Hidden);

    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        reading.parse(<Self as ContextParam>::EXPECTED)
    }

    fn show(&self, name: &str, pairs: &mut Pairs) {
        pairs.put(name, self.to_string());
    }
}
