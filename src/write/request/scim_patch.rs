//! The difference between two SCIM resources as a `PatchOp` (RFC 7644 3.5.2).

use serde_json::{Value, json};

use crate::BoxError;
use crate::json::Document;
use crate::json::patch::merge_patch;

/// The schema of the message.
const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Creates the `PatchOp` that turns one resource into the other.
///
/// A path leads to an attribute or to a sub-attribute, and no deeper. A list of values is replaced as a whole. A
/// `null` is an absent attribute (RFC 7643 2.5).
pub(super) fn scim_patch(from: &Document, to: &Document) -> Result<Document, BoxError> {
    let (from, to) = (without_nulls(from), without_nulls(to));
    let changes = merge_patch(&from, &to)?;
    let mut operations = Vec::new();
    let sides = Sides {
        from: &from,
        to: &to,
    };
    sides.operations(
        &Attributes::of_resource(),
        &changes.to_value(),
        &mut operations,
    )?;
    let message = Document::from_value(&json!({"schemas": [SCHEMA], "Operations": []}));
    let operations = format!("[{}]", operations.join(","));
    Ok(message.with("/Operations", &Document::from_trusted(operations))?)
}

/// The attributes of one level: of the resource, of an extension, or of an attribute.
struct Attributes {
    /// The path of the level, up to the name of an attribute.
    path: String,
    /// The level as a JSON Pointer.
    pointer: String,
    /// Whether a path can lead one level deeper.
    has_levels: bool,
}

impl Attributes {
    fn of_resource() -> Self {
        Self {
            path: String::new(),
            pointer: String::new(),
            has_levels: true,
        }
    }

    /// The level in this attribute, or `None` if no path leads there.
    fn within(&self, name: &str) -> Option<Self> {
        // The attributes of an extension follow its URN and a colon (RFC 7644 3.10).
        let is_extension = self.path.is_empty() && is_urn(name);
        let separator = if is_extension { ':' } else { '.' };
        self.has_levels.then(|| Self {
            path: format!("{}{name}{separator}", self.path),
            pointer: self.pointer_to(name),
            has_levels: is_extension,
        })
    }

    fn pointer_to(&self, name: &str) -> String {
        let name = name.replace('~', "~0").replace('/', "~1");
        format!("{}/{name}", self.pointer)
    }

    fn path_to(&self, name: &str) -> Result<String, BoxError> {
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
        let is_extension = self.path.is_empty() && is_urn(name);
        if name.is_empty() || !(is_extension || name.chars().all(letters)) {
            return Err(format!("a `PatchOp` has no path to the member {name:?}").into());
        }
        Ok(format!("{}{name}", self.path))
    }
}

/// Two states of a resource.
struct Sides<'a> {
    from: &'a Document,
    to: &'a Document,
}

impl Sides<'_> {
    /// Appends the operations for the changes of one level, which are those of a merge patch.
    fn operations(
        &self,
        level: &Attributes,
        changes: &Value,
        operations: &mut Vec<String>,
    ) -> Result<(), BoxError> {
        for (name, change) in changes.as_object().into_iter().flatten() {
            let pointer = level.pointer_to(name);
            let before = self.from.pointer(&pointer);
            let was_object = before
                .as_ref()
                .is_some_and(|before| before.to_value().is_object());
            let inner = level
                .within(name)
                .filter(|_| was_object && change.is_object());
            if let Some(inner) = inner {
                self.operations(&inner, change, operations)?;
                continue;
            }
            let after = self.to.pointer(&pointer);
            let verb = match (&before, &after) {
                (_, None) => "remove",
                (None, Some(_)) => "add",
                (Some(_), Some(_)) => "replace",
            };
            let path = level.path_to(name)?;
            let mut operation = Document::from_value(&json!({"op": verb, "path": path}));
            if let Some(after) = after {
                operation = operation.with("/value", &after)?;
            }
            operations.push(operation.as_str().to_owned());
        }
        Ok(())
    }
}

fn is_urn(name: &str) -> bool {
    name.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

/// Removes the members that are `null` at the levels to which paths lead.
fn without_nulls(resource: &Document) -> Document {
    fn nulls(level: &Attributes, value: &Value, found: &mut Vec<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            if value.is_null() {
                found.push(level.pointer_to(name));
            } else if let Some(inner) = level.within(name) {
                nulls(&inner, value, found);
            }
        }
    }
    let mut found = Vec::new();
    nulls(&Attributes::of_resource(), &resource.to_value(), &mut found);
    found
        .iter()
        .fold(resource.clone(), |resource, null| resource.without(null))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(from: &Value, to: &Value) -> Result<Value, BoxError> {
        let patch = scim_patch(&Document::from_value(from), &Document::from_value(to))?;
        let patch = patch.to_value();
        assert_eq!(patch["schemas"], json!([SCHEMA]));
        Ok(patch["Operations"].clone())
    }

    #[test]
    fn attributes_are_added_replaced_and_removed_by_their_paths() -> Result<(), BoxError> {
        const WORK: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let from = json!({
            "userName": "ada", "title": "a", "nickName": "b", "name": {"givenName": "A", "familyName": "L"},
            "emails": [{"value": "a@x", "primary": true}], "displayName": null,
            WORK: {"department": "D", "manager": {"value": "1", "displayName": "M"}},
        });
        let to = json!({
            "userName": "ada", "title": "c", "nickName": null, "name": {"givenName": "A", "middleName": "K"},
            "emails": [{"value": "b@x", "primary": true}], "displayName": null, "active": true,
            WORK: {"department": "E", "manager": {"value": "2"}},
        });
        let mut operations = patch(&from, &to)?;
        let list = operations
            .as_array_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        let path = |path: &str| {
            list.iter()
                .find(|one| one["path"] == path)
                .cloned()
                .unwrap_or_default()
        };
        assert_eq!(list.len(), 9, "{list:?}");
        assert_eq!(
            path("title"),
            json!({"op": "replace", "path": "title", "value": "c"})
        );
        assert_eq!(
            path("nickName"),
            json!({"op": "remove", "path": "nickName"})
        );
        assert_eq!(
            path("active"),
            json!({"op": "add", "path": "active", "value": true})
        );
        assert_eq!(path("name.familyName")["op"], "remove");
        assert_eq!(path("name.middleName")["op"], "add");
        assert_eq!(path("emails")["value"], to["emails"]);
        assert_eq!(path(&format!("{WORK}:department"))["value"], "E");
        assert_eq!(path(&format!("{WORK}:manager.value"))["value"], "2");
        assert_eq!(path(&format!("{WORK}:manager.displayName"))["op"], "remove");
        Ok(())
    }

    #[test]
    fn numbers_keep_their_text_and_what_has_no_path_is_refused()
    -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let parse = |text: &str| Document::parse(text.as_bytes());
        let sent = scim_patch(&parse(r#"{"n":1.10}"#)?, &parse(r#"{"n":1.20}"#)?)?;
        assert!(sent.as_str().contains("1.20"), "{sent}");
        for name in ["a b", "a.b", "a[0]", ""] {
            assert!(patch(&json!({}), &json!({name: 1})).is_err(), "{name}");
        }
        assert!(patch(&json!([]), &json!([1])).is_err());
        Ok(())
    }
}
