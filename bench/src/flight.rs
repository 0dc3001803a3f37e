//! How long it takes from a mutation to fresh data, over a link that delays 10 ms each way: in the
//! mutation's own answer, and with a second request.

use crate::http::{self, exchange};
use std::{
    error::Error,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// What the link takes, each way.
const DELAY: Duration = Duration::from_millis(10);

/// How often each way is measured; they take turns.
const ROUNDS: usize = 101;

const MUTATION: &str = r#"{"user_id":5,"name":"Ada"}"#;

/// Measures against a server, and prints `measured <microseconds> <microseconds>`: medians of
/// single flight and of two requests.
pub(crate) async fn measure(server: SocketAddr) -> Result<(), Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let link = listener.local_addr()?;
    tokio::spawn(delay_all(listener, server));
    let mut stream = TcpStream::connect(link).await?;
    stream.set_nodelay(true)?;
    let (mut single, mut double) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let answer = exchange(
            &mut stream,
            &mutation("mizan-mounted: profile;user_id=5\r\n"),
        )
        .await?;
        expect(&answer, r#""refreshed":[{"context":"profile""#)?;
        single.push(started.elapsed());

        let started = Instant::now();
        let answer = exchange(&mut stream, &mutation("")).await?;
        expect(&answer, r#""invalidate":[{"context":"profile""#)?;
        let read = http::get("/api/mizan/ctx/profile?user_id=5");
        let answer = exchange(&mut stream, &read).await?;
        expect(&answer, r#""user_name":"user 5""#)?;
        double.push(started.elapsed());
    }
    println!("measured {} {}", median(single), median(double));
    Ok(())
}

fn mutation(header: &str) -> String {
    http::post("/api/mizan/call/rename", header, MUTATION)
}

fn expect(answer: &str, part: &str) -> Result<(), String> {
    if answer.contains(part) {
        Ok(())
    } else {
        Err(format!("{part} is not in:\n{answer}"))
    }
}

fn median(mut times: Vec<Duration>) -> u128 {
    times.sort();
    times[times.len() / 2].as_micros()
}

/// Passes connections on to the server, late.
async fn delay_all(listener: TcpListener, server: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(server).await else {
            return;
        };
        // Small pieces are not to wait for anything but the link
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        tokio::spawn(delay(from_client, to_server));
        tokio::spawn(delay(from_server, to_client));
    }
}

async fn delay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        tokio::time::sleep(DELAY).await;
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
