//! Bodies of several parts (RFC 2046 5.1), and requests and responses as parts (`application/http`, RFC 9112 10.2).
//!
//! The reader takes what servers send: lines that end in LF alone, text before the first part and after the last. A body
//! without its last delimiter is incomplete, and so none of its parts count.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use super::ResponseParts;

/// How many parts are read of one body.
const MAX_PARTS: usize = 1_000;
/// How many header fields are read of one part.
const MAX_FIELDS: usize = 100;
/// How long the headers of one part may be, in bytes.
const MAX_HEAD: usize = 32 * 1_024;
/// The longest delimiter (RFC 2046 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// Why a body is not made of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoParts {
    #[error("it has no media type `multipart` with a boundary")]
    NotMultipart,
    #[error("it ends before its last delimiter")]
    Incomplete,
    #[error("it has more than {MAX_PARTS} parts")]
    TooMany,
    #[error("the headers of a part cannot be read")]
    Headers,
    #[error("a part is not an HTTP response")]
    NotHttp,
}

/// One part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Part {
    /// Whether the part is itself made of parts.
    pub(crate) fn is_multipart(&self) -> bool {
        boundary(&self.headers).is_some()
    }

    /// Reads the parts of this part.
    pub(crate) fn parts(&self) -> Result<Vec<Part>, NoParts> {
        parts(&self.headers, &self.body)
    }

    /// Reads the part as a response. A `Content-ID` may stand in either head.
    pub(crate) fn response(&self) -> Result<ResponseParts, NoParts> {
        let (line, rest) = line(&self.body, 0).ok_or(NoParts::NotHttp)?;
        let status = status_of(line).ok_or(NoParts::NotHttp)?;
        let (mut headers, start) = head(&self.body, rest)?;
        for (name, value) in &self.headers {
            if name.as_str() == CONTENT_ID && !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
        let mut body = self.body.slice(start..);
        let length = headers.get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        if let Some(length) = length {
            body.truncate(length);
        }
        // Such a response has no body, and some servers end it with more than one empty line.
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            body.clear();
        }
        Ok(ResponseParts {
            status,
            headers,
            body,
        })
    }
}

/// The name of the header by which a response names its request (RFC 2045 7).
pub(crate) const CONTENT_ID: &str = "content-id";

/// Reads the parts of a body with these headers.
pub(crate) fn parts(headers: &HeaderMap, body: &Bytes) -> Result<Vec<Part>, NoParts> {
    let boundary = boundary(headers).ok_or(NoParts::NotMultipart)?;
    let (mut found, mut at, mut begun) = (Vec::new(), 0, None);
    while let Some((text, next)) = line(body, at) {
        let Some(ends_all) = delimits(text, boundary.as_bytes()) else {
            at = next;
            continue;
        };
        if let Some(begun) = begun {
            if found.len() == MAX_PARTS {
                return Err(NoParts::TooMany);
            }
            found.push(part(body, begun, at)?);
        }
        if ends_all {
            return Ok(found);
        }
        (begun, at) = (Some(next), next);
    }
    Err(NoParts::Incomplete)
}

/// Returns a part between two delimiters. The line end before the second one belongs to the delimiter.
fn part(body: &Bytes, begin: usize, end: usize) -> Result<Part, NoParts> {
    let text = body.slice(begin..end);
    let (headers, start) = head(&text, 0)?;
    let mut end = text.len();
    for byte in [b'\n', b'\r'] {
        if end > start && text.get(end - 1) == Some(&byte) {
            end -= 1;
        }
    }
    Ok(Part {
        headers,
        body: text.slice(start.min(end)..end),
    })
}

/// Reads header fields up to an empty line, or to the end. Returns them with the place behind that line.
pub(crate) fn head(text: &[u8], mut at: usize) -> Result<(HeaderMap, usize), NoParts> {
    let (begin, mut headers) = (at, HeaderMap::new());
    while let Some((field, next)) = line(text, at) {
        if field.is_empty() {
            return Ok((headers, next));
        }
        if next - begin > MAX_HEAD || headers.len() == MAX_FIELDS {
            return Err(NoParts::Headers);
        }
        let colon = field.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or(NoParts::Headers)?;
        let name = HeaderName::from_bytes(&field[..colon]);
        let value = HeaderValue::from_bytes(field[colon + 1..].trim_ascii());
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(NoParts::Headers);
        };
        headers.append(name, value);
        at = next;
    }
    Ok((headers, at))
}

