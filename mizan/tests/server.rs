//! The server on a real port: files, limits, draining, stopping.

mod support;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use leptos::{config::LeptosOptions, prelude::*};
use mizan::{Mizan, server::Serve};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use support::{get, options, send};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
    task::JoinHandle,
};

#[mizan::client]
async fn echo(text: String) -> mizan::Result<usize> {
    Ok(text.len())
}

/// How long the function of a request that is to be cut off would take.
const ENDLESS: u64 = 25_000;

/// Told when that function runs.
static ENDLESS_RUNS: Notify = Notify::const_new();

#[mizan::client]
async fn slow(milliseconds: u64) -> mizan::Result<String> {
    if milliseconds == ENDLESS {
        ENDLESS_RUNS.notify_one();
    }
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    Ok("done".to_owned())
}

/// A server that runs until it is told to stop.
struct Running {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn start(configure: impl FnOnce(Serve) -> Serve) -> Running {
    let app = Mizan::new(options())
        .api()
        .expect("the functions fit together");
    start_router(app, configure).await
}

async fn start_router(app: Router, configure: impl FnOnce(Serve) -> Serve) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = configure(Serve::new(app));
    let ended = tokio::spawn(serve.run(listener, async move { drop(stopped.await) }));
    Running { addr, stop, ended }
}

/// Sends bytes and reads the answer to the end of its body, keeping the connection.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<String> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut byte = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text[..end].lines().find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length: ")?
                    .trim()
                    .parse::<usize>()
                    .ok()
            });
            if answer.len() >= end + 4 + length.unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
        match stream.read(&mut byte)? {
            0 => {
                return Err(std::io::Error::other(format!(
                    "ended after {} bytes: {text}",
                    answer.len()
                )));
            }
            read => answer.extend_from_slice(&byte[..read]),
        }
    }
}

