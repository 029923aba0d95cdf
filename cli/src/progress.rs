//! A line on the terminal while a call takes long.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ifmatch::{AttemptSeen, ConflictSeen, Observer, WaitReason, WaitSeen};

/// Calls that take less time show no line.
const QUIET: Duration = Duration::from_millis(1_500);

/// What has happened in a call. Clones see the same.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    requests: u32,
    /// The last thing that held up the call.
    reason: Option<String>,
}

impl Progress {
    fn told(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Runs a call, and shows the line once it takes long.
    pub(crate) async fn during<O>(&self, call: impl Future<Output = O>) -> O {
        if !std::io::stderr().is_terminal() {
            return call.await;
        }
        let began = Instant::now();
        let mut call = std::pin::pin!(call);
        let mut is_shown = false;
        loop {
            if let Ok(output) = tokio::time::timeout(QUIET, &mut call).await {
                if is_shown {
                    put("");
                }
                return output;
            }
            is_shown = true;
            put(&self.line(began.elapsed()));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = match (&seen.reason, seen.requests) {
            (Some(reason), _) => reason.clone(),
            (None, 0) => "waiting for the server".to_owned(),
            (None, requests) => format!("{requests} requests sent"),
        };
        format!("{} s: {reason}", elapsed.as_secs())
    }
}

/// Replaces the line. Progress is not worth an error.
fn put(line: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "\r\x1b[K{line}");
    let _ = stderr.flush();
}

impl Observer for Progress {
    fn attempt(&self, attempt: &AttemptSeen<'_>) {
        self.told(|seen| {
            seen.requests += 1;
            let failed = match (attempt.status, attempt.failure) {
                (Some(status), _) if status.is_server_error() || status.as_u16() == 429 => {
                    Some(format!("the server responded with {}", status.as_u16()))
                }
                (Some(_), _) => None,
                (None, failure) => Some(format!("no response ({})", failure.unwrap_or("lost"))),
            };
            seen.reason = failed.map(|why| format!("{why}, trying again"));
        });
    }

    fn waited(&self, wait: &WaitSeen<'_>) {
        let reason = reason(wait.reason);
        self.told(|seen| seen.reason = Some(format!("waited, because {reason}")));
    }

    fn conflict(&self, conflict: &ConflictSeen<'_>) {
        let round = conflict.round;
        self.told(|seen| seen.reason = Some(format!("refused in round {round}, looking why")));
    }
}

/// Returns why a call waited, as the end of a sentence.
fn reason(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Race => "another client wrote first",
        WaitReason::RetryAfter => "the server asked for it",
        WaitReason::Overload => "the server is overloaded",
        WaitReason::YoungVersion => "the version is too young to be used",
        WaitReason::StaleReplica => "a replica of the server is behind",
        WaitReason::Poll => "the server is still processing the write",
        _ => "the last try failed",
    }
}