/// Returns the line at a place without its end, and the place of the next line.
pub(crate) fn line(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let end = rest.iter().position(|byte| *byte == b'\n');
    let line = end.map_or(rest, |end| &rest[..end]);
    let next = at + end.map_or(rest.len(), |end| end + 1);
    Some((line.strip_suffix(b"\r").unwrap_or(line), next))
}

/// Whether a line is a delimiter, and if so whether it is the last one. White space may follow it.
fn delimits(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match rest.trim_ascii_end() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// Returns the status of a status line (RFC 9112 4).
fn status_of(line: &[u8]) -> Option<StatusCode> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let rest = rest[space..].trim_ascii_start();
    let (digits, after) = rest.split_at_checked(3)?;
    if after.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    StatusCode::from_bytes(digits).ok()
}

/// Returns the boundary in a media type `multipart`.
fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (essence, parameters) = value.split_once(';')?;
    let kind = essence.trim().get(..10)?;
    if !kind.eq_ignore_ascii_case("multipart/") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_boundary = name.trim().eq_ignore_ascii_case("boundary");
        is_boundary.then(|| value.trim().trim_matches('"').to_owned())
    })?;
    let is_usable = !boundary.is_empty() && boundary.len() <= MAX_BOUNDARY;
    is_usable.then_some(boundary)
}

/// Writes a body of parts.
pub(crate) struct PartsWriter {
    boundary: String,
    text: Vec<u8>,
}

impl PartsWriter {
    /// The boundary must not occur in any part.
    pub(crate) fn new(boundary: String) -> Self {
        Self {
            boundary,
            text: Vec::new(),
        }
    }

    /// Adds a part with these header lines.
    pub(crate) fn part(&mut self, headers: &[(&str, &str)], body: &[u8]) {
        self.line(&format!("--{}", self.boundary));
        for (name, value) in headers {
            self.line(&format!("{name}: {value}"));
        }
        self.line("");
        self.text.extend_from_slice(body);
        self.line("");
    }

    fn line(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
        self.text.extend_from_slice(b"\r\n");
    }

    /// Returns the media type of the body, and the body.
    pub(crate) fn finish(mut self) -> (String, Vec<u8>) {
        self.line(&format!("--{}--", self.boundary));
        let media_type = format!("multipart/mixed; boundary={}", self.boundary);
        (media_type, self.text)
    }
}

