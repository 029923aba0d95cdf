//! Reads bodies for people: plain text and HTML pages, of which one line is kept.

use url::Url;

use super::Problem;

/// The longest line that is taken from a body or shown to users, in characters.
const LONGEST_LINE: usize = 256;
/// The part of a page that is searched for its title, in bytes.
const HEAD: usize = 16 * 1024;
/// The part of a body that is searched for signs of an HTML page, in bytes.
const PROLOGUE: usize = 1024;

/// Returns the first line with any text, without control characters, or `None` for binary data.
pub(super) fn first_line(body: &str) -> Option<String> {
    let line = body.lines().map(str::trim).find(|line| !line.is_empty())?;
    let head = || line.chars().take(LONGEST_LINE);
    let odd =
        |c: &char| *c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace());
    let readable = head().filter(odd).count() * 8 <= head().count();
    readable.then(|| one_line(line))
}

/// Returns the text in one line, shortened if it is too long.
pub(super) fn one_line(text: &str) -> String {
    ifmatch_merge::internal::one_line(text, LONGEST_LINE)
}

/// Returns the text, of at most [`Problem::MAX_TEXT`] characters. A longer text is shortened and ends in `…`,
/// and `cut` becomes true.
pub(super) fn bounded(text: &str, cut: &mut bool) -> String {
    if text.chars().nth(Problem::MAX_TEXT).is_none() {
        return text.to_owned();
    }
    *cut = true;
    let kept = text.chars().take(Problem::MAX_TEXT - 1);
    kept.chain(std::iter::once('…')).collect()
}

/// Whether a text is a URI reference, rather than a word of a dialect.
pub(super) fn is_uri(text: &str) -> bool {
    let plain = !text.contains(char::is_whitespace);
    plain && (text.contains(['/', '#']) || Url::parse(text).is_ok())
}

/// Whether a body that starts with `<` is an HTML page, by its doctype or first element.
pub(super) fn looks_like_html(body: &str) -> bool {
    let start = head(body, PROLOGUE);
    find(start, b"<!doctype html")
        .or_else(|| find(start, b"<html"))
        .is_some()
}

/// The title of an HTML page.
pub(super) fn html_title(body: &str) -> Option<String> {
    let start = head(body, HEAD);
    let title = start.get(find(start, b"<title")?..)?;
    let title = title.get(title.iter().position(|&byte| byte == b'>')? + 1..)?;
    let title = title.get(..find(title, b"</title")?)?;
    let title = one_line(&unescape(&String::from_utf8_lossy(title)));
    (!title.is_empty()).then_some(title)
}

/// Replaces the entities that occur in titles. `&amp;` comes last, so that nothing is decoded twice.
fn unescape(title: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(title.to_owned(), |title, (entity, text)| {
        title.replace(entity, text)
    })
}

fn head(body: &str, length: usize) -> &[u8] {
    body.as_bytes().get(..length).unwrap_or(body.as_bytes())
}

/// The position of the lower-case needle in the text, ignoring case.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_line_of_text_is_kept_and_bounded() {
        assert_eq!(
            first_line("\n  one\ttwo\u{7} \nthree").as_deref(),
            Some("one two")
        );
        assert_eq!(first_line(" \n\t\n"), None);
        assert_eq!(first_line("\u{0}\u{1}\u{FFFD}PNG"), None);
        let long = first_line(&"é".repeat(100_000)).unwrap_or_default();
        assert_eq!(long.chars().count(), LONGEST_LINE + 1);
        assert!(long.ends_with("é…"));
    }

    #[test]
    fn of_a_page_the_title_is_kept() {
        for (page, title) in [
            (
                "<html><head>\n<title>412 Precondition\n Failed</title>",
                Some("412 Precondition Failed"),
            ),
            (
                "<HTML><TITLE lang=en>A &amp;lt; B&nbsp;&#39;C&#39;</TITLE>",
                Some("A &lt; B 'C'"),
            ),
            ("<html><title></title>", None),
            ("<html><title>never closed", None),
            ("<html><title", None),
            ("<html>no title", None),
        ] {
            assert!(looks_like_html(page));
            assert_eq!(html_title(page).as_deref(), title, "{page}");
        }
        assert!(!looks_like_html("<Error><Code>X</Code></Error>"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        let mut cut = false;
        let whole = "é".repeat(Problem::MAX_TEXT);
        assert_eq!((bounded(&whole, &mut cut), cut), (whole.clone(), false));
        let longer = bounded(&format!("{whole}x"), &mut cut);
        assert!(cut && longer.ends_with("é…"));
        assert_eq!(longer.chars().count(), Problem::MAX_TEXT);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = (first_line(&text), html_title(&text), looks_like_html(&text));
        }
    }
}
