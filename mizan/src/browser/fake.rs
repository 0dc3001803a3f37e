//! A stand-in for tests on the host: requests are noted, and answered by the test.

use super::{Request, Response, Session, Wake};
use crate::Result;
use futures::channel::oneshot;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

/// A request that waits for its answer.
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    answer: oneshot::Sender<Result<Response>>,
}

impl Asked {
    pub(crate) fn answer(self, text: &str) {
        self.answer_with(200, text);
    }

    pub(crate) fn answer_with(self, status: u16, text: &str) {
        self.answer_saying("", status, text);
    }

    /// Answers with something in the header `Mizan-Session`.
    pub(crate) fn answer_saying(self, session: &str, status: u16, text: &str) {
        self.send(status, text, None, session);
    }

    /// Answers with `Retry-After`.
    pub(crate) fn answer_later(self, status: u16, seconds: u32) {
        self.send(status, "", Some(seconds), "");
    }

    fn send(self, status: u16, text: &str, retry_after: Option<u32>, session: &str) {
        let _ = self.answer.send(Ok(Response {
            status,
            text: text.to_owned(),
            retry_after,
            session: Session::read(Some(session)),
        }));
    }

    pub(crate) fn fail(self, error: crate::Error) {
        let _ = self.answer.send(Err(error));
    }

    /// Whether the page has given the request up.
    pub(crate) fn is_aborted(&self) -> bool {
        self.answer.is_canceled()
    }
}

type Run = Rc<RefCell<Option<Box<dyn FnOnce()>>>>;

thread_local! {
    static ASKED: RefCell<Vec<Asked>> = const { RefCell::new(Vec::new()) };
    static TIMERS: RefCell<Vec<(f64, Run)>> = const { RefCell::new(Vec::new()) };
    static NOW: Cell<f64> = const { Cell::new(0.0) };
    static WAKING: RefCell<Option<Box<dyn Fn(Wake)>>> = const { RefCell::new(None) };
    static ANNOUNCED: Cell<usize> = const { Cell::new(0) };
    static LISTENING: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    static PAGE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The requests since the last call.
pub(crate) fn asked() -> Vec<Asked> {
    ASKED.take()
}

/// Lets time go by; what is due runs.
pub(crate) fn pass(time: Duration) {
    let now = NOW.get() + time.as_secs_f64() * 1000.0;
    NOW.set(now);
    let (due, later) = TIMERS.take().into_iter().partition(|(at, _)| *at <= now);
    TIMERS.set(later);
    let due: Vec<(f64, Run)> = due;
    for (_, run) in due {
        let run = run.take();
        if let Some(run) = run {
            run();
        }
    }
}

/// How many timers wait.
pub(crate) fn timers() -> usize {
    TIMERS.with_borrow(|timers| {
        timers
            .iter()
            .filter(|(_, run)| run.borrow().is_some())
            .count()
    })
}

/// Puts data into the page.
pub(crate) fn page_has(data: &[&str]) {
    PAGE.set(data.iter().map(|text| (*text).to_owned()).collect());
}

pub(crate) async fn send(request: Request) -> Result<Response> {
    let (answer, answered) = oneshot::channel();
    ASKED.with_borrow_mut(|asked| {
        asked.push(Asked {
            path: request.path,
            body: request.body,
            headers: request.headers,
            answer,
        });
    });
    match answered.await {
        Ok(answer) => answer,
        // The test has ended, or never wants to answer
        Err(_) => std::future::pending().await,
    }
}

pub(crate) fn page_data() -> Vec<String> {
    PAGE.with_borrow(Clone::clone)
}

pub(crate) fn now() -> f64 {
    NOW.get()
}

pub(crate) struct Timer(send_wrapper::SendWrapper<Run>);

impl Timer {
    pub(crate) fn new(after: Duration, run: impl FnOnce() + 'static) -> Self {
        let run: Run = Rc::new(RefCell::new(Some(Box::new(run))));
        let at = NOW.get() + after.as_secs_f64() * 1000.0;
        TIMERS.with_borrow_mut(|timers| timers.push((at, Rc::clone(&run))));
        Self(send_wrapper::SendWrapper::new(run))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        drop(RefCell::take(&self.0));
        TIMERS.with_borrow_mut(|timers| timers.retain(|(_, run)| run.borrow().is_some()));
    }
}

pub(crate) fn on_wake(run: impl Fn(Wake) + Clone + 'static) {
    WAKING.set(Some(Box::new(run)));
}

/// Comes back to the page, or brings the network back.
pub(crate) fn wake(why: Wake) {
    WAKING.with_borrow(|run| run.as_ref().expect("there is a page")(why));
}

pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

/// Every wait is as long as it may be.
pub(crate) fn jitter() -> f64 {
    1.0
}

pub(crate) fn announce() {
    ANNOUNCED.set(ANNOUNCED.get() + 1);
}

/// How often the other tabs were told, since the last call.
pub(crate) fn announced() -> usize {
    ANNOUNCED.take()
}

pub(crate) fn on_announcement(run: impl Fn() + 'static) {
    LISTENING.set(Some(Box::new(run)));
}

/// Another tab says that the visitor has signed in or out.
pub(crate) fn hear() {
    LISTENING.with_borrow(|run| run.as_ref().expect("there is a page")());
}
