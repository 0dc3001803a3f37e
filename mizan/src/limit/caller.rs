use crate::{Result, auth, request::Scope};
use axum::extract::ConnectInfo;
use http::request::Parts;
use leptos::reactive::owner::with_context;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// A user, by their id in JSON.
    User(String),
    /// The network that an address belongs to.
    Network(IpAddr),
    /// Where the router is run by something that does not tell addresses.
    Unknown,
}

impl Caller {
    pub(super) async fn current(scope: &Scope) -> Result<Self> {
        if let Some(principal) = auth::principal().await? {
            return principal.id().map(Self::User);
        }
        let address = with_context(|parts: &Parts| address(parts, scope)).flatten();
        Ok(address.map_or(Self::Unknown, Self::of))
    }

    /// One visitor has a whole /64 of IPv6, and can take another address for each call.
    pub(super) fn of(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        })
    }

    /// Those whom a caller shares with when there are too many to tell them apart: the network
    /// that a provider or an attacker has.
    pub(super) fn neighbourhood(self) -> Self {
        match self {
            Self::Network(IpAddr::V4(address)) => {
                let bits = address.to_bits() >> 16 << 16;
                Self::Network(IpAddr::V4(Ipv4Addr::from_bits(bits)))
            }
            Self::Network(IpAddr::V6(address)) => {
                let bits = address.to_bits() >> 96 << 96;
                Self::Network(IpAddr::V6(Ipv6Addr::from_bits(bits)))
            }
            // There are as many users as have signed up
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
