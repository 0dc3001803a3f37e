//! Times in attributes: `"500ms"`, `"30s"`, `"5m"`, `"2h"`.

use syn::LitStr;

/// Reads a time, in milliseconds.
pub(crate) fn milliseconds(literal: &LitStr) -> syn::Result<u64> {
    let text = literal.value();
    let unit = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, unit) = text.split_at(unit.unwrap_or(text.len()));
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|time| *time > 0)
        .ok_or_else(|| {
            let message =
                format!("{text:?} is not a time: write \"500ms\", \"30s\", \"5m\" or \"2h\"");
            syn::Error::new(literal.span(), message)
        })
}
