use leptos::IntoView;

pub(super) fn mount<V: IntoView + 'static>(app: impl FnOnce() -> V + 'static) {
    leptos::mount::hydrate_body(app);
}
