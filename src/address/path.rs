//! Addresses made of a base, a path and an id. No path or id can leave its place in the address.

use url::{Url, form_urlencoded};

use super::IntoPath;

/// The error for an invalid address. The message says what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct PathError {
    message: String,
    #[source]
    source: Option<url::ParseError>,
}

impl PathError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    pub(super) fn parsing(message: impl Into<String>, source: url::ParseError) -> Self {
        Self {
            message: message.into(),
            source: Some(source),
        }
    }
}

/// Appends one segment to an address.
///
/// All but unreserved characters are percent-encoded here (RFC 3986 2.3), because `push` of the `url` crate drops
/// tabs, and lets `..` leave the base.
pub(crate) fn join(base: &Url, segment: &str) -> Result<Url, PathError> {
    if segment.is_empty() || segment == "." || segment == ".." {
        return Err(PathError::new(format!(
            "the path segment {segment:?} is invalid: it must not be empty, \".\" or \"..\""
        )));
    }
    let mut path = base.path().trim_end_matches('/').to_owned();
    path.push('/');
    encode(segment, &mut path);
    let mut url = base.clone();
    url.set_path(&path);
    Ok(url)
}

/// Percent-encodes everything but unreserved characters (RFC 3986 2.3).
pub(crate) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Sets a query parameter and removes its other values, because a server may use any of several.
pub(crate) fn set_parameter(url: &mut Url, name: &str, value: &str) {
    let names = |raw: &&str| {
        let mut read = form_urlencoded::parse(raw.as_bytes());
        read.next().is_some_and(|(other, _)| other == name)
    };
    let query = url.query().unwrap_or_default();
    let others: Vec<_> = query.split('&').filter(|raw| !names(raw)).collect();
    let others = others.join("&");
    url.set_query((!others.is_empty()).then_some(&others));
    url.query_pairs_mut().append_pair(name, value);
}

/// Returns the address of an item, which ends in a slash if the address of its collection does.
pub(crate) fn item(collection: &Url, id: &str) -> Result<Url, PathError> {
    let item = join(collection, id)?;
    let is_root = collection.path() == "/";
    Ok(if collection.path().ends_with('/') && !is_root {
        with_slash(item)
    } else {
        item
    })
}

/// Returns the address of the collection of an item.
pub(crate) fn collection_of(item: &Url) -> Url {
    let path = item.path();
    let (inner, slash) = match path.strip_suffix('/') {
        Some(inner) => (inner, "/"),
        None => (path, ""),
    };
    let above = inner.rsplit_once('/').map_or("", |(above, _)| above);
    let mut collection = item.clone();
    collection.set_path(&format!("{above}{slash}"));
    collection
}

/// Returns the last segment of an address, percent-decoded and without a trailing slash.
pub(crate) fn last_segment(url: &Url) -> Option<String> {
    let path = url.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let (_, segment) = path.rsplit_once('/')?;
    decoded(segment).filter(|segment| !segment.is_empty())
}

/// Returns the address of a path beneath a base.
pub(crate) fn lead(base: &Url, path: impl IntoPath) -> Result<Url, PathError> {
    let slash = path.ends_in_slash();
    let segments = path.into_segments();
    let is_base = slash && matches!(segments.as_slice(), [only] if only.is_empty());
    let url = if is_base {
        base.clone()
    } else {
        join_all(base, &segments)?
    };
    Ok(if slash { with_slash(url) } else { url })
}

pub(super) fn with_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// Appends a path to an address.
pub(crate) fn join_all(base: &Url, segments: &[String]) -> Result<Url, PathError> {
    segments
        .iter()
        .try_fold(base.clone(), |url, segment| join(&url, segment))
}

/// Returns the address of a path below a resource. If there are no segments, it is that of the resource.
pub(crate) fn below(
    resource: &Url,
    segments: &[String],
    ends_in_slash: bool,
) -> Result<Url, PathError> {
    let url = join_all(resource, segments)?;
    Ok(if ends_in_slash { with_slash(url) } else { url })
}

/// Returns the address of a path beneath a base. A string must not contain a query, which would be encoded.
pub(crate) fn lead_plain(base: &Url, path: impl IntoPath) -> Result<Url, PathError> {
    if path.as_text().is_some_and(|text| text.contains(['?', '#'])) {
        return Err(PathError::new(
            "the path contains `?` or `#`: add a query with `.query(name, value)`, or give the path as segments, such \
             as [\"a?b\"], in which these characters are encoded",
        ));
    }
    lead(base, path)
}

