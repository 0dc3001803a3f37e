//! Calls over the page's socket.

use super::socket::{Socket, Use, number};
use crate::{Error, Result, json::Entries};
use futures::{FutureExt, channel::oneshot, future::BoxFuture};
use std::cell::{Cell, RefCell};

thread_local! {
    static CALLS: &'static Calls = {
        let calls: &Calls = Box::leak(Box::default());
        Socket::current().carry(calls);
        calls
    };
}

/// The calls that have no answer yet.
#[derive(Default)]
struct Calls {
    waiting: RefCell<Vec<Waiting>>,
    last_id: Cell<u64>,
}

struct Waiting {
    id: u64,
    frame: String,
    answer: oneshot::Sender<Entries>,
}

/// Calls a function over the socket, as soon as there is a connection.
///
/// # Errors
///
/// NETWORK where the connection was lost before the answer: the function may have run.
pub(crate) fn call(
    function: &str,
    build: &str,
    mounted: Option<String>,
    arguments: &str,
) -> BoxFuture<'static, Result<Entries>> {
    let calls = CALLS.with(|calls| *calls);
    let id = calls.last_id.get() + 1;
    calls.last_id.set(id);
    let mut frame = format!(
        r#"{{"op":"call","id":{id},"fn":"{function}","build":"{build}","args":{arguments}"#
    );
    if let Some(mounted) = mounted {
        // A text can be written
        let mounted = serde_json::to_string(&mounted).unwrap_or_default();
        frame.push_str(&format!(r#","mounted":{mounted}"#));
    }
    frame.push('}');
    let (answer, answered) = oneshot::channel();
    let socket = Socket::current();
    let is_sent = socket.send(&frame);
    calls
        .waiting
        .borrow_mut()
        .push(Waiting { id, frame, answer });
    if !is_sent {
        socket.open();
    }
    answered
        .map(|answer| answer.map_err(|_| Error::network("the connection was lost")))
        .boxed()
}

impl Use for Calls {
    fn is_needed(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    fn opened(&self, socket: &Socket) {
        // Those of the connection before have failed with it
        for waiting in &*self.waiting.borrow() {
            socket.send(&waiting.frame);
        }
    }

    fn hear(&self, op: &str, frame: &mut Entries) {
        if op != "result" {
            return;
        }
        let Some(id) = number(frame, "id") else {
            return;
        };
        let answered = {
            let mut waiting = self.waiting.borrow_mut();
            let index = waiting.iter().position(|waiting| waiting.id == id);
            index.map(|index| waiting.remove(index))
        };
        if let Some(answered) = answered {
            // Nobody waits any more: that is as good
            let _ = answered.answer.send(std::mem::take(frame));
        }
        Socket::current().linger();
    }

    fn lost(&self) {
        self.waiting.take();
    }
}
