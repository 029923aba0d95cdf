//! Addresses made of a base, a path and an id, so that no part can climb out of its place.

use url::{Url, form_urlencoded};

/// An address that leads nowhere; the message says what to write instead.
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
}

/// A path beneath the client's base URL: `"a/b"`, or segments such as `["users", user, "articles"]`,
/// each of which becomes exactly one segment.
///
/// A path in one text that ends in a slash, `"docs/"`, keeps it, and the items of such a collection have one
/// too (`docs/7/`): many servers know the one address and not the other. `"/"` alone is the base URL
/// itself, with a slash at its end.
pub trait IntoPath {
    /// The segments, not yet encoded.
    fn into_segments(self) -> Vec<String>;

    /// Whether the address ends in a slash.
    fn ends_in_slash(&self) -> bool {
        false
    }
}

impl IntoPath for &str {
    fn into_segments(self) -> Vec<String> {
        self.trim_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect()
    }

    fn ends_in_slash(&self) -> bool {
        self.ends_with('/')
    }
}

impl IntoPath for &String {
    fn into_segments(self) -> Vec<String> {
        self.as_str().into_segments()
    }

    fn ends_in_slash(&self) -> bool {
        self.as_str().ends_in_slash()
    }
}

impl IntoPath for String {
    fn into_segments(self) -> Vec<String> {
        self.as_str().into_segments()
    }

    fn ends_in_slash(&self) -> bool {
        self.as_str().ends_in_slash()
    }
}

impl<S: AsRef<str>, const N: usize> IntoPath for [S; N] {
    fn into_segments(self) -> Vec<String> {
        self.iter()
            .map(|segment| segment.as_ref().to_owned())
            .collect()
    }
}

impl<S: AsRef<str>> IntoPath for &[S] {
    fn into_segments(self) -> Vec<String> {
        self.iter()
            .map(|segment| segment.as_ref().to_owned())
            .collect()
    }
}

impl<S: AsRef<str>> IntoPath for Vec<S> {
    fn into_segments(self) -> Vec<String> {
        self.as_slice().into_segments()
    }
}

/// Appends one segment to an address.
///
/// It is encoded by hand, everything but unreserved characters (RFC 3986 2.3): the segment push of
/// the `url` crate drops tabs and lets `..` climb out.
pub(crate) fn join(base: &Url, segment: &str) -> Result<Url, PathError> {
    if segment.is_empty() || segment == "." || segment == ".." {
        return Err(PathError::new(format!(
            "the path segment {segment:?} names no resource: it must not be empty, \".\" or \"..\""
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

/// Gives a query parameter its only value: a server may take either of two.
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

/// The address of an item of a collection: it ends in a slash where the collection's does.
pub(crate) fn item(collection: &Url, id: &str) -> Result<Url, PathError> {
    let item = join(collection, id)?;
    let is_root = collection.path() == "/";
    Ok(if collection.path().ends_with('/') && !is_root {
        with_slash(item)
    } else {
        item
    })
}

/// The address of the collection that an item is in.
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

/// The last segment of an address, as it was before it was percent-encoded; a slash behind it does not count.
pub(crate) fn last_segment(url: &Url) -> Option<String> {
    let path = url.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let (_, segment) = path.rsplit_once('/')?;
    decoded(segment).filter(|segment| !segment.is_empty())
}

/// The address beneath a base that a path leads to.
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

fn with_slash(mut url: Url) -> Url {
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

/// The base, an address beneath it by its path, or a whole address of the same origin.
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
        let why = "the address is of another server than the client's base URL";
        return Err(PathError::new(why));
    }
    Ok(url)
}

/// A segment of a path as it was before it was percent-encoded; `None`: that is no text.
pub(crate) fn decoded(segment: &str) -> Option<String> {
    String::from_utf8(super::percent::decode(segment).into_owned()).ok()
}

/// Reads a base address: absolute, `http` or `https`, without query and fragment.
pub(crate) fn base(text: &str) -> Result<Url, PathError> {
    let wrong = |why: &str| {
        PathError::new(format!(
            "the base URL {why}: expected something like https://api.example.com/v1"
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
}
