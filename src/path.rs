//! Addresses made of a base, a path and an id, so that no part can climb out of its place.

use url::Url;

use crate::error::Error;

/// A path beneath the client's base URL: `"a/b"`, or segments such as `["users", user, "articles"]`,
/// each of which becomes exactly one segment.
pub trait IntoPath {
    /// The segments, not yet encoded.
    fn into_segments(self) -> Vec<String>;
}

impl IntoPath for &str {
    fn into_segments(self) -> Vec<String> {
        self.trim_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect()
    }
}

impl IntoPath for &String {
    fn into_segments(self) -> Vec<String> {
        self.as_str().into_segments()
    }
}

impl IntoPath for String {
    fn into_segments(self) -> Vec<String> {
        self.as_str().into_segments()
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
pub(crate) fn join(base: &Url, segment: &str) -> Result<Url, Error> {
    if segment.is_empty() || segment == "." || segment == ".." {
        return Err(Error::config(format!(
            "the path segment {segment:?} names no resource: it must not be empty, \".\" or \"..\""
        )));
    }
    let mut path = base.path().trim_end_matches('/').to_owned();
    path.push('/');
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
            path.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    let mut url = base.clone();
    url.set_path(&path);
    Ok(url)
}

/// Appends a path to an address.
pub(crate) fn join_all(base: &Url, segments: &[String]) -> Result<Url, Error> {
    segments
        .iter()
        .try_fold(base.clone(), |url, segment| join(&url, segment))
}

/// The base, an address beneath it by its path, or a whole address of the same origin.
pub(crate) fn beneath(base: &Url, at: &str) -> Result<Url, Error> {
    if at.trim_matches('/').is_empty() {
        return Ok(base.clone());
    }
    if !at.starts_with("http://") && !at.starts_with("https://") {
        return join_all(base, &at.into_segments());
    }
    let url = self::base(at)?;
    if url.origin() != base.origin() {
        let why = "the address is of another server than the client's base URL";
        return Err(Error::config(why));
    }
    Ok(url)
}

/// A segment of a path as it was before it was percent-encoded; `None`: that is no text.
pub(crate) fn decoded(segment: &str) -> Option<String> {
    String::from_utf8(crate::http::percent_decoded(segment).into_owned()).ok()
}

/// Reads a base address: absolute, `http` or `https`, without query and fragment.
pub(crate) fn base(text: &str) -> Result<Url, Error> {
    let wrong = |why: &str| {
        Error::config(format!(
            "the base URL {why}: expected something like https://api.example.com/v1"
        ))
    };
    let mut url = Url::parse(text).map_err(|error| wrong("cannot be read").with_source(error))?;
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

    fn url(segment: &str) -> Result<String, Error> {
        Ok(join(&base("http://h/v1/")?, segment)?.to_string())
    }

    #[test]
    fn an_id_stays_one_segment_whatever_is_in_it() -> Result<(), Error> {
        assert_eq!(url("a/b?c#d")?, "http://h/v1/a%2Fb%3Fc%23d");
        assert_eq!(url("\n..")?, "http://h/v1/%0A..");
        assert_eq!(url("\t")?, "http://h/v1/%09");
        assert_eq!(url("ä %")?, "http://h/v1/%C3%A4%20%25");
        assert_eq!(url("%2e%2e")?, "http://h/v1/%252e%252e");
        assert_eq!(url("..\\..")?, "http://h/v1/..%5C..");
        Ok(())
    }

    #[test]
    fn ids_that_name_nothing_are_refused_before_anything_is_sent() {
        for id in ["", ".", ".."] {
            assert!(url(id).is_err_and(|error| error.is_config()), "{id:?}");
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
            assert!(base(text).is_err_and(|error| error.is_config()), "{text:?}");
        }
    }
}
