//! Finds the value that identifies the elements of a list whose key is not declared.

use super::similarity::has_parts;
use crate::json::{Node, Table, Tree, View};

/// A step to a value within an element.
#[derive(Clone, Copy)]
pub(super) enum Step<'t> {
    Member(&'t str),
    Element(usize),
}

/// Returns the first place within the elements that holds distinct values, and the element of each value. A member with
/// the name of an identifier comes first.
pub(super) fn identity<'t>(elements: &[Node<'t>]) -> Option<(Vec<Step<'t>>, Table<u64, usize>)> {
    /// Maximum number of places that are tried.
    const PLACES: usize = 8;
    let [first, _, ..] = elements else {
        return None;
    };
    let mut found = Vec::new();
    places_in(*first, &mut Vec::new(), PLACES, &mut found);
    let is_id =
        |place: &Vec<Step<'t>>| matches!(place.last(), Some(Step::Member(name)) if names_id(name));
    found.sort_by_key(|place| !is_id(place));
    found.into_iter().find_map(|place| {
        let mut places = Table::default();
        let is_new = |(at, element): (usize, &Node<'t>)| {
            telling(*element, &place).is_some_and(|value| places.insert(value, at).is_none())
        };
        let tells = elements.iter().enumerate().all(is_new);
        tells.then_some((place, places))
    })
}

/// Whether a member with this name usually identifies an object.
fn names_id(name: &str) -> bool {
    let name = name
        .trim_start_matches(['_', '@', '$'])
        .to_ascii_lowercase();
    matches!(name.as_str(), "id" | "uid" | "uuid" | "guid" | "key")
}

/// Returns the places of the first texts and numbers within a value.
fn places_in<'t>(
    value: Node<'t>,
    path: &mut Vec<Step<'t>>,
    most: usize,
    found: &mut Vec<Vec<Step<'t>>>,
) {
    if found.len() >= most {
        return;
    }
    if !has_parts(value) {
        return found.push(path.clone());
    }
    let members = value
        .each_member()
        .map(|(key, member)| (Step::Member(key.name), member));
    let elements = value.each_element().enumerate();
    let elements = elements.map(|(at, element)| (Step::Element(at), element));
    for (step, part) in members.chain(elements).take(most) {
        path.push(step);
        places_in(part, path, most, found);
        path.pop();
    }
}

/// Returns the digest of the value at a place, which must be a text or a number to identify an element.
pub(super) fn telling<'t>(element: Node<'t>, place: &[Step<'t>]) -> Option<u64> {
    let value = place.iter().try_fold(element, |value, step| match step {
        Step::Member(name) => {
            let mut members = value.each_member();
            members
                .find(|(key, _)| key.name == *name)
                .map(|(_, member)| member)
        }
        Step::Element(at) => value.each_element().nth(*at),
    })?;
    let is_scalar = matches!(value.view(), View::String(_) | View::Number(_));
    is_scalar.then(|| value.digest())
}
