//! Splits bytes that arrive in chunks into lines.

/// The default for the longest line, in bytes: 1 MiB.
const MAX_LINE: usize = 1024 * 1024;
/// The bytes that are searched at once.
const BLOCK: usize = 32;

/// The input of a decoder is longer than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TooLong {
    /// A line is longer than this number of bytes.
    #[error("a line of the stream is longer than {0} bytes")]
    Line(usize),
    /// The fields of an event are longer than this number of bytes.
    #[error("an event of the stream is longer than {0} bytes")]
    Event(usize),
}

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// LF.
    Lf,
    /// LF, CR, or CR with LF.
    CrOrLf,
}

/// The line that has arrived in part.
#[derive(Clone)]
pub(super) struct Lines {
    ends: Ends,
    limit: usize,
    /// The part, or the whole line that was returned last.
    part: Vec<u8>,
    is_returned: bool,
    /// Whether the last byte was a CR that ended a line. An LF after it belongs to it.
    after_cr: bool,
}

impl Lines {
    pub(super) fn new(ends: Ends) -> Self {
        Self {
            ends,
            limit: MAX_LINE,
            part: Vec::new(),
            is_returned: false,
            after_cr: false,
        }
    }

    pub(super) fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Takes the next line from the input, without its end. Returns `None` once the input is used up.
    ///
    /// # Errors
    ///
    /// Returns an error if the line is too long. What follows cannot be told from the rest of that line.
    pub(super) fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'s [u8]>, TooLong> {
        if std::mem::take(&mut self.is_returned) {
            self.part.clear();
        }
        if let Some((first, rest)) = input.split_first()
            && std::mem::take(&mut self.after_cr)
            && *first == b'\n'
        {
            *input = rest;
        }
        let (line, rest) = input.split_at(self.find_end(input).unwrap_or(input.len()));
        if self.part.len() + line.len() > self.limit {
            self.part = Vec::new();
            return Err(TooLong::Line(self.limit));
        }
        let Some((end, rest)) = rest.split_first() else {
            self.part.extend_from_slice(line);
            *input = rest;
            return Ok(None);
        };
        self.after_cr = *end == b'\r';
        *input = rest;
        if self.part.is_empty() {
            return Ok(Some(line));
        }
        self.part.extend_from_slice(line);
        self.is_returned = true;
        Ok(Some(&self.part))
    }

    fn find_end(&self, bytes: &[u8]) -> Option<usize> {
        match self.ends {
            Ends::Lf => position(bytes, |byte| byte == b'\n'),
            Ends::CrOrLf => position(bytes, |byte| byte == b'\n' || byte == b'\r'),
        }
    }
}

/// Returns the position of the first byte that is wanted. It looks at whole blocks without leaving them early, which the
/// compiler turns into vector instructions.
fn position(bytes: &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let is_without = |block: &&[u8]| !block.iter().fold(false, |any, byte| any | is_wanted(*byte));
    let skipped = bytes.chunks_exact(BLOCK).take_while(is_without).count() * BLOCK;
    let rest = bytes.get(skipped..)?;
    let at = rest.iter().position(|byte| is_wanted(*byte))?;
    Some(skipped + at)
}
