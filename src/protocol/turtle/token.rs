//! The tokens of one statement.

use std::borrow::Cow;

use super::TurtleError;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// The text between `<` and `>`.
    Name(Cow<'t, str>),
    /// A prefix, and what is behind its colon.
    Prefixed(&'t str, Cow<'t, str>),
    /// A name that counts in this document only.
    Blank,
    Text(Cow<'t, str>),
    /// A word behind `@`: a directive or a language.
    At(&'t str),
    /// `a`, `true`, `false`, `PREFIX`, `BASE` or a number.
    Word(&'t str),
    /// `^^`.
    Type,
    /// One of `;`, `,`, `[`, `]`, `(` and `)`.
    Mark(u8),
}

/// The rest of a statement.
pub(super) struct Tokens<'t> {
    rest: &'t str,
}

const UNENDED: TurtleError = TurtleError::Invalid("a name or a text has no end");
const ESCAPE: TurtleError = TurtleError::Invalid("an escape has no meaning");

impl<'t> Tokens<'t> {
    pub(super) fn of(statement: &'t str) -> Self {
        Self { rest: statement }
    }

    /// Takes the next token. Returns `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'t>>, TurtleError> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.bytes().next() else {
            return Ok(None);
        };
        Ok(Some(match first {
            b'<' => {
                let (name, rest) = self.rest[1..].split_once('>').ok_or(UNENDED)?;
                self.rest = rest;
                Token::Name(unescaped(name)?)
            }
            b'"' | b'\'' => Token::Text(self.text(char::from(first))?),
            b';' | b',' | b'[' | b']' | b'(' | b')' => {
                self.rest = &self.rest[1..];
                Token::Mark(first)
            }
            b'^' => {
                let rest = self.rest.strip_prefix("^^");
                self.rest = rest.ok_or(TurtleError::Invalid("a type begins with ^^"))?;
                Token::Type
            }
            b'@' => Token::At(&self.word()[1..]),
            _ => {
                let word = self.word();
                match word.split_once(':') {
                    Some(("_", _)) => Token::Blank,
                    Some((prefix, name)) => Token::Prefixed(prefix, without_backslashes(name)),
                    None => Token::Word(word),
                }
            }
        }))
    }

    /// Takes a word, which ends before the next mark that is not escaped.
    fn word(&mut self) -> &'t str {
        let mut is_escaped = false;
        let end = self.rest.char_indices().find(|(_, c)| {
            if std::mem::take(&mut is_escaped) {
                return false;
            }
            is_escaped = *c == '\\';
            c.is_ascii_whitespace() || "<>\"';,[]()^".contains(*c)
        });
        // A word has at least one character, so that reading goes on.
        let first = self.rest.chars().next().map_or(0, char::len_utf8);
        let end = end.map_or(self.rest.len(), |(at, _)| at.max(first));
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Takes a text in one or three quotes.
    fn text(&mut self, quote: char) -> Result<Cow<'t, str>, TurtleError> {
        let three: String = [quote; 3].iter().collect();
        let (start, end) = if self.rest.starts_with(&three) {
            (3, &three[..])
        } else {
            (1, &three[..1])
        };
        let text = &self.rest[start..];
        let mut from = 0;
        loop {
            let stop = text[from..].find(['\\', quote]).ok_or(UNENDED)? + from;
            if text[stop..].starts_with('\\') {
                let escaped = text[stop + 1..].chars().next().ok_or(UNENDED)?;
                from = stop + 1 + escaped.len_utf8();
            } else if text[stop..].starts_with(end) {
                self.rest = &text[stop + end.len()..];
                return unescaped(&text[..stop]);
            } else {
                from = stop + 1;
            }
        }
    }
}

/// Replaces the escapes of a text or a name.
fn unescaped(text: &str) -> Result<Cow<'_, str>, TurtleError> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        let kind = behind.chars().next().ok_or(ESCAPE)?;
        rest = &behind[kind.len_utf8()..];
        out.push(match kind {
            't' => '\t',
            'b' => '\u{8}',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            '"' | '\'' | '\\' => kind,
            'u' | 'U' => {
                let digits = if kind == 'u' { 4 } else { 8 };
                let (number, behind) = rest.split_at_checked(digits).ok_or(ESCAPE)?;
                rest = behind;
                let number = u32::from_str_radix(number, 16).map_err(|_| ESCAPE)?;
                char::from_u32(number).ok_or(ESCAPE)?
            }
            _ => return Err(ESCAPE),
        });
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// Removes the backslashes before the marks in a prefixed name.
fn without_backslashes(name: &str) -> Cow<'_, str> {
    if name.contains('\\') {
        Cow::Owned(name.replace('\\', ""))
    } else {
        Cow::Borrowed(name)
    }
}
