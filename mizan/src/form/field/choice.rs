//! Choices: one of a list, or several.

use super::Reading;
use crate::form::{
    Choice, Pairs, Problem, Shape, Widget,
    values::{Node, Raw},
};

/// The choices that a field has: an enum whose variants have nothing in them.
/// `#[mizan::choices]` implements it.
pub trait Choices: Sized + 'static {
    /// All of them, in order.
    const CHOICES: &'static [Choice];

    /// Returns the one at an index.
    fn at(index: usize) -> Option<Self>;

    /// Returns which one it is.
    fn index(&self) -> usize;
}

/// What a field of one choice is like.
pub const fn choice_shape<T: Choices>() -> Shape {
    Shape {
        choices: T::CHOICES,
        ..Shape::new(Widget::Select)
    }
}

/// What a field of any number of choices is like.
pub const fn choices_shape<T: Choices>() -> Shape {
    Shape {
        widget: Widget::Checkboxes,
        ..choice_shape::<T>().optional()
    }
}

/// Reads one choice.
pub fn read_choice<T: Choices>(reading: &mut Reading<'_>) -> Option<T> {
    T::at(one(T::CHOICES, reading)?)
}

/// Reads any number of choices.
pub fn read_choices<T: Choices>(reading: &mut Reading<'_>) -> Option<Vec<T>> {
    several(T::CHOICES, reading)?
        .into_iter()
        .map(T::at)
        .collect()
}

/// Writes choices as a form would send them.
pub fn show_choices<T: Choices>(choices: &[T], name: &str, pairs: &mut Pairs) {
    for choice in choices {
        pairs.put(name, T::CHOICES[choice.index()].value.to_owned());
    }
}

fn one(choices: &[Choice], reading: &mut Reading<'_>) -> Option<usize> {
    if reading.is_blank() {
        reading.required();
        return None;
    }
    let raw = reading.one("one of the choices")?;
    let index = position(choices, raw);
    if index.is_none() {
        reading.problem(&Problem::Choice);
    }
    index
}

fn several(choices: &[Choice], reading: &mut Reading<'_>) -> Option<Vec<usize>> {
    let raws: &[Raw] = match reading.node() {
        Some(Node::Values(values) | Node::List(values)) if !reading.is_blank() => values,
        Some(Node::Group(_)) => {
            reading.mistyped("a list of choices");
            return None;
        }
        _ => &[],
    };
    let mut indexes = Vec::new();
    for raw in raws {
        let problem = match position(choices, raw) {
            Some(index) if indexes.contains(&index) => Problem::Repeated,
            Some(index) => {
                indexes.push(index);
                continue;
            }
            None => Problem::Choice,
        };
        reading.problem(&problem);
        return None;
    }
    Some(indexes)
}

fn position(choices: &[Choice], raw: &Raw) -> Option<usize> {
    let Raw::Text(text) = raw else { return None };
    choices.iter().position(|choice| choice.value == text)
}
