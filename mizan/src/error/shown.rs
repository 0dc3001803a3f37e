//! How much of what a caller sent is said again.

/// How many unknown names are told: enough to see a mistake, too few to fill an answer with.
pub(crate) const MOST_NAMED: usize = 20;

/// Keeps what a caller sent from coming back at full length.
pub(crate) fn shorten(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
