//! The bodies of `WebDAV` locks: the request for a lock, and the locks of a resource (RFC 4918 14 and 15.8).
//!
//! The owner of a lock is XML of another client, so elements count only in their exact place, and what is within an owner
//! counts only as its text.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::dav::{LockTimeout, LockToken};
use crate::protocol::problem::character;

/// How deeply elements may be nested. Owners of other clients may be XML of any form.
const MAX_DEPTH: usize = 64;
/// How many locks of one resource are read. Only shared locks can be more than one.
const MAX_LOCKS: usize = 100;
/// How many bytes of each text are kept.
const MAX_TEXT: usize = 4_096;
/// How many characters of a name for people are sent.
const MAX_OWNER: usize = 200;

/// The places of a lock: in the response to `LOCK`, and in that to `PROPFIND`.
const PLACES: [&[&str]; 2] = [
    &["prop", "lockdiscovery", "activelock"],
    &[
        "multistatus",
        "response",
        "propstat",
        "prop",
        "lockdiscovery",
        "activelock",
    ],
];

/// The body of a `PROPFIND` for the locks of a resource.
pub(crate) const FIND_LOCKS: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:propfind xmlns:D="DAV:"><D:prop><D:lockdiscovery/></D:prop></D:propfind>"#;

/// Returns the body of a `LOCK` that wants an exclusive lock for an owner. A long name is cut.
pub(crate) fn lock_info(name: &str, session: &str) -> String {
    let name = name.chars().filter(|character| is_xml(*character));
    let name: String = name.take(MAX_OWNER).collect();
    let owner = LockOwner::text(&name, session);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:lockinfo xmlns:D=\"DAV:\">\
         <D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>\
         <D:owner>{}</D:owner></D:lockinfo>",
        escape(&*owner)
    )
}

/// Whether a character may stand in XML, in which it is no control character.
fn is_xml(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{FFFE}' | '\u{FFFF}')
}

/// A lock of a resource (RFC 4918 14.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ActiveLock {
    pub(crate) token: Option<LockToken>,
    /// `None` if the server hides it.
    pub(crate) owner: Option<LockOwner>,
    pub(crate) timeout: Option<LockTimeout>,
}

impl ActiveLock {
    /// Whether the owner says that the lock is of this session.
    pub(crate) fn is_of(&self, session: &str) -> bool {
        self.owner
            .as_ref()
            .is_some_and(|owner| owner.session() == Some(session))
    }

    /// Returns the owner for people.
    pub(crate) fn holder(&self) -> Option<String> {
        self.owner.as_ref().map(|owner| owner.name().to_owned())
    }
}

/// Who has asked for a lock: a name for people, and the session of the request in brackets after it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LockOwner(String);

impl LockOwner {
    fn text(name: &str, session: &str) -> String {
        format!("{name} [{session}]")
    }

    fn parts(&self) -> Option<(&str, &str)> {
        self.0.strip_suffix(']')?.rsplit_once('[')
    }

    fn session(&self) -> Option<&str> {
        self.parts().map(|(_, session)| session)
    }

    /// Returns the name for people. The owner of another program is a name as a whole.
    fn name(&self) -> &str {
        let name = self.parts().map(|(name, _)| name.trim_end());
        name.filter(|name| !name.is_empty()).unwrap_or(&self.0)
    }
}

/// The body is not what a server says about locks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body cannot be read as the locks of a resource: {0}")]
pub(crate) struct InvalidLocks(&'static str);

/// Reads the locks from the body of a response to `LOCK` or `PROPFIND`.
pub(crate) fn active_locks(text: &str) -> Result<Vec<ActiveLock>, InvalidLocks> {
    let mut reading = LockReader::default();
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => reading.open(element.local_name().as_ref())?,
            Ok(Event::Empty(element)) => {
                reading.open(element.local_name().as_ref())?;
                reading.close();
            }
            Ok(Event::End(_)) => reading.close(),
            Ok(Event::Text(text)) => reading.text(&text),
            Ok(Event::CData(text)) => reading.text(&text),
            Ok(Event::GeneralRef(reference)) => reading.text(&character(&reference)),
            // No server sends one, and it could only define entities (RFC 4918 20.6).
            Ok(Event::DocType(_)) => return Err(InvalidLocks("it defines entities")),
            Ok(Event::Decl(_) | Event::PI(_) | Event::Comment(_)) => {}
            Ok(Event::Eof) => return reading.finish(),
            Err(_) => return Err(InvalidLocks("it is not XML")),
        }
    }
}

#[derive(Default)]
struct LockReader {
    /// The names of the open elements, the root first.
    open: Vec<String>,
    /// How many elements were open when the lock began that is being read.
    lock_depth: Option<usize>,
    locks: Vec<LockTexts>,
    has_root: bool,
}

/// The texts of a lock as they were received.
#[derive(Default)]
struct LockTexts {
    token: String,
    owner: String,
    timeout: String,
}

impl LockReader {
    fn open(&mut self, name: &str) -> Result<(), InvalidLocks> {
        if self.open.len() >= MAX_DEPTH {
            return Err(InvalidLocks("it is nested too deeply"));
        }
        self.has_root = true;
        self.open.push(name.to_owned());
        if self.lock_depth.is_none() && PLACES.iter().any(|place| self.open == *place) {
            if self.locks.len() >= MAX_LOCKS {
                return Err(InvalidLocks("it has too many locks"));
            }
            self.lock_depth = Some(self.open.len());
            self.locks.push(LockTexts::default());
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let (Some(depth), Some(lock)) = (self.lock_depth, self.locks.last_mut()) else {
            return;
        };
        let within = self.open.get(depth..).unwrap_or_default();
        let kept = match within {
            [name, ..] if name == "owner" => &mut lock.owner,
            [name] if name == "timeout" => &mut lock.timeout,
            [name, href] if name == "locktoken" && href == "href" => &mut lock.token,
            _ => return,
        };
        let mut left = MAX_TEXT.saturating_sub(kept.len());
        let fits = |character: &char| {
            let after = left.checked_sub(character.len_utf8());
            left = after.unwrap_or(0);
            after.is_some()
        };
        kept.extend(text.chars().take_while(fits));
    }

    fn close(&mut self) {
        self.open.pop();
        if self.lock_depth.is_some_and(|depth| self.open.len() < depth) {
            self.lock_depth = None;
        }
    }

    fn finish(self) -> Result<Vec<ActiveLock>, InvalidLocks> {
        if !self.has_root || !self.open.is_empty() {
            return Err(InvalidLocks("it is not complete"));
        }
        Ok(self.locks.into_iter().map(LockTexts::read).collect())
    }
}

impl LockTexts {
    fn read(self) -> ActiveLock {
        let owner = self.owner.trim();
        ActiveLock {
            token: LockToken::new(self.token.trim()),
            owner: (!owner.is_empty()).then(|| LockOwner(owner.to_owned())),
            timeout: LockTimeout::parse(&self.timeout),
        }
    }
}

#[cfg(test)]
mod tests;
