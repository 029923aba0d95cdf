//! Another way to the server for the writes of a target than one request for each.

use async_trait::async_trait;
use tokio::time::Instant;

use crate::BoxError;
use crate::exchange::transport::Response;
use crate::exchange::{Call, NoResponse};
use crate::protocol::Validator;
use crate::store::CredentialsDigest;
use crate::write::machine::events::Condition;
use crate::write::request::target::Target;

/// One write on its way to a carrier.
pub(crate) struct Carried<'a> {
    pub(crate) target: &'a Target,
    pub(crate) call: &'a Call,
    /// The condition that the call carries.
    pub(crate) condition: &'a Condition<Validator>,
    pub(crate) deadline: Instant,
    /// The user of the write.
    pub(crate) whose: CredentialsDigest,
    /// Called right before the request leaves. After an error, it must not leave.
    pub(crate) sent: &'a mut (dyn FnMut() -> Result<(), BoxError> + Send),
}

/// Takes writes to the server, such as several of them in one request.
#[async_trait]
pub(crate) trait Carrier: Send + Sync {
    /// Is told that the write has its turn in the queue of its resource.
    fn begun(&self);

    /// Takes a write to the server, and returns the response to it.
    async fn carry(&self, write: Carried<'_>) -> Result<Response, NoResponse>;
}
