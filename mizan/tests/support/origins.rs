//! Where a request may come from, as its headers tell.

/// The host that is asked.
pub(crate) const HOST: &str = "site.example:3000";

/// What it is called, its headers, and whether it may have effects.
pub(crate) type Origin = (&'static str, &'static [(&'static str, &'static str)], bool);

/// Where requests come from.
pub(crate) const ORIGINS: &[Origin] = &[
    (
        "same origin",
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://site.example:3000"),
        ],
        true,
    ),
    (
        "same site",
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "http://other.site.example:3000"),
        ],
        false,
    ),
    (
        "same site, without origin",
        &[("sec-fetch-site", "same-site")],
        false,
    ),
    (
        "cross site",
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
        false,
    ),
    (
        "cross site, without origin",
        &[("sec-fetch-site", "cross-site")],
        false,
    ),
    (
        "cross site, with our origin",
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://site.example:3000"),
        ],
        false,
    ),
    ("by the user", &[("sec-fetch-site", "none")], true),
    (
        "an unknown value",
        &[("sec-fetch-site", "same-planet")],
        false,
    ),
    ("in upper case", &[("sec-fetch-site", "Same-Origin")], false),
    ("null", &[("origin", "null")], false),
    (
        "null, of a sandbox",
        &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        false,
    ),
    ("no headers", &[], true),
    (
        "an old browser, here",
        &[("origin", "http://site.example:3000")],
        true,
    ),
    (
        "an old browser, over TLS to a proxy",
        &[("origin", "https://site.example:3000")],
        true,
    ),
    (
        "an old browser, elsewhere",
        &[("origin", "https://evil.example")],
        false,
    ),
    (
        "a sibling subdomain",
        &[("origin", "http://evil.site.example:3000")],
        false,
    ),
    (
        "the domain above",
        &[("origin", "http://example:3000")],
        false,
    ),
    (
        "another port",
        &[("origin", "http://site.example:3001")],
        false,
    ),
    ("no port", &[("origin", "http://site.example")], false),
    (
        "our host as a prefix",
        &[("origin", "http://site.example:3000.evil.example")],
        false,
    ),
    (
        "our host as a suffix",
        &[("origin", "http://evil-site.example:3000")],
        false,
    ),
    (
        "our host as user",
        &[("origin", "http://site.example:3000@evil.example")],
        false,
    ),
    (
        "our host as path",
        &[("origin", "http://evil.example/site.example:3000")],
        false,
    ),
    ("no scheme", &[("origin", "site.example:3000")], false),
    ("a file", &[("origin", "file://site.example:3000")], false),
    ("nonsense", &[("origin", "%%%")], false),
    (
        "two origins",
        &[
            ("origin", "https://evil.example"),
            ("origin", "http://site.example:3000"),
        ],
        false,
    ),
    (
        "trusted",
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://friend.example"),
        ],
        true,
    ),
    (
        "trusted, by an old browser",
        &[("origin", "https://friend.example")],
        true,
    ),
    (
        "trusted, with another scheme",
        &[("origin", "http://friend.example")],
        false,
    ),
];
