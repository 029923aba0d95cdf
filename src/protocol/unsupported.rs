//! Refusals that say that a version of the API is not spoken.

use http::StatusCode;

use crate::protocol::Problem;

/// Codes, and last parts of problem types, that say that a version of the API is not spoken.
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

/// Whether a refusal says that this version of the API is not spoken.
///
/// `by_media_type`: the client asks for its version by the media type of documents.
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
