//! The server: one resource with version numbers, and a record of each writer's effects on it.

use std::collections::BTreeSet;
use std::fmt;

use super::client::{Call, Snapshot};
use super::document::{CREATOR, Doc};
use super::setting::{Dialect, Edit, Setting};
use crate::write::machine::events::{Condition, Event, Refused};

/// The effects of one writer's writes on the resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Book {
    /// How often its edit was applied.
    pub(super) applied: i8,
    /// Whether the wanted state existed at some time.
    pub(super) held: bool,
    /// Whether another client overwrote the change without having seen it.
    pub(super) lost: bool,
    /// Whether another client that had seen the change restored the earlier state.
    pub(super) taken_back: bool,
}

/// The resource.
#[derive(Clone, Hash)]
pub(super) struct Server {
    /// Incremented with every change, and never reused.
    version: u8,
    doc: Option<Doc>,
    /// Earlier states that a replica may still show.
    past: Vec<Option<Snapshot>>,
    pub(super) books: Vec<Book>,
    /// The writers and keys of documents added to the collection.
    keys: BTreeSet<(usize, u8)>,
}

impl Server {
    pub(super) fn new(setting: &Setting) -> Self {
        let mut server = Self {
            version: 0,
            doc: setting.start.clone(),
            past: Vec::new(),
            books: vec![Book::default(); setting.writers.len()],
            keys: BTreeSet::new(),
        };
        for (book, writer) in server.books.iter_mut().zip(&setting.writers) {
            book.held = holds(writer.edit, setting.start.as_ref());
        }
        server
    }

    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        self.doc.clone().map(|doc| Snapshot {
            version: self.version,
            doc,
        })
    }

    pub(super) fn past(&self) -> &[Option<Snapshot>] {
        &self.past
    }

    pub(super) fn forget_past(&mut self) {
        self.past.clear();
    }

    /// Undoes the version change of the last write.
    pub(super) fn keep_version(&mut self) {
        self.version = self.version.saturating_sub(1);
    }

    /// Changes the document as an outsider, and keeps the version.
    pub(super) fn replace(&mut self) {
        self.doc = self.doc.as_ref().map(Doc::replaced);
    }

    /// Whether a condition holds now.
    pub(super) fn admits(&self, condition: &Condition<u8>) -> bool {
        match condition {
            Condition::Match(version) => self.doc.is_some() && self.version == *version,
            Condition::Absent => self.doc.is_none(),
            Condition::None => true,
        }
    }

    /// Whether a condition may hold at any later time.
    pub(super) fn may_admit(&self, setting: &Setting, condition: &Condition<u8>) -> bool {
        let again = *condition == Condition::Absent && setting.absence_returns;
        again || self.admits(condition)
    }

    /// Whether a `POST` with this key creates a new resource.
    pub(super) fn takes(&self, setting: &Setting, writer: usize, key: u8) -> bool {
        !setting.honours_keys || !self.keys.contains(&(writer, key))
    }

    /// Carries out a request, and returns the result if it was a write. `replicas` states whether earlier states
    /// may still be shown.
    pub(super) fn carry_out(
        &mut self,
        setting: &Setting,
        writer: usize,
        call: &Call,
        replicas: bool,
    ) -> Option<Event<u8>> {
        if let Call::Post { key, .. } = call {
            if self.takes(setting, writer, *key) {
                self.keys.insert((writer, *key));
                self.books[writer].applied += 1;
                self.books[writer].held = true;
            }
            return Some(Event::Stored);
        }
        let Call::Write {
            condition,
            doc,
            made_on,
        } = call
        else {
            return None;
        };
        if !self.admits(condition) || (doc.is_none() && self.doc.is_none()) {
            return Some(self.refusal(setting, condition));
        }
        if replicas {
            self.past.push(self.snapshot());
        }
        let before = std::mem::replace(&mut self.doc, doc.clone());
        self.version += 1;
        self.enter(setting, writer, before.as_ref(), made_on.as_ref());
        Some(Event::Stored)
    }

    fn refusal(&self, setting: &Setting, condition: &Condition<u8>) -> Event<u8> {
        // 404 takes precedence over 412 (RFC 9110 13.2.1).
        let missing = self.doc.is_none() && *condition != Condition::Absent;
        let kind = match setting.dialect {
            _ if missing => Refused::Missing,
            Dialect::Conflict => Refused::Unclassified,
            Dialect::Precondition | Dialect::CurrentState => Refused::Stale,
        };
        let shows_current = setting.dialect == Dialect::CurrentState && self.doc.is_some();
        Event::Refused {
            kind,
            current: shows_current.then_some(self.version),
            wait: None,
        }
    }

    /// Records the effects of a change.
    fn enter(
        &mut self,
        setting: &Setting,
        author: usize,
        before: Option<&Doc>,
        made_on: Option<&Doc>,
    ) {
        let (start, now) = (setting.start.as_ref(), self.doc.as_ref());
        for (writer, book) in self.books.iter_mut().enumerate() {
            let (own, edit) = (writer == author, setting.writers[writer].edit);
            let place = match edit {
                Edit::Set(at, _) | Edit::SetOrCreate(at, _) | Edit::Act(at, _) => at,
                Edit::Create => CREATOR,
                Edit::Post => continue,
                Edit::Delete => {
                    book.applied += i8::from(own && now.is_none());
                    book.held |= now.is_none();
                    continue;
                }
                Edit::Count => {
                    if let (true, Some(before), Some(now)) = (own, before, now) {
                        // The difference is too small if the write also reverted the work of others.
                        book.applied += now.count() - before.count();
                        book.held |= book.applied == 1;
                    }
                    continue;
                }
            };
            let wanted = |doc: Option<&Doc>| match edit {
                Edit::Create => doc.and_then(Doc::creator) == Some(writer),
                _ => holds(edit, doc),
            };
            let again = matches!(edit, Edit::Act(..));
            if own && wanted(now) && (again || !wanted(before)) {
                let once_more = edit == Edit::Create && !setting.absence_returns;
                book.applied += i8::from(book.applied == 0 || !once_more);
                book.held = true;
            }
            if !own && wanted(before) && !wanted(now) {
                let as_before = now.is_some() == start.is_some();
                let as_before = as_before && member(now, place) == member(start, place);
                book.lost |= !wanted(made_on);
                book.taken_back |= wanted(made_on) && as_before;
            }
            book.held |= wanted(now);
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let applied: Vec<i8> = self.books.iter().map(|book| book.applied).collect();
        let Self { version, doc, .. } = self;
        write!(f, "version {version}: {doc:?}, applied {applied:?}")
    }
}

fn member(doc: Option<&Doc>, at: &str) -> Option<String> {
    doc?.member(at)
}

/// Whether the document has the state that a text edit or a removal wants.
fn holds(edit: Edit, doc: Option<&Doc>) -> bool {
    match edit {
        Edit::Set(at, text) | Edit::SetOrCreate(at, text) | Edit::Act(at, text) => {
            member(doc, at) == Some(format!("\"{text}\""))
        }
        Edit::Delete => doc.is_none(),
        Edit::Count | Edit::Create | Edit::Post => false,
    }
}
