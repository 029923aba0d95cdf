//! `Link` fields (RFC 8288).

use http::header::LINK;
use http::{HeaderMap, HeaderName};
use url::Url;

/// The number of links that are read from a response.
const MOST: usize = 256;
/// The address of the next page, in Kinto and some others.
const NEXT_PAGE: HeaderName = HeaderName::from_static("next-page");

/// Returns the target of the link with the relation `next`, as it is written. `context` is the address of the
/// response, which is the source of a link unless its `anchor` says otherwise (RFC 8288 3.2).
fn next_link(headers: &HeaderMap, context: &Url) -> Option<String> {
    linked(headers, context, "next")
}

/// Returns the target of the first link with this relation, as it is written. For `context`, see [`next_link`].
pub(crate) fn linked(headers: &HeaderMap, context: &Url, relation: &str) -> Option<String> {
    let fields = headers.get_all(LINK).iter();
    let fields = fields.filter_map(|value| value.to_str().ok());
    let mut links = fields.flat_map(links).take(MOST);
    let found = links.find(|link| link.has_relation(relation) && link.is_from(context))?;
    Some(found.target.to_owned())
}

/// Returns the target of the link to the next page, or else the field `Next-Page`, as Kinto and some others send it.
pub(crate) fn next_page(headers: &HeaderMap, context: &Url) -> Option<String> {
    next_link(headers, context).or_else(|| Some(headers.get(NEXT_PAGE)?.to_str().ok()?.to_owned()))
}

struct Link<'a> {
    target: &'a str,
    /// Names, and values without their quotes.
    parameters: Vec<(&'a str, String)>,
}

impl Link<'_> {
    /// The first parameter with that name counts (RFC 8288 3.3).
    fn parameter(&self, wanted: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let named = parameters.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_str())
    }

    fn has_relation(&self, wanted: &str) -> bool {
        let relations = self.parameter("rel").unwrap_or_default();
        let mut relations = relations.split_ascii_whitespace();
        relations.any(|relation| relation.eq_ignore_ascii_case(wanted))
    }

    fn is_from(&self, context: &Url) -> bool {
        let bare = |mut url: Url| {
            url.set_fragment(None);
            url
        };
        self.parameter("anchor").is_none_or(|anchor| {
            let anchor = context.join(anchor).map(bare);
            anchor.is_ok_and(|anchor| anchor == bare(context.clone()))
        })
    }
}

/// The links of one field value. Commas and semicolons inside `<…>` and quotes do not separate. Reading ends
/// at the first text that is not a link.
fn links(value: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let mut rest = value;
    while links.len() < MOST {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let Some((target, behind)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'))
        else {
            break;
        };
        let mut parameters = Vec::new();
        rest = behind.trim_start();
        while let Some(behind) = rest.strip_prefix(';') {
            let (name, value, behind) = parameter(behind);
            if !name.is_empty() {
                parameters.push((name, value));
            }
            rest = behind.trim_start();
        }
        links.push(Link { target, parameters });
    }
    links
}

/// Reads one parameter, and returns it with the text after it.
fn parameter(text: &str) -> (&str, String, &str) {
    let text = text.trim_start();
    let (name, behind) = text.split_at(text.find([';', ',', '=']).unwrap_or(text.len()));
    let name = name.trim_end();
    let Some(value) = behind.strip_prefix('=').map(str::trim_start) else {
        return (name, String::new(), behind);
    };
    let Some(quoted) = value.strip_prefix('"') else {
        let (value, behind) = value.split_at(value.find([';', ',']).unwrap_or(value.len()));
        return (name, value.trim_end().to_owned(), behind);
    };
    let (mut unquoted, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return (name, unquoted, &quoted[at + 1..]),
            c => {
                unquoted.push(c);
                escaped = false;
            }
        }
    }
    (name, unquoted, "")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(fields: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(LINK, HeaderValue::from_str(field).ok()?);
        }
        next_link(&headers, &Url::parse("http://h/a?page=1").ok()?)
    }

    #[test]
    fn the_next_page_is_found_among_other_links() {
        for fields in [
            &["</a?x=1,2;3>; rel=prev, </n>; title=\"x\"; REL=\"last Next\", </c>; rel=last"][..],
            &["</a>; rel=prev", "</n>;rel=next"],
            &["</n> ; title=\"a, <b>; rel=prev\" ; rel = \"next\""],
            &["</n>; title=\"say \\\"x\\\"; rel=prev\"; rel=next"],
            &["</n>; flag; rel=next"],
            &["</n>; rel=next; anchor=\"\""],
            &["</n>; rel=next; anchor=\"/a?page=1#top\""],
        ] {
            assert_eq!(read(fields).as_deref(), Some("/n"), "{fields:?}");
        }
    }

    #[test]
    fn what_only_looks_like_the_next_page_is_not_taken_for_it() {
        for fields in [
            &["</n>; rel=prev; title=\"before; rel=next\""][..],
            &["</n>; title=\"a, <b>; rel=next\"; rel=prev"],
            &["</n>; rel=prev; rel=next"],
            &["</n>; rel=next; anchor=\"/other\""],
            &["</n>; title=\"open; rel=next"],
            &["</n>; xrel=next"],
            &["no link; rel=next"],
            &[""],
            &[],
        ] {
            assert_eq!(read(fields), None, "{fields:?}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read(text: String, marks in "[<>;,=\"\\\\ relnxt]*") {
            let _ = (links(&text), links(&marks));
        }
    }
}
