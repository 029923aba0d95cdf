//! JSON:API (jsonapi.org).

use http::StatusCode;

use crate::protocol::{Envelope, Problem, Profile, RefusalKind, message_words};

/// JSON:API servers.
///
/// The document of a collection is `data.attributes`. Each write also carries `type` and `id`. A resource is
/// changed by `PATCH`, so set [`WriteMode::MergePatch`](crate::WriteMode::MergePatch). Set the type of new
/// resources with an envelope, as below. The standard leaves versions to HTTP: entity tags, and a 412 for a
/// stale write. It requires a 409 if the `type` or `id` of the document does not match, and if a resource
/// with a client-generated id exists. `errors[].source.pointer` distinguishes these cases. Codes are specific
/// to each application, so define their meanings with [`Generic::over`](crate::Generic::over).
///
/// [Specification](https://jsonapi.org/format/#crud).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, Envelope, Generic, RefusalKind, WriteMode, profiles::JsonApi};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let profile = Generic::over(JsonApi).map_code("ORDER_UNPAID", RefusalKind::InvalidState);
/// let client = Client::builder("https://api.example.com").profile(profile).build()?;
/// let orders = client
///     .collection::<serde_json::Value>("orders")
///     .write_mode(WriteMode::MergePatch)
///     .envelope(Envelope::at("/data/attributes").member("/data/type", "orders").carry("/data/id"));
/// # let _ = orders;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonApi;

const MEDIA_TYPE: &str = "application/vnd.api+json";

impl Profile for JsonApi {
    fn envelope(&self) -> Envelope {
        Envelope::at("/data/attributes")
            .carry("/data/type")
            .carry("/data/id")
    }

    fn media_type(&self) -> &'static str {
        MEDIA_TYPE
    }

    fn patch_media_type(&self) -> &'static str {
        MEDIA_TYPE
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let points_at = |pointer: &str| {
            let mut fields = problem.fields().iter();
            fields.any(|field| field.pointer.as_deref() == Some(pointer))
        };
        match problem.status() {
            StatusCode::CONFLICT if points_at("/data/id") => Some(RefusalKind::AlreadyExists),
            StatusCode::CONFLICT if points_at("/data/type") => Some(RefusalKind::Invalid),
            _ => message_words::of_conflict(problem),
        }
    }
}
