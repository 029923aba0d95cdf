//! Finds the target of a redirect, and what must be carried to it.

use std::borrow::Cow;

use http::Method;
use http::header::LOCATION;
use url::{Url, form_urlencoded};

use super::open::{Opening, is_same_origin};
use crate::address::within_origin;
use crate::exchange::transport::Response;

/// A redirect of a write that would give one of its query parameters another value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loses(pub(super) String);

/// Returns the target of a redirect if it may be followed. It must stay within the origin, or lead a read to another
/// origin that is allowed, and not turn a write into a read.
///
/// The method, headers, body and query of the call are kept. Parameters that the target lacks are added,
/// because they may be the condition of a write, or select what a listing shows. If the target gives a
/// parameter another value, a read uses the target's value, and a write is not repeated there.
pub(super) fn redirect(
    opening: &Opening<'_>,
    from: &Url,
    reply: &Response,
) -> Result<Option<Url>, Loses> {
    let call = opening.call;
    let keeps_method = matches!(reply.status.as_u16(), 307 | 308);
    let for_reads = matches!(reply.status.as_u16(), 301 | 302);
    let is_read = call.method == Method::GET || call.method == Method::HEAD;
    if !(keeps_method || for_reads && is_read) {
        return Ok(None);
    }
    let mut locations = reply.headers.get_all(LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else {
        // There is no address, or there are several and no rule selects one.
        return Ok(None);
    };
    let location = std::str::from_utf8(location.as_bytes()).ok();
    let Some(location) = location else {
        return Ok(None);
    };
    let Some(mut to) = within_origin(from, location) else {
        return Ok(elsewhere(opening, from, location).filter(|_| is_read));
    };
    if !is_same_origin(from, &call.url) {
        // The parameters of the call are for its own origin. They may be secret.
        return Ok(Some(to));
    }
    let added = lacking(&call.url, &to, is_read)?;
    if !added.is_empty() {
        let there = to.query().filter(|query| !query.is_empty());
        let query: Vec<_> = there.into_iter().chain(added).collect();
        let query = query.join("&");
        to.set_query(Some(&query));
    }
    Ok(Some(to))
}

/// The target of a redirect to another origin that is allowed, as the server wrote it.
fn elsewhere(opening: &Opening<'_>, from: &Url, location: &str) -> Option<Url> {
    let mut to = from.join(location).ok()?;
    if !opening.is_allowed_elsewhere(&to) {
        return None;
    }
    to.set_username("").ok()?;
    to.set_password(None).ok()?;
    to.set_fragment(None);
    Some(to)
}

/// The parameters of our address that the other one lacks, as they are written.
fn lacking<'u>(ours: &'u Url, theirs: &Url, lenient: bool) -> Result<Vec<&'u str>, Loses> {
    let (Some(ours), theirs) = (ours.query(), theirs.query().unwrap_or_default()) else {
        return Ok(Vec::new());
    };
    let (ours, theirs) = (parameters(ours), parameters(theirs));
    let mut lacking = Vec::new();
    for (raw, (name, value)) in &ours {
        let values = theirs.iter().filter(|(_, (other, _))| other == name);
        let values = values.map(|(_, (_, value))| value);
        let is_ours = |there: &Cow<'_, str>| ours.iter().any(|(_, (n, v))| n == name && v == there);
        let (mut named, mut there) = (false, false);
        for found in values {
            (named, there) = (true, there || found == value);
            if !lenient && !is_ours(found) {
                return Err(Loses(name.clone().into_owned()));
            }
        }
        if !(there || named && lenient) {
            lacking.push(*raw);
        }
    }
    Ok(lacking)
}

type Parameter<'q> = (Cow<'q, str>, Cow<'q, str>);

