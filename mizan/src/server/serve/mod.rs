//! Listening, and stopping without losing an answer.
//!
//! The head of a request has at most 100 headers and about 64 KiB.
//!
//! HTTP/1.1 with WebSocket upgrades, in the clear: TLS and HTTP/2 belong to the proxy in front.
//!
//! On SIGTERM or Ctrl+C the server *drains*: for [`Serve::drain_delay`] it goes on as before,
//! except that `/api/mizan/health` answers 503 and every answer closes its connection, so that
//! load balancers and clients turn elsewhere. Then it lets no new connection begin, takes those
//! that had, stops listening, finishes the requests that run, and ends. Sockets end with the code
//! 1001 when what they have asked for is done, and come back elsewhere. What is still running
//! after [`Serve::shutdown_timeout`] is cut off.
//!
//! One loss is left that HTTP/1.1 does not let a server prevent: a client that sends a request on
//! an *idle* connection at the very moment at which it is closed. RFC 9112, section 9.5, has
//! clients try again there.

mod gate;

use super::answer;
use crate::Error;
use axum::{
    Extension, Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tower::ServiceExt;

/// How long a handshake that has begun may take to end, when the server stops.
const HANDSHAKE: Duration = Duration::from_millis(200);

/// How long the head of a request may be, in bytes, about: hyper looks when its buffer is full.
/// A longer one is answered 431.
const LONGEST_HEAD: usize = 64 * 1024;

/// How many connections may wait to be accepted. Where all pages come back at once, thousands do;
/// tokio lets 128 wait, and the kernel takes no more than its own limit (Linux:
/// `net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// Serves `app` on `addr` until SIGTERM or Ctrl+C, then stops gracefully.
///
/// [`Serve`] has the settings.
///
/// # Errors
///
/// When `addr` can't be listened on.
///
/// # Example
///
/// ```no_run
/// # async fn example(app: axum::Router) -> std::io::Result<()> {
/// mizan::serve(app, "127.0.0.1:3000".parse().expect("an address")).await
/// # }
/// ```
pub async fn serve(app: Router, addr: SocketAddr) -> io::Result<()> {
    Serve::new(app).run(listen(addr)?, stop_signal()).await;
    Ok(())
}

/// Listens on `addr` as [`serve`] does, for [`Serve::run`]: with room for thousands of connections
/// that are yet to be accepted, where `TcpListener::bind` has it for 128.
///
/// # Errors
///
/// When `addr` can't be listened on.
///
/// # Panics
///
/// Outside of a runtime of tokio's.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As `TcpListener::bind` does: a server that is started again need not wait. On Windows it
    // would let others take the port
    if cfg!(not(windows)) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Runs a router, with settings.
///
/// # Example
///
/// ```no_run
/// # async fn example(app: axum::Router) -> std::io::Result<()> {
/// use std::time::Duration;
///
/// let listener = mizan::server::listen("127.0.0.1:3000".parse().expect("an address"))?;
/// mizan::server::Serve::new(app)
///     .drain_delay(Duration::from_secs(5)) // as long as the load balancer takes to notice
///     .shutdown_timeout(Duration::from_secs(60))
///     .run(listener, async { tokio::signal::ctrl_c().await.unwrap_or(()) })
///     .await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is served until `run` is called"]
pub struct Serve {
    app: Router,
    drain_delay: Duration,
    shutdown_timeout: Duration,
    header_timeout: Duration,
}

impl Serve {
    /// Prepares to serve `app`, with every default.
    pub fn new(app: Router) -> Self {
        Self {
            app,
            drain_delay: Duration::from_millis(250),
            shutdown_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(15),
        }
    }

    /// Sets how long new connections are still taken after the signal; 250 ms by default.
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.drain_delay = delay;
        self
    }

    /// Sets how long running requests may take to finish; 30 seconds by default.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Sets how long a client may take to send the head of a request, from the connection or
    /// from the end of the request before it; 15 seconds by default.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// Serves on `listener` until `stop` is ready, then drains and returns.
    ///
    /// A connection that can't be accepted is logged, and the next one tried.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let draining = Draining::default();
        let app = self.app;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            // Not `max_headers`: 100 is hyper's default, and saying so allocates for each request
            .max_buf_size(LONGEST_HEAD);
        let server = Connections {
            app,
            http,
            draining,
            phase: watch::Sender::new(Phase::Open),
        };

        let drain = async {
            stop.await;
            server.draining.begin();
            tracing::info!("draining");
            tokio::time::sleep(self.drain_delay).await;
        };
        let accept = async {
            loop {
                server.accept(listener.accept().await).await;
            }
        };
        tokio::select! {
            () = drain => {}
            () = accept => {}
        }
        gate::close(&listener);
        let handshakes = async {
            loop {
                server.accept(listener.accept().await).await;
            }
        };
        // Ends by its time alone: the last connections that had begun are taken
        let _: Result<(), _> = tokio::time::timeout(HANDSHAKE, handshakes).await;
        drop(listener);
        server.phase.send_replace(Phase::Closing);
        let ended = tokio::time::timeout(self.shutdown_timeout, server.phase.closed()).await;
        if ended.is_err() {
            tracing::warn!("some requests were still running and are cut off");
            server.phase.send_replace(Phase::Over);
            server.phase.closed().await;
        }
    }
}

