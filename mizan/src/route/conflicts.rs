//! What is asked for under one path by several, which axum would panic on.

use super::server::RouteRegistration;
use std::collections::BTreeMap;

/// Something under a path.
pub(crate) struct Place {
    /// The function with its place in the source, or what else it is.
    pub(crate) what: String,
    pub(crate) path: String,
    pub(crate) methods: Vec<String>,
}

impl Place {
    pub(crate) fn of(route: &RouteRegistration) -> Self {
        Self {
            what: format!("`{}` ({})", route.about.name, route.about.location),
            path: route.path.to_owned(),
            methods: route.methods.iter().map(ToString::to_string).collect(),
        }
    }
}

/// One sentence for each path and method that several are for, and for each two paths that can't be
/// told apart.
pub(crate) fn conflicts(places: &[Place]) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut asked = BTreeMap::<_, Vec<&str>>::new();
    for place in places {
        for method in &place.methods {
            let what = asked.entry((&*place.path, &**method)).or_default();
            what.push(&place.what);
        }
    }
    for ((path, method), what) in asked {
        if what.len() > 1 {
            mistakes.push(format!("{} are for {method} {path}", what.join(" and ")));
        }
    }
    // axum's own, so that it says what axum would
    let mut router = matchit::Router::new();
    let mut paths = BTreeMap::<&str, &Place>::new();
    for place in places {
        if paths.contains_key(&*place.path) {
            continue;
        }
        paths.insert(&place.path, place);
        let Err(error) = router.insert(&place.path, ()) else {
            continue;
        };
        let with = match &error {
            matchit::InsertError::Conflict { with } => paths.get(&**with),
            _ => None,
        };
        let (path, what) = (&place.path, &place.what);
        mistakes.push(match with {
            Some(with) => format!(
                "{path} of {what} and {} of {} are the same paths: give the arguments in them the same names",
                with.path, with.what
            ),
            None => format!("{path} of {what} is no path: {error}"),
        });
    }
    mistakes
}
