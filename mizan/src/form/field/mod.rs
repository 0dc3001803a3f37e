//! How a value of a type is read out of what was sent, and shown again.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `reading` | what the types have in common |
//! | `basic` | texts, numbers, boxes to tick, what may be missing |
//! | `choice` | choices: `#[mizan::choices]` |
//! | `group` | forms in forms, and rows of them |
//! | `time` | dates and times |

mod basic;
mod choice;
mod group;
mod reading;
#[cfg(feature = "chrono")]
mod time;

pub use choice::{Choices, choice_shape, choices_shape, read_choice, read_choices, show_choices};
pub use group::{group_shape, read_group, read_rows, rows_shape, show_group, show_rows};
pub use reading::Reading;

use super::{FieldSchema, Pairs, Report, Shape, Values, Widget, rules};

/// A type that a field of a form can have.
///
/// Texts, numbers, `bool`, `Option` of one of these, choices and `Vec` of them, forms and `Vec` of
/// them have it; dates and times with the feature `chrono`, UUIDs with `uuid`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the type of a form's field",
    label = "not a type that a form can read",
    note = "there are `String`, integers, floats, `bool`, `Option<..>`, dates and times, enums with \
            `#[mizan::choices]` and other forms, and `Vec` of these two"
)]
pub trait Field: Sized + Send + Sync + 'static {
    /// What the type says of the field.
    const SHAPE: Shape;

    /// Reads the value; where it can't be, the report says why.
    fn read(reading: &mut Reading<'_>) -> Option<Self>;

    /// Writes the value as a form would send it.
    fn show(&self, name: &str, pairs: &mut Pairs);

    /// What rules see of it.
    fn subject(&self) -> rules::Subject<'_> {
        rules::Subject::Nothing
    }
}

/// A type that a field can have a list of.
#[diagnostic::on_unimplemented(
    message = "a form can't read a `Vec<{Self}>`",
    label = "not a type that a form has lists of",
    note = "there are lists of enums with `#[mizan::choices]` and of other forms"
)]
pub trait Element: Field {
    /// What the type of the list says of the field.
    const LIST: Shape;

    /// Reads the list; where it can't be, the report says why.
    fn read_list(reading: &mut Reading<'_>) -> Option<Vec<Self>>;

    /// Writes the list as a form would send it.
    fn show_list(list: &[Self], name: &str, pairs: &mut Pairs);
}

/// A list. What a form sends nothing of has no entries.
impl<T: Element> Field for Vec<T> {
    const SHAPE: Shape = T::LIST;

    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let list = T::read_list(reading)?;
        if list.is_empty() && reading.is_required() {
            reading.required();
            return None;
        }
        Some(list)
    }

    fn show(&self, name: &str, pairs: &mut Pairs) {
        T::show_list(self, name, pairs);
    }

    fn subject(&self) -> rules::Subject<'_> {
        rules::Subject::List(self.len())
    }
}

/// Reads a field of a form, and looks at its rules.
pub fn read<T: Field>(values: &Values, field: &FieldSchema, report: &mut Report) -> Option<T> {
    let value = T::read(&mut Reading::new(values, field, report))?;
    rules::check(field, value.subject(), report);
    Some(value)
}

/// Writes a field of a form. What nobody is to see goes nowhere.
pub fn show<T: Field>(value: &T, field: &FieldSchema, pairs: &mut Pairs) {
    if field.widget != Widget::Password {
        value.show(field.name, pairs);
    }
}
