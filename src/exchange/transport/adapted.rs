//! What the errors of adapted clients tell about a request.
#![cfg(any(feature = "tower", feature = "middleware"))]

use std::error::Error;
use std::iter::successors;

use super::reqwest::{failure, meaning};
use super::{Fate, TransportError};
use crate::BoxError;

/// Converts the error of an adapted client. The fate of the request is unknown, unless an error of a transport or of
/// reqwest in the chain tells it.
pub(super) fn adapted(error: BoxError, message: &'static str) -> TransportError {
    let error = match error.downcast::<TransportError>() {
        Ok(known) => return *known,
        Err(error) => error,
    };
    let error = match error.downcast::<reqwest::Error>() {
        Ok(known) => return failure(*known),
        Err(error) => error,
    };
    let first: &(dyn Error + 'static) = &*error;
    let known = successors(Some(first), |error| (*error).source()).find_map(told);
    match known {
        // The chain is left out, because an error of reqwest in it may show an address with a secret.
        Some((fate, message)) => TransportError::new(fate, message),
        None => TransportError::new(Fate::Unknown, message).with_source(error),
    }
}

/// Returns the fate that an error tells, and a message for it.
fn told(error: &(dyn Error + 'static)) -> Option<(Fate, String)> {
    if let Some(known) = error.downcast_ref::<TransportError>() {
        return Some((known.fate, known.message.clone()));
    }
    // This error stands in for the one that it wraps, which is missing from the chain.
    #[cfg(feature = "middleware")]
    if let Some(wrapped) = error.downcast_ref::<reqwest_middleware::Error>() {
        return match wrapped {
            reqwest_middleware::Error::Reqwest(error) => told(error),
            reqwest_middleware::Error::Middleware(error) => error.chain().find_map(told),
        };
    }
    let (fate, message) = meaning(error.downcast_ref()?);
    Some((fate, message.to_owned()))
}
