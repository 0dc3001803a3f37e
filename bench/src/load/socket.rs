use super::{Result, Target};
use futures::{SinkExt, StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{future::Future, io::ErrorKind, time::Duration};
use tokio::{net::TcpStream, time::sleep};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error, Message, Utf8Bytes, protocol::WebSocketConfig},
};

/// What is read at a time.
const BUFFER: usize = 4 * 1024;

/// How many sockets are opened at a time, where it does not matter.
const AT_A_TIME: usize = 64;

/// The number that all of them have for their channel.
const ID: u64 = 1;

/// How often a socket that the server did not take is tried again, and after how long at first:
/// each time twice as long.
const RETRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// One end of a socket.
pub(super) struct Socket(WebSocketStream<TcpStream>);

/// Where a group is.
#[derive(Clone, Deserialize)]
pub(super) struct Joined {
    pub(super) epoch: String,
    pub(super) offset: u64,
    #[serde(default)]
    pub(super) recovered: bool,
}

impl Socket {
    /// Opens one; as browsers do, it tries again where the server had no room in its queue.
    pub(super) async fn open(target: Target, path: &str) -> Result<Self> {
        for retry in 0..RETRIES {
            match Self::try_open(target, path).await {
                Err(Error::Io(error)) if was_turned_away(error.kind()) => {
                    sleep(FIRST_WAIT * 2u32.pow(retry)).await;
                }
                opened => return Ok(opened?),
            }
        }
        Ok(Self::try_open(target, path).await?)
    }

    async fn try_open(target: Target, path: &str) -> std::result::Result<Self, Error> {
        let stream = TcpStream::connect(target.addr).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}{path}", target.addr);
        let config = WebSocketConfig::default().read_buffer_size(BUFFER);
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
        Ok(Self(socket))
    }

    /// Joins a channel, and returns what is answered: bare sockets say the same again.
    pub(super) async fn join(
        &mut self,
        channel: &str,
        number: usize,
        since: Option<&Joined>,
    ) -> Result<Utf8Bytes> {
        let mut join = json!({
            "op": "join", "id": ID, "channel": channel, "params": { "number": number },
        });
        if let Some(Joined { epoch, offset, .. }) = since {
            join["since"] = json!({ "epoch": epoch, "offset": offset });
        }
        self.send(join.to_string().into()).await?;
        let answer = self.next().await?;
        if answer.starts_with(r#"{"op":"error""#) {
            return Err(format!("`{channel}` can't be joined: {answer}").into());
        }
        Ok(answer)
    }

    pub(super) async fn send(&mut self, text: Utf8Bytes) -> Result {
        Ok(self.0.send(Message::Text(text)).await?)
    }

    /// The next text.
    pub(super) async fn next(&mut self) -> Result<Utf8Bytes> {
        while let Some(frame) = self.0.next().await {
            if let Message::Text(text) = frame? {
                return Ok(text);
            }
        }
        Err("the server has closed a socket".into())
    }
}

/// Whether a connection ended before the server had looked at it.
fn was_turned_away(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// A frame that says something in the channel.
pub(super) fn say(message: &str) -> Utf8Bytes {
    json!({ "op": "send", "id": ID, "message": message })
        .to_string()
        .into()
}

/// Makes some for each number from zero on, a few at a time.
pub(super) async fn many<T, F>(count: usize, open: impl Fn(usize) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    let opened = stream::iter(0..count).map(open).buffer_unordered(AT_A_TIME);
    opened.try_collect().await
}

/// Whether a frame says something.
pub(super) fn expect(frame: &Utf8Bytes, message: &str) -> Result {
    if frame.contains(message) {
        Ok(())
    } else {
        Err(format!("{frame} is not what was said").into())
    }
}

/// The offset of a message.
pub(super) fn offset(frame: &str) -> Result<u64> {
    let frame: Value = serde_json::from_str(frame)?;
    let offset = frame["offset"].as_u64();
    offset.ok_or_else(|| format!("{frame} has no offset").into())
}
