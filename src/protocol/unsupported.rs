//! Refusals of a version of the API that the server does not support.

use http::StatusCode;

use crate::protocol::Problem;

/// Codes and last parts of problem types that mean an unsupported version of the API.
const WORDS: [&str; 9] = [
    "unsupportedapiversion",
    "unsupportedversion",
    "apiversionnotsupported",
    "versionnotsupported",
    "invalidapiversion",
    "invalidapiversionparameter",
    "missingapiversionparameter",
    "apiversionunspecified",
    "unknownapiversion",
];

/// Whether a refusal says that this version of the API is not supported.
///
/// `by_media_type` states whether the client requests its version by the media type of documents.
pub(super) fn is_unsupported(problem: &Problem, by_media_type: bool) -> bool {
    let last_part = problem.problem_type().rsplit(['/', '#', ':']).next();
    let mut names = last_part.into_iter().chain(problem.code());
    names.any(|name| WORDS.contains(&plain(name).as_str()))
        || by_media_type
            && matches!(
                problem.status(),
                StatusCode::NOT_ACCEPTABLE | StatusCode::UNSUPPORTED_MEDIA_TYPE
            )
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}
