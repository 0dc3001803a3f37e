//! The rule for e-mail addresses: that of the HTML standard, which a browser's own
//! `<input type="email">` has too ("valid e-mail address").

/// Whether a text is an e-mail address. By hand: in a wasm, `regex` is larger than a form may be.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    !local.is_empty() && local.bytes().all(is_of_local) && domain.split('.').all(is_label)
}

/// `atext` of RFC 5322, and the dot.
fn is_of_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

/// A label of a domain's name (RFC 1034, section 3.5).
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    bytes.len() <= 63
        && ends
            .into_iter()
            .all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn what_browsers_take() {
        let label = "a".repeat(63);
        let long = format!("a@{label}.example");
        for text in [
            "ada@example.com",
            "a@b",
            "first.last+tag@sub.example.co.uk",
            "!#$%&'*+/=?^_`{|}~-.@x1-y.z",
            ".@a",
            &long,
        ] {
            assert!(is_email(text), "{text}");
        }
    }

    #[test]
    fn what_they_refuse() {
        let label = "a".repeat(64);
        let long = format!("a@{label}.example");
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a@b@c",
            "a b@c",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@b.",
            "a@.b",
            "é@example.com",
            "a@exämple.com",
            "a@b\n",
            "\"a\"@b",
            "a@[127.0.0.1]",
            "<script>@a",
            &long,
        ] {
            assert!(!is_email(text), "{text}");
        }
    }
}
