//! A request of a lock API, and where its response has what.

use std::time::Duration;

use http::{HeaderName, Method};

/// A request to a lock API.
///
/// # Example
///
/// ```
/// use ifmatch::{HeaderName, LockRequest, LockValue, Method};
///
/// let lock = LockRequest::new(Method::POST)
///     .beneath("lock")
///     .header(HeaderName::from_static("x-lock-id"), LockValue::Id)
///     .member("user", LockValue::Owner);
/// # let _ = lock;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a description does nothing until it is part of a `LockApi`"]
pub struct LockRequest {
    pub(in crate::locks) method: Method,
    pub(in crate::locks) segments: Vec<String>,
    pub(in crate::locks) query: Vec<(String, LockValue)>,
    pub(in crate::locks) headers: Vec<(HeaderName, LockValue)>,
    pub(in crate::locks) members: Vec<(String, LockValue)>,
}

impl LockRequest {
    /// Describes a request without a body to the resource itself.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            segments: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            members: Vec::new(),
        }
    }

    /// Adds a path segment below the resource.
    pub fn beneath(mut self, segment: impl Into<String>) -> Self {
        self.segments.push(segment.into());
        self
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<LockValue>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: impl Into<LockValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a member of the body, which is then a JSON object.
    pub fn member(mut self, name: impl Into<String>, value: impl Into<LockValue>) -> Self {
        self.members.push((name.into(), value.into()));
        self
    }
}

/// A value in a request to a lock API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockValue {
    /// A fixed text.
    Text(String),
    /// The id of the lock. It is chosen by the client, unless [`LockApi::granted_id`](super::LockApi::granted_id) is set.
    Id,
    /// The holder, for people. It is a part of the id when a lock is released.
    Owner,
    /// The name of the lease, which is the id of the resource.
    Name,
    /// The ttl in seconds, rounded up. It is a number in a body.
    Seconds,
    /// The ttl in milliseconds. It is a number in a body.
    Millis,
    /// The current time in UTC (RFC 3339).
    Now,
}

impl From<&str> for LockValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A place in a response of a lock API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockPlace {
    /// A header.
    Header(HeaderName),
    /// A member of a JSON body, as a JSON Pointer (RFC 6901).
    Member(String),
}

impl LockPlace {
    /// Names a member of a JSON body, as a JSON Pointer such as `/lock/owner`.
    pub fn member(pointer: impl Into<String>) -> Self {
        Self::Member(pointer.into())
    }
}

/// Writes a time since the year 1970 in the form of RFC 3339, in UTC and whole seconds.
pub(in crate::locks) fn rfc3339(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the leap day is the last one. 719,468 days lie between the first of March of
    // the year 0 and 1970.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_in_the_standard() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_secs(seconds)), text);
        }
    }
}
