//! The documents that a probe writes, called drafts, and how they are recognised in what the server returns.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::{MakeDraft, Stop};
use crate::json::{Document, JsonError};
use crate::value::Error;

/// Number of drafts made in advance, to find the members in which they differ.
const SAMPLE: usize = 16;

/// All drafts of one probe. They are all different: where a version is a hash of the content, writing a document
/// twice would bring an old version back, and a sound server would accept a stale write.
pub(in crate::probe) struct Drafts {
    /// In a mutex, because the user's function need not be `Sync`.
    make: Mutex<MakeDraft>,
    name: String,
    made: Vec<Document>,
    /// The texts of all drafts made so far.
    texts: HashSet<Vec<u8>>,
    /// Pointers to the members in which the drafts differ. `None` if they are not objects.
    members: Option<Vec<String>>,
    /// Number of drafts handed out.
    used: usize,
}

impl Drafts {
    /// Makes the first drafts and compares them. With `whole`, every member of a draft is written over the
    /// document, otherwise only those in which drafts differ.
    pub(in crate::probe) fn new(name: String, make: MakeDraft, whole: bool) -> Result<Self, Error> {
        let mut drafts = Self {
            make: Mutex::new(make),
            name,
            made: Vec::new(),
            texts: HashSet::new(),
            members: Some(Vec::new()),
            used: 0,
        };
        for _ in 0..SAMPLE {
            drafts.make_one().map_err(Error::config)?;
        }
        if whole {
            let first = drafts.made.first().map(Document::to_value);
            let names = first.as_ref().and_then(Value::as_object);
            drafts.members = names.map(|object| object.keys().map(|name| pointer(name)).collect());
        }
        Ok(drafts)
    }

    pub(in crate::probe) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of a draft that has not been written yet.
    pub(in crate::probe) fn fresh(&mut self) -> Result<usize, Stop> {
        if self.used == self.made.len() {
            self.make_one().map_err(Stop)?;
        }
        self.used += 1;
        Ok(self.used - 1)
    }

    pub(in crate::probe) fn get(&self, draft: usize) -> Result<&Document, Stop> {
        let made = self.made.get(draft);
        made.ok_or_else(|| Stop(format!("there is no draft number {draft}")))
    }

    /// Returns the members in which drafts differ, or `None` if they are not objects.
    pub(super) fn members(&self) -> Option<&[String]> {
        self.members.as_deref()
    }

    fn make_one(&mut self) -> Result<(), String> {
        let number = u32::try_from(self.made.len()).unwrap_or(u32::MAX);
        let make = self.make.get_mut().unwrap_or_else(PoisonError::into_inner);
        let draft = make(&self.name, number)
            .map_err(|error| format!("draft number {number} cannot be written as JSON: {error}"))?;
        if !self.texts.insert(draft.to_bytes().to_vec()) {
            return Err(format!(
                "draft number {number} is the same as an earlier one: `Probe::document` has to make a different \
                 document for each number"
            ));
        }
        let (value, first) = (draft.to_value(), self.made.first().map(Document::to_value));
        match (value.as_object(), first.as_ref().map(Value::as_object)) {
            (Some(_), None) => {}
            (Some(object), Some(Some(first))) => {
                let names = first.keys().chain(object.keys());
                let differ = names.filter(|name| object.get(*name) != first.get(*name));
                for member in differ.map(|name| pointer(name)) {
                    if let Some(members) = &mut self.members
                        && !members.contains(&member)
                    {
                        members.push(member);
                    }
                }
            }
            _ => self.members = None,
        }
        self.made.push(draft);
        Ok(())
    }

    /// Returns the document with the members of that draft, and everything else unchanged.
    pub(in crate::probe) fn laid_over(
        &self,
        document: &Document,
        draft: usize,
    ) -> Result<Document, Stop> {
        let draft = self.get(draft)?;
        let Some(members) = &self.members else {
            return Ok(draft.clone());
        };
        put_over(document, draft, members).map_err(|error| Stop(error.to_string()))
    }

    /// Returns the draft that this document shows, compared by the members in which drafts differ.
    pub(super) fn which(&self, document: &Document) -> Option<usize> {
        // Search the latest first, as the most likely one.
        self.made
            .iter()
            .take(self.used)
            .rposition(|draft| match &self.members {
                None => draft == document,
                Some(members) => members
                    .iter()
                    .all(|pointer| draft.pointer(pointer) == document.pointer(pointer)),
            })
    }
}

/// Returns the document with these members taken from another one. Members that the other lacks are removed.
pub(super) fn put_over(
    document: &Document,
    other: &Document,
    members: &[String],
) -> Result<Document, JsonError> {
    let mut laid = document.clone();
    for pointer in members {
        laid = match other.pointer(pointer) {
            Some(value) => laid.with(pointer, &value)?,
            None => laid.without(pointer),
        };
    }
    Ok(laid)
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use serde_json::json;

    fn drafts(make: impl Fn(u32) -> Value + Send + 'static) -> Result<Drafts, Error> {
        let make: MakeDraft = Box::new(move |_, n| Document::encode(&make(n)));
        Drafts::new("probe".to_owned(), make, false)
    }

    #[test]
    fn no_two_drafts_are_the_same_however_many_are_asked_for() {
        let mut drafts = drafts(|n| json!({"kind": "probe", "n": n})).ok().unwrap();
        let mut seen = HashSet::new();
        for _ in 0..2000 {
            let draft = drafts.fresh().unwrap();
            assert!(seen.insert(drafts.get(draft).unwrap().to_bytes().to_vec()));
        }
        let last = drafts.get(1999).unwrap().clone();
        assert_eq!(
            (drafts.which(&last), drafts.members()),
            (Some(1999), Some(&["/n".to_owned()][..]))
        );
    }

    #[test]
    fn documents_that_repeat_are_refused_in_advance_or_when_they_come() {
        let error = drafts(|n| json!({"n": n % 4})).err().unwrap();
        assert!(
            error.to_string().contains("draft number 4 is the same"),
            "{error}"
        );
        let mut late = drafts(|n| json!({"n": n % 20})).ok().unwrap();
        let stop = (0..30).find_map(|_| late.fresh().err()).unwrap();
        assert!(stop.0.contains("draft number 20"), "{}", stop.0);
    }

    #[test]
    fn a_member_that_begins_to_differ_late_is_laid_over_as_well() {
        let mut drafts = drafts(|n| json!({"n": n % 16, "page": n / 16}))
            .ok()
            .unwrap();
        let latest = (0..20).map(|_| drafts.fresh().unwrap()).last().unwrap();
        let there = Document::parse(br#"{"n": 0, "page": 0, "id": 7}"#).unwrap();
        let laid = drafts.laid_over(&there, latest).unwrap();
        assert_eq!(laid.to_value(), json!({"n": 3, "page": 1, "id": 7}));
        assert_eq!(drafts.which(&laid), Some(19));
    }
}
