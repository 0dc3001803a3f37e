//! Forms in forms, and rows of them.

use super::Reading;
use crate::form::{
    FieldSchema, Form, Pairs, Problem, ROWS, Report, Shape, Values, Widget, values::Node,
};

/// What a field is like that is a form itself.
pub const fn group_shape<F: Form>() -> Shape {
    Shape {
        fields: F::SCHEMA.fields,
        initial: Some(F::initial),
        ..Shape::new(Widget::Group)
    }
}

/// What a field is like that has any number of a form.
pub const fn rows_shape<F: Form>() -> Shape {
    Shape {
        widget: Widget::Rows,
        rows: Some(&ROWS),
        ..group_shape::<F>().optional()
    }
}

/// Reads a form that is a field of another. Where nothing was sent of it, each of its fields says
/// whether it has to be given.
pub fn read_group<F: Form>(reading: &mut Reading<'_>) -> Option<F> {
    let nothing = Values::default();
    let values = match reading.node() {
        None => &nothing,
        Some(Node::Group(values)) => values,
        Some(Node::Values(_) | Node::List(_)) => {
            reading.mistyped("a group of fields");
            return None;
        }
    };
    reading.within(|_, report| F::read(values, report))
}

/// Writes a form that is a field of another.
pub fn show_group<F: Form>(form: &F, name: &str, pairs: &mut Pairs) {
    pairs.within(name, |pairs| form.show(pairs));
}

/// Reads rows. They are named by their numbers, in whose order they are read, and in which there may
/// be gaps: a row that was taken out of a page leaves one.
pub fn read_rows<F: Form>(reading: &mut Reading<'_>) -> Option<Vec<F>> {
    let rows = match reading.node() {
        None => return Some(Vec::new()),
        Some(Node::List(values)) if values.is_empty() => return Some(Vec::new()),
        Some(Node::Group(rows)) => rows,
        Some(Node::Values(_) | Node::List(_)) => {
            reading.mistyped("a list of groups");
            return None;
        }
    };
    reading.within(|field, report| {
        let rows = numbered(rows, field, report)?;
        // All of them, so that every mistake is told
        let rows = rows.into_iter().map(|(number, row)| {
            let read = |report: &mut Report| F::read(row, report);
            report.within(&number.to_string(), read)
        });
        rows.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Writes rows.
pub fn show_rows<F: Form>(rows: &[F], name: &str, pairs: &mut Pairs) {
    pairs.within(name, |pairs| {
        for (number, row) in rows.iter().enumerate() {
            show_group(row, &number.to_string(), pairs);
        }
    });
}

/// The rows in order. More than the field may have are not looked at: they would be as many
/// mistakes.
fn numbered<'a>(
    rows: &'a Values,
    field: &FieldSchema,
    report: &mut Report,
) -> Option<Vec<(u32, &'a Values)>> {
    let mut numbered = Vec::new();
    for (name, node) in rows.nodes() {
        match (number(name), node) {
            (Some(number), Node::Group(row)) => numbered.push((number, row)),
            _ => {
                report.problem(&crate::error::shorten(name), &Problem::Unknown);
                return None;
            }
        }
    }
    numbered.sort_unstable_by_key(|(number, _)| *number);
    let most = field.most().unwrap_or(usize::MAX);
    if numbered.len() > most {
        numbered.truncate(most + 1);
    }
    Some(numbered)
}

/// The number that a row is named by, as it would be written.
fn number(name: &str) -> Option<u32> {
    let number = name.parse::<u32>().ok()?;
    (number.to_string() == name).then_some(number)
}
