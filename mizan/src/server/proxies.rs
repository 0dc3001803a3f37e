use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The reverse proxies whose word counts. Without any, nobody's does: whoever connects is the
/// client, and `X-Forwarded-*` are the client's own words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Reads addresses (`10.0.0.1`) and networks (`10.0.0.0/8`).
    pub(super) fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let read = |text: &str| {
            let network = text.parse::<IpNet>().ok();
            let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            network.ok_or_else(|| {
                format!("{text:?} is neither an address nor a network such as \"10.0.0.0/8\"")
            })
        };
        texts.map(read).collect::<Result<_, _>>().map(Self)
    }

    fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whose request it is that `peer` has sent: the last in the chain whom no proxy of ours
    /// speaks for. What stands before may be made up.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        // In bytes: what a client has put in front need not be text
        let mut chain = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.trust(client) {
            match chain.next().map(address) {
                Some(Some(hop)) => client = hop,
                // The proxy itself, or something that it did not write
                Some(None) | None => break,
            }
        }
        client.to_canonical()
    }

    /// The host that the browser asked for, where a proxy has put another in its place.
    pub(super) fn host(&self, parts: &Parts) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let peer = parts
            .extensions
            .get::<axum::extract::ConnectInfo<SocketAddr>>()?;
        if !self.trust(peer.0.ip()) {
            return None;
        }
        // The nearest proxy's
        let line = parts.headers.get_all(X_FORWARDED_HOST).iter().next_back()?;
        let host = line.to_str().ok()?.rsplit(',').next()?.trim();
        HeaderValue::from_str(host).ok()
    }
}

/// An address as proxies write it: `10.0.0.1`, `10.0.0.1:80`, `[::1]:80`.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let proxies = Proxies::parse(proxies.iter().copied()).unwrap();
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_client_is_the_last_that_no_proxy_of_ours_speaks_for() {
        let cases: [(&[&str], &str, &[&str], &str); 10] = [
            (&[], "9.9.9.9", &["1.1.1.1"], "9.9.9.9"),
            (&["10.0.0.0/8"], "9.9.9.9", &["1.1.1.1"], "9.9.9.9"),
            (&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1"], "1.1.1.1"),
            (
                &["10.0.0.0/8"],
                "10.0.0.1",
                &["6.6.6.6, 1.1.1.1"],
                "1.1.1.1",
            ),
            (
                &["10.0.0.0/8"],
                "10.0.0.1",
                &["6.6.6.6", "1.1.1.1, 10.0.0.2"],
                "1.1.1.1",
            ),
            (
                &["10.0.0.0/8"],
                "::ffff:10.0.0.1",
                &["1.1.1.1:4711"],
                "1.1.1.1",
            ),
            (
                &["10.0.0.1"],
                "10.0.0.1",
                &["[2001:db8::1]:4711"],
                "2001:db8::1",
            ),
            (&["10.0.0.1"], "10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            (&["10.0.0.1"], "10.0.0.1", &[], "10.0.0.1"),
            (
                &["::/0", "0.0.0.0/0"],
                "10.0.0.1",
                &["1.1.1.1, 2.2.2.2"],
                "1.1.1.1",
            ),
        ];
        for (proxies, peer, forwarded, expected) in cases {
            assert_eq!(client(proxies, peer, forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_told() {
        let error = Proxies::parse(["10.0.0.0/8", "proxy.local"].into_iter()).unwrap_err();
        assert!(error.contains("\"proxy.local\""), "{error}");
    }
}
