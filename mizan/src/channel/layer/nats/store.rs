//! The stream that all groups are in.
//!
//! Everything is asked of the server that leads the stream, not of any that has a copy: who reads
//! after a message was added finds it.

use super::names::Names;
use crate::channel::{Position, layer::Limits};
use async_nats::{
    Client, HeaderMap,
    jetstream::{
        self, Context, ContextBuilder, ErrorCode,
        consumer::{AckPolicy, pull},
        context::{
            CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind,
            PublishError, PublishErrorKind, RequestError, RequestErrorKind,
        },
        message::StreamMessage,
        stream::{
            Config, ConsumerError, ConsumerErrorKind, DiscardPolicy, RawMessageError,
            RawMessageErrorKind, Republish, StorageType, Stream,
        },
    },
};
use bytes::Bytes;
use futures::StreamExt;
use std::{
    error::Error as StdError,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where a message is in its group: its epoch and its offset.
const POSITION: &str = "Mizan-Position";

/// The number of the message that it comes after: the server refuses it where there is a later one,
/// and keeps the header.
const AFTER: &str = "Nats-Expected-Last-Subject-Sequence";

/// The message's key, as a token.
const KEY: &str = "Mizan-Key";

/// The run of the server that it was added in.
const RUN: &str = "Mizan-Run";

/// What NATS allows as an age; none at all would be for ever.
const SHORTEST_AGE: Duration = Duration::from_millis(100);
const LONGEST_AGE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A message as the stream has it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) sequence: u64,
    /// The number of the one before it in its group; 0 where there was none.
    after: u64,
    /// When it was added, by the server's clock.
    pub(super) at: Duration,
    /// As a token.
    pub(super) key: Option<String>,
    pub(super) text: Bytes,
    /// The run of the server that it was added in.
    pub(super) run: String,
}

impl Entry {
    fn new(
        headers: Option<&HeaderMap>,
        sequence: u64,
        at: SystemTime,
        text: Bytes,
    ) -> Option<Self> {
        let headers = headers?;
        Some(Self {
            position: position(headers)?,
            sequence,
            after: headers.get(AFTER)?.as_str().parse().ok()?,
            at: since_1970(at),
            key: headers.get(KEY).map(|key| key.as_str().to_owned()),
            text,
            run: run(headers),
        })
    }
}

/// Where the headers say that a message is.
pub(super) fn position(headers: &HeaderMap) -> Option<Position> {
    let (epoch, offset) = headers.get(POSITION)?.as_str().split_once(' ')?;
    Some(Position {
        epoch: epoch.to_owned(),
        offset: offset.parse().ok()?,
    })
}

/// In which run of the server the headers say that a message was added.
pub(super) fn run(headers: &HeaderMap) -> String {
    let run = headers.get(RUN);
    run.map_or("", |run| run.as_str()).to_owned()
}

fn since_1970(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What came of adding a message.
#[derive(Debug)]
pub(super) enum Added {
    /// It is the one with this number in the stream.
    At(u64),
    /// There is, or was, one with its key, which is or was the one with this number.
    Before(u64),
}

/// A message of a group that is to be added.
#[derive(Debug)]
pub(super) struct New<'a> {
    pub(super) subject: &'a str,
    pub(super) position: &'a Position,
    /// The number of the last one in the group; 0 where there is none.
    pub(super) after: u64,
    /// As a token.
    pub(super) key: Option<&'a str>,
    /// By what the stream knows the key, where it shall look for it.
    pub(super) id: Option<String>,
    /// The run of the server in which that one was the last.
    pub(super) run: &'a str,
    pub(super) text: Bytes,
}

/// Since when nothing was forgotten, as the stream says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) since: Duration,
    pub(super) sequence: u64,
    /// When it was written, by the server's clock.
    pub(super) at: Duration,
    /// Whether that was in this run of the server: if not, it says nothing.
    pub(super) is_valid: bool,
}

/// The header of a mark that has taken the place of another one: since when, in nanoseconds.
const SINCE: &str = "Mizan-Since";

#[derive(Debug)]
pub(super) struct Store {
    client: Client,
    context: Context,
    stream: Stream<()>,
    wanted: Config,
    names: Names,
}

