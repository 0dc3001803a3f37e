//! What the layer calls things in Redis.
//!
//! | name | what it is |
//! | --- | --- |
//! | `mizan:{<group>}` | a hash: where the group is |
//! | `mizan:{<group>}:log` | its stream |
//! | `mizan:{<group>}:keys` | its set |
//! | `mizan:0:group:<group>` | the channel of publish/subscribe that tells of it |
//! | `mizan:0:signals` | that in which nodes talk to all nodes |

use std::sync::Arc;

/// What one application's things are called in Redis.
#[derive(Clone, Debug)]
pub(super) struct Names {
    application: Arc<str>,
    database: u8,
}

impl Names {
    pub(super) fn new(application: &str, database: Option<u8>) -> Self {
        Self {
            application: application.into(),
            database: database.unwrap_or_default(),
        }
    }

    /// The keys of a group: of its hash, its stream and its set.
    pub(super) fn keys(&self, group: &str) -> Vec<String> {
        let application = &self.application;
        let ends = ["", ":log", ":keys"].into_iter();
        ends.map(|end| format!("{application}:{{{group}}}{end}"))
            .collect()
    }

    /// What the channel of a group begins with.
    pub(super) fn groups(&self) -> String {
        format!("{}:{}:group:", self.application, self.database)
    }

    /// The channel of a group.
    pub(super) fn told(&self, group: &str) -> String {
        self.groups() + group
    }

    /// The channel in which nodes talk to all nodes.
    pub(super) fn signals(&self) -> String {
        format!("{}:{}:signals", self.application, self.database)
    }
}
