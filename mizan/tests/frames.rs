//! The socket's frames, held against RFC 6455.
//!
//! A row has the number of a case of the Autobahn test suite and sends what it sends, with two
//! differences. The suite wants its texts back, which is not what this endpoint is for: here a text
//! is a call of `echo`. And what can't be one, too short or binary, is answered with an error.
//!
//! Groups 9, 12 and 13 are about speed and compression. No compression is negotiated.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/raw.rs"]
mod raw;
#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/utf8.rs"]
mod utf8;

use mizan::Mizan;
use raw::{
    Answer, BINARY, CLOSE, Cut, Frame, PING, PONG, Peer, TEXT, announced, binary, call, close,
    continuation, fragments, frame, ping, pong, text,
};
use served::Served;
use std::{net::SocketAddr, time::Duration};
use support::options;
use tokio::{
    net::TcpSocket,
    sync::{Mutex, MutexGuard},
    task::JoinSet,
    time::timeout,
};
use utf8::{INVALID, VALID};

#[mizan::client]
async fn echo(text: String) -> mizan::Result<String> {
    Ok(text)
}

/// Counts what is allocated.
#[global_allocator]
static ALLOCATED: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// Held by each server: what is allocated is everybody's.
static ALONE: Mutex<()> = Mutex::const_new(());

/// What a message may have.
const LIMIT: usize = 512 * 1024;

const PROTOCOL: &[u16] = &[1002];
const NOT_UTF8: &[u16] = &[1007];
const TOO_BIG: &[u16] = &[1009];

/// Why the answer to what came before may be missing.
const GIVEN_UP: &str = "a call that runs when its socket ends is given up";

/// What becomes of a socket.
enum Outcome {
    /// These answers, and it goes on.
    GoesOn(Vec<Answer>),
    /// These answers, and the server fails the connection with a Close of one of these codes, as
    /// RFC 6455, 7.1.7 recommends.
    Fails(Vec<Answer>, &'static [u16]),
    /// The same, perhaps without the answers, which Autobahn calls non-strict; and why.
    NonStrict(Vec<Answer>, &'static [u16], &'static str),
    /// These answers and a Close of this code, and the server ends the connection.
    Closes(Vec<Answer>, Option<u16>),
}

use Outcome::{Closes, Fails, GoesOn, NonStrict};

/// A case: what is sent on a connection of its own, and what becomes of it.
struct Row {
    case: &'static str,
    frames: Vec<Frame>,
    cut: Cut,
    outcome: Outcome,
}

fn row(case: &'static str, frames: impl Into<Vec<Frame>>, outcome: Outcome) -> Row {
    cut_row(case, Cut::Nowhere, frames, outcome)
}

fn cut_row(case: &'static str, cut: Cut, frames: impl Into<Vec<Frame>>, outcome: Outcome) -> Row {
    Row {
        case,
        frames: frames.into(),
        cut,
        outcome,
    }
}

impl Row {
    async fn hold(self, addr: SocketAddr) -> Result<(), String> {
        let mut peer = Peer::open(addr).await;
        peer.send(&self.frames, self.cut).await;
        let answers = match &self.outcome {
            GoesOn(expected) => peer.take(expected.len()).await,
            _ => peer.take(usize::MAX).await,
        };
        let (held, why) = match &self.outcome {
            GoesOn(expected) => (answers == *expected && peer.echoes().await, String::new()),
            Fails(before, codes) => (failed(&answers, codes) == Some(before), String::new()),
            NonStrict(before, codes, why) => {
                let came = failed(&answers, codes);
                let held = came.is_some_and(|came| came.iter().all(|one| before.contains(one)));
                (held, format!(", where {why}"))
            }
            Closes(before, code) => {
                let closed = [Answer::Close(*code), Answer::End];
                let held = answers.strip_suffix(&closed) == Some(before);
                (held, String::new())
            }
        };
        match held {
            true => Ok(()),
            false => Err(format!(
                "{}{why}: {:.300}",
                self.case,
                format!("{answers:?}")
            )),
        }
    }
}

/// What was answered before the server failed the connection, if it did.
fn failed<'a>(answers: &'a [Answer], codes: &[u16]) -> Option<&'a [Answer]> {
    match answers {
        [before @ .., Answer::Close(Some(code)), Answer::End] if codes.contains(code) => {
            Some(before)
        }
        _ => None,
    }
}

