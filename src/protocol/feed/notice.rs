//! What a feed says.

use crate::json::Document;
use crate::protocol::Validator;

/// One thing that a feed says. It is only a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A resource has a new state.
    Put {
        id: String,
        /// The text that the id was read from, if that may be the id itself.
        text: Option<String>,
        /// The version, if the feed names it.
        validator: Option<Validator>,
        /// The state, as an item of a list shows it.
        body: Option<Document>,
    },
    /// A resource was removed.
    Gone {
        id: String,
        text: Option<String>,
        validator: Option<Validator>,
    },
    /// All resources, each with its id and its state.
    Whole(Vec<(String, Document)>),
    /// Something has changed, but it is not said what.
    Something,
    /// Everything before this position was said.
    Position(String),
    /// The feed cannot continue from the requested position.
    TooOld,
    /// The feed has failed, or ends.
    Failed,
    /// The credentials have to be renewed.
    Unauthorized,
    /// The client may not follow the feed.
    Forbidden,
    /// The feed is alive.
    Alive,
}
