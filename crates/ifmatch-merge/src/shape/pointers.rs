//! Resolves pointers into a type, for all variants that a document may hold.

use std::borrow::Cow;

use super::{Member, Place, Shape, ShapeKind, Tagging, step};
use crate::merge::Rule;

/// What a type has beneath one token.
enum Beneath<'s> {
    /// Any value.
    Anything,
    /// One of these places, depending on the variant. A tag has no place of its own.
    Places(Vec<Option<&'s Place>>),
}

impl Shape {
    /// Returns the first token of a pointer that no value of the type has.
    pub(crate) fn first_unknown_token<'a>(&self, tokens: &'a [Cow<'_, str>]) -> Option<&'a str> {
        let mut at = vec![self];
        for token in tokens {
            let mut next = Vec::new();
            let mut found = false;
            for shape in at {
                match shape.beneath(token) {
                    Beneath::Anything => return None,
                    Beneath::Places(places) => {
                        found = found || !places.is_empty();
                        next.extend(places.into_iter().flatten().map(Place::shape));
                    }
                }
            }
            if !found {
                return Some(token);
            }
            at = next;
        }
        None
    }

    /// Returns the rule that the type declares for a place, or `None` if its variants declare different rules.
    pub(crate) fn rule_at(&self, tokens: &[Cow<'_, str>]) -> Option<&Rule> {
        let mut at = vec![self.stood_for()];
        for token in tokens {
            let mut next = Vec::new();
            for step_ in at {
                if let Beneath::Places(places) = step_.shape.beneath(token) {
                    next.extend(places.into_iter().flatten().map(step));
                }
            }
            at = next;
        }
        match &*at {
            [only] => only.rule,
            _ => None,
        }
    }

    fn beneath(&self, token: &str) -> Beneath<'_> {
        let shape = self.stood_for().shape;
        match shape.kind() {
            ShapeKind::Unknown | ShapeKind::Ruled(..) | ShapeKind::Same(_) => Beneath::Anything,
            ShapeKind::List { element, .. } if token == "*" => Beneath::Places(vec![Some(element)]),
            ShapeKind::Tuple(parts) if token == "*" => {
                Beneath::Places(parts.iter().map(Some).collect())
            }
            ShapeKind::Scalar | ShapeKind::List { .. } | ShapeKind::Tuple(_) => {
                Beneath::Places(Vec::new())
            }
            ShapeKind::Map { value, .. } => Beneath::Places(vec![Some(value)]),
            ShapeKind::Object(object) => {
                let is =
                    |m: &&Member| token == "*" || m.written == token || m.read.contains(&token);
                let members = object.members.iter().filter(is);
                let mut places: Vec<_> = members.map(|member| Some(&member.place)).collect();
                for place in &object.flattened {
                    match place.shape().beneath(token) {
                        Beneath::Anything => return Beneath::Anything,
                        Beneath::Places(more) => places.extend(more),
                    }
                }
                Beneath::Places(places)
            }
            ShapeKind::Enum(of) => {
                let mut places = Vec::new();
                match of.tag {
                    Tagging::Internal(tag) if tag == token => places.push(None),
                    Tagging::Adjacent(tag, _) if tag == token => places.push(None),
                    _ => {}
                }
                for variant in &of.variants {
                    let content = variant.content.as_ref();
                    match of.tag {
                        Tagging::External if !variant.untagged => {
                            if token == "*" || variant.is_named(token) {
                                places.push(content);
                            }
                            continue;
                        }
                        Tagging::Adjacent(_, name) => {
                            if token == "*" || name == token {
                                places.push(content);
                            }
                            continue;
                        }
                        _ => {}
                    }
                    match content.map(|place| place.shape().beneath(token)) {
                        Some(Beneath::Anything) => return Beneath::Anything,
                        Some(Beneath::Places(more)) => places.extend(more),
                        None => {}
                    }
                }
                Beneath::Places(places)
            }
        }
    }
}