/// Returns a request as the body of a part.
pub(crate) fn request_text(
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    body: &[u8],
) -> Vec<u8> {
    let mut text = format!("{method} {} HTTP/1.1\r\n", spelt(url)).into_bytes();
    for (name, value) in headers {
        if name == CONTENT_LENGTH {
            continue;
        }
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() {
        text.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(body);
    text
}

/// Returns an address with the characters that a path may contain as they are (RFC 3986 3.3). Servers that find keys in the
/// addresses of parts look for `(` and `'`.
fn spelt(url: &Url) -> String {
    let mut text = url.as_str().to_owned();
    let end = text.find('?').unwrap_or(text.len());
    let mut path = text[..end].to_owned();
    for (coded, plain) in [
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2C", ","),
        ("%3D", "="),
    ] {
        path = path.replace(coded, plain);
    }
    text.replace_range(..end, &path);
    text
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a failing test may panic"
    )]

    use super::*;

    fn of_type(media_type: &'static str) -> HeaderMap {
        let value = HeaderValue::from_static(media_type);
        HeaderMap::from_iter([(CONTENT_TYPE, value)])
    }

    fn read(body: &str) -> Result<Vec<Part>, NoParts> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        parts(&of_type("multipart/mixed; boundary=b1"), &body)
    }

    #[test]
    fn responses_in_a_change_set_are_read() {
        let body = "--b1\r\nContent-Type: multipart/mixed; boundary=\"c 2\"\r\n\r\n\
             --c 2\r\nContent-Type: application/http\r\nContent-ID: 7\r\n\r\n\
             HTTP/1.1 204 No Content\r\nETag: W/\"1\"\r\n\r\n\r\n\
             --c 2\r\nContent-Type: application/http\r\n\r\n\
             HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\n\r\n{}\r\n\
             --c 2--\r\n--b1--\r\n";
        let outer = read(body).unwrap();
        assert_eq!(outer.len(), 1);
        let inner = outer[0].parts().unwrap();
        let [done, refused] = &inner[..] else {
            panic!("{inner:?}");
        };
        let done = done.response().unwrap();
        assert_eq!(done.status, 204);
        assert_eq!(done.headers["etag"], "W/\"1\"");
        assert_eq!(done.headers[CONTENT_ID], "7");
        assert_eq!(done.body, "");
        let refused = refused.response().unwrap();
        assert_eq!(
            (refused.status.as_u16(), &refused.body[..]),
            (412, &b"{}"[..])
        );
    }

    #[test]
    fn lines_may_end_in_a_line_feed_alone_and_text_around_the_parts_is_skipped() {
        let parts = read("hello\n--b1 \n\na\nb\n--b1\nX: y\n\n\n--b1-- \nbye").unwrap();
        let bodies: Vec<_> = parts.iter().map(|part| &part.body[..]).collect();
        assert_eq!(bodies, [&b"a\nb"[..], b""]);
        assert_eq!(parts[1].headers["x"], "y");
    }

    #[test]
    fn a_body_that_was_cut_has_no_parts() {
        let whole = "--b1\r\n\r\na\r\n--b1\r\n\r\nb\r\n--b1--";
        assert_eq!(read(whole).unwrap().len(), 2);
        for end in 0..whole.len() - 2 {
            assert_eq!(read(&whole[..end]), Err(NoParts::Incomplete), "{end}");
        }
    }

    #[test]
    fn what_has_no_bounds_is_refused() {
        let many = "--b1\n\na\n".repeat(MAX_PARTS + 2) + "--b1--";
        assert_eq!(read(&many), Err(NoParts::TooMany));
        let fields = "X: y\n".repeat(MAX_FIELDS + 1);
        let headers = format!("--b1\n{fields}\n\n--b1--");
        assert_eq!(read(&headers), Err(NoParts::Headers));
        let long = format!("--b1\nX: {}\n\n\n--b1--", "y".repeat(MAX_HEAD));
        assert_eq!(read(&long), Err(NoParts::Headers));
        assert_eq!(read("--b1\nno colon\n\n--b1--"), Err(NoParts::Headers));
        for media_type in [
            "text/plain; boundary=b1",
            "multipart/mixed",
            "multipart/mixed; boundary=",
        ] {
            let read = parts(&of_type(media_type), &Bytes::from_static(b"--b1--"));
            assert_eq!(read, Err(NoParts::NotMultipart));
        }
    }

    #[test]
    fn what_is_no_response_is_told() {
        for text in [
            "",
            "204 No Content",
            "HTTP/1.1 2040 x",
            "HTTP/1.1",
            "HTTP/1.1 abc",
        ] {
            let part = Part {
                headers: HeaderMap::new(),
                body: Bytes::copy_from_slice(text.as_bytes()),
            };
            assert_eq!(part.response(), Err(NoParts::NotHttp), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut writer = PartsWriter::new("b1".into());
        writer.part(&[("Content-Type", "application/http")], b"one");
        writer.part(&[], b"");
        let (media_type, body) = writer.finish();
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type.parse().unwrap())]);
        let read = parts(&headers, &body.into()).unwrap();
        let bodies: Vec<_> = read.iter().map(|part| &part.body[..]).collect();
        assert_eq!(bodies, [&b"one"[..], b""]);
    }

    #[test]
    fn keys_in_addresses_are_plain() {
        let url = Url::parse("http://h/t%28PartitionKey%3D%27p%27%29?sig=a%3D").unwrap();
        let text = request_text(&Method::PUT, &url, &HeaderMap::new(), b"{}");
        let expected =
            "PUT http://h/t(PartitionKey='p')?sig=a%3D HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(text, expected.as_bytes());
    }
}
