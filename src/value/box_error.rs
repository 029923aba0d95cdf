//! The errors of the application's parts, boxed so that their type is found again.

use std::error::Error;
use std::fmt;
use std::ops::Deref;

use crate::BoxError;

/// An error that a part of the application returns, as [`box_error`] and
/// [`try_update_typed`](crate::Collection::try_update_typed) take it.
///
/// Implemented for error types, for reports that hold an error (`anyhow::Error`, `eyre::Report`, [`BoxError`]), and for
/// text. The compiler infers `Kind`.
pub trait IntoBoxError<Kind> {
    /// Boxes the error.
    fn into_box_error(self) -> BoxError;
}

/// The kind of error types.
#[derive(Debug)]
pub enum OfError {}

/// The kind of reports that dereference to the error that they hold.
#[derive(Debug)]
pub enum OfReport {}

/// The kind of text.
#[derive(Debug)]
pub enum OfText {}

impl<E: Error + Send + Sync + 'static> IntoBoxError<OfError> for E {
    fn into_box_error(self) -> BoxError {
        Box::new(self)
    }
}

impl<E> IntoBoxError<OfReport> for E
where
    E: Deref<Target = dyn Error + Send + Sync> + Send + Sync + 'static,
{
    fn into_box_error(self) -> BoxError {
        Box::new(Report(Box::new(self)))
    }
}

impl IntoBoxError<OfText> for &str {
    fn into_box_error(self) -> BoxError {
        self.into()
    }
}

impl IntoBoxError<OfText> for String {
    fn into_box_error(self) -> BoxError {
        self.into()
    }
}

/// Boxes an error, so that [`Error::edit_error`](crate::Error::edit_error) finds it by its type.
///
/// Use it with `map_err` where a strategy, a handler or an edit calls a function that returns `anyhow::Result`. The
/// conversion by `?` works too, but the conversion of `anyhow` hides the type of the error.
///
/// # Example
///
/// ```
/// use ifmatch::{box_error, merge_fn};
///
/// #[derive(Debug)]
/// struct TooLong;
/// # impl std::fmt::Display for TooLong {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("too long") }
/// # }
/// # impl std::error::Error for TooLong {}
///
/// fn join(local: &str, remote: &str) -> Result<String, TooLong> {
///     let joined = format!("{local}\n{remote}");
///     if joined.len() > 4_096 { Err(TooLong) } else { Ok(joined) }
/// }
///
/// let strategy = merge_fn(|_, local: &String, remote| join(local, remote).map_err(box_error));
/// # let _ = strategy;
/// ```
pub fn box_error<E: IntoBoxError<Kind>, Kind>(error: E) -> BoxError {
    error.into_box_error()
}

/// A report that holds an error. It shows that error as if it were itself.
struct Report(Box<dyn Holds>);

trait Holds: Send + Sync {
    fn error(&self) -> &(dyn Error + 'static);
}

impl<E> Holds for E
where
    E: Deref<Target = dyn Error + Send + Sync> + Send + Sync,
{
    fn error(&self) -> &(dyn Error + 'static) {
        &**self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.error(), f)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.error(), f)
    }
}

impl Error for Report {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.error().source()
    }
}

/// Returns the error itself, or the one that a report holds.
pub(crate) fn held<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    match error.downcast_ref::<Report>() {
        Some(report) => report.0.error(),
        None => error,
    }
}