impl Store {
    /// The stream, yet to be [made](Self::make).
    pub(super) async fn new(
        client: &Client,
        names: Names,
        limits: Limits,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let context = ContextBuilder::new().timeout(timeout);
        let context = context.ack_timeout(timeout).build(client.clone());
        let age = limits.age.clamp(SHORTEST_AGE, LONGEST_AGE);
        let wanted = Config {
            name: names.stream().to_owned(),
            description: Some("the messages of channels' groups".to_owned()),
            subjects: vec![names.groups(), names.kept()],
            // The last one says where the group is
            max_messages_per_subject: i64::try_from(limits.size.max(1)).unwrap_or(i64::MAX),
            max_messages: -1,
            max_age: age,
            duplicate_window: age,
            // Where somebody has bounded it in bytes, it takes no more rather than forget
            discard: DiscardPolicy::New,
            republish: Some(Republish {
                source: names.groups(),
                destination: names.all_told(),
                headers_only: false,
            }),
            ..Config::default()
        };
        let stream = context.get_stream_no_info(names.stream()).await?;
        Ok(Self {
            client: client.clone(),
            context,
            stream,
            wanted,
            names,
        })
    }

    /// Makes the stream if it is not there, and changes it if it is another one than is wanted.
    /// What this says nothing about, as where it is stored and how often, stays as it is. Returns
    /// whether it was not there.
    pub(super) async fn make(&self) -> Result<bool, Failure> {
        let found = match self.find().await? {
            Some(found) => found,
            None => match self.create().await {
                Ok(()) => return Ok(true),
                // Another node was first, and wants other limits
                Err(Failure::Conflict) => self.find().await?.ok_or(Failure::Conflict)?,
                Err(failure) => return Err(failure),
            },
        };
        let wanted = Config {
            storage: found.storage,
            num_replicas: found.num_replicas,
            max_bytes: found.max_bytes,
            max_consumers: found.max_consumers,
            max_message_size: found.max_message_size,
            description: found.description.clone(),
            placement: found.placement.clone(),
            allow_direct: found.allow_direct,
            persist_mode: found.persist_mode,
            ..self.wanted.clone()
        };
        if wanted != found {
            self.context.update_stream(wanted).await?;
        }
        Ok(false)
    }

    /// What the stream is like; `None` where there is none.
    async fn find(&self) -> Result<Option<Config>, Failure> {
        match self.context.get_stream(&self.wanted.name).await {
            Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
            Err(error) => match error.into() {
                Failure::Gone => Ok(None),
                failure => Err(failure),
            },
        }
    }

    async fn create(&self) -> Result<(), Failure> {
        let config = Config {
            storage: StorageType::File,
            num_replicas: 1,
            max_bytes: -1,
            ..self.wanted.clone()
        };
        self.context.create_stream(config).await?;
        Ok(())
    }

    /// The run of the server. One of a cluster has none: there the others know what one forgets,
    /// and nodes are connected to different ones.
    pub(super) fn run(&self) -> String {
        let info = self.client.server_info();
        match info.cluster {
            Some(_) => String::new(),
            None => info.server_id,
        }
    }

    /// Whether a message was added in this run of the server. What came before it may lack some
    /// that the server had confirmed.
    pub(super) fn is_valid(&self, entry: &Entry) -> bool {
        entry.run == self.run()
    }

    /// The last message of a group, whether or not it is valid.
    pub(super) async fn last(&self, subject: &str) -> Result<Option<Entry>, Failure> {
        let message = self.stream.get_last_raw_message_by_subject(subject).await;
        Ok(found(message)?.and_then(entry))
    }

    /// The message with this number in the stream.
    pub(super) async fn at(&self, sequence: u64) -> Result<Option<Entry>, Failure> {
        let message = self.stream.get_raw_message(sequence).await;
        Ok(found(message)?.and_then(entry))
    }

