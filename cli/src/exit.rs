//! How a command ends: exit codes, and failures with what to do next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ifmatch::{Error, ErrorKind};
use serde::Serialize;

/// The table of exit codes in the help.
pub(crate) const TABLE: &str = "\
Exit codes:
   0  done; also: nothing changed, or cancelled by you
   1  a conflict is left
   2  wrong arguments, settings or credentials files
   3  the document does not exist, or was removed
   4  the name is taken
   5  the server refused the request
   6  locked by another client
   7  not known whether the write was applied
   8  accepted, but not completed yet
   9  the server gives no usable version
  10  the server responded, but no try succeeded
  11  the server cannot be reached
  12  the body cannot be read or written
  13  the API version is not supported
  14  the queue cannot be used
  15  queued edits are left
  16  a file or the editor failed, or the edit was given up
  17  the probed API loses updates, or this is not known
 129  error of `merge`, after which git stops
 130  interrupted (Ctrl-C)";

/// Why a command did not do what it was asked to do.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: u8,
    kind: String,
    message: String,
    /// What to do next.
    advice: Option<String>,
    /// Where an edit was kept.
    saved_to: Option<PathBuf>,
    status: Option<u16>,
    problem: Option<ProblemShown>,
    /// Whether it was printed already.
    is_told: bool,
}

/// What the server said, for programs.
#[derive(Debug, Serialize)]
struct ProblemShown {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// A failure as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct FailureShown<'f> {
    kind: &'f str,
    message: &'f str,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved_to: Option<&'f Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'f ProblemShown>,
}

/// The exit codes of failures that are no errors of calls.
pub(crate) const CONFLICT: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const LEFT: u8 = 15;
pub(crate) const LOCAL: u8 = 16;
pub(crate) const LOSES: u8 = 17;
pub(crate) const GIT_STOPS: u8 = 129;
pub(crate) const INTERRUPTED: u8 = 130;

impl Failure {
    pub(crate) fn new(code: u8, kind: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            kind: kind.to_owned(),
            message: message.into(),
            advice: None,
            saved_to: None,
            status: None,
            problem: None,
            is_told: false,
        }))
    }

    /// Creates the failure for wrong arguments or settings.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, "usage", message)
    }

    /// Creates the failure for a file that cannot be used.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::new(LOCAL, "file", format!("{}: {error}", path.display()))
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(INTERRUPTED, "interrupted", "interrupted")
    }

    /// Says what to do next, below what was said before.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        let advice = advice.into();
        self.0.advice = Some(match self.0.advice.take() {
            Some(before) => before + "\n" + &advice,
            None => advice,
        });
        self
    }

    pub(crate) fn saved_to(mut self, path: PathBuf) -> Self {
        self.0.saved_to = Some(path);
        self
    }

    pub(crate) fn with_code(mut self, code: u8) -> Self {
        self.0.code = code;
        self
    }

    /// Records that it was printed.
    pub(crate) fn told(mut self) -> Self {
        self.0.is_told = true;
        self
    }

    pub(crate) fn is_told(&self) -> bool {
        self.0.is_told
    }

    pub(crate) fn code(&self) -> u8 {
        self.0.code
    }

    pub(crate) fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    pub(crate) fn shown(&self) -> FailureShown<'_> {
        FailureShown {
            kind: &self.0.kind,
            message: &self.0.message,
            exit_code: self.0.code,
            advice: self.0.advice.as_deref(),
            saved_to: self.0.saved_to.as_deref(),
            status: self.0.status,
            problem: self.0.problem.as_ref(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = error.kind();
        let mut failure = Self::new(code_of(kind), &name_of(kind), error.to_string());
        failure.0.status = error.status().map(|status| status.as_u16());
        failure.0.advice = advice_of(kind, failure.0.status).map(str::to_owned);
        failure.0.problem = error.problem().map(|problem| ProblemShown {
            title: problem.title().map(str::to_owned),
            detail: problem.detail().map(str::to_owned),
            code: problem.code().map(str::to_owned),
        });
        failure
    }
}

fn code_of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Conflict => CONFLICT,
        ErrorKind::Config => USAGE,
        ErrorKind::NotFound | ErrorKind::Gone => 3,
        ErrorKind::AlreadyExists => 4,
        ErrorKind::Locked | ErrorKind::LeaseLost => 6,
        ErrorKind::OutcomeUnknown | ErrorKind::HalfDone => 7,
        ErrorKind::Accepted => 8,
        ErrorKind::UnusableValidator => 9,
        ErrorKind::Exhausted => 10,
        ErrorKind::Transport => 11,
        ErrorKind::Decode | ErrorKind::TooLarge | ErrorKind::Unfaithful => 12,
        ErrorKind::UnsupportedApiVersion => 13,
        ErrorKind::Journal => 14,
        ErrorKind::Edit => LOCAL,
        // Refused, Status, and what a later version of the crate adds.
        _ => 5,
    }
}

/// Returns the name of a kind with underscores, such as `outcome_unknown`.
pub(crate) fn name_of(kind: ErrorKind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn advice_of(kind: ErrorKind, status: Option<u16>) -> Option<&'static str> {
    Some(match (kind, status) {
        (ErrorKind::Status | ErrorKind::Refused, Some(401 | 403)) => {
            "Check the credentials: IFMATCH_TOKEN, IFMATCH_BASIC, IFMATCH_HEADERS or their files."
        }
        (ErrorKind::NotFound, _) => "Check the address.",
        (ErrorKind::OutcomeUnknown, _) => {
            "Look at the document with `ifmatch get` before you try again."
        }
        (ErrorKind::Accepted, _) => "Do not send it again. Look at the document later.",
        (ErrorKind::UnusableValidator, _) => {
            "Name the API family with --profile, if its versions are not in `ETag`."
        }
        (ErrorKind::Exhausted | ErrorKind::Transport, _) => {
            "Try again later, or with a longer --timeout."
        }
        (ErrorKind::Locked, _) => "Try again when the lock has ended.",
        (ErrorKind::Decode, _) => "Try --format text, or another --profile.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names_with_underscores() {
        assert_eq!(name_of(ErrorKind::OutcomeUnknown), "outcome_unknown");
        assert_eq!(name_of(ErrorKind::Conflict), "conflict");
    }
}
