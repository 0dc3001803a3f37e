//! A stand-in for tests on the host: requests are noted, and answered by the test.

use super::{Heard, Request, Response, Session, Wake};
use crate::Result;
use futures::channel::oneshot;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Once,
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
type Waking = Box<dyn Fn(Wake)>;

thread_local! {
    static ASKED: RefCell<Vec<Asked>> = const { RefCell::new(Vec::new()) };
    static TIMERS: RefCell<Vec<(f64, Run)>> = const { RefCell::new(Vec::new()) };
    static NOW: Cell<f64> = const { Cell::new(0.0) };
    static WAKING: RefCell<Option<Waking>> = const { RefCell::new(None) };
    static FOCUSED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static RANDOM: Cell<usize> = const { Cell::new(0) };
    static ANNOUNCED: Cell<usize> = const { Cell::new(0) };
    static LISTENING: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    static PAGE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static POSTED: RefCell<Option<String>> = const { RefCell::new(None) };
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

/// The page was sent something for a form.
pub(crate) fn page_was_sent(posted: &str) {
    POSTED.set(Some(posted.to_owned()));
}

pub(crate) fn posted() -> Option<String> {
    POSTED.with_borrow(Clone::clone)
}

pub(crate) fn address() -> String {
    "/contact?to=ada".to_owned()
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
        // Where the thread ends, they may be gone already
        let _ = TIMERS.try_with(|timers| {
            timers
                .borrow_mut()
                .retain(|(_, run)| run.borrow().is_some());
        });
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

/// Notes it, for the test.
pub(crate) fn focus(form: &str, names: &[String]) {
    FOCUSED.with_borrow_mut(|focused| focused.push(format!("{form}: {}", names.join(" "))));
}

/// Which fields had the focus moved to one of them, since the last call.
pub(crate) fn focused() -> Vec<String> {
    FOCUSED.take()
}

/// Another one each time.
pub(crate) fn random() -> String {
    RANDOM.set(RANDOM.get() + 1);
    format!("{:032x}", RANDOM.get())
}

pub(crate) fn is_alphanumeric(text: &str) -> bool {
    text.chars().all(char::is_alphanumeric)
}

/// A good guess.
pub(crate) fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty())
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

/// A WebSocket that the client has opened; the test is its server.
#[derive(Clone)]
pub(crate) struct Opened {
    heard: Rc<dyn Fn(Heard)>,
    sent: Rc<RefCell<Vec<String>>>,
    is_closed: Rc<Cell<bool>>,
}

thread_local! {
    static OPENED: RefCell<Vec<Opened>> = const { RefCell::new(Vec::new()) };
}

/// The sockets that were opened since the last call.
pub(crate) fn opened() -> Vec<Opened> {
    OPENED.take()
}

impl Opened {
    pub(crate) fn accept(&self) {
        (self.heard)(Heard::Opened);
    }

    pub(crate) fn say(&self, text: &str) {
        (self.heard)(Heard::Text(text.to_owned()));
    }

    /// Ends the connection from the server's side.
    pub(crate) fn cut(&self) {
        (self.heard)(Heard::Closed);
    }

    /// What the client has sent since the last call.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.sent.take()
    }

    /// Whether the client has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }
}

pub(crate) struct Connection(Opened);

impl Connection {
    pub(crate) fn open(heard: impl Fn(Heard) + 'static) -> Option<Self> {
        let opened = Opened {
            heard: Rc::new(heard),
            sent: Rc::default(),
            is_closed: Rc::default(),
        };
        OPENED.with_borrow_mut(|sockets| sockets.push(opened.clone()));
        Some(Self(opened))
    }

    pub(crate) fn send(&self, text: &str) {
        self.0.sent.borrow_mut().push(text.to_owned());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.is_closed.set(true);
    }
}

/// Runs all tasks on the test's thread, as a browser does.
struct HereAndNow;

impl any_spawner::CustomExecutor for HereAndNow {
    fn spawn(&self, task: any_spawner::PinnedFuture<()>) {
        tokio::task::spawn_local(task);
    }

    fn spawn_local(&self, task: any_spawner::PinnedLocalFuture<()>) {
        tokio::task::spawn_local(task);
    }

    fn poll_local(&self) {}
}

/// Has tasks run on the thread of the test that spawned them.
pub(crate) fn run_tasks_here() {
    static EXECUTOR: Once = Once::new();
    EXECUTOR.call_once(|| {
        any_spawner::Executor::init_custom_executor(HereAndNow).expect("the first");
    });
}
