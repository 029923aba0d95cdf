//! [`Part`]: a value that is changed in many places. Each change costs no more than its place in its array or object.

use std::borrow::Cow;

use super::digest::Table;
use super::pointer;
use super::style::Style;
use super::tape::{Node, Tape};
use super::tree::{Tree, View, same};
use super::write;

/// A value, of which only changed arrays and objects are taken apart.
#[derive(Debug)]
pub(super) enum Part<'t> {
    Kept(Node<'t>),
    Array(Box<ArrayPart<'t>>),
    Object(Box<ObjectPart<'t>>),
}

#[derive(Debug)]
pub(super) struct ArrayPart<'t> {
    /// The original, whose formatting is kept.
    like: Node<'t>,
    elements: Vec<Part<'t>>,
}

#[derive(Debug, Default)]
pub(super) struct ObjectPart<'t> {
    /// The original, whose formatting is kept. `None` for a new object.
    like: Option<Node<'t>>,
    /// The members. `None` in place of a removed one.
    members: Vec<Option<MemberPart<'t>>>,
    places: Table<Cow<'t, str>, usize>,
}

#[derive(Debug)]
struct MemberPart<'t> {
    name: Cow<'t, str>,
    /// The text of the key, or an empty text for a new member.
    raw_key: &'t str,
    value: Part<'t>,
}

impl<'t> Part<'t> {
    /// Returns a part of this array or object.
    pub(super) fn child(&mut self, token: &str) -> Option<&mut Self> {
        match self.taken_apart() {
            Self::Array(array) => array.elements.get_mut(pointer::index(token)?),
            Self::Object(object) => object.value(token),
            Self::Kept(_) => None,
        }
    }

    /// Adds a member, replaces the member of that name, or inserts an element before the one at an index. `-` is the
    /// index behind the last element. Returns `None` if that is impossible.
    pub(super) fn add(&mut self, token: Cow<'t, str>, value: Node<'t>) -> Option<()> {
        let value = Self::Kept(value);
        match self.taken_apart() {
            Self::Array(array) => {
                let elements = &mut array.elements;
                let at = if token == "-" {
                    elements.len()
                } else {
                    pointer::index(&token)?
                };
                (at <= elements.len()).then(|| elements.insert(at, value))
            }
            Self::Object(object) => {
                *object.value_or_new(token) = value;
                Some(())
            }
            Self::Kept(_) => None,
        }
    }

    /// Removes a member or element. Returns `None` if there is none.
    pub(super) fn remove(&mut self, token: &str) -> Option<()> {
        match self.taken_apart() {
            Self::Array(array) => {
                let elements = &mut array.elements;
                let at = pointer::index(token)?;
                (at < elements.len()).then(|| drop(elements.remove(at)))
            }
            Self::Object(object) => object.remove(token),
            Self::Kept(_) => None,
        }
    }

    /// Changes this object, or an empty one that takes the place of any other value.
    pub(super) fn as_object(&mut self, change: impl FnOnce(&mut ObjectPart<'t>)) {
        if !matches!(self.taken_apart(), Self::Object(_)) {
            *self = Self::Object(Box::default());
        }
        if let Self::Object(object) = self {
            change(object);
        }
    }

    /// Whether the value is equal to another one.
    pub(super) fn is(&self, value: Node<'t>) -> bool {
        if let Self::Kept(node) = self {
            return same(*node, value);
        }
        let mut text = String::new();
        self.write(&mut text);
        same(Tape::from_trusted(&text).root(), value)
    }

    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Kept(node) => node.write(out),
            Self::Array(array) => {
                let parts = &array.elements;
                Style::of(Some(array.like)).write(out, ['[', ']'], parts.len(), |at, out| {
                    parts[at].write(out);
                });
            }
            Self::Object(object) => {
                let style = Style::of(object.like);
                let members: Vec<_> = object.members.iter().flatten().collect();
                style.write(out, ['{', '}'], members.len(), |at, out| {
                    let member = members[at];
                    match member.raw_key {
                        "" => write::key(&member.name, out),
                        raw => out.push_str(raw),
                    }
                    out.push_str(style.colon);
                    member.value.write(out);
                });
            }
        }
    }

    fn taken_apart(&mut self) -> &mut Self {
        if let Self::Kept(node) = *self {
            match node.view() {
                View::Array => {
                    let elements = node.each_element().map(Self::Kept).collect();
                    *self = Self::Array(Box::new(ArrayPart {
                        like: node,
                        elements,
                    }));
                }
                View::Object => *self = Self::Object(Box::new(ObjectPart::of(node))),
                _ => {}
            }
        }
        self
    }
}

impl<'t> ObjectPart<'t> {
    fn of(node: Node<'t>) -> Self {
        let members = node.each_member().map(|(key, value)| {
            Some(MemberPart {
                name: Cow::Borrowed(key.name),
                raw_key: key.raw,
                value: Part::Kept(value),
            })
        });
        let names = node.each_member().map(|(key, _)| Cow::Borrowed(key.name));
        Self {
            like: Some(node),
            members: members.collect(),
            places: names.zip(0..).collect(),
        }
    }

    fn value(&mut self, name: &str) -> Option<&mut Part<'t>> {
        let at = *self.places.get(name)?;
        self.members[at].as_mut().map(|member| &mut member.value)
    }

    /// Removes a member. Returns `None` if there is none.
    pub(super) fn remove(&mut self, name: &str) -> Option<()> {
        let at = self.places.remove(name)?;
        self.members[at] = None;
        Some(())
    }

    /// Returns the value of a member. A member that does not exist is added as an empty object.
    pub(super) fn value_or_new(&mut self, name: Cow<'t, str>) -> &mut Part<'t> {
        let at = *self
            .places
            .entry(name.clone())
            .or_insert(self.members.len());
        if at == self.members.len() {
            self.members.push(None);
        }
        let member = self.members[at].get_or_insert_with(|| MemberPart {
            name,
            raw_key: "",
            value: Part::Object(Box::default()),
        });
        &mut member.value
    }
}
