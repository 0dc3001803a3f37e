//! Reads of the past that those share who ask at the same time.
//!
//! When a node was cut off, thousands of its sockets come back to a group at once, most of them from
//! the same position. Whoever asks while a read is under way waits for the next one, and shares it
//! with all who wait: one that had begun before they asked may lack what was said in between, which
//! nobody would tell them.

use futures::future::BoxFuture;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// Reads of groups, each of which ends in a `T`.
pub(super) struct Reads<T> {
    read: Box<Read<T>>,
    /// The groups that are being read, and who waits to read them next.
    groups: Mutex<HashMap<Arc<str>, Vec<Asked<T>>>>,
}

/// Reads a group, with the messages after an offset; without any where there is none.
type Read<T> = dyn Fn(&str, Option<u64>) -> BoxFuture<'static, T> + Send + Sync;

/// Somebody who waits for a read.
struct Asked<T> {
    after: Option<u64>,
    answer: oneshot::Sender<T>,
}

impl<T: Clone + Send + 'static> Reads<T> {
    pub(super) fn new(
        read: impl Fn(&str, Option<u64>) -> BoxFuture<'static, T> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            read: Box::new(read),
            groups: Mutex::default(),
        })
    }

    /// Has a group read. What comes has the messages after this offset, and may have more. `None`
    /// where the read broke off.
    pub(super) async fn past(self: &Arc<Self>, group: &str, after: Option<u64>) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { after, answer };
        {
            let mut groups = self.groups();
            if let Some(waiting) = groups.get_mut(group) {
                waiting.push(asked);
            } else {
                let group: Arc<str> = group.into();
                groups.insert(Arc::clone(&group), Vec::new());
                // In a task: who has asked first may go before others have their answer
                tokio::spawn(Arc::clone(self).run(group, asked));
            }
        }
        answered.await.ok()
    }

    /// Reads a group for as long as somebody wants it.
    async fn run(self: Arc<Self>, group: Arc<str>, first: Asked<T>) {
        let turn = Turn(&self, &group);
        let mut asked = vec![first];
        while !asked.is_empty() {
            let after = asked.iter().filter_map(|asked| asked.after).min();
            let past = (self.read)(&group, after).await;
            for Asked { answer, .. } in asked {
                // They may have gone
                let _ = answer.send(past.clone());
            }
            asked = turn.next();
        }
    }
}

impl<T> Reads<T> {
    fn groups(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<Asked<T>>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That a group is being read.
struct Turn<'a, T>(&'a Reads<T>, &'a str);

impl<T> Turn<'_, T> {
    /// Those who have begun to wait meanwhile; where nobody has, that was the last read.
    fn next(&self) -> Vec<Asked<T>> {
        let mut groups = self.0.groups();
        match groups.get_mut(self.1) {
            Some(waiting) if !waiting.is_empty() => std::mem::take(waiting),
            _ => {
                groups.remove(self.1);
                Vec::new()
            }
        }
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        // Or all who come later would wait for it
        if std::thread::panicking() {
            self.0.groups().remove(self.1);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;
    use futures::{FutureExt, future::join_all};
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    /// Reads that say which one they are, and after which offset; the one after 13 panics.
    fn counted() -> Arc<Reads<(usize, Option<u64>)>> {
        let begun = AtomicUsize::new(0);
        Reads::new(move |_, after| {
            let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                assert_ne!(after, Some(13));
                (number, after)
            }
            .boxed()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn thousands_who_come_back_at_once_are_two_reads() {
        let reads = counted();
        let all = (0..5000).map(|_| reads.past("a", Some(7)));
        let (all, other) = tokio::join!(join_all(all), reads.past("b", None));
        assert_eq!(all[0], Some((1, Some(7))));
        let second = all[1].unwrap();
        assert!(second.0 > 1, "it had begun before they asked");
        assert!(all[1..].iter().all(|read| *read == Some(second)));
        assert_eq!(other.unwrap().1, None, "another group is read by itself");
        assert_eq!(reads.past("a", None).await.unwrap().0, 4);
        assert!(reads.groups().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn each_gets_what_they_lack() {
        let reads = counted();
        let asked = [Some(9), None, Some(5), Some(7)].map(|after| reads.past("a", after));
        let answered = join_all(asked).await;
        assert_eq!(answered[0], Some((1, Some(9))));
        assert_eq!(answered[1..], [Some((2, Some(5))); 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_or_fails_holds_up_nobody() {
        let reads = counted();
        let gone = tokio::time::timeout(Duration::from_millis(1), reads.past("a", Some(1)));
        assert!(gone.await.is_err());
        assert_eq!(reads.past("a", Some(2)).await, Some((2, Some(2))));
        assert_eq!(reads.past("a", Some(13)).await, None);
        assert_eq!(reads.past("a", Some(2)).await, Some((4, Some(2))));
    }
}
