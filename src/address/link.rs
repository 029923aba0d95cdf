//! References from the server, which are followed only within the origin of the client.

use url::Url;

use super::path::{PathError, with_slash, without_secrets, without_user};

/// Returns the address of a reference that the server gave, which must stay on the origin of the base. A relative one
/// is resolved against the base with a slash at its end.
pub(crate) fn link(base: &Url, reference: &str) -> Result<Url, PathError> {
    let base = with_slash(base.clone());
    within_origin(&base, reference).ok_or_else(|| match base.join(reference) {
        Ok(to) => PathError::new(format!(
            "the link {} is on another server than the base URL of the client",
            place(to)
        )),
        Err(source) => PathError::parsing(
            format!("the link {:?} cannot be read", unread(reference)),
            source,
        ),
    })
}

/// Returns an address as text, without what may be secret in it.
fn place(mut url: Url) -> String {
    if url.cannot_be_a_base() {
        return format!("{}:", url.scheme());
    }
    url.set_query(None);
    url.set_fragment(None);
    without_user(url).into()
}

/// Returns a text that is no URL, without what may be secret in it.
fn unread(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    match text.split_at(end) {
        // The mark may belong to a password.
        (_, rest) if rest.contains('@') => "…".to_owned(),
        (before, _) => without_secrets(before),
    }
}

/// Resolves a reference from the server, if it stays within the origin, so that credentials and validators do
/// not leave it. The user info of our own address is kept, not that of the server's. The fragment is removed,
/// because it is not sent.
pub(crate) fn within_origin(from: &Url, reference: &str) -> Option<Url> {
    let mut to = from.join(reference).ok()?;
    if to.scheme() != from.scheme() || to.origin() != from.origin() {
        return None;
    }
    to.set_username(from.username()).ok()?;
    to.set_password(from.password()).ok()?;
    to.set_fragment(None);
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::base;

    #[test]
    fn a_link_that_is_not_followed_is_named_without_its_secrets() -> Result<(), PathError> {
        let base = base("http://h/v1")?;
        for (reference, shown) in [
            (
                "http://ann:pw@other/a?b@c",
                "the link http://other/a is on another server",
            ),
            (
                "//other:81/a#b",
                "the link http://other:81/a is on another server",
            ),
            ("mailto:ann@h", "the link mailto: is on another server"),
            (
                "http://ann:pw@[/a",
                r#"the link "http://[/a" cannot be read"#,
            ),
            ("http://[/a?b=c", r#"the link "http://[/a" cannot be read"#),
            ("http://ann:p?w@[/a", r#"the link "…" cannot be read"#),
        ] {
            let message = link(&base, reference).map_err(|error| error.to_string());
            assert!(
                message.is_err_and(|it| it.starts_with(shown)),
                "{reference}"
            );
        }
        Ok(())
    }
}
