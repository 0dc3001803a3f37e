/// Sends the browser to another page once the function has returned.
///
/// In a call from the browser's code the router navigates, without loading the page anew; in a
/// form without JavaScript and during server rendering it is an HTTP redirect. While a page is
/// streamed, its status and headers are already gone: redirect from a blocking resource there.
///
/// `path` goes out as it is: where it comes from the request, check it, or a link to your site
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
    leptos_axum::redirect(path.as_ref());
}
