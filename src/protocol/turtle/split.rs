//! Finds where statements end.

use super::TurtleError;

/// The part of a statement in which the next byte lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Plain,
    /// After a backslash in a name.
    PlainEscape,
    /// After a dot that may belong to a name or a number.
    Dot,
    Comment,
    /// Between `<` and `>`.
    Name,
    /// After this many quotes that open a text.
    Opening(u8, u8),
    /// In a text that ends with one quote.
    Short(u8),
    ShortEscape(u8),
    /// In a text that ends with three quotes, after this many of them.
    Long(u8, u8),
    LongEscape(u8),
}

/// The statement that has arrived in part.
#[derive(Clone, Debug)]
pub(super) struct Splitter {
    /// The part, or the whole statement that was returned last.
    part: Vec<u8>,
    is_returned: bool,
    place: Place,
    limit: usize,
    has_failed: bool,
}

impl Splitter {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            part: Vec::new(),
            is_returned: false,
            place: Place::Plain,
            limit,
            has_failed: false,
        }
    }

    /// Whether nothing of a statement has arrived.
    pub(super) fn is_between(&self) -> bool {
        let is_between = self.is_returned || self.part.is_empty();
        is_between && matches!(self.place, Place::Plain | Place::Comment)
    }

    /// Takes the next statement from the input, without its dot and its comments. Returns `None` once the input is used up.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>, TurtleError> {
        if self.has_failed {
            return Err(TurtleError::TooLong(self.limit));
        }
        if std::mem::take(&mut self.is_returned) {
            self.part.clear();
        }
        while let Some((&byte, rest)) = input.split_first() {
            if self.place == Place::Dot && !continues_name(byte) {
                // The byte after the dot is the first one of the next statement.
                self.place = Place::Plain;
                self.part.pop();
                self.is_returned = true;
                return Ok(Some(&self.part));
            }
            *input = rest;
            if self.ends_with(byte) {
                self.is_returned = true;
                return Ok(Some(&self.part));
            }
            if self.part.len() > self.limit {
                self.has_failed = true;
                self.part = Vec::new();
                return Err(TurtleError::TooLong(self.limit));
            }
        }
        Ok(None)
    }

    /// Takes the next byte. Returns whether it is the dot at the end of the statement.
    fn ends_with(&mut self, byte: u8) -> bool {
        let next = match (self.place, byte) {
            (Place::Comment, b'\n' | b'\r') => {
                self.place = Place::Plain;
                return self.ends_with(byte);
            }
            (Place::Comment, _) => return false,
            (Place::Plain, b'.') if !self.is_after_name() => return true,
            (Place::Plain | Place::Dot, b'.') => Place::Dot,
            (Place::Plain, b'#') => {
                self.place = Place::Comment;
                return false;
            }
            (Place::Plain, b'<') => Place::Name,
            (Place::Plain, quote @ (b'"' | b'\'')) => Place::Opening(quote, 1),
            (Place::Plain | Place::Dot, b'\\') => Place::PlainEscape,
            (Place::Plain, byte) if byte.is_ascii_whitespace() && self.part.is_empty() => {
                return false;
            }
            (Place::Plain | Place::PlainEscape | Place::Dot, _) | (Place::Name, b'>') => {
                Place::Plain
            }
            (Place::Name, _) => Place::Name,
            (Place::Opening(quote, 2), byte) if byte == quote => Place::Long(quote, 0),
            (Place::Opening(quote, 1), byte) if byte == quote => Place::Opening(quote, 2),
            // The text was empty.
            (Place::Opening(_, 2), _) => {
                self.place = Place::Plain;
                return self.ends_with(byte);
            }
            (Place::Opening(quote, _) | Place::Short(quote), b'\\') => Place::ShortEscape(quote),
            (Place::Short(quote), byte) if byte == quote => Place::Plain,
            (Place::Opening(quote, _) | Place::Short(quote) | Place::ShortEscape(quote), _) => {
                Place::Short(quote)
            }
            (Place::Long(quote, _), b'\\') => Place::LongEscape(quote),
            (Place::Long(quote, 2), byte) if byte == quote => Place::Plain,
            (Place::Long(quote, count), byte) if byte == quote => Place::Long(quote, count + 1),
            (Place::Long(quote, _) | Place::LongEscape(quote), _) => Place::Long(quote, 0),
        };
        self.place = next;
        self.part.push(byte);
        false
    }

    /// Whether a dot here may belong to a name or a number.
    fn is_after_name(&self) -> bool {
        let last = self.part.last();
        last.is_some_and(|last| {
            !matches!(last, b'>' | b'"' | b'\'' | b']' | b')' | b';' | b',')
                && !last.is_ascii_whitespace()
        })
    }
}

/// Whether a name or a number may go on with this byte after a dot.
fn continues_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_:-%\\.".contains(&byte)
}
