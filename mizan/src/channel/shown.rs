//! What a component sees of a channel, and how it comes to see more.

use super::Status;
use crate::{Error, json::Entries, watched::Watched};
use serde_json::value::RawValue;

/// What there is to see of every channel, whatever its types.
pub(crate) struct Facts {
    pub(crate) status: Watched<Status>,
    /// Why the last message was refused.
    pub(crate) error: Watched<Option<Error>>,
    /// How many messages the server has yet to take.
    pub(crate) waiting: Watched<usize>,
    /// How often messages were lost.
    pub(crate) gaps: Watched<usize>,
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self {
            status: Watched::new(Status::Connecting),
            error: Watched::new(None),
            waiting: Watched::new(0),
            gaps: Watched::new(0),
        }
    }

    pub(crate) fn set_status(&self, status: Status) {
        if self.status.peek(|shown| *shown != status) {
            self.status.set(status);
        }
    }

    pub(crate) fn fail(&self, error: Error) {
        self.error.set(Some(error));
    }

    pub(crate) fn forget_error(&self) {
        if self.error.peek(Option::is_some) {
            self.error.set(None);
        }
    }
}

/// What a component sees of a channel, its types put aside.
pub(crate) trait Shown: Send + Sync {
    fn facts(&self) -> &Facts;

    /// Forgets what was said and who was there: that is another channel's, or was for somebody else.
    fn clear(&self);

    /// Something was said.
    fn message(&self, text: &RawValue);

    /// Somebody has come or left; or this is who is there, all of them.
    fn presence(&self, is_everybody: bool, changes: &mut Entries);
}

impl dyn Shown {
    /// Begins anew, with another channel or as somebody else.
    pub(crate) fn begin(&self) {
        self.clear();
        let facts = self.facts();
        facts.forget_error();
        facts.waiting.set(0);
        facts.set_status(Status::Connecting);
    }
}
