use crate::{
    Result, auth,
    request::{Scope, head},
};
use axum::extract::ConnectInfo;
use http::request::Parts;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// A user, by their id in JSON.
    User(String),
    /// The network that an address belongs to.
    Network(IpAddr),
    /// Where the router is run by something that does not tell addresses.
    Unknown,
}

impl Caller {
    pub(crate) async fn current(scope: &Scope) -> Result<Self> {
        if let Some(principal) = auth::principal().await? {
            return principal.id().map(Self::User);
        }
        let address = head(|parts| address(parts, scope)).flatten();
        Ok(address.map_or(Self::Unknown, Self::of))
    }

    /// One visitor has a whole /64 of IPv6, and can take another address for each call.
    pub(super) fn of(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        })
    }

    /// The network that one site has of IPv6: 65,536 of those that are told apart otherwise.
    pub(super) fn site(self) -> Self {
        self.wider(32, 48)
    }

    /// The network that a provider has.
    pub(super) fn provider(self) -> Self {
        self.wider(16, 32)
    }

    /// The network that this many bits name. Users stay who they are: there are as many as have
    /// signed up.
    fn wider(self, v4: u32, v6: u32) -> Self {
        match self {
            Self::Network(IpAddr::V4(address)) => {
                let bits = address.to_bits() & u32::MAX.checked_shl(32 - v4).unwrap_or(0);
                Self::Network(IpAddr::V4(Ipv4Addr::from_bits(bits)))
            }
            Self::Network(IpAddr::V6(address)) => {
                let bits = address.to_bits() & u128::MAX.checked_shl(128 - v6).unwrap_or(0);
                Self::Network(IpAddr::V6(Ipv6Addr::from_bits(bits)))
            }
            known => known,
        }
    }
}

/// Where a request came from, as far as that can be believed.
fn address(parts: &Parts, scope: &Scope) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let proxies = &scope.site().proxies;
    Some(proxies.client(peer.ip(), &parts.headers))
}
