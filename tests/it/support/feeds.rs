//! What can happen to a stream.

use ifmatch::testing::{FeedStep, GoneForm, Reply};

/// Streams that end, stall, repeat themselves or are refused.
pub(crate) fn troubles() -> Vec<FeedStep> {
    let gone = [
        GoneForm::Status,
        GoneForm::Event,
        GoneForm::Canceled,
        GoneForm::Empty,
    ];
    let mut steps: Vec<FeedStep> = gone.map(|form| FeedStep::new().gone(form)).into();
    steps.extend([
        FeedStep::new().cut_after(70),
        FeedStep::new().end_after(0),
        FeedStep::new().stall_after(0),
        FeedStep::new().stall_after(90),
        FeedStep::new().forget_id(),
        FeedStep::new().duplicate(),
        FeedStep::new().answer(Reply::new(503)),
    ]);
    steps
}
