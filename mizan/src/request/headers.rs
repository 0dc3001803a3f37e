use super::{Scope, head};
use crate::cache::{Fact, Told, header_value};

/// The headers of the current request; returned by [`headers`].
#[derive(Debug)]
pub struct Headers(());

/// Returns the headers of the current request. Outside of one there are none.
///
/// In a member of a context whose answers are [kept](crate::cache), they are kept for each value
/// of the headers that it asks for.
///
/// # Example
///
/// ```
/// #[mizan::client(context = "global")]
/// pub async fn greeting() -> mizan::Result<String> {
///     let languages = mizan::headers().get("accept-language").unwrap_or_default();
///     let greeting = if languages.starts_with("fr") { "Bonjour" } else { "Hello" };
///     Ok(greeting.to_owned())
/// }
/// # let _ = greeting;
/// ```
pub fn headers() -> Headers {
    Headers(())
}

impl Headers {
    /// Returns the value of a header, of several with commas between them. A part that is not
    /// UTF-8 is replaced.
    pub fn get(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let value = head(|parts| header_value(&parts.headers, &name)).flatten();
        Scope::with(|scope| {
            let told = || Ok(Told::value(value.as_deref()));
            scope.note(Fact::Header(name.as_str().into()), told);
        });
        Some(String::from_utf8_lossy(&value?).into_owned())
    }
}