struct Server {
    served: Served,
    alone: MutexGuard<'static, ()>,
}

impl Server {
    /// Before anything large is made: others may be counting.
    async fn start(limit: usize) -> Self {
        let alone = ALONE.lock().await;
        let app = Mizan::new(options()).body_limit(limit).api().unwrap();
        Self {
            served: Served::start(app).await,
            alone,
        }
    }

    async fn open(&self) -> Peer {
        Peer::open(self.served.addr).await
    }

    /// Runs the rows side by side.
    async fn hold(self, rows: Vec<Row>) {
        let mut other = self.open().await;
        let mut held = JoinSet::new();
        for row in rows {
            held.spawn(row.hold(self.served.addr));
        }
        let mut wrong = Vec::new();
        while let Some(row) = held.join_next().await {
            wrong.extend(row.unwrap().err());
            // Whatever somebody sends, another's socket goes on
            assert!(other.echoes().await);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        drop(other);
        self.stop().await;
    }

    async fn stop(self) {
        // It takes its time, and nothing of the memory that others count
        drop(self.alone);
        self.served.stop().await;
    }
}

fn echoed(text: &str) -> Answer {
    Answer::Echo(text.to_owned())
}

/// The text whose call has that many octets.
fn filling(size: usize) -> String {
    "*".repeat(size - call("").len())
}

fn fills(size: usize) -> Frame {
    text(call(&filling(size)))
}

fn filled(size: usize) -> Outcome {
    GoesOn(vec![echoed(&filling(size))])
}

fn hello() -> Frame {
    text(call("Hello, world!"))
}

fn greeted() -> Vec<Answer> {
    vec![echoed("Hello, world!")]
}

#[tokio::test]
async fn group_1_framing() {
    let server = Server::start(LIMIT).await;
    let refused = || GoesOn(vec![Answer::Refused]);
    let chops = Cut::After(997);
    server
        .hold(vec![
            row("1.1.1", [text("")], refused()),
            row("1.1.2", [fills(125)], filled(125)),
            row("1.1.3", [fills(126)], filled(126)),
            row("1.1.4", [fills(127)], filled(127)),
            row("1.1.5", [fills(128)], filled(128)),
            row("1.1.6", [fills(65535)], filled(65535)),
            row("1.1.7", [fills(65536)], filled(65536)),
            cut_row("1.1.8", chops, [fills(65536)], filled(65536)),
            row("1.2.1", [binary(0)], refused()),
            row("1.2.2", [binary(125)], refused()),
            row("1.2.3", [binary(126)], refused()),
            row("1.2.4", [binary(127)], refused()),
            row("1.2.5", [binary(128)], refused()),
            row("1.2.6", [binary(65535)], refused()),
            row("1.2.7", [binary(65536)], refused()),
            cut_row("1.2.8", chops, [binary(65536)], refused()),
        ])
        .await;
}

#[tokio::test]
async fn group_2_pings_and_pongs() {
    let server = Server::start(LIMIT).await;
    let answered = |payload: &[u8]| GoesOn(vec![Answer::Pong(payload.to_vec())]);
    let not_text = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    let longest = [0xfe; 125];
    let payloads: Vec<String> = (0..10).map(|number| format!("payload-{number}")).collect();
    let ten: Vec<Frame> = payloads.iter().map(ping).collect();
    let each = || {
        let pongs = payloads.iter().map(|payload| payload.clone().into_bytes());
        GoesOn(pongs.map(Answer::Pong).collect())
    };
    let unasked = || pong("unsolicited pong payload");
    server
        .hold(vec![
            row("2.1", [ping("")], answered(b"")),
            row("2.2", [ping("Hello, world!")], answered(b"Hello, world!")),
            row("2.3", [ping(not_text)], answered(not_text)),
            row("2.4", [ping(longest)], answered(&longest)),
            row("2.5", [ping([0xfe; 126])], Fails(vec![], PROTOCOL)),
            cut_row("2.6", Cut::After(1), [ping(longest)], answered(&longest)),
            row("2.7", [pong("")], GoesOn(vec![])),
            row("2.8", [unasked()], GoesOn(vec![])),
            row("2.9", [unasked(), ping("payload")], answered(b"payload")),
            row("2.10", ten.clone(), each()),
            cut_row("2.11", Cut::After(1), ten, each()),
        ])
        .await;
}

/// Nobody has negotiated an extension that says what they mean.
#[tokio::test]
async fn group_3_reserved_bits() {
    let server = Server::start(LIMIT).await;
    let second = |bits| [hello(), hello().rsv(bits), ping("")];
    let fails = || Fails(vec![], PROTOCOL);
    let fails_then = || Fails(greeted(), PROTOCOL);
    server
        .hold(vec![
            row("3.1", [hello().rsv(1)], fails()),
            row("3.2", second(2), NonStrict(greeted(), PROTOCOL, GIVEN_UP)),
            cut_row("3.3", Cut::AfterFrames, second(3), fails_then()),
            cut_row("3.4", Cut::After(1), second(4), fails_then()),
            row("3.5", [binary(8).rsv(5)], fails()),
            row("3.6", [ping("Hello, world!").rsv(6)], fails()),
            row("3.7", [frame(CLOSE, "").rsv(7)], fails()),
        ])
        .await;
}

#[tokio::test]
async fn group_4_reserved_opcodes() {
    let server = Server::start(LIMIT).await;
    let second = |opcode, payload: &str| [hello(), frame(opcode, payload), ping("")];
    let fails = || Fails(vec![], PROTOCOL);
    let fails_then = || Fails(greeted(), PROTOCOL);
    let non_strict = || NonStrict(greeted(), PROTOCOL, GIVEN_UP);
    let octets = Cut::After(1);
    server
        .hold(vec![
            row("4.1.1", [frame(3, "")], fails()),
            row("4.1.2", [frame(4, "reserved opcode payload")], fails()),
            row("4.1.3", second(5, ""), non_strict()),
            row("4.1.4", second(6, &call("6")), non_strict()),
            cut_row("4.1.5", octets, second(7, &call("7")), fails_then()),
            row("4.2.1", [frame(11, "")], fails()),
            row("4.2.2", [frame(12, "reserved opcode payload")], fails()),
            row("4.2.3", second(13, ""), non_strict()),
            row("4.2.4", second(14, &call("14")), non_strict()),
            cut_row("4.2.5", octets, second(15, &call("15")), fails_then()),
        ])
        .await;
}

#[tokio::test]
async fn group_5_fragmentation() {
    let server = Server::start(LIMIT).await;
    use Cut::{After, AfterFrames};
    let message = call("fragment1fragment2");
    let halves = || fragments(&message, message.len().div_ceil(2));
    let whole = || vec![echoed("fragment1fragment2")];
    let pinged = || {
        let mut frames = halves();
        frames.insert(1, ping("ping payload"));
        frames
    };
    let ponged = || {
        let mut answers = vec![Answer::Pong(b"ping payload".to_vec())];
        answers.extend(whole());
        GoesOn(answers)
    };
    let nothing_to_continue = || [continuation("non-continuation payload"), hello()];
    let nothing_to_go_on = || [continuation("non-continuation payload").more(), hello()];
    let in_fragments = |opcode| [frame(opcode, "fragment1").more(), continuation("fragment2")];
    let after_message = || [halves(), nothing_to_go_on().to_vec()].concat();
    let twice = |first: Frame| {
        let once = [vec![first], halves()].concat();
        [once.clone(), once].concat()
    };
    let both_text = || [text("fragment1").more(), hello()];
    let fails = || Fails(vec![], PROTOCOL);
    server
        .hold(vec![
            row("5.1", in_fragments(PING), fails()),
            row("5.2", in_fragments(PONG), fails()),
            row("5.3", halves(), GoesOn(whole())),
            cut_row("5.4", AfterFrames, halves(), GoesOn(whole())),
            cut_row("5.5", After(1), halves(), GoesOn(whole())),
            row("5.6", pinged(), ponged()),
            cut_row("5.7", AfterFrames, pinged(), ponged()),
            cut_row("5.8", After(1), pinged(), ponged()),
            row("5.9", nothing_to_continue(), fails()),
            cut_row("5.10", AfterFrames, nothing_to_continue(), fails()),
            cut_row("5.11", After(1), nothing_to_continue(), fails()),
            row("5.12", nothing_to_go_on(), fails()),
            cut_row("5.13", AfterFrames, nothing_to_go_on(), fails()),
            cut_row("5.14", After(1), nothing_to_go_on(), fails()),
            row(
                "5.15",
                after_message(),
                NonStrict(whole(), PROTOCOL, GIVEN_UP),
            ),
            row("5.16", twice(continuation("fragment1").more()), fails()),
            row("5.17", twice(continuation("fragment1")), fails()),
            row("5.18", both_text(), fails()),
            row("a Close in fragments", in_fragments(CLOSE), fails()),
        ])
        .await;
}

/// A ping is answered when it comes, not when the message around it is complete.
#[tokio::test]
async fn group_5_pings_are_not_held_up() {
    let server = Server::start(LIMIT).await;
    let message = call("fragment1fragment2fragment3fragment4fragment5");
    for (case, cut) in [("5.19", Cut::Nowhere), ("5.20", Cut::AfterFrames)] {
        let mut frames = fragments(&message, message.len().div_ceil(5));
        frames.insert(4, ping("pongme 2!"));
        frames.insert(2, ping("pongme 1!"));
        let mut peer = server.open().await;
        peer.send(&frames[..3], cut).await;
        let answer = peer.receive().await;
        assert_eq!(answer, Answer::Pong(b"pongme 1!".to_vec()), "{case}");
        peer.send(&frames[3..], cut).await;
        let expected = [
            Answer::Pong(b"pongme 2!".to_vec()),
            echoed("fragment1fragment2fragment3fragment4fragment5"),
        ];
        assert_eq!(peer.take(2).await, expected, "{case}");
    }
    server.stop().await;
}

#[tokio::test]
async fn group_6_texts() {
    let server = Server::start(LIMIT).await;
    let refused = || GoesOn(vec![Answer::Refused]);
    let empty = || [text("").more(), continuation("").more(), continuation("")];
    let middle = call("middle frame payload");
    let around = [
        text("").more(),
        continuation(&middle).more(),
        continuation(""),
    ];
    let (before, after) = (
        "Hello-\u{b5}@\u{df}\u{f6}\u{e4}",
        "\u{fc}\u{e0}\u{e1}-UTF-8!!",
    );
    let hello = &format!("{before}{after}");
    let message = call(hello);
    let (first, second) = message.split_at(message.find(after).unwrap());
    let greek = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";
    let wrong = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    server
        .hold(vec![
            row("6.1.1", [text("")], refused()),
            row("6.1.2", empty(), refused()),
            row(
                "6.1.3",
                around,
                GoesOn(vec![echoed("middle frame payload")]),
            ),
            row("6.2.1", [text(&message)], GoesOn(vec![echoed(hello)])),
            row(
                "6.2.2",
                [text(first).more(), continuation(second)],
                GoesOn(vec![echoed(hello)]),
            ),
            row("6.2.3", fragments(&message, 1), GoesOn(vec![echoed(hello)])),
            row(
                "6.2.4",
                fragments(call(greek), 1),
                GoesOn(vec![echoed(greek)]),
            ),
            row("6.3.1", [text(wrong)], Fails(vec![], NOT_UTF8)),
            row("6.3.2", fragments(wrong, 1), Fails(vec![], NOT_UTF8)),
        ])
        .await;
}

/// When it is noticed that a text is not UTF-8.
#[derive(PartialEq)]
enum Noticed {
    AtOnce,
    /// With the end of the frame, which Autobahn calls non-strict; and why.
    Late(&'static str),
}

#[tokio::test]
async fn group_6_a_wrong_text_is_noticed_before_it_ends() {
    const WHOLE: &str = "a frame is looked at when it is complete";
    let server = Server::start(LIMIT).await;
    // A Greek word, U+110000, which there is not, and more: with the thirteenth octet it is wrong
    let wrong = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";
    let in_frames = |first, second| {
        [
            text(&wrong[..first]).more().bytes(),
            continuation(&wrong[first..second]).more().bytes(),
            continuation(&wrong[second..]).bytes(),
        ]
    };
    let in_chops = |first, second| {
        let frame = text(wrong).bytes();
        let head = frame.len() - wrong.len();
        let (first, second) = (head + first, head + second);
        [
            frame[..first].to_vec(),
            frame[first..second].to_vec(),
            frame[second..].to_vec(),
        ]
    };
    for (case, [first, second, third], noticed) in [
        ("6.4.1", in_frames(11, 15), Noticed::AtOnce),
        ("6.4.2", in_frames(12, 13), Noticed::AtOnce),
        ("6.4.3", in_chops(11, 15), Noticed::Late(WHOLE)),
        ("6.4.4", in_chops(12, 13), Noticed::Late(WHOLE)),
    ] {
        let a_while = Duration::from_millis(100);
        let mut peer = server.open().await;
        peer.write(&first).await.unwrap();
        assert_eq!(
            peer.receive_within(a_while).await,
            Answer::Silence,
            "{case}"
        );
        peer.write(&second).await.unwrap();
        if noticed != Noticed::AtOnce {
            assert_eq!(
                peer.receive_within(a_while).await,
                Answer::Silence,
                "{case}"
            );
            peer.write(&third).await.unwrap();
        }
        let answers = peer.take(usize::MAX).await;
        assert!(
            failed(&answers, NOT_UTF8) == Some(&[]),
            "{case}: {answers:?}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn group_6_valid() {
    let server = Server::start(LIMIT).await;
    let mut rows = Vec::new();
    for (case, valid) in VALID {
        let message = call(valid);
        rows.push(row(case, [text(&message)], GoesOn(vec![echoed(valid)])));
        rows.push(row(
            case,
            fragments(message, 1),
            GoesOn(vec![echoed(valid)]),
        ));
        // As it is, it is a text, and no call
        rows.push(row(case, [text(valid)], GoesOn(vec![Answer::Refused])));
    }
    server.hold(rows).await;
}

#[tokio::test]
async fn group_6_invalid() {
    let server = Server::start(LIMIT).await;
    let mut rows = Vec::new();
    for (case, invalid) in INVALID {
        rows.push(row(case, [text(invalid)], Fails(vec![], NOT_UTF8)));
        rows.push(row(case, fragments(invalid, 1), Fails(vec![], NOT_UTF8)));
    }
    server.hold(rows).await;
}

fn closes(code: impl Into<Option<u16>>) -> Outcome {
    Closes(vec![], code.into())
}

#[tokio::test]
async fn group_7_closing() {
    let server = Server::start(LIMIT).await;
    let normal = || close(1000, "");
    let fails = |codes| Fails(vec![], codes);
    let halves = || fragments(call("fragment1fragment2"), 40);
    let mut rest = halves();
    let mut cut_short = vec![rest.remove(0), normal()];
    cut_short.append(&mut rest);
    let large = filling(256 * 1024);
    let behind_large = vec![echoed(&large), echoed("Hello, world!")];
    let not_utf8 = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    let mut rows = vec![
        cut_row(
            "7.1.1",
            Cut::AfterFrames,
            [hello(), normal()],
            Closes(greeted(), Some(1000)),
        ),
        row("7.1.2", [normal(), frame(CLOSE, "")], closes(1000)),
        row("7.1.3", [normal(), ping("")], closes(1000)),
        row("7.1.4", [normal(), hello()], closes(1000)),
        row("7.1.5", cut_short, closes(1000)),
        row(
            "7.1.6",
            [text(call(&large)), hello(), normal(), ping("")],
            NonStrict(behind_large, &[1000], GIVEN_UP),
        ),
        row("7.3.1", [frame(CLOSE, "")], closes(None)),
        row("7.3.2", [frame(CLOSE, "a")], fails(PROTOCOL)),
        row("7.3.3", [normal()], closes(1000)),
        row("7.3.4", [close(1000, "Hello World!")], closes(1000)),
        row("7.3.5", [close(1000, [b'*'; 123])], closes(1000)),
        row("7.3.6", [close(1000, [b'*'; 124])], fails(PROTOCOL)),
        row("7.5.1", [close(1000, not_utf8)], fails(&[1002, 1007])),
    ];
    for (case, code) in [
        ("7.7.1", 1000),
        ("7.7.2", 1001),
        ("7.7.3", 1002),
        ("7.7.4", 1003),
        ("7.7.5", 1007),
        ("7.7.6", 1008),
        ("7.7.7", 1009),
        ("7.7.8", 1010),
        ("7.7.9", 1011),
        ("7.7.10", 3000),
        ("7.7.11", 3999),
        ("7.7.12", 4000),
        ("7.7.13", 4999),
    ] {
        rows.push(row(case, [close(code, "")], closes(code)));
    }
    for (case, code) in [
        ("7.9.1", 0),
        ("7.9.2", 999),
        ("7.9.3", 1004),
        ("7.9.4", 1005),
        ("7.9.5", 1006),
        ("7.9.6", 1016),
        ("7.9.7", 1100),
        ("7.9.8", 2000),
        ("7.9.9", 2999),
        // What becomes of these Autobahn leaves open
        ("7.13.1", 5000),
        ("7.13.2", 65535),
    ] {
        rows.push(row(case, [close(code, "")], fails(PROTOCOL)));
    }
    server.hold(rows).await;
}

#[tokio::test]
async fn group_10_many_fragments() {
    let server = Server::start(LIMIT).await;
    let message = call(&filling(65536));
    server
        .hold(vec![row("10.1.1", fragments(message, 1300), filled(65536))])
        .await;
}

/// A mask keeps proxies from taking a text for something else (RFC 6455, 10.3).
#[tokio::test]
async fn frames_without_a_mask_are_refused() {
    let server = Server::start(LIMIT).await;
    for frame in [hello(), binary(8), ping(""), pong(""), close(1000, "")] {
        let mut peer = server.open().await;
        peer.write(&frame.unmasked()).await.unwrap();
        let answers = peer.take(usize::MAX).await;
        assert!(failed(&answers, PROTOCOL) == Some(&[]), "{answers:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn messages_over_the_limit_are_refused() {
    let server = Server::start(LIMIT).await;
    let over = call(&filling(LIMIT + 1));
    server
        .hold(vec![
            row("the limit", [fills(LIMIT)], filled(LIMIT)),
            row(
                "the limit in fragments",
                fragments(call(&filling(LIMIT)), 4096),
                filled(LIMIT),
            ),
            row("over the limit", [text(&over)], Fails(vec![], TOO_BIG)),
            row(
                "over the limit in fragments",
                fragments(&over, 4096),
                Fails(vec![], TOO_BIG),
            ),
            row("binary", [binary(LIMIT + 1)], Fails(vec![], TOO_BIG)),
        ])
        .await;
}

/// Nobody waits for what was announced, and nothing is kept free for it.
#[tokio::test]
async fn lengths_over_the_limit_are_refused_when_they_are_announced() {
    let server = Server::start(LIMIT).await;
    for opcode in [TEXT, BINARY, PING, CLOSE] {
        for length in [
            LIMIT as u64 + 1,
            u64::from(u32::MAX),
            1 << 62,
            1 << 63,
            u64::MAX,
        ] {
            let mut peer = server.open().await;
            let before = ALLOCATED.allocated();
            peer.write(&announced(opcode, length)).await.unwrap();
            let answers = peer.take(usize::MAX).await;
            // The highest bit is no part of a length: that is a violation, too
            let failed = failed(&answers, &[1002, 1009]);
            assert!(failed == Some(&[]), "{opcode} {length}: {answers:?}");
            let grown = ALLOCATED.allocated().saturating_sub(before);
            assert!(grown < LIMIT / 2, "{opcode} {length}: {grown} bytes");
        }
    }
    server.stop().await;
}

/// RFC 6455, 5.2 wants as few octets as there can be. That binds who sends; nobody looks here.
#[tokio::test]
async fn lengths_in_more_octets_than_they_need() {
    let server = Server::start(LIMIT).await;
    let mut peer = server.open().await;
    let message = call("Hello, world!");
    // Its mask is all zeros
    let frame = [announced(TEXT, message.len() as u64), message.into_bytes()].concat();
    peer.write(&frame).await.unwrap();
    assert_eq!(peer.take(1).await, greeted());
    assert!(peer.echoes().await);
    server.stop().await;
}

/// A message costs what is in it, however small the pieces are.
#[tokio::test]
async fn tiny_fragments() {
    const SMALL: usize = 16 * 1024;
    let server = Server::start(SMALL).await;
    let mut peer = server.open().await;
    let message = call(&filling(SMALL));
    peer.send(&fragments(&message, 1), Cut::Nowhere).await;
    assert_eq!(peer.receive().await, echoed(&filling(SMALL)));

    // Empty ones come to nothing, and could go on for ever
    let empty: Vec<u8> = continuation("").more().bytes().repeat(1000);
    peer.write(&text("").more().bytes()).await.unwrap();
    let before = ALLOCATED.allocated();
    for _ in 0..50 {
        peer.write(&empty).await.unwrap();
    }
    // What is before the ping has been read when it is answered
    peer.send(&[ping("")], Cut::Nowhere).await;
    assert_eq!(peer.receive().await, Answer::Pong(vec![]));
    let grown = ALLOCATED.allocated().saturating_sub(before);
    assert!(grown < SMALL, "50,000 empty fragments took {grown} bytes");
    peer.send(&[continuation(call("x"))], Cut::Nowhere).await;
    assert_eq!(peer.receive().await, echoed("x"));

    let over = call(&filling(SMALL + 1));
    peer.send(&fragments(over, 1), Cut::Nowhere).await;
    let answers = peer.take(usize::MAX).await;
    assert!(failed(&answers, TOO_BIG) == Some(&[]), "{answers:?}");
    assert!(server.open().await.echoes().await);
    server.stop().await;
}

/// The server waits for who does not read, and reads no further.
#[tokio::test]
async fn pings_of_somebody_who_reads_no_pongs() {
    let server = Server::start(LIMIT).await;
    let mut other = server.open().await;
    // As little as possible waits outside of the server's memory
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut peer = Peer::open_with(server.served.addr, socket).await;
    let pings = ping([b'x'; 125]).bytes().repeat(1000);
    let before = ALLOCATED.allocated();
    for _ in 0..100 {
        let written = timeout(Duration::from_millis(500), peer.write(&pings)).await;
        if written.is_err() {
            // Nobody reads them any more
            break;
        }
    }
    assert!(other.echoes().await);
    let grown = ALLOCATED.allocated().saturating_sub(before);
    assert!(grown < LIMIT, "100,000 pings took {grown} bytes");
    drop((peer, other));
    server.stop().await;
}

/// Nothing is compressed: no small message becomes a large one.
#[tokio::test]
async fn no_extension_is_negotiated() {
    let server = Server::start(LIMIT).await;
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits; server_max_window_bits=15",
        "permessage-bzip2, permessage-deflate; client_no_context_takeover",
        "x-webkit-deflate-frame",
    ] {
        let headers = [
            ("sec-websocket-extensions", offer),
            ("sec-websocket-protocol", "chat, superchat"),
        ];
        let (mut peer, head) = Peer::ask(server.served.addr, "GET", &headers).await;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(!head.contains("sec-websocket-extensions"), "{head}");
        assert!(!head.contains("sec-websocket-protocol"), "{head}");
        assert!(peer.echoes().await);
        // "Hello" as permessage-deflate has it (RFC 7692, 7.2.3.1)
        let compressed = text(b"\xf2\x48\xcd\xc9\xc9\x07\x00").rsv(4);
        peer.send(&[compressed], Cut::Nowhere).await;
        let answers = peer.take(usize::MAX).await;
        assert!(failed(&answers, PROTOCOL) == Some(&[]), "{answers:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn handshakes_that_are_none() {
    let server = Server::start(LIMIT).await;
    let addr = server.served.addr;
    for (name, value) in [
        ("sec-websocket-version", "0"),
        ("sec-websocket-version", "8"),
        ("sec-websocket-version", "12"),
        ("sec-websocket-version", "14"),
        ("sec-websocket-version", "thirteen"),
        ("sec-websocket-version", ""),
        ("sec-websocket-key", ""),
        ("connection", "keep-alive"),
        ("connection", ""),
        ("upgrade", "h2c"),
        ("upgrade", ""),
    ] {
        let (_, head) = Peer::ask(addr, "GET", &[(name, value)]).await;
        assert!(head.starts_with("http/1.1 400 "), "{name}: {value}: {head}");
        // RFC 6455, 4.2.2 demands that the answer to a wrong version names the right one
        assert!(head.contains("sec-websocket-version: 13"), "{head}");
    }
    let (_, head) = Peer::ask(addr, "POST", &[]).await;
    assert!(head.starts_with("http/1.1 405 "), "{head}");
    // Not sixteen octets in base64, as RFC 6455, 4.2.1 has it; nobody looks, and nothing hangs on it
    for key in ["x", "dGhlIHNhbXBsZSBub25jZQ", "!!!!"] {
        let (mut peer, head) = Peer::ask(addr, "GET", &[("sec-websocket-key", key)]).await;
        assert!(head.starts_with("http/1.1 101 "), "{key}: {head}");
        assert!(peer.echoes().await);
    }
    server.stop().await;
}
