//! Untrusted text shown in one line, for messages and logs.

/// Returns the text in one line, with white space collapsed, invisible characters removed, and cut after `longest`
/// characters.
pub fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let gap = (length > 0).then_some(' ');
        for character in gap.into_iter().chain(word.chars()) {
            if is_invisible(character) {
                continue;
            }
            if length == longest {
                line.push('…');
                return line;
            }
            line.push(character);
            length += 1;
        }
    }
    line
}

/// Whether the character is a control character, has no width, or changes the direction of text on a terminal or
/// in a log.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_for_a_log_cannot_break_out_of_its_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m\u{202E}c", 256), "a b[31mc");
        assert_eq!(one_line("abc d", 4), "abc …");
    }
}
