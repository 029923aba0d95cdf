//! JSON Pointer (RFC 6901).

use std::borrow::Cow;

/// Appends one reference token to a pointer, escaped (RFC 6901 section 3).
pub fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    if !token.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        return pointer.push_str(token);
    }
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// Returns the unescaped tokens of a pointer, or `None` if it does not begin with `/` or contains a stray `~`.
pub(crate) fn tokens(pointer: &str) -> Option<Vec<Cow<'_, str>>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer
        .strip_prefix('/')?
        .split('/')
        .map(unescape)
        .collect()
}

fn unescape(token: &str) -> Option<Cow<'_, str>> {
    if !token.contains('~') {
        return Some(Cow::Borrowed(token));
    }
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        match c {
            '~' => match chars.next()? {
                '0' => out.push('~'),
                '1' => out.push('/'),
                _ => return None,
            },
            other => out.push(other),
        }
    }
    Some(Cow::Owned(out))
}

/// Parses an array index, which consists of digits without leading zeros (RFC 6901 section 4).
pub(crate) fn index(token: &str) -> Option<usize> {
    let plain =
        token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    if plain { token.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_go_there_and_back() {
        let mut pointer = String::new();
        push(&mut pointer, "a/b");
        push(&mut pointer, "m~n");
        push(&mut pointer, "");
        assert_eq!(pointer, "/a~1b/m~0n/");
        assert_eq!(
            tokens(&pointer),
            Some(vec!["a/b".into(), "m~n".into(), "".into()])
        );
    }

    #[test]
    fn malformed_pointers_are_refused() {
        assert_eq!(tokens("a"), None);
        assert_eq!(tokens("/~2"), None);
        assert_eq!(tokens("/~"), None);
        assert_eq!(index("01"), None);
        assert_eq!(index("+1"), None);
        assert_eq!(index(""), None);
        assert_eq!(index("10"), Some(10));
    }
}
