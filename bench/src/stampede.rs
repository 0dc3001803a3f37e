//! How long many wait who want one answer at once that is not there yet: in this process, and over
//! HTTP.

use crate::{
    contexts::slow_runs,
    http::{self, exchange},
};
use axum::{
    Router,
    body::Body,
    http::{Request, Uri},
};
use futures::future::try_join_all;
use std::{
    error::Error,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::net::TcpStream;
use tower::ServiceExt;

/// How many want it.
const READERS: usize = 1000;

/// How often that is measured.
const ROUNDS: i64 = 21;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Measures a router and a server, and prints `measured <microseconds> <runs> <microseconds>
/// <runs>`: in this process, until all are answered, and over HTTP the 99th percentile; medians of
/// the rounds. The runs are those of the round that had the most.
pub(crate) async fn measure(router: Router, server: SocketAddr) -> Result {
    let (mut within, mut most_within) = (Vec::new(), 0);
    for turn in 0..ROUNDS {
        within.push(in_process(&router, turn).await?);
        most_within = most_within.max(slow_runs());
    }
    let mut streams = Vec::new();
    for _ in 0..READERS {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let (mut over, mut most_over) = (Vec::new(), 0);
    for turn in 0..ROUNDS {
        over.push(over_http(&mut streams, turn).await?);
        most_over = most_over.max(slow_runs());
    }
    let (within, over) = (median(within), median(over));
    println!("measured {within} {most_within} {over} {most_over}");
    Ok(())
}

/// What all take together.
async fn in_process(router: &Router, turn: i64) -> Result<Duration> {
    let uri: Uri = format!("/api/mizan/ctx/slow?turn={turn}").parse()?;
    let started = Instant::now();
    let readers = (0..READERS).map(|_| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        tokio::spawn(router.clone().oneshot(request))
    });
    // One after the other: to wait for all at once is work for each that ends
    for reader in readers.collect::<Vec<_>>() {
        let status = reader.await??.status();
        if !status.is_success() {
            return Err(format!("a reader was answered {status}").into());
        }
    }
    Ok(started.elapsed())
}

/// What all but ten stay below.
async fn over_http(streams: &mut [TcpStream], turn: i64) -> Result<Duration> {
    let request = http::get(&format!("/api/mizan/ctx/slow?turn={turn}"));
    let started = Instant::now();
    let readers = streams.iter_mut().map(|stream| async {
        let answer = exchange(stream, &request).await?;
        match answer.contains(r#"{"data":{"slow":"#) {
            true => Ok::<_, Box<dyn Error + Send + Sync>>(started.elapsed()),
            false => Err(answer.into()),
        }
    });
    let mut times: Vec<Duration> = try_join_all(readers)
        .await
        .map_err(|error: Box<dyn Error + Send + Sync>| error)?;
    times.sort();
    Ok(times[READERS * 99 / 100 - 1])
}

fn median(mut times: Vec<Duration>) -> u128 {
    times.sort();
    times[times.len() / 2].as_micros()
}
