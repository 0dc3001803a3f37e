use std::time::Duration;

/// How the browser treats the data of a context: the options of `#[mizan::context]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextOptions {
    /// How long data counts as fresh; `None`, the default, until something makes it stale.
    pub stale_time: Option<Duration>,
    /// How long data is kept that nobody shows; 5 minutes by default.
    pub gc_time: Duration,
    /// How often data that is shown is fetched again.
    pub refetch_interval: Option<Duration>,
    /// Whether data older than `stale_time` is fetched again when the page is looked at again.
    pub refetch_on_focus: bool,
    /// Whether data older than `stale_time` is fetched again when the network is back.
    pub refetch_on_reconnect: bool,
    /// Whether what went stale reaches every browser that shows it, whoever caused it.
    pub live: bool,
}

impl ContextOptions {
    /// Every default.
    pub const fn new() -> Self {
        Self {
            stale_time: None,
            gc_time: Duration::from_secs(300),
            refetch_interval: None,
            refetch_on_focus: false,
            refetch_on_reconnect: false,
            live: false,
        }
    }

    /// Sets `stale_time`, in milliseconds.
    #[must_use]
    pub const fn stale_time(mut self, milliseconds: u64) -> Self {
        self.stale_time = Some(Duration::from_millis(milliseconds));
        self
    }

    /// Sets `gc_time`, in milliseconds.
    #[must_use]
    pub const fn gc_time(mut self, milliseconds: u64) -> Self {
        self.gc_time = Duration::from_millis(milliseconds);
        self
    }

    /// Sets `refetch_interval`, in milliseconds.
    #[must_use]
    pub const fn refetch_interval(mut self, milliseconds: u64) -> Self {
        self.refetch_interval = Some(Duration::from_millis(milliseconds));
        self
    }

    /// Sets `refetch_on_focus`.
    #[must_use]
    pub const fn refetch_on_focus(mut self) -> Self {
        self.refetch_on_focus = true;
        self
    }

    /// Sets `refetch_on_reconnect`.
    #[must_use]
    pub const fn refetch_on_reconnect(mut self) -> Self {
        self.refetch_on_reconnect = true;
        self
    }

    /// Sets `live`.
    #[must_use]
    pub const fn live(mut self) -> Self {
        self.live = true;
        self
    }
}

impl Default for ContextOptions {
    fn default() -> Self {
        Self::new()
    }
}
