//! Headers that keep a page from being turned against its visitor.
//!
//! 1. Every answer: no guessing of content types, no leaking of paths to other sites, no framing.
//! 2. Pages: a Content Security Policy under which only scripts with the page's nonce run.
//!
//! Deliberately not here: Strict-Transport-Security, which belongs to whoever terminates TLS.

use axum::http::{HeaderMap, HeaderValue, header};
use leptos::nonce::use_nonce;

/// Adds the headers of rule 1, where they are not set.
pub(super) fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

/// The Content Security Policy of the pages.
///
/// The default lets a page load what its own server sends, run the scripts that carry its nonce
/// (Leptos gives it to its own; [`use_nonce`] gives it to yours), compile WebAssembly, and nothing
/// else. Styles may stand in attributes, because `style:` in a view is written as one.
///
/// # Example
///
/// ```
/// use mizan::server::ContentSecurityPolicy;
///
/// let policy = ContentSecurityPolicy::default()
///     .allow("img-src", "https://images.example.com")
///     .allow("connect-src", "https://api.example.com");
/// # let _ = policy;
/// let none = ContentSecurityPolicy::off(); // where a proxy sets its own
/// # let _ = none;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ContentSecurityPolicy {
    directives: Option<Vec<(String, String)>>,
}

impl Default for ContentSecurityPolicy {
    fn default() -> Self {
        let directives = [
            ("default-src", "'self'"),
            ("script-src", "'self' 'wasm-unsafe-eval' {nonce}"),
            ("style-src", "'self' {nonce}"),
            ("style-src-attr", "'unsafe-inline'"),
            ("img-src", "'self' data: blob:"),
            ("object-src", "'none'"),
            ("base-uri", "'self'"),
            ("form-action", "'self'"),
            ("frame-ancestors", "'none'"),
        ];
        let owned = directives.map(|(name, sources)| (name.to_owned(), sources.to_owned()));
        Self {
            directives: Some(owned.into()),
        }
    }
}

impl ContentSecurityPolicy {
    /// Sends no policy.
    pub fn off() -> Self {
        Self { directives: None }
    }

    /// Adds a source to a directive; a directive that has none yet starts from `'self'`.
    pub fn allow(mut self, directive: &str, source: &str) -> Self {
        let Some(directives) = &mut self.directives else {
            return self;
        };
        match directives.iter_mut().find(|(name, _)| name == directive) {
            Some((_, sources)) if sources == "'none'" => *sources = source.to_owned(),
            Some((_, sources)) => *sources = format!("{sources} {source}"),
            None => directives.push((directive.to_owned(), format!("'self' {source}"))),
        }
        self
    }

    /// Replaces a directive's sources, or removes the directive where `sources` is empty.
    /// `{nonce}` stands for the page's nonce.
    pub fn set(mut self, directive: &str, sources: &str) -> Self {
        let Some(directives) = &mut self.directives else {
            return self;
        };
        directives.retain(|(name, _)| name != directive);
        if !sources.is_empty() {
            directives.push((directive.to_owned(), sources.to_owned()));
        }
        self
    }

    /// What is wrong with the policy, if something is.
    pub(super) fn mistake(&self) -> Option<String> {
        let directives = self.directives.iter().flatten();
        directives
            .map(|(name, sources)| format!("{name} {sources}"))
            .find(|text| HeaderValue::from_str(text).is_err() || text.contains(';'))
            .map(|text| format!("the Content Security Policy can't contain {text:?}"))
    }

    /// Joins the directives, and takes them apart where the nonce belongs.
    pub(super) fn compile(&self) -> Option<Compiled> {
        let directives = self.directives.as_ref()?;
        let written = directives
            .iter()
            .map(|(name, sources)| format!("{name} {sources}"));
        let policy = written.collect::<Vec<_>>().join("; ");
        Some(Compiled(
            policy.split("{nonce}").map(ToOwned::to_owned).collect(),
        ))
    }
}

/// A policy that only the page's nonce is missing from.
pub(super) struct Compiled(Vec<String>);

impl Compiled {
    /// Writes the policy with the nonce of the page that is being rendered.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let nonce = use_nonce()
            .map(|nonce| format!("'nonce-{nonce}'"))
            .unwrap_or_default();
        HeaderValue::from_str(&self.0.join(&nonce)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(policy: &ContentSecurityPolicy) -> String {
        policy
            .compile()
            .unwrap()
            .header()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn allow_adds_to_a_directive_or_starts_one() {
        let policy = ContentSecurityPolicy::default()
            .allow("img-src", "https://a.example")
            .allow("font-src", "https://b.example")
            .allow("object-src", "https://c.example");
        let text = written(&policy);
        assert!(
            text.contains("img-src 'self' data: blob: https://a.example;"),
            "{text}"
        );
        assert!(text.contains("font-src 'self' https://b.example"), "{text}");
        assert!(text.contains("object-src https://c.example;"), "{text}");
    }

    #[test]
    fn set_replaces_and_removes() {
        let policy = ContentSecurityPolicy::default()
            .set("img-src", "*")
            .set("object-src", "");
        let text = written(&policy);
        assert!(
            text.contains("img-src *") && !text.contains("data:"),
            "{text}"
        );
        assert!(!text.contains("object-src"), "{text}");
    }

    #[test]
    fn what_a_header_cannot_carry_is_a_mistake() {
        assert_eq!(ContentSecurityPolicy::default().mistake(), None);
        for sources in ["a\nb", "a; script-src *"] {
            let policy = ContentSecurityPolicy::default().allow("img-src", sources);
            assert!(policy.mistake().unwrap().contains("img-src"));
        }
    }

    #[test]
    fn off_sends_nothing() {
        let off = ContentSecurityPolicy::off().allow("img-src", "*");
        assert!(off.compile().is_none());
    }
}
