//! A wire between a node and a server, which can be cut.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::net::SocketAddr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Carries everything to a server, as long as it is whole.
pub(crate) struct Proxy {
    /// What the node connects to.
    pub(crate) url: String,
    is_whole: watch::Sender<bool>,
}

impl Proxy {
    /// Listens on a port of its own, for what is meant for the server at `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (server, path) = rest.split_once('/').unwrap_or((rest, ""));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server: SocketAddr = server.parse().unwrap();
        let (is_whole, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, state.clone()));
            }
        });
        Self {
            url: format!("{scheme}://127.0.0.1:{port}/{path}"),
            is_whole,
        }
    }

    /// Ends all connections, and lets none begin.
    pub(crate) fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    pub(crate) fn heal(&self) {
        self.is_whole.send_replace(true);
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut is_whole: watch::Receiver<bool>) {
    if !*is_whole.borrow() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = is_whole.wait_for(|is_whole| !is_whole) => {}
    }
}
