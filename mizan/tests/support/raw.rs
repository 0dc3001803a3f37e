//! The client's end of a socket, octet by octet: what no client library would send.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use serde_json::{Value, json};
use std::{io::Result, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The key and its answer are those of RFC 6455, 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// After which silence nothing comes any more.
const LONGEST: Duration = Duration::from_secs(5);

/// Between two frames that are to arrive apart; between chops of a frame it is a millisecond.
const BETWEEN_FRAMES: Duration = Duration::from_millis(20);

/// A frame as a client sends it, the last one of its message.
#[derive(Clone)]
pub(crate) struct Frame {
    first: u8,
    payload: Vec<u8>,
}

pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame {
        first: FIN | opcode,
        payload: payload.as_ref().to_vec(),
    }
}

pub(crate) fn text(payload: impl AsRef<[u8]>) -> Frame {
    frame(TEXT, payload)
}

pub(crate) fn binary(size: usize) -> Frame {
    frame(BINARY, vec![0xfe; size])
}

pub(crate) fn continuation(payload: impl AsRef<[u8]>) -> Frame {
    frame(CONTINUATION, payload)
}

pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Frame {
    frame(PING, payload)
}

pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Frame {
    frame(PONG, payload)
}

pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
    frame(CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
}

/// A text message in fragments of that many octets.
pub(crate) fn fragments(message: impl AsRef<[u8]>, size: usize) -> Vec<Frame> {
    let mut frames: Vec<Frame> = message
        .as_ref()
        .chunks(size)
        .map(|part| continuation(part).more())
        .collect();
    let last = frames.len() - 1;
    frames[0].first |= TEXT;
    frames[last].first |= FIN;
    frames
}

impl Frame {
    /// Another fragment follows.
    pub(crate) fn more(mut self) -> Self {
        self.first &= !FIN;
        self
    }

    /// Sets reserved bits.
    pub(crate) fn rsv(mut self, bits: u8) -> Self {
        self.first |= bits << 4;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = self.head(MASKED);
        bytes.extend_from_slice(&mask);
        let payload = self.payload.iter().zip(mask.iter().cycle());
        bytes.extend(payload.map(|(octet, mask)| octet ^ mask));
        bytes
    }

    /// As only a server may send it.
    pub(crate) fn unmasked(&self) -> Vec<u8> {
        [self.head(0), self.payload.clone()].concat()
    }

    fn head(&self, masked: u8) -> Vec<u8> {
        let length = self.payload.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..=125), _) => vec![self.first, masked | short],
            (_, Ok(length)) => {
                let [high, low] = length.to_be_bytes();
                vec![self.first, masked | 126, high, low]
            }
            (_, Err(_)) => head(self.first, masked, length as u64),
        }
    }
}

/// The head of a masked frame that says what it likes of its length.
pub(crate) fn announced(opcode: u8, length: u64) -> Vec<u8> {
    [head(FIN | opcode, MASKED, length), vec![0; 4]].concat()
}

fn head(first: u8, masked: u8, length: u64) -> Vec<u8> {
    [&[first, masked | 127], &length.to_be_bytes()[..]].concat()
}

/// A call of `echo`.
pub(crate) fn call(text: &str) -> String {
    json!({ "op": "call", "id": 1, "fn": "echo", "args": { "text": text } }).to_string()
}

/// How the octets are cut before they are sent.
#[derive(Clone, Copy)]
pub(crate) enum Cut {
    Nowhere,
    AfterFrames,
    After(usize),
}

/// What the server sent. Its own pings are left out.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// What `echo` was called with.
    Echo(String),
    /// The error for what is no call.
    Refused,
    Pong(Vec<u8>),
    Close(Option<u16>),
    /// The connection ended.
    End,
    /// Nothing, for as long as was waited.
    Silence,
    /// Nothing that may come.
    Other(String),
}

impl Answer {
    /// Whether nothing comes after it.
    fn is_last(&self) -> bool {
        matches!(self, Self::End | Self::Silence | Self::Other(_))
    }
}

