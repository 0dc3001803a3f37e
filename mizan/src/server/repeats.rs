//! `Idempotency-Key`: a call that is made again gets the first answer
//! (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! A caller whose answer was lost can't know whether the call was made. One that gave it a key
//! sends it again, with the same key and the same body:
//!
//! 1. Where the first is under way, the second waits for it.
//! 2. Where it has been answered, that answer is given again, byte for byte, but for its cookies:
//!    they are whose the first call was, and that can't be proved where nobody has signed in.
//! 3. Where it failed for a reason of the server's (5xx), or the caller was not let in (401, 403,
//!    429), nothing is kept, and the call is made.
//! 4. The same key with another body is a mistake of the caller's: 422.
//!
//! A key counts for one caller and one function. A caller is a session, or the user that a token
//! names, or else an address: keys ought to be hard to guess.
//!
//! A call with a key goes on when its caller has gone: it is the one that is asked for again.
//!
//! What is kept is in the memory of this process, so a repeat that reaches another node is a first
//! call there. A store for several nodes would take the place of [`Repeats`], which is all that the
//! endpoint knows of.

use super::answer::SESSION;
use crate::{Code, Error, Result, call::wire, limit::Caller, request::Scope};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tower_sessions::session::Id;
use xxhash_rust::xxh3::xxh3_128;

const KEY: HeaderName = HeaderName::from_static(wire::KEY);

/// How long a key may be, in bytes.
const LONGEST: usize = 255;

/// How many bytes of answers are kept.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// How long an answer is kept: whoever has lost one asks again soon, and a page that was left open
/// does in a day.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What an answer takes beside its body, in bytes: its headers and the cache's own structures,
/// about.
const OVERHEAD: usize = 2048;

/// Reads the key of a call, where it has one.
///
/// # Errors
///
/// BAD_REQUEST where it is given twice, empty, or too long.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<Arc<str>>> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let text = key
        .to_str()
        .ok()
        .filter(|key| (1..=LONGEST).contains(&key.len()));
    match text {
        Some(text) if keys.next().is_none() => Ok(Some(text.into())),
        _ => Err(Error::bad_request(format!(
            "`Idempotency-Key` is one text of 1 to {LONGEST} letters"
        ))),
    }
}

/// The key of a form that was posted to its page: all of it, with the key that the page had for it.
pub(super) fn key_of(body: &[u8]) -> Arc<str> {
    format!("{:032x}", xxh3_128(body)).into()
}

/// Which call it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Call {
    caller: Who,
    function: &'static str,
    key: Arc<str>,
}

/// Whose call it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Session(Id),
    Caller(Caller),
}

impl Who {
    async fn current(scope: &Scope) -> Result<Self> {
        match scope.identity().session(scope).id() {
            Some(id) => Ok(Self::Session(id)),
            None => Caller::current(scope).await.map(Self::Caller),
        }
    }
}

/// A digest of a call's body.
type Digest = u128;

/// An answer that can be given again.
#[derive(Clone)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// Takes a copy of an answer, whose body is there already.
    async fn copy(response: &mut Response<Body>) -> Option<Self> {
        let body = std::mem::take(response.body_mut());
        let body = to_bytes(body, usize::MAX).await.ok()?;
        *response.body_mut() = Body::from(body.clone());
        let mut headers = response.headers().clone();
        headers.remove(header::SET_COOKIE);
        headers.remove(SESSION);
        Some(Self {
            status: response.status(),
            headers,
            body,
        })
    }

    pub(super) fn give(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// The calls with a key, of one server.
#[derive(Clone)]
pub(crate) struct Repeats {
    kept: Cache<Call, (Digest, Answer)>,
    running: Arc<Mutex<Running>>,
}

/// The calls under way. What hears of their end gets nothing but that.
type Running = HashMap<Call, (Digest, watch::Receiver<()>)>;

impl Default for Repeats {
    fn default() -> Self {
        let weight = |call: &Call, (_, answer): &(Digest, Answer)| {
            let bytes = OVERHEAD + call.key.len() + answer.body.len();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder()
            .max_capacity(MOST_BYTES)
            .weigher(weight)
            // What is used often is no better than what is new
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(KEPT);
        Self {
            kept: kept.build(),
            running: Arc::default(),
        }
    }
}

/// What becomes of a call with a key.
pub(super) enum Turn {
    /// It is made; who makes it says what it was answered.
    First(Claim),
    /// It has been made.
    Again(Answer),
}

impl Repeats {
    /// Finds out whether a call has been made, waiting for one that is under way.
    ///
    /// # Errors
    ///
    /// VALIDATION_ERROR where it was another call; what the caller can't be known for.
    pub(super) async fn turn(
        &self,
        function: &'static str,
        key: Arc<str>,
        body: &[u8],
    ) -> Result<Turn> {
        let scope = Scope::current().ok_or_else(|| Error::internal("there is no request"))?;
        let caller = Box::pin(Who::current(&scope)).await?;
        let call = Call {
            caller,
            function,
            key,
        };
        let digest = xxh3_128(body);
        loop {
            let mut under_way = match self.look(&call, digest)? {
                Seen::Nothing(claim) => return Ok(Turn::First(claim)),
                Seen::Kept(answer) => return Ok(Turn::Again(answer)),
                Seen::UnderWay(end) => end,
            };
            // Ends with an error: what it hears from is gone
            let _ = under_way.changed().await;
        }
    }

    fn look(&self, call: &Call, digest: Digest) -> Result<Seen> {
        let mut running = self.running();
        // Kept before it is no longer running
        let (of, seen) = if let Some((of, end)) = running.get(call) {
            (*of, Seen::UnderWay(end.clone()))
        } else if let Some((of, answer)) = self.kept.get(call) {
            (of, Seen::Kept(answer))
        } else {
            let (end, heard) = watch::channel(());
            running.insert(call.clone(), (digest, heard));
            let claim = Claim {
                repeats: self.clone(),
                call: call.clone(),
                digest,
                end,
            };
            return Ok(Seen::Nothing(claim));
        };
        if of == digest {
            return Ok(seen);
        }
        Err(Error::validation(
            "another call has had this `Idempotency-Key`",
        ))
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Seen {
    Nothing(Claim),
    Kept(Answer),
    UnderWay(watch::Receiver<()>),
}

/// A call that is being made for the first time. Dropped, it was not: the next one that waits for
/// it makes it.
pub(super) struct Claim {
    repeats: Repeats,
    call: Call,
    digest: Digest,
    /// Dropped after the call is off the list.
    #[expect(dead_code, reason = "its end is what it says")]
    end: watch::Sender<()>,
}

impl Claim {
    /// Keeps the answer, if it is one that counts.
    pub(super) async fn keep(self, error: Option<Code>, response: &mut Response<Body>) {
        if error.is_some_and(|code| !counts(code)) {
            return;
        }
        if let Some(answer) = Answer::copy(response).await {
            let entry = (self.digest, answer);
            self.repeats.kept.insert(self.call.clone(), entry);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.repeats.running().remove(&self.call);
    }
}

/// Whether an error is the call's own answer.
fn counts(code: Code) -> bool {
    let is_refusal = matches!(
        code,
        Code::Unauthorized | Code::Forbidden | Code::TooManyRequests
    );
    code.status() < 500 && !is_refusal
}
