//! Conflicts between markers, as git writes them.

use ifmatch::json::Document;
use ifmatch::merge::{FieldConflict, MarkerStyle, MergedDocument, Side, pick_side, text};

/// The names of the sides in the markers.
const NAMES: [&str; 3] = ["yours", "base", "theirs"];

/// Returns a merged document with its open places between markers.
///
/// The base is among them, unless the places are too entangled to show three sides of each.
pub(crate) fn marked(merged: &MergedDocument, show: impl Fn(&Document) -> String) -> String {
    let sides = |side| show(&pick_side(&merged.document, &merged.conflicts, side));
    let (mine, theirs) = (sides(Side::Local), sides(Side::Remote));
    let base = show(&base_of(merged));
    let three = text(&base, &mine, &theirs).with_markers(MarkerStyle::Diff3, NAMES);
    // A merge by lines may settle what the rules leave open. Nothing may be settled here.
    let is_whole = solved(&three, 0) == mine && solved(&three, 2) == theirs;
    if is_whole {
        three
    } else {
        text("", &mine, &theirs).with_markers(MarkerStyle::Merge, NAMES)
    }
}

/// Returns the merged document with the open places as they were in the base.
fn base_of(merged: &MergedDocument) -> Document {
    let bases = merged.conflicts.iter().map(|conflict| {
        let (pointer, base) = (conflict.pointer.clone(), conflict.base.clone());
        FieldConflict::new(pointer, conflict.kind, None, base, None)
    });
    pick_side(&merged.document, &bases.collect::<Vec<_>>(), Side::Local)
}

/// Whether a text still has markers. A line of `=======` alone does not count, because it
/// is a heading in some texts.
pub(crate) fn has_markers(text: &str) -> bool {
    text.lines().any(|line| MARKERS.contains(&line))
}

/// The markers that begin with a name.
const MARKERS: [&str; 3] = ["<<<<<<< yours", "||||||| base", ">>>>>>> theirs"];

/// Returns a text with one side in place of each conflict: 0 yours, 1 base, 2 theirs.
fn solved(marked: &str, side: usize) -> String {
    let mut at = None;
    let lines = marked.split_inclusive('\n').filter(|line| {
        let next = match (line.trim_end_matches(['\n', '\r']), at) {
            ("<<<<<<< yours", None) => Some(0),
            ("||||||| base", Some(0)) => Some(1),
            ("=======", Some(1)) => Some(2),
            (">>>>>>> theirs", Some(2)) => None,
            _ => return at.is_none_or(|at| at == side),
        };
        at = next;
        false
    });
    lines.collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use ifmatch::{Policy, Rule, ThreeWay};

    use crate::content::Shape;

    use super::*;

    fn merge(policy: Policy, sides: [&str; 3]) -> MergedDocument {
        let [base, local, remote] = sides.map(|side| side.parse().unwrap());
        ThreeWay::new(policy).merge_documents(Some(&base), &local, &remote)
    }

    #[test]
    fn each_open_place_is_shown_with_three_sides() {
        let sides = [
            r#"{"a":1,"b":1,"c":1}"#,
            r#"{"a":2,"b":2,"c":1}"#,
            r#"{"a":3,"b":1,"c":2}"#,
        ];
        let shown = marked(&merge(Policy::new(), sides), |it| Shape::Json.show(it));
        let expected = "{\n<<<<<<< yours\n  \"a\": 2,\n||||||| base\n  \"a\": 1,\n=======\n  \"a\": \
                        3,\n>>>>>>> theirs\n  \"b\": 2,\n  \"c\": 2\n}\n";
        assert_eq!(shown, expected);
        assert!(has_markers(&shown));
    }

    #[test]
    fn a_place_that_a_merge_by_lines_would_settle_stays_open() {
        let policy = Policy::new().field("/p", Rule::Atomic);
        let sides = [
            r#"{"p":{"x":1,"a":0,"b":0,"y":1}}"#,
            r#"{"p":{"x":2,"a":0,"b":0,"y":1}}"#,
            r#"{"p":{"x":1,"a":0,"b":0,"y":2}}"#,
        ];
        let shown = marked(&merge(policy, sides), |it| Shape::Json.show(it));
        assert!(has_markers(&shown), "{shown}");
        assert!(
            shown.contains("\"x\": 2") && shown.contains("\"x\": 1"),
            "{shown}"
        );
    }

    #[test]
    fn a_heading_of_equals_signs_is_no_marker() {
        assert!(!has_markers("Tea\n=======\n"));
        assert!(has_markers("a\n>>>>>>> theirs\n"));
    }

    #[test]
    fn a_removal_against_a_change_is_shown_with_an_empty_side() {
        let sides = [r#"{"a":1,"z":0}"#, r#"{"z":0}"#, r#"{"a":2,"z":0}"#];
        let shown = marked(&merge(Policy::new(), sides), |it| Shape::Json.show(it));
        let expected = "{\n<<<<<<< yours\n||||||| base\n  \"a\": 1,\n=======\n  \"a\": 2,\n>>>>>>> \
                        theirs\n  \"z\": 0\n}\n";
        assert_eq!(shown, expected);
    }
}
