//! Reads one statement: a directive, or a subject with its triples.

use std::borrow::Cow;
use std::collections::BTreeMap;

use url::Url;

use super::token::{Token, Tokens};
use super::{Object, Triple, TurtleError};

/// The number of prefixes that are kept.
const MOST_PREFIXES: usize = 256;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 8_192;
const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

const NO_NAME: TurtleError = TurtleError::Invalid("a name is missing");
const TOO_MANY: TurtleError = TurtleError::Invalid("it has too many prefixes, or too long names");

/// What names in the statements mean.
pub(super) struct Names {
    base: Url,
    prefixes: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn new(base: Url) -> Self {
        Self {
            base,
            prefixes: BTreeMap::new(),
        }
    }

    /// Reads a statement without its dot.
    pub(super) fn read(
        &mut self,
        statement: &str,
        mut pass: impl FnMut(Triple<'_>),
    ) -> Result<(), TurtleError> {
        let mut tokens = Tokens::of(statement);
        let mut first = tokens.next()?;
        // Directives without a dot stand before a statement.
        loop {
            match first {
                Some(Token::At("prefix")) => return self.prefix(&mut tokens),
                Some(Token::At("base")) => return self.base(&mut tokens),
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("prefix") => {
                    self.prefix(&mut tokens)?;
                }
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("base") => {
                    self.base(&mut tokens)?;
                }
                None => return Ok(()),
                Some(_) => break,
            }
            first = tokens.next()?;
        }
        let subject = match first {
            Some(Token::Mark(b'[' | b'(')) => {
                skip(&mut tokens)?;
                Cow::Borrowed("")
            }
            Some(Token::Blank) => Cow::Borrowed(""),
            Some(name) => self.name(name)?,
            None => return Err(NO_NAME),
        };
        self.triples(&subject, &mut tokens, &mut pass)
    }

    fn prefix(&mut self, tokens: &mut Tokens<'_>) -> Result<(), TurtleError> {
        let (Some(Token::Prefixed(prefix, rest)), Some(Token::Name(name))) =
            (tokens.next()?, tokens.next()?)
        else {
            return Err(NO_NAME);
        };
        let name = self.resolved(name)?.into_owned();
        let is_full = self.prefixes.len() >= MOST_PREFIXES && !self.prefixes.contains_key(prefix);
        if is_full || prefix.len() > LONGEST_NAME || !rest.is_empty() {
            return Err(TOO_MANY);
        }
        self.prefixes.insert(prefix.to_owned(), name);
        Ok(())
    }

    fn base(&mut self, tokens: &mut Tokens<'_>) -> Result<(), TurtleError> {
        let Some(Token::Name(name)) = tokens.next()? else {
            return Err(NO_NAME);
        };
        let name = self.resolved(name)?;
        self.base = Url::parse(&name).map_err(|_| NO_NAME)?;
        Ok(())
    }

    fn triples(
        &self,
        subject: &str,
        tokens: &mut Tokens<'_>,
        pass: &mut impl FnMut(Triple<'_>),
    ) -> Result<(), TurtleError> {
        let mut token = tokens.next()?;
        while let Some(verb) = token {
            let predicate = match verb {
                // Several semicolons are as one.
                Token::Mark(b';') => {
                    token = tokens.next()?;
                    continue;
                }
                Token::Word("a") => Cow::Borrowed(TYPE),
                verb => self.name(verb)?,
            };
            loop {
                token = self.object(tokens, |object| {
                    pass(Triple {
                        subject,
                        predicate: &predicate,
                        object,
                    });
                })?;
                if token != Some(Token::Mark(b',')) {
                    break;
                }
            }
            if !matches!(token, None | Some(Token::Mark(b';'))) {
                return Err(TurtleError::Invalid("a statement has no end"));
            }
        }
        Ok(())
    }

    /// Reads an object, and returns the token after it.
    fn object<'t>(
        &self,
        tokens: &mut Tokens<'t>,
        pass: impl FnOnce(Object<'_>),
    ) -> Result<Option<Token<'t>>, TurtleError> {
        match tokens.next()? {
            Some(Token::Text(text)) => {
                pass(Object::Text(&text));
                match tokens.next()? {
                    Some(Token::At(_)) => {}
                    Some(Token::Type) => {
                        let of_type = tokens.next()?.ok_or(NO_NAME)?;
                        self.name(of_type)?;
                    }
                    other => return Ok(other),
                }
            }
            Some(Token::Word(word)) => pass(Object::Text(word)),
            Some(Token::Blank) => pass(Object::Nested),
            Some(Token::Mark(b'[' | b'(')) => {
                skip(tokens)?;
                pass(Object::Nested);
            }
            Some(name) => pass(Object::Name(&self.name(name)?)),
            None => return Err(NO_NAME),
        }
        tokens.next()
    }

    /// Returns the whole name of a token.
    fn name<'t>(&self, token: Token<'t>) -> Result<Cow<'t, str>, TurtleError> {
        match token {
            Token::Name(name) => self.resolved(name),
            Token::Prefixed(prefix, name) => {
                let unknown = TurtleError::Invalid("a prefix is unknown");
                let whole = format!("{}{name}", self.prefixes.get(prefix).ok_or(unknown)?);
                bounded(Cow::Owned(whole))
            }
            _ => Err(NO_NAME),
        }
    }

    /// Resolves a name that may be relative (RFC 3986 5).
    fn resolved<'t>(&self, name: Cow<'t, str>) -> Result<Cow<'t, str>, TurtleError> {
        if has_scheme(&name) {
            return bounded(name);
        }
        let resolved = self.base.join(&name).map_err(|_| NO_NAME)?;
        bounded(Cow::Owned(resolved.into()))
    }
}

fn bounded(name: Cow<'_, str>) -> Result<Cow<'_, str>, TurtleError> {
    if name.len() > LONGEST_NAME {
        return Err(TOO_MANY);
    }
    Ok(name)
}

/// Whether a name begins with a scheme (RFC 3986 3.1).
fn has_scheme(name: &str) -> bool {
    let Some((scheme, _)) = name.split_once(':') else {
        return false;
    };
    let mut bytes = scheme.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Skips what is nested, up to the bracket that closes it.
fn skip(tokens: &mut Tokens<'_>) -> Result<(), TurtleError> {
    let mut depth = 1_usize;
    while depth > 0 {
        match tokens.next()? {
            Some(Token::Mark(b'[' | b'(')) => depth += 1,
            Some(Token::Mark(b']' | b')')) => depth -= 1,
            Some(_) => {}
            None => return Err(TurtleError::Invalid("a bracket is not closed")),
        }
    }
    Ok(())
}
