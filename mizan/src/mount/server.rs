use leptos::IntoView;

pub(super) fn mount<V: IntoView + 'static>(_: impl FnOnce() -> V + 'static) {}
