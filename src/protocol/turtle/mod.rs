//! Reads Turtle (W3C Recommendation of 2014) that arrives in chunks, as the channels and the containers of Solid send it.
//!
//! [`Turtle`] passes on triple by triple and keeps no more than one statement and its prefixes. It reads no clock and no
//! socket. What is nested in a statement (`[…]` and `(…)`) is skipped.

mod split;
mod statement;
#[cfg(test)]
mod tests;
mod token;

use url::Url;

use split::Splitter;
use statement::Names;

/// The default for the longest statement, in bytes: 1 MiB.
const MAX_STATEMENT: usize = 1024 * 1024;

/// One triple. Names are whole addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Triple<'t> {
    /// Empty if the subject has no name.
    pub(crate) subject: &'t str,
    pub(crate) predicate: &'t str,
    pub(crate) object: Object<'t>,
}

/// The object of a triple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object<'t> {
    Name(&'t str),
    /// The text of a literal, without its type.
    Text(&'t str),
    /// Something without a name.
    Nested,
}

/// A statement that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TurtleError {
    /// It is too long. Every further call returns the same error.
    #[error("a statement is longer than {0} bytes")]
    TooLong(usize),
    /// It is not Turtle. The next call reads the statement after it.
    #[error("a statement is not Turtle: {0}")]
    Invalid(&'static str),
}

/// Reads the statements of one response.
pub(crate) struct Turtle {
    splitter: Splitter,
    names: Names,
}

impl Turtle {
    /// Begins to read a response from this address, to which the names in it are relative.
    pub(crate) fn at(base: Url) -> Self {
        Self {
            splitter: Splitter::new(MAX_STATEMENT),
            names: Names::new(base),
        }
    }

    /// Sets the longest statement, in bytes.
    pub(crate) fn max_statement(mut self, bytes: usize) -> Self {
        self.splitter = Splitter::new(bytes);
        self
    }

    /// Reads the next statement, removes its bytes from the input, and passes on its triples. Returns whether there was
    /// one. Otherwise the input is used up.
    ///
    /// # Errors
    ///
    /// Returns an error if the statement cannot be read. Its first triples may have been passed on.
    pub(crate) fn decode(
        &mut self,
        input: &mut &[u8],
        pass: impl FnMut(Triple<'_>),
    ) -> Result<bool, TurtleError> {
        let Some(statement) = self.splitter.next(input)? else {
            return Ok(false);
        };
        let text = std::str::from_utf8(statement);
        let text = text.map_err(|_| TurtleError::Invalid("it is not UTF-8"))?;
        self.names.read(text, pass)?;
        Ok(true)
    }

    /// Whether everything was read up to the end of a statement.
    pub(crate) fn is_whole(&self) -> bool {
        self.splitter.is_between()
    }
}
