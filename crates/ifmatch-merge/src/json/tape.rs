//! The parser, and its result: a [`Tape`], which holds the values of a text as [`Node`]s.
//!
//! The parser makes one pass over the text, creates one entry per value, and does not recurse.

use std::cell::RefCell;

use super::digest::TableSet;
use super::error::JsonError;
use super::node_kind::NodeKind;
use super::number::Number;
use super::pointer;
use super::scan::{self, Scanner};

/// One value or key: its range in the text, and the position of the next sibling's entry.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    end: u32,
    /// For arrays and objects, the entry after the last child. For escaped strings, the number of the string.
    link: u32,
    kind: NodeKind,
}

/// A parsed text. Its values are addressed by [`Node`].
#[derive(Debug)]
pub(crate) struct Tape<'a> {
    text: &'a str,
    entries: Vec<Entry>,
    /// The contents of all escaped strings, and the end of each.
    unescaped: String,
    ends: Vec<usize>,
    /// Digests of values, computed on demand. Zero means "not computed yet".
    digests: RefCell<Vec<u64>>,
}

/// One value of a tape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'t> {
    tape: &'t Tape<'t>,
    at: usize,
}

impl<'a> Tape<'a> {
    /// Parses and validates a whole text.
    pub(crate) fn parse(text: &'a str, depth: usize) -> Result<Self, JsonError> {
        Self::parse_keys(text, depth, true)
    }

    fn parse_keys(text: &'a str, depth: usize, check_keys: bool) -> Result<Self, JsonError> {
        if u32::try_from(text.len()).is_err() {
            return Err(JsonError::too_long());
        }
        let mut tape = Tape {
            text,
            entries: Vec::with_capacity(text.len() / 12 + 1),
            unescaped: String::new(),
            ends: Vec::new(),
            digests: RefCell::default(),
        };
        tape.read(depth, check_keys)?;
        Ok(tape)
    }

    /// Parses a text that was validated before, so no object has a key twice.
    pub(crate) fn from_trusted(text: &'a str) -> Self {
        // A validated text has no error. If it had one, `null` would replace it.
        Self::parse_keys(text, usize::MAX, false).unwrap_or_else(|_| Tape {
            text: "null",
            entries: vec![Entry {
                start: 0,
                end: 4,
                link: 1,
                kind: NodeKind::Null,
            }],
            unescaped: String::new(),
            ends: Vec::new(),
            digests: RefCell::default(),
        })
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node { tape: self, at: 0 }
    }

    fn read(&mut self, depth: usize, check_keys: bool) -> Result<(), JsonError> {
        let mut scan = Scanner::new(self.text);
        let mut open: Vec<usize> = Vec::new();
        scan.space();
        'value: loop {
            let start = scan.at;
            let kind = match scan.peek() {
                Some(b'{') => NodeKind::Object,
                Some(b'[') => NodeKind::Array,
                _ => scan.scalar()?,
            };
            if matches!(kind, NodeKind::Object | NodeKind::Array) {
                if open.len() >= depth {
                    return Err(JsonError::too_deep(start, depth));
                }
                open.push(self.entries.len());
                self.push(start, start, kind);
                scan.at += 1;
                scan.space();
                let close = if kind == NodeKind::Object { b'}' } else { b']' };
                if scan.peek() != Some(close) {
                    if kind == NodeKind::Object {
                        self.key(&mut scan)?;
                    }
                    continue 'value;
                }
            } else {
                self.push_scalar(start, scan.at, kind)?;
            }
            // After a value: close the containers that end here, up to a comma before the next value.
            loop {
                scan.space();
                let Some(&container) = open.last() else {
                    return scan.end();
                };
                let object = self.entries[container].kind == NodeKind::Object;
                match scan.peek() {
                    Some(b',') => {
                        scan.at += 1;
                        scan.space();
                        if object {
                            self.key(&mut scan)?;
                        }
                        continue 'value;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    None => return Err(scan.error("the text ends too early")),
                    Some(_) => {
                        return Err(
                            scan.error("expected a comma or the end of the array or object")
                        );
                    }
                }
                scan.at += 1;
                open.pop();
                self.entries[container].end = narrow(scan.at);
                self.entries[container].link = narrow(self.entries.len());
                if object && check_keys {
                    self.refuse_duplicates(container, &open)?;
                }
            }
        }
    }

    fn key(&mut self, scan: &mut Scanner<'_>) -> Result<(), JsonError> {
        let start = scan.at;
        if scan.peek() != Some(b'"') {
            let found = scan
                .peek()
                .map_or("the text ends too early", |_| "expected a key in quotes");
            return Err(scan.error(found));
        }
        let kind = scan.scalar()?;
        self.push_scalar(start, scan.at, kind)?;
        scan.space();
        if scan.peek() != Some(b':') {
            return Err(scan.error("expected a colon after the key"));
        }
        scan.at += 1;
        scan.space();
        Ok(())
    }

    fn push(&mut self, start: usize, end: usize, kind: NodeKind) {
        self.entries.push(Entry {
            start: narrow(start),
            end: narrow(end),
            link: 0,
            kind,
        });
    }