/// The parameters of a query, each as it is written and in its decoded form.
fn parameters(query: &str) -> Vec<(&str, Parameter<'_>)> {
    let written = query.split('&');
    written
        .filter_map(|raw| Some((raw, form_urlencoded::parse(raw.as_bytes()).next()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode};
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::Call;

    type Failed = Box<dyn std::error::Error>;

    fn moved(method: Method, from: &str, status: u16, to: &str) -> Result<(Url, Reached), Failed> {
        let call = Call {
            method,
            url: Url::parse(from)?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_str(to)?)]);
        let reply = Response::new(StatusCode::from_u16(status)?, headers, Bytes::new());
        let opening = Opening {
            call: &call,
            head_time: Duration::ZERO,
            home: &call.url,
            elsewhere: &[],
        };
        let reached = redirect(&opening, &call.url, &reply);
        Ok((call.url, reached))
    }

    type Reached = Result<Option<Url>, Loses>;

    fn there(method: Method, from: &str, to: &str) -> Result<Option<String>, Failed> {
        let (_, reached) = moved(method, from, 307, to)?;
        let reached = reached.map_err(|Loses(name)| format!("loses {name}"))?;
        Ok(reached.map(String::from))
    }

    #[test]
    fn the_parameters_of_a_call_go_along_as_they_are_written() -> Result<(), Failed> {
        for (from, to, reached) in [
            ("http://h/a?v=1", "/b", "http://h/b?v=1"),
            ("http://h/a?v=1", "/b?", "http://h/b?v=1"),
            ("http://h/a?v=1", "/b?x=2", "http://h/b?x=2&v=1"),
            ("http://h/a?v=1", "/b?v=1", "http://h/b?v=1"),
            ("http://h/a?v=%31", "/b?v=1", "http://h/b?v=1"),
            ("http://h/a?acl&t=x+y%20z", "/b", "http://h/b?acl&t=x+y%20z"),
            ("http://h/a?t=1&t=2", "/b?t=2", "http://h/b?t=2&t=1"),
            ("http://h/a?v=1", "b#part", "http://h/b?v=1"),
            ("http://h/a?v=1", "?x", "http://h/a?x&v=1"),
            ("http://ann:p@h/a", "http://bob@h/b", "http://ann:p@h/b"),
        ] {
            assert_eq!(there(Method::PUT, from, to)?.as_deref(), Some(reached));
            assert!(there(Method::GET, from, to)?.is_some(), "{from} {to}");
        }
        Ok(())
    }

    #[test]
    fn another_value_stands_in_a_read_and_ends_a_write() -> Result<(), Failed> {
        let (from, to) = ("http://h/a?v=1&w=1", "/b?v=2");
        let read = there(Method::GET, from, to)?;
        assert_eq!(read.as_deref(), Some("http://h/b?v=2&w=1"));
        let (_, written) = moved(Method::PUT, from, 308, to)?;
        assert_eq!(written, Err(Loses("v".to_owned())));
        let (_, added) = moved(Method::DELETE, from, 308, "/b?v=1&v=2")?;
        assert_eq!(added, Err(Loses("v".to_owned())));
        Ok(())
    }

    #[test]
    fn what_is_no_redirect_of_this_call_is_not_followed() -> Result<(), Failed> {
        for status in [300, 301, 302, 303, 304, 305, 309] {
            let (_, reached) = moved(Method::PUT, "http://h/a?v=1", status, "/b")?;
            assert_eq!(reached, Ok(None), "{status}");
        }
        for to in [
            "http://other/b",
            "https://h/b",
            "http://h:81/b",
            "//other/b",
            "blob:http://h/b",
            "data:,x",
            "http://[",
        ] {
            let (_, reached) = moved(Method::PUT, "http://h/a?v=1", 307, to)?;
            assert_eq!(reached, Ok(None), "{to}");
        }
        Ok(())
    }

    fn query() -> impl Strategy<Value = String> {
        let pair = prop_oneof![
            Just(String::new()),
            "[vw]",
            "[vw]=[12]",
            "%76=[12]",
            "[vw]=%3[12]",
            "[vw]=1\\+2",
        ];
        prop::collection::vec(pair, 0..5).prop_map(|pairs| pairs.join("&"))
    }

    proptest! {
        #[test]
        fn whatever_the_target_says_the_request_there_carries_every_parameter(
            ours in query(),
            path in "(http://h|http://x@h|)(/|/[a-c]{0,3}|/\\.\\./a|)",
            theirs in query(),
            fragment in "(#[vw]=1)?",
            permanent in any::<bool>(),
        ) {
            let (from, to) = (format!("http://h/a?{ours}"), format!("{path}?{theirs}{fragment}"));
            let status = if permanent { 308 } else { 307 };
            let (from, reached) = moved(Method::PUT, &from, status, &to)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            let pairs = |url: &Url| -> Vec<(String, String)> { url.query_pairs().into_owned().collect() };
            let asked = pairs(&from);
            match reached {
                Ok(Some(reached)) => {
                    let carried = pairs(&reached);
                    for (name, value) in &asked {
                        prop_assert!(carried.contains(&(name.clone(), value.clone())), "{from} to {reached}");
                    }
                    for (name, value) in &carried {
                        let ours = asked.iter().any(|(other, _)| other == name);
                        prop_assert!(!ours || asked.contains(&(name.clone(), value.clone())), "{from} to {reached}");
                    }
                    prop_assert_eq!(reached.origin(), from.origin());
                    prop_assert_eq!((reached.fragment(), reached.username()), (None, ""));
                }
                Err(Loses(name)) => {
                    let theirs = Url::parse(&format!("http://h/?{theirs}"))
                        .map_err(|error| TestCaseError::fail(error.to_string()))?;
                    let other = |(n, v): &(String, String)| {
                        *n == name && !asked.contains(&(n.clone(), v.clone()))
                    };
                    prop_assert!(pairs(&theirs).iter().any(other), "{from} to {to} loses {name}");
                }
                Ok(None) => prop_assert!(false, "{from} to {to} is within the origin"),
            }
        }
    }
}
