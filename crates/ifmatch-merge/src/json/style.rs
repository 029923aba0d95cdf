//! The white space of an array or object, so that a changed one is formatted like the original.

use super::tape::Node;

/// The white space of an array or object.
pub(crate) struct Style<'t> {
    open: &'t str,
    comma: &'t str,
    pub(crate) colon: &'t str,
    close: &'t str,
}

impl<'t> Style<'t> {
    /// Returns the style of an array or object, or no white space if it has no parts.
    pub(crate) fn of(like: Option<Node<'t>>) -> Self {
        let compact = Style {
            open: "",
            comma: ",",
            colon: ":",
            close: "",
        };
        let Some(node) = like else { return compact };
        let text = node.whole_text();
        let mut elements = node
            .children_of_array()
            .map(|child| (child.range(), child.range()));
        let mut members = node
            .children_of_object()
            .map(|(key, value)| (key.range(), value.range()));
        let mut next = || elements.next().or_else(|| members.next());
        let Some((key, value)) = next() else {
            return compact;
        };
        let second = next();
        let range = node.range();
        let open = &text[range.start + 1..key.start];
        // Start from the end of the last child, which is found without walking all children.
        let inside = text[..range.end - 1].trim_end_matches([' ', '\t', '\n', '\r']);
        Style {
            open,
            comma: second.map_or(",", |(second, _)| &text[value.end..second.start]),
            colon: if key == value {
                ":"
            } else {
                &text[key.end..value.start]
            },
            close: &text[inside.len()..range.end - 1],
        }
    }

    /// Writes an array or object of so many parts, each of which the function writes.
    pub(crate) fn write(
        &self,
        out: &mut String,
        brackets: [char; 2],
        count: usize,
        mut part: impl FnMut(usize, &mut String),
    ) {
        out.push(brackets[0]);
        for at in 0..count {
            if at == 0 {
                out.push_str(self.open);
            } else {
                out.push_str(self.comma);
                if self.comma.len() == 1 {
                    out.push_str(self.open);
                }
            }
            part(at, out);
        }
        if count > 0 {
            out.push_str(self.close);
        }
        out.push(brackets[1]);
    }
}