fn call(function: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /api/mizan/call/{function} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_413_arrives_although_the_client_is_still_sending() {
    let server = start(|serve| serve).await;
    let addr = server.addr;
    let answers = tokio::task::spawn_blocking(move || {
        let body = format!("{{\"text\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
        let mut stream = TcpStream::connect(addr).expect("it listens");
        let announced = exchange(&mut stream, &call("echo", &body)).expect("an answer");
        // The connection was drained, so it can be used again
        let after = exchange(&mut stream, &call("echo", "{\"text\":\"abc\"}")).expect("an answer");

        let mut chunked = b"POST /api/mizan/call/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.as_bytes().chunks(60_000) {
            chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunked.extend_from_slice(chunk);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let chunked = exchange(&mut stream, &chunked).expect("an answer");

        // Who asks first is told before sending anything
        let mut stream = TcpStream::connect(addr).expect("it listens");
        let expecting = "POST /api/mizan/call/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\nexpect: 100-continue\r\n\r\n";
        let expecting = exchange(&mut stream, expecting.as_bytes()).expect("an answer");

        // What is refused for another reason is drained as well
        let request = String::from_utf8(call("echo", &body)).expect("text");
        for (from, to, status) in [
            ("application/json", "text/plain", "415"),
            ("call/echo", "call/nope", "404"),
            ("POST", "PUT", "405"),
            ("call/echo", "ctx/global", "405"),
        ] {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            let refused = request.replacen(from, to, 1);
            let refused = exchange(&mut stream, refused.as_bytes()).expect("an answer");
            assert!(refused.starts_with(&format!("HTTP/1.1 {status}")), "{refused}");
        }
        [announced, after, chunked, expecting]
    })
    .await
    .expect("no panic");
    let [announced, after, chunked, expecting] = &answers;
    for refused in [announced, chunked, expecting] {
        assert!(
            refused.starts_with("HTTP/1.1 413") && refused.contains("PAYLOAD_TOO_LARGE"),
            "{refused}"
        );
    }
    assert!(after.contains("{\"result\":3}"), "{after}");
    drop(server.stop);
    server.ended.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_under_load_loses_no_answer() {
    let server = start(|serve| serve.drain_delay(Duration::from_millis(200))).await;
    let addr = server.addr;
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..16)
        .map(|number| {
            let answered = Arc::clone(&answered);
            tokio::task::spawn_blocking(move || client(addr, number, &answered))
        })
        .collect();
    let running = {
        let mut stream = TcpStream::connect(addr).expect("it listens");
        tokio::task::spawn_blocking(move || {
            exchange(&mut stream, &call("slow", "{\"milliseconds\":1000}"))
        })
    };
    while answered.load(Ordering::SeqCst) < 500 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = Instant::now();
    server.stop.send(()).expect("it runs");
    for client in clients {
        let lost = client.await.expect("no panic");
        assert_eq!(lost, None, "every request that was taken was answered");
    }
    let slow = running
        .await
        .expect("no panic")
        .expect("the running request was finished");
    assert!(slow.contains("\"done\""), "{slow}");
    server.ended.await.expect("no panic");
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "and then the server ended"
    );
    assert!(TcpStream::connect(addr).is_err(), "and listens no more");
}

/// Calls until the server refuses the connection; returns what was lost on the way.
fn client(addr: SocketAddr, number: usize, answered: &AtomicUsize) -> Option<String> {
    let request = call("echo", "{\"text\":\"abc\"}");
    loop {
        // Refused before anything was sent: nothing is lost
        let Ok(mut stream) = TcpStream::connect(addr) else {
            return None;
        };
        // Some keep their connection, some open one for each call
        for round in 0.. {
            match exchange(&mut stream, &request) {
                Ok(answer) => {
                    if !answer.contains("{\"result\":3}") {
                        return Some(answer);
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                    let closing = answer.to_lowercase().contains("connection: close");
                    if closing || (number.is_multiple_of(2) && round == 3) {
                        break;
                    }
                }
                Err(error) => return Some(format!("client {number}, round {round}: {error}")),
            }
        }
    }
}

/// Where the process that is told to stop listens; set for that process alone.
const ADDR: &str = "MIZAN_TEST_ADDR";

/// Not a test by itself: what [`sigterm_under_load_loses_no_answer`] runs in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_serves() {
    if let Ok(addr) = std::env::var(ADDR) {
        let app = Mizan::new(options()).api().expect("the functions fit");
        let addr = addr.parse().expect("an address");
        mizan::serve(app, addr).await.expect("it listens");
    }
}

#[test]
fn sigterm_under_load_loses_no_answer() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = free.local_addr().expect("it is bound");
    drop(free);
    let mut server = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_process_that_serves"])
        .env(ADDR, addr.to_string())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let started = Instant::now();
    while TcpStream::connect(addr).is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "it listens");
        std::thread::sleep(Duration::from_millis(10));
    }
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || client(addr, number, &answered))
        })
        .collect();
    while answered.load(Ordering::Relaxed) < 200 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = std::process::Command::new("kill")
        .args(["-TERM", &server.id().to_string()])
        .status();
    assert!(told.expect("kill is there").success());
    for client in clients {
        assert_eq!(client.join().expect("no panic"), None, "a lost answer");
    }
    let ended = server.wait().expect("it is ours");
    assert!(ended.success(), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_that_the_server_is_draining() {
    let server = start(|serve| serve.drain_delay(Duration::from_millis(800))).await;
    let addr = server.addr;
    let health = move || {
        let mut stream = TcpStream::connect(addr).expect("it listens");
        exchange(
            &mut stream,
            b"GET /api/mizan/health HTTP/1.1\r\nhost: x\r\n\r\n",
        )
        .expect("an answer")
    };
    let before = tokio::task::spawn_blocking(health).await.expect("no panic");
    assert!(before.starts_with("HTTP/1.1 200"), "{before}");
    server.stop.send(()).expect("it runs");
    let draining = tokio::task::spawn_blocking(move || {
        (0..200)
            .map(|_| health())
            .find(|answer| answer.starts_with("HTTP/1.1 503"))
    });
    let draining = draining
        .await
        .expect("no panic")
        .expect("it tells before it stops");
    assert!(
        draining.contains("UNAVAILABLE") && draining.to_lowercase().contains("connection: close")
    );
    server.ended.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_ends_is_cut_off() {
    let server = start(|serve| {
        serve
            .drain_delay(Duration::ZERO)
            .shutdown_timeout(Duration::from_millis(200))
    })
    .await;
    let mut stream = TcpStream::connect(server.addr).expect("it listens");
    let endless = tokio::task::spawn_blocking(move || {
        exchange(
            &mut stream,
            &call("slow", &format!("{{\"milliseconds\":{ENDLESS}}}")),
        )
    });
    ENDLESS_RUNS.notified().await;
    let told = Instant::now();
    server.stop.send(()).expect("it runs");
    server.ended.await.expect("no panic");
    assert!(told.elapsed() < Duration::from_secs(3));
    let cut_off = endless.await.expect("no panic");
    assert!(cut_off.is_err(), "{cut_off:?}");
    assert!(
        told.elapsed() < Duration::from_secs(3),
        "the request has ended with the server"
    );
}

/// With Nagle's algorithm the second piece waits until the client acknowledges the first one,
/// which it delays by 40 ms.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_pieces_is_not_held_back() {
    let pieces = async || {
        let body = futures::stream::unfold(0, async |piece| {
            tokio::task::yield_now().await;
            (piece < 3).then(|| (Ok::<_, std::io::Error>("piece"), piece + 1))
        });
        ([(header::CONTENT_LENGTH, "15")], Body::from_stream(body))
    };
    let app = Router::new().route("/", axum::routing::get(pieces));
    let server = start_router(app, |serve| serve).await;
    let elapsed = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        let started = Instant::now();
        for _ in 0..50 {
            exchange(&mut stream, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        }
        started.elapsed()
    });
    let elapsed = elapsed.await.unwrap();
    assert!(elapsed < Duration::from_millis(50 * 20), "{elapsed:?}");
    server.stop.send(()).unwrap();
    server.ended.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_no_request_is_let_go() {
    let server = start(|serve| serve.header_timeout(Duration::from_millis(200))).await;
    let addr = server.addr;
    // Half a head, nothing at all, and the beginning of HTTP/2
    for sent in [
        "POST /api/mizan/call/echo HTTP/1.1\r\nhost:",
        "",
        "PRI * HTTP",
    ] {
        let read = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            let longest = Some(Duration::from_secs(10));
            stream.set_read_timeout(longest).expect("a timeout");
            stream.write_all(sent.as_bytes()).expect("it is sent");
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).map(|_| rest)
        });
        let rest = read.await.expect("no panic");
        let rest =
            rest.unwrap_or_else(|error| panic!("after {sent:?} the connection stays: {error}"));
        assert!(!String::from_utf8_lossy(&rest).contains("200"), "{sent}");
    }
    drop(server.stop);
    server.ended.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_are_too_long_are_refused_and_the_server_goes_on() {
    let server = start(|serve| serve).await;
    let addr = server.addr;
    let head = |headers: &str| {
        format!("GET /api/mizan/health HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")
    };
    let bombs = [
        (
            head(&format!("cookie: session={}\r\n", "x".repeat(200_000))),
            "431",
        ),
        (head(&"cookie: a=b\r\n".repeat(200)), "431"),
        (
            head(&format!("x-large: {}\r\n", "x".repeat(1_000_000))),
            "431",
        ),
        (head(&"a: b\r\n".repeat(100_000)), "431"),
        (
            format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)),
            "4",
        ),
        // What browsers send is far below
        (head(&"cookie: a=b\r\n".repeat(90)), "200"),
        (
            head(&format!("cookie: session={}\r\n", "x; y=z".repeat(8_000))),
            "200",
        ),
    ];
    let sent = tokio::task::spawn_blocking(move || {
        for (head, status) in bombs {
            let mut stream = TcpStream::connect(addr).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            // It may answer, and close, before all was sent
            let _ = stream.write_all(head.as_bytes());
            let mut answer = [0; 64];
            let read = stream.read(&mut answer).unwrap_or(0);
            let answer = String::from_utf8_lossy(&answer[..read]);
            let told = answer.strip_prefix("HTTP/1.1 ");
            // A reset, where it had closed while bytes were on their way
            let was_reset = answer.is_empty() && head.len() > 64 * 1024;
            assert!(
                told.is_some_and(|told| told.starts_with(status)) || was_reset,
                "{}...: {answer}",
                &head[..80]
            );
        }
    });
    sent.await.unwrap();
    server.stop.send(()).unwrap();
    server.ended.await.expect("no panic");
}

