use super::{Scope, owner, with_owner};
use leptos::prelude::provide_context;

/// Sends the browser to another page once the function has returned.
///
/// In a call from the browser's code the router navigates, without loading the page anew; in a
/// form without JavaScript and during server rendering it is an HTTP redirect. While a page is
/// streamed, its status and headers are already gone: redirect from a blocking resource there.
///
/// A call that then fails goes nowhere, so that its error is seen.
///
/// `path` goes out as it is, but for letters that a header can't have, which are percent-encoded: where it comes from the request, check it, or a link to your site
/// becomes a link to anyone's.
///
/// # Example
///
/// ```
/// #[mizan::client]
/// pub async fn leave() -> mizan::Result<()> {
///     mizan::redirect("/goodbye");
///     Ok(())
/// }
/// # let _ = leave;
/// ```
pub fn redirect(path: impl AsRef<str>) {
    let path = header_safe(path.as_ref());
    let run = Scope::current().filter(|scope| scope.run().is_some());
    let Some(scope) = run else {
        return leptos_axum::redirect(&path);
    };
    scope.mark_uncacheable();
    // In an owner where there is what Leptos looks for
    let request = scope
        .run()
        .and_then(|run| Some((run.head()?, run.options()?)));
    if let Some((head, options)) = request {
        with_owner(&owner(), || {
            provide_context(head.clone());
            provide_context(options.clone());
            leptos_axum::redirect(&path);
        });
    }
}

/// Encodes what would not be visible ASCII: a header can't carry it, and a line break in one would
/// begin another (CWE-113).
fn header_safe(path: &str) -> String {
    const UNSAFE: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b' ');
    percent_encoding::utf8_percent_encode(path, UNSAFE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_cannot_carry_is_encoded() {
        assert_eq!(header_safe("/a?b=c&d=%20#e"), "/a?b=c&d=%20#e");
        assert_eq!(
            header_safe("/\u{fc} \r\nset-cookie: x"),
            "/%C3%BC%20%0D%0Aset-cookie:%20x"
        );
    }
}
