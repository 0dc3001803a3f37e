//! What an application is called in a server that it may share with others.

/// What it is called where the URL does not say it.
pub(crate) const APPLICATION: &str = "mizan";

/// What is wrong with what an application shall be called: it has letters, digits, `-` and `_`.
pub(crate) fn check_application(name: &str) -> std::result::Result<(), String> {
    let is_good = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !name.is_empty() && name.chars().all(is_good) {
        return Ok(());
    }
    Err(format!(
        "{name:?} names no application: it has letters, digits, `-` and `_`"
    ))
}

/// What says in a Redis URL's query what the application is called.
#[cfg(feature = "redis")]
const PREFIX: &str = "prefix=";

/// Takes what the application is called out of a URL, `mizan` where it does not say that.
///
/// # Errors
///
/// What is wrong with that.
#[cfg(feature = "redis")]
pub(crate) fn application(url: &str) -> std::result::Result<(String, &str), String> {
    let Some((address, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), APPLICATION));
    };
    let is_prefix = |part: &&str| part.starts_with(PREFIX);
    let application = match query.split('&').find(is_prefix) {
        Some(prefix) => &prefix[PREFIX.len()..],
        None => APPLICATION,
    };
    check_application(application)?;
    let others: Vec<_> = query.split('&').filter(|part| !is_prefix(part)).collect();
    let url = match others.is_empty() {
        true => address.to_owned(),
        false => format!("{address}?{}", others.join("&")),
    };
    Ok((url, application))
}

#[cfg(all(test, feature = "redis"))]
mod tests {
    use super::*;

    #[test]
    fn the_url_says_what_an_application_is_called() {
        for (url, rest, name) in [
            ("redis://a", "redis://a", "mizan"),
            ("redis://a:1/2?prefix=shop-2", "redis://a:1/2", "shop-2"),
            (
                "redis://a?node=b&prefix=x_y&node=c",
                "redis://a?node=b&node=c",
                "x_y",
            ),
            ("redis://a?node=b", "redis://a?node=b", "mizan"),
        ] {
            assert_eq!(application(url), Ok((rest.to_owned(), name)), "{url}");
        }
        for url in [
            "redis://a?prefix=",
            "redis://a?prefix=a:b",
            "redis://a?prefix=%20",
        ] {
            assert!(application(url).is_err(), "{url}");
        }
    }
}
