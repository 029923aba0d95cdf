//! The server that a program writes to: the one of the test kit, or a real one.

use http::HeaderValue;
use http::header::AUTHORIZATION;
use ifmatch::profiles::{Kinto, WebDav};
use ifmatch::{Client, ClientBuilder, Generic};

/// The server that the program writes to.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) base: String,
    pub(crate) kind: &'static str,
}

impl Site {
    pub(crate) fn from_env() -> Option<Self> {
        let kind = match std::env::var("KILLED_KIND").ok()?.as_str() {
            "kinto" => "kinto",
            "lighttpd" => "lighttpd",
            _ => "test kit",
        };
        let base = std::env::var("KILLED_BASE").ok()?;
        Some(Self { base, kind })
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let builder = Client::builder(&self.base);
        match self.kind {
            "kinto" => builder
                .profile(Generic::over(Kinto))
                .default_header(AUTHORIZATION, HeaderValue::from_static("Basic YW55OnB3")),
            "lighttpd" => builder.profile(Generic::over(WebDav)),
            _ => builder,
        }
    }

    /// Returns the path of the collection.
    pub(crate) fn path(&self) -> &'static [&'static str] {
        match self.kind {
            "kinto" => &["buckets", "b", "collections", "c", "records"],
            "lighttpd" => &[],
            _ => &["things"],
        }
    }

    /// Returns the id of a document. Kinto takes no dots.
    pub(crate) fn id(&self, name: &str) -> String {
        match self.kind {
            "kinto" => name.replace('.', "-"),
            _ => name.to_owned(),
        }
    }
}
