use leptos::IntoView;

pub(super) fn mount<V: IntoView + 'static>(app: impl FnOnce() -> V + 'static) {
    leptos::mount::mount_to_body(app);
}
