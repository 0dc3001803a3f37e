//! `redis:`: answers that several nodes share, and the purges of each one for all.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `connection` | how a node connects, and comes back |
//! | `heard` | what other nodes say |
//! | `unsent` | what was purged, until Redis knows |
//! | `wire` | what things are called there, what scripts are given and what they say |
//! | `scripts` | what Redis does at once |
//! | `frame` | how an answer is written |
//!
//! A node trusts its memory as long as it hears of the others' purges. When the connection is lost
//! it asks functions; what it purges meanwhile is noted. On the next connection that is done first;
//! and before anything is taken from the store again the node waits for the others to do the
//! same.

mod connection;
mod frame;
mod heard;
mod scripts;
mod unsent;
mod wire;

use self::{
    connection::Connected,
    scripts::{FIND, KEEP, PURGE},
    unsent::Unsent,
    wire::{Names, facts_and_slots},
};
use super::{
    fence::{Fences, Slot},
    place::Ended,
    remote::{Found, Kept, Lease, Remote, Wanted},
};
use crate::application::application;
use bytes::Bytes;
use fred::{prelude::Config, types::Value};
use futures::future::{BoxFuture, FutureExt};
use std::{
    future::Future,
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard, atomic::AtomicU64},
    time::Duration,
};
use uuid::Uuid;

type Result<T> = std::result::Result<T, fred::error::Error>;

/// For how long a node may make an answer, before another one does.
const LONGEST_LEASE: Duration = Duration::from_secs(10);

pub(super) struct Redis {
    names: Names,
    fences: Arc<Fences>,
    connected: RwLock<Option<Arc<Connected>>>,
    /// How often a connection was made.
    eras: AtomicU64,
    unsent: Unsent,
}

impl Redis {
    /// Connects to the Redis at a URL.
    ///
    /// # Errors
    ///
    /// Where it can't be reached.
    pub(super) async fn connect(
        url: &str,
        fences: Arc<Fences>,
    ) -> std::result::Result<Arc<Self>, Box<dyn std::error::Error + Send + Sync>> {
        let (url, application) = application(url)?;
        let config = Config::from_url(&url)?;
        let redis = Arc::new(Self {
            names: Names::new(application, config.database),
            fences,
            connected: RwLock::default(),
            eras: AtomicU64::new(0),
            unsent: Unsent::default(),
        });
        let heard = redis.come_back(&config).await?;
        redis.listen_from_now_on(config, heard);
        Ok(redis)
    }

    fn connected(&self) -> Option<Arc<Connected>> {
        self.connected
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The connection, where it is still that of an era.
    fn connected_in(&self, era: u64) -> Option<Arc<Connected>> {
        self.connected().filter(|connected| connected.era == era)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Arc<Connected>>> {
        self.connected
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a connection is of no use any longer.
    fn lose(&self, lost: &Connected, error: &dyn std::fmt::Display) {
        lost.is_lost.notify_one();
        let mut connected = self.write();
        if connected.as_ref().is_some_and(|now| now.era == lost.era) {
            *connected = None;
            tracing::error!(
                %error,
                "the cache's store can't be reached: functions run for every reader until it is back"
            );
        }
    }

    /// Does something on the connection; `None` where that is lost, or by this.
    async fn on<T, F>(&self, connected: &Connected, command: F) -> Option<T>
    where
        F: Future<Output = Result<T>>,
    {
        match command.await {
            Ok(value) => Some(value),
            Err(error) => {
                self.lose(connected, &error);
                None
            }
        }
    }

    /// Ends answers there, and tells the other nodes.
    async fn purge_on(&self, connected: &Connected, ended: &[Ended]) -> Result<()> {
        // By the clock of the connection, or by a later one: Redis takes nothing of this one's then
        let slots: Vec<Slot> = ended.iter().map(|ended| ended.slot(&self.fences)).collect();
        let keys = vec![self.names.meta.clone(), self.names.fences.clone()];
        let mut arguments = vec![connected.epoch.clone(), self.names.channel.clone()];
        arguments.extend(slots.iter().map(ToString::to_string));
        let purged = PURGE.evalsha_with_reload(&connected.client, keys, arguments);
        match purged.await? {
            Some(now) => {
                self.fences.raise_to(&slots, now);
                Ok(())
            }
            None => Err(gone()),
        }
    }
}

impl Remote for Redis {
    fn era(&self) -> Option<u64> {
        self.connected().map(|connected| connected.era)
    }

    fn find<'a>(&'a self, wanted: &'a Wanted<'_>, era: u64) -> BoxFuture<'a, Found> {
        async move {
            let Some(connected) = self.connected_in(era) else {
                return Found::Down;
            };
            let token = Uuid::new_v4().simple().to_string();
            let lease = wanted.timeout.min(LONGEST_LEASE).as_millis();
            let mut anew = wanted.anew;
            loop {
                let mut arguments = vec![
                    connected.epoch.clone(),
                    if anew { "1" } else { "" }.to_owned(),
                    token.clone(),
                    lease.to_string(),
                ];
                arguments.extend(facts_and_slots(wanted.facts, &wanted.slots));
                let keys = self.names.keys(wanted, wanted.key, &connected.epoch);
                let found = FIND.evalsha_with_reload(&connected.client, keys, arguments);
                let Some(found) = self.on::<Vec<Value>, _>(&connected, found).await else {
                    return Found::Down;
                };
                match wire::read(found, wanted.key, &token, era) {
                    Some(found) => return found,
                    None if anew => {
                        self.lose(&connected, &gone());
                        return Found::Down;
                    }
                    // Not one of ours: it is made anew
                    None => anew = true,
                }
            }
        }
        .boxed()
    }

    fn keep<'a>(
        &'a self,
        wanted: &'a Wanted<'_>,
        lease: &'a Lease,
        kept: Option<&'a Kept>,
    ) -> BoxFuture<'a, ()> {
        async move {
            let Some(connected) = self.connected_in(lease.era) else {
                return;
            };
            let lasts = kept.map_or(1, |kept| kept.lasts.as_millis().max(1));
            let mut arguments: Vec<Bytes> = vec![
                connected.epoch.clone().into(),
                lease.token.clone().into(),
                lease.read_at.to_string().into(),
                kept.map(frame::write).unwrap_or_default(),
                lasts.to_string().into(),
            ];
            let more = facts_and_slots(wanted.facts, &wanted.slots);
            arguments.extend(more.map(Bytes::from));
            let keys = self.names.keys(wanted, &lease.key, &connected.epoch);
            let kept = KEEP.evalsha_with_reload(&connected.client, keys, arguments);
            self.on::<(), _>(&connected, kept).await;
        }
        .boxed()
    }

    fn purge(&self, ended: Vec<Ended>) -> BoxFuture<'_, ()> {
        async move {
            // Here at once, and there as soon as that can be
            self.fences.end(&ended);
            self.unsent.note(&ended);
            let Some(connected) = self.connected() else {
                return;
            };
            match self.purge_on(&connected, &ended).await {
                Ok(()) => self.unsent.forget(&ended),
                Err(error) => {
                    // Somebody else's purge of the same may have been sent meanwhile
                    self.unsent.note(&ended);
                    self.lose(&connected, &error);
                }
            }
        }
        .boxed()
    }
}

fn gone() -> fred::error::Error {
    fred::error::Error::new(
        fred::error::ErrorKind::NotFound,
        "the cache's store was emptied",
    )
}
