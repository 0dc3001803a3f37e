//! A bundle on the wire: `{"data":{"member":T},"errors"?:{"member":{"code","message"}}}`.

/// The slot of the page's data that the first bundle is in; the others follow.
///
/// Leptos numbers its own from 0, by the order in which a page creates its resources. These are
/// far above, so that the two never meet, and below 2^32, the end of a JavaScript array.
pub(crate) const FIRST_SLOT: usize = 1 << 30;
