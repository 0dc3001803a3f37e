//! The hub over a layer that the test holds up.

use super::*;
use crate::channel::{ChannelContext, layer::Listener};
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

#[derive(Default)]
struct Fake {
    listener: OnceLock<Listener>,
    reads: AtomicUsize,
    go_on: tokio::sync::Notify,
}

struct Shared(Arc<Fake>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Layer for Shared {
    fn listen(&self, listener: Listener) {
        let _ = self.0.listener.set(listener);
    }
    fn subscribe<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> {
        ready(Ok(())).boxed()
    }
    fn unsubscribe<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
    fn publish<'a>(
        &'a self,
        _: &'a str,
        _: Bytes,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Position>> {
        unimplemented!()
    }
    fn has<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<bool>> {
        unimplemented!()
    }
    fn past<'a>(&'a self, _: &'a str, since: Option<&'a Position>) -> BoxFuture<'a, Result<Past>> {
        async move {
            let read = self.0.reads.fetch_add(1, Ordering::SeqCst);
            let position = |offset| Position {
                epoch: "e".to_owned(),
                offset,
            };
            if read == 1 {
                // The history was read, and its answer is on its way
                self.0.go_on.notified().await;
            }
            let last = if read < 2 { 1 } else { 2 };
            let after = since.map_or(last, |since| since.offset);
            let missed = (after + 1..=last).map(|offset| Message {
                offset,
                text: "2".into(),
            });
            Ok(Past {
                position: position(last),
                missed: since.map(|_| missed.collect()),
            })
        }
        .boxed()
    }
    fn signal(&self, _: Bytes) -> BoxFuture<'_, Result<()>> {
        ready(Ok(())).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_while_one_recovers_is_read() {
    let fake = Arc::new(Fake::default());
    let hub = Hub::new(Box::new(Shared(Arc::clone(&fake))));
    let line = Arc::new(Line::default());
    let (parts, ()) = http::Request::new(()).into_parts();
    let cx = ChannelContext::new(Arc::new(parts));
    let joining = Joining {
        line: &line,
        id: 1,
        since: None,
        watches: false,
        standing: cx.standing(),
    };
    let _membership = hub.join("g", joining).await.unwrap();
    line.take().await.unwrap();
    let tell = fake.listener.get().unwrap();
    tell(Event::Lost);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(fake.reads.load(Ordering::SeqCst), 2);
    // The second message is added, and the connection that tells of it breaks again
    tell(Event::Lost);
    fake.go_on.notify_one();
    let heard = tokio::time::timeout(Duration::from_secs(3600), line.take()).await;
    assert!(heard.is_ok(), "the second message never comes");
}
