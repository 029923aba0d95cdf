//! The [`Requests`] that a server received, filtered and counted.

use std::fmt::{self, Write as _};

use http::Method;

use super::recorded::Recorded;
use super::reply::tag;
use super::state::is_read;

/// The requests that a server received. Filter them step by step, then count or inspect them.
///
/// A failed assertion prints what it expected and all requests.
///
/// # Example: one PUT, with the precondition of the second version
///
/// ```
/// use ifmatch::testing::ResourceServer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::start().await;
/// server.put("/notes/1", r#"{"n": 1}"#);
/// let notes = server.in_process().build()?.collection::<serde_json::Value>("notes");
///
/// notes.get(1).await?;
/// server.before_next_write(|note| note["by"] = "somebody".into());
/// notes.update(1, |note| note["n"] = 2.into()).await?;
///
/// server.requests().put().of_version(2).assert_one();
/// server.requests().writes().unconditional().assert_none();
/// server.requests().assert_lines([
///     "GET /notes/1 -> 200",
///     r#"PUT /notes/1 If-Match: "v1" -> 412"#,
///     "GET /notes/1 -> 200",
///     r#"PUT /notes/1 If-Match: "v2" -> 204"#,
/// ]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Requests {
    all: Vec<Recorded>,
    /// Indices in `all` of the requests that are left.
    left: Vec<usize>,
    /// The filters, in words.
    words: Vec<String>,
}

impl Requests {
    pub(super) fn new(all: Vec<Recorded>) -> Self {
        Self {
            left: (0..all.len()).collect(),
            all,
            words: Vec::new(),
        }
    }

    fn only(mut self, words: impl Into<String>, keep: impl Fn(&Recorded) -> bool) -> Self {
        self.left.retain(|at| self.all.get(*at).is_some_and(&keep));
        self.words.push(words.into());
        self
    }

    /// Keeps the requests with this method.
    pub fn method(self, method: &Method) -> Self {
        self.only(method.as_str(), |one| one.method == *method)
    }

    /// Keeps the `GET` requests.
    pub fn get(self) -> Self {
        self.method(&Method::GET)
    }

    /// Keeps the `PUT` requests.
    pub fn put(self) -> Self {
        self.method(&Method::PUT)
    }

    /// Keeps the `PATCH` requests.
    pub fn patch(self) -> Self {
        self.method(&Method::PATCH)
    }

    /// Keeps the `POST` requests.
    pub fn post(self) -> Self {
        self.method(&Method::POST)
    }

    /// Keeps the `DELETE` requests.
    pub fn delete(self) -> Self {
        self.method(&Method::DELETE)
    }

    /// Keeps the `GET` and `HEAD` requests.
    pub fn reads(self) -> Self {
        self.only("reads", |one| is_read(&one.method))
    }

    /// Keeps all requests except `GET` and `HEAD`.
    pub fn writes(self) -> Self {
        self.only("writes", |one| !is_read(&one.method))
    }

    /// Keeps the requests to this path.
    pub fn to(self, path: &str) -> Self {
        self.only(format!("to {path}"), |one| one.path == path)
    }

    /// Keeps the requests with this `If-Match` value, quotes included.
    pub fn if_match(self, value: &str) -> Self {
        self.only(format!("with If-Match: {value}"), |one| {
            one.header("if-match") == value
        })
    }

    /// Keeps the requests whose `If-Match` names this version number, counted from 1 for each resource.
    pub fn of_version(self, number: u64) -> Self {
        self.if_match(&tag(number))
    }

    /// Keeps the requests without any precondition.
    pub fn unconditional(self) -> Self {
        self.only("without a condition", |one| !one.is_conditional())
    }

    /// Keeps the requests whose response had this status.
    pub fn answered(self, status: u16) -> Self {
        self.only(format!("answered {status}"), |one| one.status == status)
    }

    /// Keeps the requests that were lost or whose response was lost.
    pub fn lost(self) -> Self {
        self.only("lost", |one| one.lost.is_some())
    }

    /// Iterates over the requests that are left, in the order in which they arrived.
    pub fn iter(&self) -> impl Iterator<Item = &Recorded> {
        self.left.iter().filter_map(|at| self.all.get(*at))
    }

    /// Returns how many requests are left.
    pub fn count(&self) -> usize {
        self.left.len()
    }

    /// Asserts that this number of requests is left.
    ///
    /// # Panics
    ///
    /// Panics with what was expected and all requests if the number is another one.
    #[track_caller]
    pub fn assert_count(&self, expected: usize) {
        assert!(
            self.count() == expected,
            "expected {expected} {}, but there were {}\n{self}",
            self.wanted(expected),
            self.count(),
        );
    }

    /// Asserts that no request is left.
    ///
    /// # Panics
    ///
    /// Panics as [`assert_count`](Self::assert_count) does.
    #[track_caller]
    pub fn assert_none(&self) {
        self.assert_count(0);
    }

    /// Returns the only request that is left.
    ///
    /// # Panics
    ///
    /// Panics as [`assert_count`](Self::assert_count) does if there is not exactly one.
    #[track_caller]
    pub fn assert_one(&self) -> Recorded {
        self.assert_count(1);
        self.all[self.left[0]].clone()
    }

    /// Asserts that the requests that are left have exactly these `Display` lines, in this order.
    ///
    /// # Panics
    ///
    /// Panics with the expected lines and all requests if they differ.
    #[track_caller]
    pub fn assert_lines<S: AsRef<str>>(&self, expected: impl IntoIterator<Item = S>) {
        let expected: Vec<String> = expected
            .into_iter()
            .map(|line| line.as_ref().to_owned())
            .collect();
        let found: Vec<String> = self.iter().map(ToString::to_string).collect();
        assert!(
            found == expected,
            "expected these {}:\n{}{self}",
            self.wanted(2),
            numbered(expected.iter(), |_| true),
        );
    }

    fn wanted(&self, count: usize) -> String {
        let noun = if count == 1 { "request" } else { "requests" };
        if self.words.is_empty() {
            noun.to_owned()
        } else {
            format!("{noun} ({})", self.words.join(", "))
        }
    }
}

/// Shows all requests that the server received. Those that are left are marked with `*`.
impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all.is_empty() {
            return f.write_str("the server saw no request\n");
        }
        let lines = numbered(self.all.iter(), |at| self.left.contains(&at));
        write!(f, "the server saw:\n{lines}")
    }
}

fn numbered<L: fmt::Display>(
    lines: impl Iterator<Item = L>,
    marked: impl Fn(usize) -> bool,
) -> String {
    let mut text = String::new();
    for (at, line) in lines.enumerate() {
        let mark = if marked(at) { '*' } else { ' ' };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{mark} {}. {line}", at + 1);
    }
    text
}
