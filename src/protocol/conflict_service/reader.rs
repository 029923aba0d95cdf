//! Reads what a conflict service tells. Pure and bounded.

use crate::json::Document;

/// The longest id, type, path or time that is kept, in bytes.
const LONGEST: usize = 4_096;

/// Where the parts of a notification are, as JSON Pointers.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) resource: String,
    pub(super) time: String,
    pub(super) base: String,
    pub(super) local: String,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            id: "/id".to_owned(),
            kind: "/type".to_owned(),
            resource: "/resource".to_owned(),
            time: "/timestamp".to_owned(),
            base: "/base".to_owned(),
            local: "/local".to_owned(),
        }
    }
}

/// A conflict as the service tells of it.
#[derive(Clone, Debug)]
pub(crate) struct ToldConflict {
    pub(crate) id: String,
    /// The resource, in the words of the service.
    pub(crate) resource: String,
    pub(crate) kind: Option<String>,
    pub(crate) time: Option<String>,
    pub(crate) base: Option<Document>,
    pub(crate) local: ToldSide,
    /// The whole notification.
    pub(crate) body: Document,
}

/// The refused write, as the service tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToldSide {
    /// It is not told.
    Unknown,
    /// It was a removal.
    Removal,
    Document(Document),
}

impl ToldSide {
    pub(crate) fn document(&self) -> Option<&Document> {
        match self {
            Self::Document(document) => Some(document),
            Self::Unknown | Self::Removal => None,
        }
    }
}

impl Reader {
    pub(super) fn read(&self, body: &Document) -> Option<ToldConflict> {
        let text = |at: &str| {
            let text = body.pointer(at)?.as_id()?;
            (!text.is_empty() && text.len() <= LONGEST).then_some(text)
        };
        let side = |at: &str| match body.pointer(at) {
            None => ToldSide::Unknown,
            Some(side) if side.as_str().trim() == "null" => ToldSide::Removal,
            Some(side) => ToldSide::Document(side),
        };
        Some(ToldConflict {
            id: text(&self.id)?,
            resource: text(&self.resource)?,
            kind: text(&self.kind),
            time: text(&self.time),
            base: side(&self.base).document().cloned(),
            local: side(&self.local),
            body: body.clone(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<ToldConflict> {
        Reader::default().read(&Document::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn a_conflict_needs_an_id_and_a_resource_and_nothing_else() {
        let told = read(r#"{"id": 7, "resource": "articles/1"}"#).unwrap();
        assert_eq!(
            (told.id.as_str(), told.resource.as_str()),
            ("7", "articles/1")
        );
        assert_eq!((told.kind, told.local), (None, ToldSide::Unknown));
        assert!(read(r#"{"id": "c1"}"#).is_none());
        assert!(read(r#"{"id": "", "resource": "a"}"#).is_none());
        assert!(read("[]").is_none());
    }

    #[test]
    fn a_removal_is_not_taken_for_an_unknown_write() {
        let told = read(r#"{"id": "c", "resource": "a", "local": null, "base": null}"#).unwrap();
        assert_eq!(told.local, ToldSide::Removal);
        assert!(told.base.is_none());
        let told = read(r#"{"id": "c", "resource": "a", "local": {"n": 1}}"#).unwrap();
        assert_eq!(told.local.document().unwrap().as_str(), r#"{"n": 1}"#);
    }

    #[test]
    fn what_is_too_long_is_no_id() {
        let long = format!(
            r#"{{"id": "{}", "resource": "a"}}"#,
            "x".repeat(LONGEST + 1)
        );
        assert!(read(&long).is_none());
    }
}