    /// The messages of a group from an offset on to the last one, in order; `None` where some are
    /// gone. Each one costs a round trip.
    pub(super) async fn back_to(
        &self,
        offset: u64,
        mut entry: Entry,
    ) -> Result<Option<Vec<Entry>>, Failure> {
        let mut entries = Vec::new();
        while entry.position.offset > offset {
            let Some(before) = self.at(entry.after).await? else {
                return Ok(None);
            };
            let Position { epoch, offset } = &before.position;
            if *epoch != entry.position.epoch || offset + 1 != entry.position.offset {
                return Ok(None);
            }
            entries.push(std::mem::replace(&mut entry, before));
        }
        entries.push(entry);
        entries.reverse();
        Ok(Some(entries))
    }

    /// All valid messages of a group, in order; without their texts where `headers_only`.
    pub(super) async fn all(
        &self,
        subject: &str,
        headers_only: bool,
    ) -> Result<Vec<Entry>, Failure> {
        /// How long the server remembers it, should it not hear that it is over.
        const REMEMBERED: Duration = Duration::from_secs(10);
        /// How many messages are on their way at once: with 64 MB of them the server takes the node
        /// for one that does not read, and a message may have 1 MB.
        const BATCH: u64 = 50;
        let consumer = pull::Config {
            filter_subject: subject.to_owned(),
            ack_policy: AckPolicy::None,
            inactive_threshold: REMEMBERED,
            memory_storage: true,
            num_replicas: 1,
            headers_only,
            ..pull::Config::default()
        };
        let consumer = self.stream.create_consumer(consumer).await?;
        let mut pending = consumer.cached_info().num_pending;
        let mut entries = Vec::new();
        while pending > 0 {
            let batch = pending.min(BATCH);
            let messages = consumer.fetch().max_messages(batch as usize).messages();
            let mut messages = messages.await.map_err(Failure::of)?;
            let (mut read, mut left) = (0, pending);
            while let Some(message) = messages.next().await {
                let message = message.map_err(Failure::Other)?;
                let info = message.info().map_err(Failure::Other)?;
                let (sequence, at) = (info.stream_sequence, info.published.into());
                (read, left) = (read + 1, info.pending);
                let text = message.payload.clone();
                entries.extend(Entry::new(message.headers.as_ref(), sequence, at, text));
            }
            if read < batch && left > 0 {
                // It broke off; what there is must not count as all
                return Err(Failure::Conflict);
            }
            pending = left;
        }
        let (stream, name) = (self.stream.clone(), consumer.cached_info().name.clone());
        tokio::spawn(async move { stream.delete_consumer(&name).await });
        entries.retain(|entry| self.is_valid(entry));
        Ok(entries)
    }

    /// Adds a message to a group, if nothing was added meanwhile.
    pub(super) async fn add(&self, new: New<'_>) -> Result<Added, Failure> {
        let mut headers = HeaderMap::new();
        let Position { epoch, offset } = new.position;
        headers.insert(POSITION, format!("{epoch} {offset}"));
        if let Some(key) = new.key {
            headers.insert(KEY, key);
        }
        if let Some(id) = new.id {
            headers.insert(async_nats::header::NATS_MESSAGE_ID, id);
        }
        if new.run != self.run() {
            // Another message may have this number by now
            return Err(Failure::Conflict);
        }
        self.publish(new.subject, headers, new.after, new.text, new.run)
            .await
    }

    /// The mark; `None` where the stream was emptied, or nobody has renewed it.
    pub(super) async fn mark(&self) -> Result<Option<Mark>, Failure> {
        let subject = self.names.kept();
        let message = self.stream.get_last_raw_message_by_subject(&subject).await;
        Ok(found(message)?.map(|message| self.read_mark(&message)))
    }

