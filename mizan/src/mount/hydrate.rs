use leptos::{IntoView, prelude::document};

pub(super) fn mount<V: IntoView + 'static>(app: impl FnOnce() -> V + 'static) {
    leptos::mount::hydrate_body(app);
    // For tests and styles that wait for the page to be taken over; a page without it works too
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-hydrated", "");
    }
}