    fn push_scalar(&mut self, start: usize, end: usize, kind: NodeKind) -> Result<(), JsonError> {
        self.push(start, end, kind);
        if kind == NodeKind::Escaped {
            let has_half = scan::unescape(self.text, start, end, &mut self.unescaped)?;
            if let Some(entry) = self.entries.last_mut() {
                entry.link = narrow(self.ends.len());
                if has_half {
                    entry.kind = NodeKind::Torn;
                }
            }
            self.ends.push(self.unescaped.len());
        }
        Ok(())
    }

    fn refuse_duplicates(&self, container: usize, open: &[usize]) -> Result<(), JsonError> {
        const FEW: usize = 16;
        let object = Node {
            tape: self,
            at: container,
        };
        let mut few = [""; FEW];
        let mut many = TableSet::default();
        for (count, (key, _)) in object.children_of_object().enumerate() {
            let name = key.content();
            let double = if count < FEW {
                let double = few[..count].contains(&name);
                few[count] = name;
                double
            } else {
                if count == FEW {
                    many.extend(few);
                }
                !many.insert(name)
            };
            if double {
                let offset = self.entries[key.at].start as usize;
                return Err(JsonError::duplicate_key(
                    offset,
                    self.path(open, container, name),
                ));
            }
        }
        Ok(())
    }

    /// Returns the pointer of a key in an object that is being closed, from the chain of open containers.
    fn path(&self, open: &[usize], container: usize, name: &str) -> String {
        let mut path = String::new();
        let chain = open.iter().copied().chain([container]).collect::<Vec<_>>();
        for pair in chain.windows(2) {
            let (parent, child) = (pair[0], pair[1]);
            if self.entries[parent].kind == NodeKind::Object {
                // In an object that is still open, the key is the entry before its value.
                pointer::push(
                    &mut path,
                    Node {
                        tape: self,
                        at: child - 1,
                    }
                    .content(),
                );
            } else {
                let mut at = parent + 1;
                let mut index = 0_usize;
                while at < child {
                    at = self.behind(at);
                    index += 1;
                }
                pointer::push(&mut path, &index.to_string());
            }
        }
        pointer::push(&mut path, name);
        path
    }

    /// Returns the position of the entry that follows a value and all its descendants.
    #[inline]
    fn behind(&self, at: usize) -> usize {
        let entry = &self.entries[at];
        match entry.kind {
            NodeKind::Array | NodeKind::Object => entry.link as usize,
            _ => at + 1,
        }
    }
}

impl<'t> Node<'t> {
    #[inline]
    pub(crate) fn kind(self) -> NodeKind {
        self.entry().kind
    }

    #[inline]
    fn entry(self) -> &'t Entry {
        &self.tape.entries[self.at]
    }

    /// Whether both nodes are the same entry of the same tape.
    #[inline]
    pub(crate) fn is_same_node(self, other: Node<'_>) -> bool {
        self.at == other.at && std::ptr::eq(self.tape.text, other.tape.text)
    }

    /// Returns the byte range of the value in the text.
    #[inline]
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        let entry = self.entry();
        entry.start as usize..entry.end as usize
    }

    /// Returns the text of the value.
    #[inline]
    pub(crate) fn raw(self) -> &'t str {
        &self.tape.text[self.range()]
    }

    /// Returns the whole text that contains the value.
    pub(crate) fn whole_text(self) -> &'t str {
        self.tape.text
    }

    /// Returns the content of a string, without quotes and escapes, or the text of any other value.
    #[inline]
    pub(crate) fn content(self) -> &'t str {
        let entry = self.entry();
        match entry.kind {
            NodeKind::Plain => &self.tape.text[entry.start as usize + 1..entry.end as usize - 1],
            NodeKind::Escaped | NodeKind::Torn => {
                let (at, ends) = (entry.link as usize, &self.tape.ends);
                let start = at.checked_sub(1).map_or(0, |before| ends[before]);
                &self.tape.unescaped[start..ends[at]]
            }
            _ => self.raw(),
        }
    }

    pub(crate) fn number(self) -> Number<'t> {
        Number::Text(self.raw())
    }

    /// Returns the elements of an array, or nothing for other values.
    #[inline]
    pub(crate) fn children_of_array(self) -> impl Iterator<Item = Node<'t>> {
        self.children(NodeKind::Array)
    }

    /// Returns the keys and values of an object, or nothing for other values.
    #[inline]
    pub(crate) fn children_of_object(self) -> impl Iterator<Item = (Node<'t>, Node<'t>)> {
        let mut children = self.children(NodeKind::Object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    #[inline]
    fn children(self, kind: NodeKind) -> impl Iterator<Item = Node<'t>> {
        let end = if self.kind() == kind {
            self.tape.behind(self.at)
        } else {
            0
        };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let node = Node {
                    tape: self.tape,
                    at,
                };
                at = self.tape.behind(at);
                node
            })
        })
    }

    /// Returns the digest, which is computed once per value.
    pub(crate) fn remembered_digest(self, compute: impl FnOnce() -> u64) -> u64 {
        if let Some(&known) = self.tape.digests.borrow().get(self.at)
            && known != 0
        {
            return known;
        }
        let digest = compute().max(1);
        let mut digests = self.tape.digests.borrow_mut();
        if digests.is_empty() {
            digests.resize(self.tape.entries.len(), 0);
        }
        digests[self.at] = digest;
        digest
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`parse` refuses texts that are longer"
)]
fn narrow(n: usize) -> u32 {
    n as u32
}