    /// Writes the mark anew, so that it does not grow too old, and returns it.
    pub(super) async fn renew_mark(&self, old: Option<Mark>) -> Result<Option<Mark>, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(old) = old.filter(|old| old.is_valid) {
            headers.insert(SINCE, old.since.as_nanos().to_string());
        }
        let after = old.map_or(0, |old| old.sequence);
        let subject = self.names.kept();
        let run = self.run();
        let added = self.publish(&subject, headers, after, Bytes::new(), &run);
        let (Added::At(sequence) | Added::Before(sequence)) = added.await?;
        let message = self.stream.get_raw_message(sequence).await;
        Ok(found(message)?.map(|message| self.read_mark(&message)))
    }

    fn read_mark(&self, message: &StreamMessage) -> Mark {
        let at = since_1970(message.time.into());
        let since = message.headers.get(SINCE);
        let since = since.and_then(|since| since.as_str().parse().ok());
        Mark {
            since: since.map_or(at, Duration::from_nanos),
            sequence: message.sequence,
            at,
            is_valid: run(&message.headers) == self.run(),
        }
    }

    async fn publish(
        &self,
        subject: &str,
        mut headers: HeaderMap,
        after: u64,
        text: Bytes,
        run: &str,
    ) -> Result<Added, Failure> {
        headers.insert(AFTER, after.to_string());
        headers.insert(RUN, run);
        let sent = self
            .context
            .publish_with_headers(subject.to_owned(), headers, text);
        let ack = sent.await?.await?;
        if run != self.run() {
            return Err(Failure::Other("the server was started anew".into()));
        }
        Ok(if ack.duplicate {
            Added::Before(ack.sequence)
        } else {
            Added::At(ack.sequence)
        })
    }
}

fn entry(message: StreamMessage) -> Option<Entry> {
    let at = message.time.into();
    Entry::new(
        Some(&message.headers),
        message.sequence,
        at,
        message.payload,
    )
}

/// That there is no such message is no failure.
fn found(
    message: Result<StreamMessage, RawMessageError>,
) -> Result<Option<StreamMessage>, Failure> {
    match message {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no stream, or no server that has it at the moment; nothing was done.
    Gone,
    /// Somebody else was first; nothing was done.
    Conflict,
    /// It may or may not have been done.
    Other(Box<dyn StdError + Send + Sync>),
}

impl Failure {
    /// What an error means, by what caused it.
    pub(super) fn of(error: impl StdError + Send + Sync + 'static) -> Self {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<jetstream::Error>() {
                return Self::refused(error.clone());
            }
            let request = error.downcast_ref::<RequestError>();
            if request.is_some_and(|error| error.kind() == RequestErrorKind::NoResponders) {
                return Self::Gone;
            }
            cause = error.source();
        }
        Self::Other(Box::new(error))
    }

    /// What an answer of the server means.
    fn refused(error: jetstream::Error) -> Self {
        match error.error_code() {
            ErrorCode::STREAM_NOT_FOUND
            | ErrorCode::STREAM_OFFLINE
            | ErrorCode::CLUSTER_NOT_AVAILABLE => Self::Gone,
            // The latter where another node has made the stream
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE
            | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT
            | ErrorCode::STREAM_NAME_EXIST => Self::Conflict,
            _ => Self::Other(error.into()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("JetStream is not enabled there, or has no leader"),
            Self::Conflict => f.write_str("other nodes were always first"),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Gone | Self::Conflict => None,
            Self::Other(error) => error.source(),
        }
    }
}

impl From<RawMessageError> for Failure {
    fn from(error: RawMessageError) -> Self {
        match error.kind() {
            RawMessageErrorKind::JetStream(error) => Self::refused(error),
            _ => Self::of(error),
        }
    }
}

impl From<ConsumerError> for Failure {
    fn from(error: ConsumerError) -> Self {
        match error.kind() {
            ConsumerErrorKind::JetStream(error) => Self::refused(error),
            _ => Self::of(error),
        }
    }
}

impl From<GetStreamError> for Failure {
    fn from(error: GetStreamError) -> Self {
        match error.kind() {
            GetStreamErrorKind::JetStream(error) => Self::refused(error),
            _ => Self::of(error),
        }
    }
}

impl From<CreateStreamError> for Failure {
    fn from(error: CreateStreamError) -> Self {
        match error.kind() {
            CreateStreamErrorKind::JetStream(error) => Self::refused(error),
            CreateStreamErrorKind::NotFound | CreateStreamErrorKind::JetStreamUnavailable => {
                Self::Gone
            }
            _ => Self::of(error),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error.kind() {
            PublishErrorKind::StreamNotFound => Self::Gone,
            PublishErrorKind::WrongLastSequence => Self::Conflict,
            _ => Self::of(error),
        }
    }
}