/// A site folder of its own, removed at the end.
struct Site(PathBuf);

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const HASHED: &str = "app.WqT0mPvZ1c2u_-AAAAAAAA.js";

fn site(name: &str, hash_files: bool) -> (Router, Site) {
    let folder = std::env::temp_dir().join(format!("mizan-{name}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("pkg")).expect("a folder");
    for (file, content) in [
        ("pkg/app.wasm", "plain wasm, long enough to have ranges"),
        ("pkg/app.wasm.br", "brotli"),
        ("pkg/app.wasm.gz", "gzip"),
        ("pkg/app.css", "body{}"),
        (&format!("pkg/{HASHED}"), "hashed"),
        ("robots.txt", "all"),
        ("index.html", "the folder's own index"),
    ] {
        std::fs::write(folder.join(file), content).expect("a file");
    }
    std::fs::write(
        folder.parent().expect("a parent").join("mizan-secret.txt"),
        "secret",
    )
    .expect("a file");
    let mut options = options();
    options.site_root = folder.display().to_string().into();
    options.hash_files = hash_files;
    let page = |_: LeptosOptions| view! { <!DOCTYPE html><html><head></head><body>"the page"</body></html> };
    (Mizan::new(options).router(|| "the app", page), Site(folder))
}

async fn ask(app: &Router, path: &str, headers: &[(header::HeaderName, &str)]) -> support::Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    send(
        app,
        request.body(axum::body::Body::empty()).expect("a request"),
    )
    .await
}

#[tokio::test]
async fn files_come_in_the_best_encoding_that_the_client_takes() {
    let (app, _folder) = site("encodings", false);
    for (accepted, encoding, content) in [
        ("gzip, deflate, br", "br", "brotli"),
        ("gzip", "gzip", "gzip"),
        ("identity", "", "plain wasm, long enough to have ranges"),
    ] {
        let file = ask(
            &app,
            "/pkg/app.wasm",
            &[(header::ACCEPT_ENCODING, accepted)],
        )
        .await;
        assert_eq!(
            (file.header(header::CONTENT_ENCODING), file.text.as_str()),
            (encoding, content)
        );
        assert_eq!(file.header(header::CONTENT_TYPE), "application/wasm");
        assert!(
            file.header(header::VARY)
                .to_lowercase()
                .contains("accept-encoding")
        );
        assert_eq!(file.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
}

#[tokio::test]
async fn files_are_revalidated_unless_their_name_is_a_hash() {
    let (app, _folder) = site("etags", false);
    let file = get(&app, "/pkg/app.css").await;
    assert_eq!(file.header(header::CACHE_CONTROL), "no-cache");
    let tag = file.header(header::ETAG);
    assert!(!tag.is_empty());
    let again = ask(&app, "/pkg/app.css", &[(header::IF_NONE_MATCH, tag)]).await;
    assert_eq!(
        (again.status, again.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
    assert_eq!(again.header(header::CACHE_CONTROL), "no-cache");
    let gzip = ask(&app, "/pkg/app.wasm", &[(header::ACCEPT_ENCODING, "gzip")]).await;
    let plain = get(&app, "/pkg/app.wasm").await;
    assert_ne!(
        gzip.header(header::ETAG),
        plain.header(header::ETAG),
        "one for each encoding"
    );
    assert_eq!(
        get(&app, &format!("/pkg/{HASHED}"))
            .await
            .header(header::CACHE_CONTROL),
        "no-cache"
    );

    let (app, _folder) = site("hashes", true);
    let immutable = "public, max-age=31536000, immutable";
    assert_eq!(
        get(&app, &format!("/pkg/{HASHED}"))
            .await
            .header(header::CACHE_CONTROL),
        immutable
    );
    for path in ["/pkg/app.css", "/robots.txt"] {
        assert_eq!(
            get(&app, path).await.header(header::CACHE_CONTROL),
            "no-cache",
            "{path}"
        );
    }
}

#[tokio::test]
async fn only_the_folders_files_are_served() {
    let (app, _folder) = site("traversal", false);
    for path in [
        "/../mizan-secret.txt",
        "/%2e%2e/mizan-secret.txt",
        "/pkg/..%2f..%2fmizan-secret.txt",
        "/pkg/../../mizan-secret.txt",
        "/..%5cmizan-secret.txt",
        "//etc/passwd",
        "/pkg",
        "/pkg/",
        "/robots.txt/x",
        "/robots.txt%00",
    ] {
        let answer = get(&app, path).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{path}: {}",
            answer.text
        );
        assert!(
            !answer.text.contains("secret") && !answer.text.contains("root:"),
            "{path}"
        );
    }
    let part = ask(&app, "/pkg/app.wasm", &[(header::RANGE, "bytes=0-4")]).await;
    assert_eq!(
        (part.status, part.text.as_str()),
        (StatusCode::PARTIAL_CONTENT, "plain")
    );
}

/// As many as come back at once when a node was replaced.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn many_connections_may_wait_to_be_accepted() {
    const MANY: usize = 1000;
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("the kernel says it");
    let most: usize = most.trim().parse().expect("a number");
    let listener = mizan::server::listen(([127, 0, 0, 1], 0).into()).expect("a free port");
    let addr = listener.local_addr().expect("it has one");
    let connections: Vec<_> = (0..MANY.min(most))
        .map(|_| TcpStream::connect_timeout(&addr, Duration::from_millis(500)))
        .collect();
    let refused = connections.iter().filter(|opened| opened.is_err()).count();
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn a_port_is_taken_once_and_free_at_once() {
    for addr in ["127.0.0.1:0", "[::1]:0"] {
        let listener = mizan::server::listen(addr.parse().expect("an address"));
        let Ok(listener) = listener else {
            // A machine without IPv6
            assert!(addr.starts_with('['));
            continue;
        };
        let addr = listener.local_addr().expect("it has one");
        let again = mizan::server::listen(addr).expect_err("it is taken");
        assert_eq!(again.kind(), std::io::ErrorKind::AddrInUse);
        // A connection that the server has closed would keep the port for a minute
        let client = TcpStream::connect(addr).expect("it listens");
        drop(listener.accept().await.expect("it has come"));
        drop((listener, client));
        mizan::server::listen(addr).expect("it is free");
    }
}
