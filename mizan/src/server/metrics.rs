//! What is counted, on a port of its own.

use super::Serve;
use axum::{Router, http::header, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{fmt, future::pending, io, net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, ToSocketAddrs},
    runtime::Handle,
    time::interval,
};

/// How often what was measured is summed up, whether or not anybody asks for it.
const UPKEEP: Duration = Duration::from_secs(5);

/// What the process counts, for Prometheus: [`Mizan::metrics`](crate::Mizan::metrics).
///
/// It is the recorder of the crate [`metrics`](https://docs.rs/metrics), so what the application
/// counts with that is there as well.
#[must_use = "nobody is answered until `Mizan::metrics` is given it"]
pub struct Metrics {
    listener: TcpListener,
    runtime: Handle,
    recorded: PrometheusHandle,
}

impl Metrics {
    /// Listens on an address, and begins to count. The port is for Prometheus: whoever reaches it
    /// reads everything.
    ///
    /// # Errors
    ///
    /// Where the address can't be listened on, and where something in the process counts already:
    /// then that is what there is to ask.
    pub async fn listen(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let recorder = PrometheusBuilder::new().build_recorder();
        let recorded = recorder.handle();
        ::metrics::set_global_recorder(recorder)
            .map_err(|_| io::Error::other("the process has a recorder of metrics already"))?;
        Ok(Self {
            listener,
            runtime: Handle::current(),
            recorded,
        })
    }

    /// Returns where they are.
    ///
    /// # Errors
    ///
    /// Where the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers from now on, until the process ends: also while the server drains.
    pub(super) fn serve(self) {
        let recorded = self.recorded.clone();
        let text = move || {
            let content_type = "text/plain; version=0.0.4; charset=utf-8";
            let text = recorded.render();
            async move { ([(header::CONTENT_TYPE, content_type)], text) }
        };
        let router = Router::new().route("/metrics", get(text));
        let listener = self.listener;
        self.runtime
            .spawn(Serve::new(router).run(listener, pending()));
        self.runtime.spawn(async move {
            let mut upkeep = interval(UPKEEP);
            loop {
                upkeep.tick().await;
                self.recorded.run_upkeep();
            }
        });
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}