/// What it takes to serve a connection.
struct Connections {
    app: Router,
    http: http1::Builder,
    draining: Draining,
    /// Each connection holds a receiver until it has ended.
    phase: watch::Sender<Phase>,
}

/// What connections may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Everything.
    Open,
    /// Finish their request.
    Closing,
    /// Nothing.
    Over,
}

impl Connections {
    async fn accept(&self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => return refused(&error).await,
        };
        // Nagle's algorithm and delayed ACKs cost a streamed page 40 ms
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let app = self.app.clone();
        let draining = self.draining.clone();
        let mut phase = self.phase.subscribe();
        let stopping = Stopping(phase.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            if request.headers().contains_key(header::UPGRADE) {
                request.extensions_mut().insert(stopping.clone());
            }
            if draining.has_begun() {
                request.extensions_mut().insert(IsDraining);
            }
            let answer = app.clone().oneshot(request);
            let draining = draining.clone();
            async move {
                let Ok(mut response): Result<Response<Body>, Infallible> = answer.await;
                if draining.has_begun() {
                    response
                        .headers_mut()
                        .insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = self
            .http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = reached(&mut phase, Phase::Closing) => {
                    // An idle connection ends now, another one with its request
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        ended = connection => ended,
                        () = reached(&mut phase, Phase::Over) => return,
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, %peer, "the connection ended early");
            }
        });
    }
}

/// Waits for a phase; the sender outlives the connections.
async fn reached(current: &mut watch::Receiver<Phase>, phase: Phase) {
    drop(current.wait_for(|current| *current >= phase).await);
}

/// Waits a little where the process is out of something, such as file descriptors.
async fn refused(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::error!(%error, "a connection could not be accepted");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// An extension of the requests that arrive while the server is about to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsDraining;

/// An extension of requests for an upgrade: what they become has to end with the server, which
/// waits for it.
#[derive(Clone, Debug)]
pub(super) struct Stopping(watch::Receiver<Phase>);

impl Stopping {
    /// Waits until the server wants everything to end.
    pub(super) async fn begun(&mut self) {
        reached(&mut self.0, Phase::Closing).await;
    }

    /// Waits until it waits no longer.
    pub(super) async fn over(&mut self) {
        reached(&mut self.0, Phase::Over).await;
    }
}

/// Whether the server is about to stop.
#[derive(Clone, Debug, Default)]
struct Draining(Arc<AtomicBool>);

impl Draining {
    fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `GET /api/mizan/health`: 200 when serving, 503 when draining; only [`Serve`] tells which.
pub(super) async fn health(draining: Option<Extension<IsDraining>>) -> Response<Body> {
    if draining.is_some() {
        return answer::error(&Error::unavailable("the server is about to stop"));
    }
    answer::json(StatusCode::OK, br#"{"status":"ok"}"#.to_vec())
}

/// Ready on SIGTERM or Ctrl+C. A second Ctrl+C ends the process at once: somebody is waiting.
async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl+C can't be waited for");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM can't be waited for");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            tracing::warn!("interrupted again: not waiting for what still runs");
            // As a shell reports a process that SIGINT ended
            std::process::exit(130);
        }
    });
}