/// Removes the user and password of an address, which has a host.
pub(crate) fn without_user(mut url: Url) -> Url {
    // Both fail only if there is no host, and so no user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Returns the base for an empty text, the address of a path beneath it, or a whole URL of the same origin.
pub(crate) fn beneath(base: &Url, at: &str) -> Result<Url, PathError> {
    if at.is_empty() {
        return Ok(base.clone());
    }
    if !at.starts_with("http://") && !at.starts_with("https://") {
        return lead(base, at);
    }
    let mut url = self::base(at)?;
    if at.ends_with('/') {
        url = with_slash(url);
    }
    if url.origin() != base.origin() {
        let why = "the address is on another server than the base URL of the client";
        return Err(PathError::new(why));
    }
    Ok(url)
}

/// Percent-decodes a segment of a path. Returns `None` if the result is not UTF-8.
pub(crate) fn decoded(segment: &str) -> Option<String> {
    String::from_utf8(super::percent::decode(segment).into_owned()).ok()
}

/// Parses a base URL, which is absolute, `http` or `https`, and has no query or fragment.
pub(crate) fn base(text: &str) -> Result<Url, PathError> {
    let wrong = |why: &str| {
        PathError::new(format!(
            "the base URL {:?} {why}: expected something like https://api.example.com/v1",
            without_secrets(text)
        ))
    };
    let mut url = Url::parse(text).map_err(|error| PathError {
        source: Some(error),
        ..wrong("cannot be read")
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(wrong("is neither http nor https"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Returns a text that may be a URL without its user, its password and its query.
pub(super) fn without_secrets(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|it| it.is_ascii_alphabetic()) => {
            (format!("{scheme}://"), rest)
        }
        _ => (String::new(), text),
    };
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let end = place.find(['?', '#']).unwrap_or(place.len());
    scheme + &place[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(segment: &str) -> Result<String, PathError> {
        Ok(join(&base("http://h/v1/")?, segment)?.to_string())
    }

    #[test]
    fn an_id_stays_one_segment_whatever_is_in_it() -> Result<(), PathError> {
        assert_eq!(url("a/b?c#d")?, "http://h/v1/a%2Fb%3Fc%23d");
        assert_eq!(url("\n..")?, "http://h/v1/%0A..");
        assert_eq!(url("\t")?, "http://h/v1/%09");
        assert_eq!(url("ä %")?, "http://h/v1/%C3%A4%20%25");
        assert_eq!(url("%2e%2e")?, "http://h/v1/%252e%252e");
        assert_eq!(url("..\\..")?, "http://h/v1/..%5C..");
        Ok(())
    }

    #[test]
    fn a_slash_at_the_end_is_kept_and_items_have_it_too() -> Result<(), PathError> {
        let base = base("http://h/v1")?;
        for (path, collection, of_item) in [
            ("docs/", "http://h/v1/docs/", "http://h/v1/docs/7/"),
            ("docs", "http://h/v1/docs", "http://h/v1/docs/7"),
            ("/a/docs//", "http://h/v1/a/docs/", "http://h/v1/a/docs/7/"),
            ("/", "http://h/v1/", "http://h/v1/7/"),
        ] {
            let url = lead(&base, path)?;
            assert_eq!(url.as_str(), collection);
            let url = item(&url, "7")?;
            assert_eq!(url.as_str(), of_item);
            assert_eq!(collection_of(&url).as_str(), collection);
            assert_eq!(last_segment(&url).as_deref(), Some("7"));
        }
        assert_eq!(lead(&base, ["docs"])?.as_str(), "http://h/v1/docs");
        for empty in [vec![""], vec!["docs", ""]] {
            assert!(lead(&base, empty).is_err());
        }
        assert!(lead(&base, "").is_err());
        Ok(())
    }

    #[test]
    fn ids_that_name_nothing_are_refused_before_anything_is_sent() {
        for id in ["", ".", ".."] {
            assert!(url(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_base_that_is_none_is_told_with_an_example() {
        for text in [
            "",
            "example.com",
            "ftp://h/",
            "http://h/?a=1",
            "data:x",
            "http://",
        ] {
            assert!(base(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_message_names_the_base_that_was_given_without_its_secrets() {
        for (text, shown) in [
            ("example.com/v1", "example.com/v1"),
            ("ftp://ann:pw@h/v1", "ftp://h/v1"),
            ("http://ann:p?w@h:x/", "http://h:x/"),
            ("http://h/?key=pw", "http://h/"),
            ("ann:pw@h", "h"),
            ("ann:p://w@h", "h"),
        ] {
            let message = base(text).map_err(|error| error.to_string());
            let shown = format!("the base URL {shown:?} ");
            assert!(message.is_err_and(|it| it.starts_with(&shown)), "{text}");
        }
    }
}
