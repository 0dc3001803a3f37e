//! Who is looking at the page.

use serde::{Deserialize, Serialize};

mizan::server! {
    /// How long a name is remembered, in days.
    const REMEMBERED: i64 = 365;
}

/// The visitor, as the whole page knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// The name they gave; `None` before they did.
    pub name: Option<String>,
}

/// A member of the global context: it runs once for each page, on the server, and is part of what
/// the server sends. The browser does not ask for it again.
#[mizan::client(context = "global")]
pub async fn current_visitor() -> mizan::Result<Visitor> {
    Ok(Visitor {
        name: mizan::cookies().get("name"),
    })
}

/// `input = PostUrl`: the endpoint also takes a plain HTML form, so this works without JavaScript.
#[mizan::client(input = PostUrl)]
pub async fn introduce(name: String) -> mizan::Result<Visitor> {
    let name = name.trim();
    if name.is_empty() {
        return Err(mizan::Error::invalid_field(
            "name",
            "tell us what to call you",
        ));
    }
    if name.chars().count() > 40 {
        return Err(mizan::Error::invalid_field(
            "name",
            "that is more than 40 letters",
        ));
    }
    let cookie = cookie_of(name);
    mizan::cookies().set(cookie);
    Ok(Visitor {
        name: Some(name.to_owned()),
    })
}

/// Forgets the name again.
#[mizan::client(input = PostUrl)]
pub async fn leave() -> mizan::Result<()> {
    mizan::cookies().remove("name");
    Ok(())
}

mizan::server! {
    fn cookie_of(name: &str) -> mizan::cookie::Cookie<'static> {
        use mizan::cookie::{Cookie, time::Duration};
        Cookie::build(("name", name.to_owned())).max_age(Duration::days(REMEMBERED)).build()
    }
}
