//! How an address is split into a base, a collection and an id.
//!
//! The last segment of the path is the id, the one before it the collection, and everything in front of them the base,
//! which is kept as it is written. The query goes into every request. An address that ends in a slash is not split.

use ifmatch::{Client, Collection, Resource, ThreeWay, Url};

use crate::content::Content;
use crate::exit::Failure;

/// The address of a document or of a collection.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: Url,
}

/// The parts of an address.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    base: String,
    /// The segments below the base, percent-decoded. None of them: the address is the base with a slash.
    segments: Vec<String>,
}

impl Target {
    /// Parses an address.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::usage(format!("the address {why}"))
                .advise("Write it as https://api.example.com/v1/articles/42.")
        };
        let url = Url::parse(text).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a user or a password").advise(
                "Others can read the arguments of a command. Set IFMATCH_BASIC or --basic-file.",
            ));
        }
        if url.fragment().is_some() {
            return Err(wrong("has a fragment (#), which is not sent to a server"));
        }
        let target = Self { url };
        target.parts(2)?;
        Ok(target)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the scheme, the host and the port.
    pub(crate) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Returns the base of a document.
    pub(crate) fn document_base(&self) -> Result<String, Failure> {
        Ok(self.parts(2)?.base)
    }

    /// Returns the base of a collection.
    pub(crate) fn collection_base(&self) -> Result<String, Failure> {
        Ok(self.parts(1)?.base)
    }

    /// Returns the handle of the document, for a client of its base.
    pub(crate) fn document(
        &self,
        client: &Client,
        merge: ThreeWay,
    ) -> Result<Resource<Content>, Failure> {
        let parts = self.parts(2)?;
        let resource = match &parts.segments[..] {
            [collection, id] => client.collection_with([collection], merge).item(id),
            [id] => client.collection_with("/", merge).item(id),
            _ => client.resource_with("/", merge),
        };
        let pairs = self.url.query_pairs();
        Ok(pairs.fold(resource, |resource, (name, value)| {
            resource.query(name, value)
        }))
    }

    /// Returns the handle of the collection, for a client of its base.
    pub(crate) fn collection(
        &self,
        client: &Client,
        merge: ThreeWay,
    ) -> Result<Collection<Content>, Failure> {
        let parts = self.parts(1)?;
        let collection = match &parts.segments[..] {
            [name] => client.collection_with([name], merge),
            _ => client.collection_with("/", merge),
        };
        let pairs = self.url.query_pairs();
        Ok(pairs.fold(collection, |collection, (name, value)| {
            collection.query(name, value)
        }))
    }

    /// Returns a name for files: the last segment of the path, made of harmless characters.
    pub(crate) fn file_name(&self) -> String {
        let mut segments = self.url.path().split('/').rev();
        let last = segments.find(|it| !it.is_empty()).unwrap_or_default();
        let harmless = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
        let name: String = last.chars().filter(|it| harmless(*it)).take(60).collect();
        let name = name.trim_start_matches('.').to_owned();
        if name.is_empty() {
            "document".to_owned()
        } else {
            name
        }
    }

    /// Splits the address, with at most so many segments below the base.
    fn parts(&self, most: usize) -> Result<Parts, Failure> {
        let origin = self.origin();
        let path = self.url.path();
        if path.ends_with('/') {
            let base = format!("{origin}{}", path.trim_end_matches('/'));
            let segments = Vec::new();
            return Ok(Parts { base, segments });
        }
        let all: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (base, own) = all.split_at(all.len().saturating_sub(most));
        let base = base
            .iter()
            .fold(origin, |base, segment| base + "/" + segment);
        let segments: Option<Vec<String>> = own.iter().map(|segment| decoded(segment)).collect();
        let segments = segments.filter(|all| all.iter().all(|segment| !segment.is_empty()));
        let segments = segments.ok_or_else(|| {
            let why = "has an empty segment (//) or one that is not UTF-8 among its last two";
            Failure::usage(format!("the address {why}"))
        })?;
        Ok(Parts { base, segments })
    }
}

/// Percent-decodes a segment. Returns `None` if the result is not UTF-8.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.filter(|it| it.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|it| std::str::from_utf8(it).ok());
        let byte = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;

    fn split(url: &str) -> (String, Vec<String>) {
        let parts = Target::parse(url).unwrap().parts(2).unwrap();
        (parts.base, parts.segments)
    }

    #[test]
    fn the_last_segment_is_the_id_and_the_one_before_it_the_collection() {
        for (url, base, segments) in [
            ("https://h/v1/a/7", "https://h/v1", vec!["a", "7"]),
            ("https://h:8443/a/7", "https://h:8443", vec!["a", "7"]),
            ("http://h/7", "http://h", vec!["7"]),
            (
                "http://h/x;y/a%2Fb/c%20d?q=1",
                "http://h/x;y",
                vec!["a/b", "c d"],
            ),
            ("http://h/v1/a/7/", "http://h/v1/a/7", vec![]),
            ("http://h", "http://h", vec![]),
        ] {
            let segments = segments.into_iter().map(str::to_owned).collect();
            assert_eq!(split(url), (base.to_owned(), segments), "{url}");
        }
    }

    #[test]
    fn a_document_is_asked_for_at_the_address_that_was_given() {
        for url in [
            "https://h/v1/a/7",
            "https://h/7",
            "https://h/v1/a/7/",
            "https://h/v1;x=1/a%2Fb/c%20d",
        ] {
            let target = Target::parse(url).unwrap();
            let client = Client::new(target.document_base().unwrap()).unwrap();
            let document = target.document(&client, ThreeWay::default()).unwrap();
            let restored = document.restore("{}", "\"v1\"").unwrap();
            assert_eq!(restored.snapshot().url().as_str(), url);
        }
    }

    #[test]
    fn the_query_goes_into_every_request() {
        let target = Target::parse("https://h/a/7?tenant=x%26y&view=full").unwrap();
        let client = Client::new(target.document_base().unwrap()).unwrap();
        let document = target.document(&client, ThreeWay::default()).unwrap();
        let restored = document.restore("{}", "\"v1\"").unwrap();
        let url = restored.snapshot().url();
        assert_eq!(url.query(), Some("tenant=x%26y&view=full"));
    }

    #[test]
    fn an_address_that_cannot_be_split_is_refused() {
        for wrong in [
            "articles/42",
            "ftp://h/a",
            "http://anna:pw@h/a",
            "http://h/a#top",
            "http://h/a//7",
            "http://h/a/%ff",
        ] {
            assert_eq!(Target::parse(wrong).unwrap_err().code(), 2, "{wrong}");
        }
    }

    #[test]
    fn a_file_name_is_made_of_harmless_characters() {
        for (url, name) in [
            ("http://h/a/7", "7"),
            ("http://h/a/..%2f..%2fx/", "2f..2fx"),
            ("http://h/", "document"),
        ] {
            assert_eq!(Target::parse(url).unwrap().file_name(), name);
        }
    }
}
