//! The throw-away documents, and how they are told apart in what the server makes of them.

use serde_json::Value;

use super::{Site, Stop};
use crate::json::Document;

impl Site {
    /// A document with what the throw-away documents differ in, and everything else as the server has it.
    pub(super) fn laid_over(&self, document: &Document, draft: usize) -> Result<Document, Stop> {
        let (mut laid, draft) = (document.clone(), &self.drafts[draft]);
        let Some(members) = self.changing() else {
            return Ok(draft.clone());
        };
        for pointer in members {
            if let Some(value) = draft.pointer(&pointer) {
                let with = laid.with(&pointer, &value);
                laid = with.map_err(|error| Stop(error.to_string()))?;
            }
        }
        Ok(laid)
    }

    /// Which throw-away document this is, as far as they differ.
    pub(super) fn which(&self, document: &Document) -> Option<usize> {
        let members = self.changing();
        self.drafts.iter().position(|draft| match &members {
            None => draft == document,
            Some(members) => members
                .iter()
                .all(|pointer| draft.pointer(pointer) == document.pointer(pointer)),
        })
    }

    /// The members in which the throw-away documents differ; `None`: they are no objects.
    fn changing(&self) -> Option<Vec<String>> {
        let values: Vec<Value> = self.drafts.iter().map(Document::to_value).collect();
        let objects: Option<Vec<_>> = values.iter().map(Value::as_object).collect();
        let objects = objects?;
        let first = objects.first()?;
        let changing = first.keys().filter(|name| {
            objects
                .iter()
                .any(|object| object.get(*name) != first.get(*name))
        });
        let escaped = changing.map(|name| name.replace('~', "~0").replace('/', "~1"));
        Some(escaped.map(|name| format!("/{name}")).collect())
    }
}