/// A connection on which anything can be sent.
pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        Self::open_with(addr, TcpSocket::new_v4().unwrap()).await
    }

    /// Opens a socket over one with options of its own.
    pub(crate) async fn open_with(addr: SocketAddr, socket: TcpSocket) -> Self {
        let stream = socket.connect(addr).await.unwrap();
        // Chops arrive as they are written
        stream.set_nodelay(true).unwrap();
        let mut peer = Self(stream);
        let head = peer.handshake("GET", &[]).await;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        let accept = format!("sec-websocket-accept: {}\r\n", ACCEPT.to_lowercase());
        assert!(head.contains(&accept), "{head}");
        peer
    }

    /// Connects, and asks for a socket; headers are replaced, left out if there is no value.
    pub(crate) async fn ask(
        addr: SocketAddr,
        method: &str,
        headers: &[(&str, &str)],
    ) -> (Self, String) {
        let mut peer = Self(TcpStream::connect(addr).await.unwrap());
        let head = peer.handshake(method, headers).await;
        (peer, head)
    }

    /// The head of the answer, in lower case.
    async fn handshake(&mut self, method: &str, headers: &[(&str, &str)]) -> String {
        let usual = [
            ("host", "localhost"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        let usual = usual
            .iter()
            .filter(|(name, _)| headers.iter().all(|(other, _)| other != name));
        let mut request = format!("{method} /api/mizan/ws HTTP/1.1\r\n");
        for (name, value) in usual.chain(headers).filter(|(_, value)| !value.is_empty()) {
            request += &format!("{name}: {value}\r\n");
        }
        self.write(format!("{request}\r\n").as_bytes())
            .await
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // One at a time: frames may follow
            head.push(timeout(LONGEST, self.0.read_u8()).await.unwrap().unwrap());
        }
        String::from_utf8(head).unwrap().to_lowercase()
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).await
    }

    /// Sends frames. That the server has ended the connection meanwhile shows when it is read.
    pub(crate) async fn send(&mut self, frames: &[Frame], cut: Cut) {
        let frames = frames.iter().map(Frame::bytes);
        let (pieces, pause): (Vec<_>, _) = match cut {
            Cut::Nowhere => (vec![frames.flatten().collect()], Duration::ZERO),
            Cut::AfterFrames => (frames.collect(), BETWEEN_FRAMES),
            Cut::After(octets) => {
                let all: Vec<u8> = frames.flatten().collect();
                let pieces = all.chunks(octets).map(<[u8]>::to_vec);
                (pieces.collect(), Duration::from_millis(1))
            }
        };
        for piece in pieces {
            if self.write(&piece).await.is_err() {
                return;
            }
            sleep(pause).await;
        }
    }

    pub(crate) async fn receive(&mut self) -> Answer {
        self.receive_within(LONGEST).await
    }

    pub(crate) async fn receive_within(&mut self, longest: Duration) -> Answer {
        match timeout(longest, self.next()).await {
            Ok(Ok(answer)) => answer,
            // Octets that nobody had read make it a reset
            Ok(Err(_)) => Answer::End,
            Err(_) => Answer::Silence,
        }
    }

    /// That many answers, or fewer if no more come.
    pub(crate) async fn take(&mut self, most: usize) -> Vec<Answer> {
        let mut answers = Vec::new();
        while answers.len() < most && !answers.last().is_some_and(Answer::is_last) {
            answers.push(self.receive().await);
        }
        answers
    }

    /// Calls `echo`, and is answered.
    pub(crate) async fn echoes(&mut self) -> bool {
        self.send(&[text(call("still here"))], Cut::Nowhere).await;
        self.receive().await == Answer::Echo("still here".to_owned())
    }

    async fn next(&mut self) -> Result<Answer> {
        loop {
            let [first, second] = [self.0.read_u8().await?, self.0.read_u8().await?];
            let length = match second {
                126 => u64::from(self.0.read_u16().await?),
                127 => self.0.read_u64().await?,
                length => u64::from(length),
            };
            // Masked, a fragment, or with a reserved bit
            if second & MASKED != 0 || first & !0xf != FIN {
                return Ok(Answer::Other(format!("a frame {first:#x} {second:#x}")));
            }
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await?;
            let answer = match first & 0xf {
                PING => continue,
                PONG => Answer::Pong(payload),
                CLOSE => Answer::Close(code(&payload)),
                TEXT => understand(&payload),
                opcode => Answer::Other(format!("a frame of opcode {opcode}")),
            };
            return Ok(answer);
        }
    }
}

fn code(close: &[u8]) -> Option<u16> {
    let (code, _reason) = close.split_first_chunk()?;
    Some(u16::from_be_bytes(*code))
}

fn understand(text: &[u8]) -> Answer {
    let other = || Answer::Other(String::from_utf8_lossy(text).into_owned());
    let Ok(answer) = serde_json::from_slice::<Value>(text) else {
        return other();
    };
    match (answer["op"].as_str(), answer["result"].as_str()) {
        (Some("result"), Some(text)) if answer["id"] == 1 => Answer::Echo(text.to_owned()),
        (Some("error"), _) if answer["error"]["code"] == "BAD_REQUEST" => Answer::Refused,
        _ => other(),
    }
}
