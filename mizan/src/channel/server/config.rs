#[cfg(feature = "nats")]
use crate::channel::layer::Nats;
#[cfg(feature = "redis")]
use crate::channel::layer::Redis;
use crate::channel::layer::{Layer, Limits, Memory};
use std::{fmt, time::Duration};

/// What carries the messages of channels, and how much of them is remembered: the memory of this
/// process by default.
///
/// # Example
///
/// ```
/// use mizan::channel::Channels;
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), mizan::channel::ConnectError> {
/// let channels = Channels::builder()
///     .history(1000, Duration::from_secs(60 * 60))
///     .connect("memory:") // or redis:, nats:
///     .await?;
/// # let _ = channels;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Channels(Box<dyn Layer>);

impl Channels {
    /// Carries messages in the memory of this process: they end with it, and other nodes don't get
    /// them.
    pub fn memory() -> Self {
        ChannelsBuilder::default().memory()
    }

    /// Connects to the layer that a URL names, with every default; see
    /// [`ChannelsBuilder::connect`].
    ///
    /// # Errors
    ///
    /// Where the layer can't be reached, or the URL names one that this build has not.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder().connect(url).await
    }

    /// Starts from 100 messages or five minutes of history.
    pub fn builder() -> ChannelsBuilder {
        ChannelsBuilder::default()
    }

    pub(crate) fn into_layer(self) -> Box<dyn Layer> {
        self.0
    }
}

impl Default for Channels {
    fn default() -> Self {
        Self::memory()
    }
}

/// Makes [`Channels`].
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "it does nothing until `connect` or `memory` is called"]
pub struct ChannelsBuilder(Limits);

impl ChannelsBuilder {
    /// Sets how much of a group's past is kept: at most so many messages, and none that is older.
    pub fn history(mut self, size: usize, age: Duration) -> Self {
        self.0 = Limits { size, age };
        self
    }

    /// Carries messages in the memory of this process.
    pub fn memory(self) -> Channels {
        Channels(Box::new(Memory::new(self.0)))
    }

    /// Connects to the layer that a URL names.
    ///
    /// | URL | feature | what |
    /// | --- | --- | --- |
    /// | `memory:` | | the memory of this process |
    /// | `redis:..`, `rediss:..` | `redis` | streams, and publish/subscribe |
    /// | `nats:..`, `tls:..` | `nats` | a stream of JetStream, and publish/subscribe |
    ///
    /// Another application on the same server needs another name, which is `mizan` unless the URL
    /// says it: for Redis in its query, `redis://host?prefix=shop`, for NATS as its path,
    /// `nats://host/shop`. It has letters, digits, `-` and `_`.
    ///
    /// NATS takes several URLs with commas between them; the name is in the first.
    ///
    /// # Errors
    ///
    /// Where the layer can't be reached, or the URL names one that this build has not.
    pub async fn connect(self, url: &str) -> Result<Channels, ConnectError> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "memory" => Ok(self.memory()),
            #[cfg(feature = "redis")]
            "redis" | "rediss" => match Redis::connect(url, self.0).await {
                Ok(layer) => Ok(Channels(Box::new(layer))),
                Err(error) => Err(ConnectError(error)),
            },
            #[cfg(feature = "nats")]
            "nats" | "tls" => match Nats::connect(url, self.0).await {
                Ok(layer) => Ok(Channels(Box::new(layer))),
                Err(error) => Err(ConnectError(error)),
            },
            _ => Err(ConnectError(
                format!(
                    "there is no layer for channels at {scheme:?}: it is one of memory, redis and \
                     nats, the latter two with the feature of mizan's of that name"
                )
                .into(),
            )),
        }
    }
}

/// Why a layer for channels can't be used.
#[derive(Debug)]
pub struct ConnectError(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "channels can't be carried: {}", self.0)
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
