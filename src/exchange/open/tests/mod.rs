//! What holds for a call whose response is read as it arrives.

mod bench;
mod calls;
mod layers;

use super::*;
use crate::BoxError;
use crate::exchange::transport::{Chunks, Fate, layered};
use crate::exchange::{AttemptSeen, Authenticator, RequestPurpose, RequestStats, Watch, Watched};
use crate::retry::{BlockedBy, Limits, Rate, RetryPolicy, ServerState, WaitReason};
use crate::store::{CredentialsDigest, Secret};

type Failed = Box<dyn std::error::Error>;

const SECOND: Duration = Duration::from_secs(1);
