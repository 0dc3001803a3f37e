//! Requests that another site's page makes with its visitor's cookies (CWE-352).
//!
//! The decision is tower-http's, which is that of Go's `CrossOriginProtection`: what a browser
//! sends from elsewhere says so in `Sec-Fetch-Site`, or in an `Origin` that is not the `Host`.
//! What is neither is no browser, and has no visitor's cookies.
//!
//! It is asked where an answer is made, not as a layer around: the body of a refused request is
//! still there to be drained, and a WebSocket's upgrade is a GET that has effects.

use super::proxies::Proxies;
use crate::{Error, Result};
use axum::http::{Method, Request, Response, header, request::Parts};
use futures::{
    FutureExt,
    future::{Ready, ready},
};
use std::{
    convert::Infallible,
    task::{Context, Poll},
};
use tower::{Layer, Service};
use tower_http::csrf::{Csrf, CsrfLayer, ProtectionError};

/// The head of a request that is let through.
type Decision = Response<Option<Parts>>;

/// Refuses what comes from other sites.
#[derive(Clone)]
pub(crate) struct CrossSite {
    csrf: Csrf<Admitted, fn(ProtectionError) -> Decision>,
}

impl CrossSite {
    /// Lets requests from these origins through (`https://app.example.com`), and from its own.
    pub(super) fn new(trusted: &[String]) -> std::result::Result<Self, String> {
        let mut layer = CsrfLayer::new();
        for origin in trusted {
            let added = layer.add_trusted_origin(origin);
            layer = added.map_err(|error| error.to_string())?;
        }
        Ok(Self::of(layer))
    }

    fn of(layer: CsrfLayer) -> Self {
        let refused: fn(_) -> _ = |_| Response::new(None);
        let layer = layer.with_rejection_response(refused);
        Self {
            csrf: layer.layer(Admitted),
        }
    }

    /// Decides on the head of a request that may have effects.
    ///
    /// # Errors
    ///
    /// FORBIDDEN for one from another site.
    pub(super) fn admit(&self, mut parts: Parts, proxies: &Proxies) -> Result<Parts> {
        if parts.method == Method::GET || parts.method == Method::HEAD {
            return Ok(parts);
        }
        let Some(host) = proxies.host(&parts) else {
            return self.ask(parts);
        };
        // What the proxy was asked for, in place of what it asks for: as a header alone
        let target = std::mem::take(&mut parts.uri);
        let before = parts.headers.insert(header::HOST, host);
        let mut parts = self.ask(parts)?;
        match before {
            Some(host) => parts.headers.insert(header::HOST, host),
            None => parts.headers.remove(header::HOST),
        };
        parts.uri = target;
        Ok(parts)
    }

    /// Decides on a GET that has effects all the same.
    ///
    /// # Errors
    ///
    /// FORBIDDEN for one from another site.
    pub(super) fn admit_upgrade(&self, mut parts: Parts, proxies: &Proxies) -> Result<Parts> {
        let method = std::mem::replace(&mut parts.method, Method::POST);
        let mut parts = self.admit(parts, proxies)?;
        parts.method = method;
        Ok(parts)
    }

    fn ask(&self, parts: Parts) -> Result<Parts> {
        let answer = self.csrf.clone().call(Request::from_parts(parts, ()));
        let answer = answer.now_or_never().and_then(|answer| match answer {
            Ok(response) => response.into_body(),
            Err(never) => match never {},
        });
        answer.ok_or_else(|| {
            Error::forbidden("the request comes from another site, which is not trusted here")
        })
    }
}

impl Default for CrossSite {
    fn default() -> Self {
        Self::of(CsrfLayer::new())
    }
}

/// Gives back what gets through.
#[derive(Clone, Copy)]
struct Admitted;

impl Service<Request<()>> for Admitted {
    type Response = Decision;
    type Error = Infallible;
    type Future = Ready<std::result::Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Some(request.into_parts().0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// What Chromium sends with a call.
    fn call() -> Parts {
        let request = Request::post("/api/mizan/call/echo")
            .header("host", "app.example.com")
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("origin", "https://app.example.com")
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header(
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
            )
            .header("accept-language", "en")
            .header("accept-encoding", "gzip, deflate, br")
            .header("cookie", "__Host-session=AAAAAAAAAAAAAAAAAAAAAA");
        request.body(()).unwrap().into_parts().0
    }

    /// `cargo xtask bench` runs this for release, and reads what it prints.
    #[test]
    fn cross_site_protection_costs() {
        const TIMES: u32 = 100_000;
        let (cross_site, proxies) = (CrossSite::default(), Proxies::default());
        let mut parts = call();
        let mut times: Vec<_> = (0..11)
            .map(|_| {
                let started = Instant::now();
                for _ in 0..TIMES {
                    let asked = std::mem::replace(&mut parts, Request::new(()).into_parts().0);
                    parts = cross_site
                        .admit(std::hint::black_box(asked), &proxies)
                        .unwrap();
                }
                started.elapsed().as_nanos() as f64 / f64::from(TIMES)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("measured {:.0}", times[times.len() / 2]);
        // In a debug build, by far; for release the bench has a goal
        assert!(times[0] < 100_000.0, "{times:?}");
    }
}
