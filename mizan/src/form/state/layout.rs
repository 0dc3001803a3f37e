//! Which fields a form has at the moment: those of its schema, and those of its rows.

use super::{Entry, Fill, State};
use crate::form::{FieldSchema, Pairs, Widget};
use crate::text::concat;
use std::sync::Arc;

/// Sees a field that is no group, its flat name, and what it holds.
type Visit<'a> = dyn FnMut(&'static FieldSchema, &str, &Arc<Entry>) + 'a;

impl State {
    /// Visits the fields that hold something, in order.
    pub(in crate::form) fn each_leaf(&self, visit: &mut Visit<'_>) {
        self.visit(self.schema.fields, "", visit);
    }

    fn visit(&self, fields: &'static [FieldSchema], group: &str, visit: &mut Visit<'_>) {
        for field in fields {
            let name = join(group, field.name);
            match field.widget {
                Widget::Group => self.visit(field.fields, &name, visit),
                Widget::Rows => {
                    let rows = self.entry(&name).peek(|fill| fill.rows.clone());
                    for number in rows {
                        self.visit(field.fields, &row(&name, number), visit);
                    }
                }
                _ => visit(field, &name, &self.entry(&name)),
            }
        }
    }

    /// Fills it in, and forgets what was said of its fields.
    pub(super) fn load(&self, pairs: &[(String, String)]) {
        for (_, entry) in self.entries() {
            entry.set(Fill::default());
        }
        self.place(self.schema.fields, "", pairs);
    }

    pub(super) fn place(
        &self,
        fields: &'static [FieldSchema],
        group: &str,
        pairs: &[(String, String)],
    ) {
        for field in fields {
            let name = join(group, field.name);
            let mut fill = Fill::default();
            match field.widget {
                Widget::Group => {
                    self.place(field.fields, &name, pairs);
                    continue;
                }
                Widget::Rows => {
                    fill.rows = rows_of(field, &name, pairs);
                    for number in &fill.rows {
                        self.place(field.fields, &row(&name, *number), pairs);
                    }
                }
                _ => {
                    let texts = pairs.iter().filter(|(known, _)| *known == name);
                    fill.texts = texts.map(|(_, text)| text.clone()).collect();
                    if fill.texts.is_empty() && !may_be_nothing(field) {
                        fill.texts.push(String::new());
                    }
                }
            }
            self.entry(&name).set(fill);
        }
    }

    /// The field of a flat name; of a row, that which has the rows.
    pub(in crate::form) fn field(&self, name: &str) -> Option<&'static FieldSchema> {
        let mut fields = self.schema.fields;
        let mut found: Option<&'static FieldSchema> = None;
        let mut is_in_row = false;
        for segment in name.split('.') {
            let has_rows = found.is_some_and(|field| field.widget == Widget::Rows);
            if has_rows && !is_in_row {
                is_in_row = true;
                continue;
            }
            is_in_row = false;
            let field = fields.iter().find(|field| field.name == segment)?;
            fields = field.fields;
            found = Some(field);
        }
        found
    }
}

/// Whether a form sends nothing of it where nothing was chosen.
pub(in crate::form) fn may_be_nothing(field: &FieldSchema) -> bool {
    field.multiple || matches!(field.widget, Widget::Checkbox | Widget::Radio)
}

/// The flat name of a field in a group.
pub(in crate::form) fn join(group: &str, name: &str) -> String {
    if group.is_empty() {
        return name.to_owned();
    }
    concat(&[group, ".", name])
}

/// The flat name of a row.
pub(in crate::form) fn row(rows: &str, number: u32) -> String {
    join(rows, &number.to_string())
}

/// What a group begins with, by flat names.
pub(super) fn defaults(field: &FieldSchema, group: &str) -> Vec<(String, String)> {
    let mut pairs = Pairs::default();
    if let Some(initial) = field.initial {
        pairs.within(group, initial);
    }
    pairs.into_iter().collect()
}

/// Adds what the groups begin with of which nothing else is said, and the rows that there have to
/// be. A group that need not be there would be by it.
pub(super) fn add_defaults(
    fields: &'static [FieldSchema],
    group: &str,
    pairs: &mut Vec<(String, String)>,
) {
    for field in fields {
        let name = join(group, field.name);
        let groups = match field.widget {
            Widget::Group if field.required => vec![name],
            Widget::Rows => {
                let numbers = rows_of(field, &name, pairs).into_iter();
                numbers.map(|number| row(&name, number)).collect()
            }
            _ => continue,
        };
        for group in groups {
            if !pairs.iter().any(|(known, _)| is_in(known, &group)) {
                pairs.extend(defaults(field, &group));
            }
            add_defaults(field.fields, &group, pairs);
        }
    }
}

/// Whether a flat name is one of a group.
fn is_in(name: &str, group: &str) -> bool {
    let rest = name.strip_prefix(group);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// The numbers of the rows, where a field has some.
fn rows_of(field: &FieldSchema, name: &str, pairs: &[(String, String)]) -> Vec<u32> {
    let code = field.rows;
    code.map_or_else(Vec::new, |code| (code.numbers)(field, name, pairs))
}

/// The numbers of the rows that there is something of; at least as many as there have to be.
pub(in crate::form) fn numbers(
    field: &FieldSchema,
    name: &str,
    pairs: &[(String, String)],
) -> Vec<u32> {
    let mut numbers: Vec<u32> = Vec::new();
    for (known, _) in pairs {
        let rest = known
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('.'));
        let number = rest.and_then(|rest| rest.split('.').next());
        if let Some(number) = number.and_then(|number| number.parse().ok())
            && let Err(index) = numbers.binary_search(&number)
        {
            numbers.insert(index, number);
        }
    }
    let least = field.length().0.unwrap_or(0);
    while numbers.len() < least {
        numbers.push(next(&numbers));
    }
    numbers
}

/// The number of one more row.
pub(in crate::form) fn next(numbers: &[u32]) -> u32 {
    let highest = numbers.iter().max();
    highest.map_or(0, |highest| highest.saturating_add(1))
}
