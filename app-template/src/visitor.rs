//! Who is looking at the page.

use serde::{Deserialize, Serialize};

mizan::server! {
    use mizan::cookie::{Cookie, time::Duration};

    /// How long a name is remembered, in days.
    const REMEMBERED: i64 = 365;

    /// How many letters a name may have.
    const LONGEST: usize = 40;

    /// The name that the visitor gave.
    pub(crate) fn name() -> Option<String> {
        // Anybody can write a cookie
        mizan::cookies().get("name").filter(|name| checked(name).is_ok())
    }

    fn checked(name: &str) -> Result<&str, String> {
        let name = name.trim();
        if name.is_empty() {
            return Err("tell us what to call you".to_owned());
        }
        if name.chars().count() > LONGEST {
            return Err(format!("that is more than {LONGEST} letters"));
        }
        if name.contains(char::is_control) {
            return Err("that has letters that nobody can see".to_owned());
        }
        Ok(name)
    }
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
    Ok(Visitor { name: name() })
}

/// `input = PostUrl`: the endpoint also takes a plain HTML form, so this works without JavaScript.
/// `affects = "global"`: the visitor is another one now, and the answer says who, to every
/// component that shows it.
#[mizan::client(input = PostUrl, affects = "global")]
pub async fn introduce(name: String) -> mizan::Result<()> {
    let name = checked(&name).map_err(|why| mizan::Error::invalid_field("name", why))?;
    let cookie = Cookie::build(("name", name.to_owned())).max_age(Duration::days(REMEMBERED));
    mizan::cookies().set(cookie.build());
    Ok(())
}

/// Forgets the name again.
#[mizan::client(input = PostUrl, affects = "global")]
pub async fn leave() -> mizan::Result<()> {
    mizan::cookies().remove("name");
    Ok(())
}
