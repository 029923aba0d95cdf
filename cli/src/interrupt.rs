//! Ctrl-C.

use crate::exit::Failure;

/// Awaits a call, or ends with a failure when the user presses Ctrl-C.
pub(crate) async fn or<O>(call: impl Future<Output = O>) -> Result<O, Failure> {
    tokio::select! {
        output = call => Ok(output),
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    }
}

/// Keeps the process alive while the user presses Ctrl-C in the editor.
pub(crate) async fn hold() {
    tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    // The handler is installed when the task runs for the first time.
    tokio::task::yield_now().await;
}
