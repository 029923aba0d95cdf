//! The server: one resource under version numbers, and the books of what each writer did to it.

use super::client::{Call, Snapshot};
use super::document::Doc;
use super::setting::{Dialect, Edit, Setting};
use crate::write::plan::{Condition, Event, Refused};

/// What the writes of one writer did to the resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Book {
    /// How often its edit was applied.
    pub(super) applied: i8,
    /// Somebody who had not seen its work wrote over it.
    pub(super) lost: bool,
}

/// The resource.
#[derive(Clone, Debug, Hash)]
pub(super) struct Server {
    /// Goes up by one with every change and never comes back.
    version: u8,
    doc: Option<Doc>,
    /// Earlier states, as long as a replica may still show them.
    past: Vec<Option<Snapshot>>,
    pub(super) books: Vec<Book>,
}

/// The reply to a write, if it was one, and the state that it shows, if it shows one.
pub(super) type Reply = (Option<Event<u8>>, Option<Option<Snapshot>>);

impl Server {
    pub(super) fn new(setting: &Setting) -> Self {
        Self {
            version: 0,
            doc: setting.start.clone(),
            past: Vec::new(),
            books: vec![Book::default(); setting.writers.len()],
        }
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

    /// Whether a condition holds now.
    pub(super) fn admits(&self, condition: &Condition<u8>) -> bool {
        match condition {
            Condition::Match(version) => self.doc.is_some() && self.version == *version,
            Condition::Absent => self.doc.is_none(),
            Condition::None => true,
        }
    }

    /// Whether a condition may hold at any later time.
    pub(super) fn may_admit(&self, condition: &Condition<u8>) -> bool {
        !matches!(condition, Condition::Match(_)) || self.admits(condition)
    }

    /// Carries out what a writer asks for; tells how, if it was a write. `replicas`: earlier states may
    /// still be shown.
    pub(super) fn carry_out(
        &mut self,
        setting: &Setting,
        writer: usize,
        call: &Call,
        replicas: bool,
    ) -> Option<Event<u8>> {
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
        // 404 outranks 412 (RFC 9110 13.2.1).
        let missing = self.doc.is_none() && *condition != Condition::Absent;
        let kind = match setting.dialect {
            _ if missing => Refused::Missing,
            Dialect::Conflict => Refused::Unclassified,
            Dialect::Precondition | Dialect::CurrentState => Refused::Stale,
        };
        let told = setting.dialect == Dialect::CurrentState && self.doc.is_some();
        Event::Refused {
            kind,
            current: told.then_some(self.version),
            wait: None,
        }
    }

    /// Carries out and answers.
    pub(super) fn answer(
        &mut self,
        setting: &Setting,
        writer: usize,
        call: &Call,
        replicas: bool,
    ) -> Reply {
        let reply = self.carry_out(setting, writer, call, replicas);
        let shows = match reply {
            None => true,
            Some(Event::Refused { current, .. }) => current.is_some(),
            Some(_) => false,
        };
        (reply, shows.then(|| self.snapshot()))
    }

    /// Enters a change into the books.
    fn enter(
        &mut self,
        setting: &Setting,
        author: usize,
        before: Option<&Doc>,
        made_on: Option<&Doc>,
    ) {
        let now = self.doc.as_ref();
        for (writer, book) in self.books.iter_mut().enumerate() {
            let own = writer == author;
            match setting.writers[writer].edit {
                Edit::Count => {
                    let (Some(before), Some(now)) = (before, now) else {
                        continue;
                    };
                    if own {
                        // What is taken away is somebody else's work, and shows as too little here.
                        book.applied += now.count() - before.count();
                    } else if now.count() < before.count() {
                        book.lost = book.applied > 0;
                    }
                }
                Edit::Set(at, text) | Edit::SetOrCreate(at, text) => {
                    let text = Some(format!("\"{text}\""));
                    let (was, is) = (member(before, at) == text, member(now, at) == text);
                    book.applied += i8::from(own && is && !was);
                    // Its author had not seen it, or had seen something else.
                    book.lost |= !own && was && !is && member(made_on, at) != text;
                }
                Edit::Create => {
                    book.applied += i8::from(own && before.is_none());
                    let by = |doc| member(doc, "/creator") == Some(writer.to_string());
                    book.lost |= !own && by(before) && !by(now) && !by(made_on);
                }
                Edit::Delete => book.applied += i8::from(own && now.is_none()),
            }
        }
    }
}

fn member(doc: Option<&Doc>, at: &str) -> Option<String> {
    doc?.member(at)
}
