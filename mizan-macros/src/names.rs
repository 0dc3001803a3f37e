//! Names, as they are written in various places.

use quote::format_ident;
use syn::{Ident, ext::IdentExt};

/// `rename_note` is `RenameNote`.
pub(crate) fn pascal_case(name: &Ident) -> Ident {
    let mut pascal = String::new();
    for word in name.unraw().to_string().split('_') {
        let mut letters = word.chars();
        pascal.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        pascal.push_str(letters.as_str());
    }
    format_ident!("{pascal}", span = name.span())
}

/// `ContactForm` is `contact_form`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// `first_name` is `First name`.
pub(crate) fn sentence(snake: &str) -> String {
    let text = snake.replace('_', " ");
    let mut letters = text.trim().chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.as_str().chars()).collect()
}

/// What stands before a variant's words: `TooLate` is `Too late`.
pub(crate) fn words(pascal: &str) -> String {
    sentence(&snake_case(pascal))
}
