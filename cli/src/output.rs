//! What is printed: results, messages and failures, for people or as JSON.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::exit::{Failure, INTERRUPTED};

/// How results and messages are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    is_json: bool,
    has_colours: bool,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            is_json,
            has_colours: io::stdout().is_terminal() && !is_plain && !is_dumb,
        }
    }

    pub(crate) fn is_json(self) -> bool {
        self.is_json
    }

    /// Prints a result: its text for people, or the value as one line of JSON.
    pub(crate) fn result(self, value: &impl Serialize, text: &str) -> Result<(), Failure> {
        if self.is_json {
            let json = serde_json::to_string(value).map_err(io::Error::from);
            print(&(json.map_err(|error| unprinted(&error))? + "\n"))
        } else {
            print(text)
        }
    }

    /// Prints a diff, in colours on a terminal.
    pub(crate) fn diff(self, diff: &str) -> String {
        if !self.has_colours {
            return diff.to_owned();
        }
        let lines = diff.split_inclusive('\n').map(|line| {
            let colour = match line.as_bytes().first() {
                Some(b'+') => "32",
                Some(b'-') => "31",
                Some(b'@') => "36",
                _ => return line.to_owned(),
            };
            let inner = line.trim_end_matches('\n');
            format!("\x1b[{colour}m{inner}\x1b[0m{}", &line[inner.len()..])
        });
        lines.collect()
    }

    /// Prints a message for people on stderr. Programs get results only.
    pub(crate) fn note(self, message: &str) {
        if !self.is_json {
            complain(message);
        }
    }

    /// Prints a failure, unless that was done before.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_told() {
            return;
        }
        if self.is_json {
            let shown = serde_json::json!({"error": failure.shown()});
            complain(&shown.to_string());
            return;
        }
        // The user knows that.
        if failure.code() != INTERRUPTED {
            complain(&format!("ifmatch: {failure}"));
        }
        if let Some(advice) = failure.advice() {
            complain(advice);
        }
    }
}

/// Prints a text on stdout.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes());
    printed
        .and_then(|()| stdout.flush())
        .map_err(|error| unprinted(&error))
}

/// Returns the failure of stdout. It is not a failure if the reader has seen enough, such as `head`.
fn unprinted(error: &io::Error) -> Failure {
    let failure = Failure::new(crate::exit::LOCAL, "output", format!("stdout: {error}"));
    if error.kind() == io::ErrorKind::BrokenPipe {
        failure.with_code(0)
    } else {
        failure
    }
}

/// Prints a line on stderr. There is no other place to report that it cannot be printed.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Asks a question on the terminal, which is answered with y or n.
pub(crate) fn confirmed(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        let why = "there is no terminal to ask at";
        return Err(Failure::usage(why).advise("Repeat the command with --yes."));
    }
    let mut stderr = io::stderr();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    let answered = asked.and_then(|()| io::stdin().read_line(&mut answer));
    answered.map_err(|error| Failure::new(crate::exit::LOCAL, "terminal", error.to_string()))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
