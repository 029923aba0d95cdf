//! The documents stored on the servers.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use ifmatch::{Policy, Rule, ThreeWay};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) note: String,
    /// Everybody adds to it.
    pub(crate) shared: u64,
    /// One field for each writer.
    pub(crate) own: BTreeMap<String, u64>,
}

/// The document as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Plain(Document);

/// The document as Kinto wraps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Enveloped {
    data: Document,
}

/// How a server wants a document.
pub(crate) trait Shape:
    DerefMut<Target = Document> + Clone + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Where the counter lies.
    const SHARED: &'static str;

    fn new(title: &str) -> Self;
}

pub(crate) fn strategy<S: Shape>() -> ThreeWay {
    ThreeWay::new(Policy::new().field(S::SHARED, Rule::Counter))
}

impl Document {
    fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            note: String::new(),
            shared: 0,
            own: BTreeMap::new(),
        }
    }
}

impl Shape for Plain {
    const SHARED: &'static str = "/shared";

    fn new(title: &str) -> Self {
        Self(Document::new(title))
    }
}

impl Deref for Plain {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.0
    }
}

impl DerefMut for Plain {
    fn deref_mut(&mut self) -> &mut Document {
        &mut self.0
    }
}

impl Shape for Enveloped {
    const SHARED: &'static str = "/data/shared";

    fn new(title: &str) -> Self {
        Self {
            data: Document::new(title),
        }
    }
}

impl Deref for Enveloped {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.data
    }
}

impl DerefMut for Enveloped {
    fn deref_mut(&mut self) -> &mut Document {
        &mut self.data
    }
}
