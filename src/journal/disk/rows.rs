//! The marks of a journal as bytes.
//!
//! Each value begins with the version of its form and a checksum of its place and content, so a value that was damaged or
//! stands in another place is noticed.

use crate::journal::mark::{Mark, MarkDocuments};
use crate::json::Document;
use crate::store::StoredSnapshot;
use crate::store::encoded::{checksum, decode_at, encode_at};

/// The version of the form that is written and read.
const VERSION: u8 = 1;
const PREFIX: usize = 17;

/// Which document of a mark a value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Base = 0,
    Local = 1,
    Remote = 2,
    Unstamped = 3,
}

impl Slot {
    pub(super) const ALL: [Self; 4] = [Self::Base, Self::Local, Self::Remote, Self::Unstamped];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A mark as it is stored.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) mark: Vec<u8>,
    pub(super) documents: Vec<(Slot, Vec<u8>)>,
}

impl Row {
    /// Returns the stored form, or `None` if a document is too large.
    pub(super) fn of(number: u64, mark: &Mark, documents: &MarkDocuments) -> Option<Self> {
        let mut rows = Vec::new();
        let mut size = 0_usize;
        let snapshots = [
            (Slot::Base, &documents.base),
            (Slot::Remote, &documents.remote),
        ];
        for (slot, snapshot) in snapshots {
            if let Some(snapshot) = snapshot {
                rows.push((slot, encode_at(&place(number, slot), snapshot)?));
                size += snapshot.size();
            }
        }
        let texts = [
            (Slot::Local, &documents.local),
            (Slot::Unstamped, &documents.unstamped),
        ];
        for (slot, document) in texts {
            if let Some(document) = document {
                let bytes = document.as_str().as_bytes();
                size += bytes.len();
                rows.push((slot, sealed(&place(number, slot), bytes.to_vec())));
            }
        }
        let slots = rows.iter().fold(0, |slots, (slot, _)| slots | slot.bit());
        let mut content = u64::try_from(size).ok()?.to_le_bytes().to_vec();
        content.push(slots);
        serde_json::to_writer(&mut content, mark).ok()?;
        Some(Self {
            mark: sealed(&number.to_le_bytes(), content),
            documents: rows,
        })
    }
}

/// Returns a mark and the size of its documents, or `None` if the value is damaged.
pub(super) fn mark(number: u64, bytes: &[u8]) -> Option<(Mark, usize)> {
    let (size, _, mark) = parts(number, bytes)?;
    Some((serde_json::from_slice(mark).ok()?, size))
}

/// Returns which documents a mark has, or `None` if the value is damaged.
pub(super) fn slots(number: u64, bytes: &[u8]) -> Option<Vec<Slot>> {
    let (_, slots, _) = parts(number, bytes)?;
    let has = |slot: &Slot| slots & slot.bit() != 0;
    Some(Slot::ALL.into_iter().filter(has).collect())
}

/// Returns the size of the documents, their slots, and the text of the mark.
fn parts(number: u64, bytes: &[u8]) -> Option<(usize, u8, &[u8])> {
    let content = unsealed(&number.to_le_bytes(), bytes)?;
    let (size, content) = content.split_first_chunk()?;
    let (&slots, mark) = content.split_first()?;
    let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
    Some((size, slots, mark))
}

/// Returns a snapshot of a mark, or `None` if the value is damaged.
pub(super) fn snapshot(number: u64, slot: Slot, bytes: &[u8]) -> Option<StoredSnapshot> {
    decode_at(&place(number, slot), bytes)
}

/// Returns the document of a mark, or `None` if the value is damaged.
pub(super) fn document(number: u64, slot: Slot, bytes: &[u8]) -> Option<Document> {
    let text = unsealed(&place(number, slot), bytes)?;
    Document::parse_with_depth(text, Document::MAX_DEPTH).ok()
}

fn place(number: u64, slot: Slot) -> [u8; 9] {
    let mut place = [slot as u8; 9];
    place[..8].copy_from_slice(&number.to_le_bytes());
    place
}

fn sealed(place: &[u8], content: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PREFIX + content.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&checksum(place, &content));
    bytes.extend(content);
    bytes
}

fn unsealed<'b>(place: &[u8], bytes: &'b [u8]) -> Option<&'b [u8]> {
    let (prefix, content) = bytes.split_at_checked(PREFIX)?;
    let is_whole = prefix[0] == VERSION && prefix[1..] == checksum(place, content);
    is_whole.then_some(content)
}
