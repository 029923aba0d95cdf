//! Removes values from a text and inserts values into it.

use std::borrow::Cow;

use super::node_kind::NodeKind;
use super::pointer;
use super::tape::Node;
use super::write;

pub(super) fn find<'t>(root: Node<'t>, tokens: &[Cow<'_, str>]) -> Option<Node<'t>> {
    tokens
        .iter()
        .try_fold(root, |node, token| child(node, token))
}

fn child<'t>(node: Node<'t>, token: &str) -> Option<Node<'t>> {
    match node.kind() {
        NodeKind::Array => node.children_of_array().nth(pointer::index(token)?),
        NodeKind::Object => node
            .children_of_object()
            .find(|(key, _)| key.content() == token)
            .map(|(_, value)| value),
        _ => None,
    }
}

/// Returns the text with `value` at the path, or `None` if the path leads through a scalar or a missing element.
pub(super) fn set(root: Node<'_>, tokens: &[Cow<'_, str>], value: &str) -> Option<String> {
    let text = root.whole_text();
    let mut node = root;
    for (depth, token) in tokens.iter().enumerate() {
        if let Some(next) = child(node, token) {
            node = next;
            continue;
        }
        let rest = &tokens[depth + 1..];
        let last = match node.kind() {
            NodeKind::Object => node.children_of_object().last().map(|(_, value)| value),
            NodeKind::Array => {
                let count = node.children_of_array().count();
                if token != "-" && pointer::index(token)? != count {
                    return None;
                }
                node.children_of_array().last()
            }
            _ => return None,
        };
        let mut new = String::new();
        if last.is_some() {
            new.push(',');
        }
        if node.kind() == NodeKind::Object {
            write::key(token, &mut new);
            new.push(':');
        }
        for token in rest {
            new.push('{');
            write::key(token, &mut new);
            new.push(':');
        }
        new.push_str(value);
        new.extend(rest.iter().map(|_| '}'));
        let at = last.map_or(node.range().start + 1, |last| last.range().end);
        return Some(splice(text, at..at, &new));
    }
    Some(splice(text, node.range(), value))
}

/// Returns the text without the member or element, or `None` if it does not exist.
pub(super) fn remove(root: Node<'_>, tokens: &[Cow<'_, str>]) -> Option<String> {
    let (last, parents) = tokens.split_last()?;
    let parent = find(root, parents)?;
    // The text ranges of all members or elements, including keys.
    let (ranges, at): (Vec<_>, usize) = match parent.kind() {
        NodeKind::Array => {
            let at = pointer::index(last)?;
            (parent.children_of_array().map(Node::range).collect(), at)
        }
        NodeKind::Object => {
            let at = parent
                .children_of_object()
                .position(|(key, _)| key.content() == last)?;
            (
                parent
                    .children_of_object()
                    .map(|(key, value)| key.range().start..value.range().end)
                    .collect(),
                at,
            )
        }
        _ => return None,
    };
    let gone = ranges.get(at)?.clone();
    let cut = if at > 0 {
        ranges[at - 1].end..gone.end
    } else if let Some(next) = ranges.get(1) {
        gone.start..next.start
    } else {
        gone
    };
    Some(splice(root.whole_text(), cut, ""))
}

fn splice(text: &str, range: std::ops::Range<usize>, new: &str) -> String {
    let mut out = String::with_capacity(text.len() + new.len());
    out.push_str(&text[..range.start]);
    out.push_str(new);
    out.push_str(&text[range.end..]);
    out
}
