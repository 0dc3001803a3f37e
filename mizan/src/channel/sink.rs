use super::Status;
use crate::Error;
use serde_json::value::RawValue;

/// What a component sees of a channel, without its types.
pub(crate) trait Sink {
    /// Another channel was joined: nothing was said in it yet.
    fn begin(&self);
    fn message(&self, text: &RawValue);
    fn status(&self, status: Status);
    fn error(&self, error: Error);
    /// How many messages the server has yet to take.
    fn waiting(&self, messages: usize);
    /// Messages were lost.
    fn gap(&self);
    fn presence(&self, changes: Changes);
}

/// Who has come, or says something else of themselves, and who has left.
pub(crate) struct Changes {
    /// Whether nobody else is there.
    pub(crate) is_everybody: bool,
    pub(crate) joined: Vec<(String, Box<RawValue>)>,
    pub(crate) left: Vec<String>,
}
