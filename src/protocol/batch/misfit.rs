//! Why writes do not fit into one request.

use http::StatusCode;

/// Why writes do not fit into one request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error("this API takes at most {0} writes in one request")]
    TooMany(usize),
    #[error("this API takes requests of at most {0} bytes")]
    TooLarge(usize),
    #[error("a write is to another server than the endpoint of the batch")]
    OtherOrigin,
    #[error("the writes are to different partitions")]
    OtherPartition,
    #[error("the writes are to different collections")]
    OtherCollection,
    #[error("a part of this request has no place for the header `{0}`")]
    Header(String),
    #[error("a part of this request has no place for the query parameter `{0}`")]
    Query(String),
    #[error("a part of this request cannot be this `{0}`")]
    Method(String),
    #[error("a part of this request cannot name the address of a write")]
    Address,
    #[error("a part of this request cannot say the condition of a write")]
    Condition,
    #[error("a part of this request has no place for a body that is not JSON")]
    NotJson,
    #[error("a write contains the text that separates the parts")]
    Boundary,
    #[error("a write is to an address outside of the API")]
    Outside,
    #[error("the writes are of different users")]
    OtherUser,
    #[error("the endpoint answered {0}")]
    NoEndpoint(StatusCode),
}
