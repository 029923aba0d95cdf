//! The members of one object as far as its type defines them, including those of its variant and flattened ones.

use std::borrow::Cow;

use super::{KeyName, Member, Place, Shape, Variant};
use crate::json::Tree;
use crate::merge::CompiledPolicy;

/// The members that a type defines for one object.
#[derive(Debug, Default)]
pub(crate) struct Fields<'s, 't> {
    pub(super) parts: Vec<FieldSource<'s>>,
    /// The variants of the enums that the object holds, in the order of the type.
    pub(super) variants: Vec<DocumentVariant<'t>>,
    /// Whether some of its members are unknown.
    pub(super) open: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum FieldSource<'s> {
    Members(&'s [Member]),
    /// The variants of an externally tagged enum, which appear as members.
    Variants(&'s [Variant]),
    /// The tag of an enum, which appears as a member.
    Tag(&'static str),
    Content(&'static str, Option<&'s Place>),
    Map(KeyName, &'s Place),
    Ruled(&'s CompiledPolicy),
}

/// The variant that a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocumentVariant<'t> {
    Known(usize),
    /// A variant name that the type does not have.
    Named(&'t str),
    Missing,
}

/// What is known about one member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'s> {
    pub(crate) place: Option<&'s Place>,
    /// The rules of a type whose `Merge` implementation was written by hand.
    pub(crate) compiled: Option<&'s CompiledPolicy>,
    names: Names,
}

#[derive(Debug, Clone, Copy)]
enum Names {
    Of {
        written: &'static str,
        read: &'static [&'static str],
    },
    /// An entry of a map.
    Entry(KeyName),
    /// A member known only by the name used to look it up.
    Same,
}

impl<'s> Known<'s> {
    /// Creates the member for a place without a name, such as that of an element.
    pub(crate) fn of(place: &'s Place) -> Self {
        same(Some(place))
    }
    /// Returns the name under which the type reads the member, if it differs from the one it writes.
    pub(crate) fn other_name(&self) -> Option<&'static str> {
        match self.names {
            Names::Of { written, read } if !read.contains(&written) => read.first().copied(),
            _ => None,
        }
    }

    /// Returns the name as the type writes it.
    fn written<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self.names {
            Names::Of { written, .. } => Cow::Borrowed(written),
            Names::Entry(key) => key(name).map_or(Cow::Borrowed(name), Cow::Owned),
            Names::Same => Cow::Borrowed(name),
        }
    }
}

impl<'s, 't> Fields<'s, 't> {
    /// Returns the members that the type defines for an object. The variant is determined from the object itself.
    pub(crate) fn of<T: Tree<'t>>(shape: Option<&'s Shape>, object: T) -> Self {
        let mut fields = Self::default();
        match shape {
            Some(shape) => fields.add(shape, object, false),
            None => fields.open = true,
        }
        fields
    }

    /// Creates fields of which nothing is known.
    pub(crate) fn unknown() -> Self {
        Self {
            open: true,
            ..Self::default()
        }
    }

    /// Marks that members may have unknown names.
    pub(crate) fn opened(mut self) -> Self {
        self.open = true;
        self
    }

    /// Whether unknown members may still belong to the type.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the type cannot read an object without this member.
    pub(crate) fn requires(&self, written: &str) -> bool {
        let members = self.parts.iter().filter_map(|part| match part {
            FieldSource::Members(members) => Some(*members),
            _ => None,
        });
        let mut members = members.flatten();
        members.any(|member| member.written == written && member.is_required)
    }

    /// Whether this is the member that names a variant.
    pub(crate) fn is_tag(&self, name: &str) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, FieldSource::Tag(tag) if *tag == name))
    }

    /// Whether the object holds an enum.
    pub(crate) fn has_variants(&self) -> bool {
        !self.variants.is_empty()
    }

    /// Whether both objects hold the same variants.
    pub(crate) fn agrees_with(&self, other: &Fields<'_, '_>) -> bool {
        self.variants == other.variants
    }

    /// Whether some member can have several names.
    pub(crate) fn renames(&self) -> bool {
        self.parts.iter().any(|part| match part {
            FieldSource::Members(members) => members.iter().any(|m| m.read != [m.written]),
            FieldSource::Variants(variants) => variants.iter().any(|v| v.read != [v.written]),
            FieldSource::Map(..) => true,
            FieldSource::Tag(_) | FieldSource::Content(..) | FieldSource::Ruled(_) => false,
        })
    }

    /// Returns the member that the type reads under this name.
    pub(crate) fn read_as(&self, name: &str) -> Option<Known<'s>> {
        self.find(name, |_, read| read.contains(&name))
    }

    /// Returns the member that the type writes under this name.
    pub(crate) fn written_as(&self, name: &str) -> Option<Known<'s>> {
        self.find(name, |written, _| written == name)
    }

    /// Returns the member that a document may contain under this name.
    pub(crate) fn named(&self, name: &str) -> Option<Known<'s>> {
        self.find(name, |written, read| {
            written == name || read.contains(&name)
        })
    }

    /// Returns one name for all names that a member can have in a document.
    pub(crate) fn one_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let known = self.named(name);
        known.map_or(Cow::Borrowed(name), |known| known.written(name))
    }

    /// Returns one name for all names of a member that the type reads, or `None` if it reads no such member.
    pub(crate) fn canonical<'a>(&self, name: &'a str) -> Option<Cow<'a, str>> {
        match self.read_as(name) {
            Some(known) => Some(known.written(name)),
            None if self.open => Some(Cow::Borrowed(name)),
            None => None,
        }
    }

    fn find(
        &self,
        name: &str,
        is: impl Fn(&'static str, &'static [&'static str]) -> bool,
    ) -> Option<Known<'s>> {
        let of = |written: &'static str, read: &'static [&'static str], place| Known {
            place,
            compiled: None,
            names: Names::Of { written, read },
        };
        let entry = |part: &FieldSource<'s>| match *part {
            // A name that no other part has belongs to the map.
            FieldSource::Map(key, place) => key(name).map(|_| Known {
                place: Some(place),
                compiled: None,
                names: Names::Entry(key),
            }),
            _ => None,
        };
        let known = self.parts.iter().find_map(|part| match *part {
            FieldSource::Members(members) => {
                let mut members = members.iter().filter(|m| is(m.written, m.read));
                members
                    .next()
                    .map(|m| of(m.written, m.read, Some(&m.place)))
            }
            FieldSource::Variants(variants) => {
                let mut variants = variants.iter();
                let found = variants.find(|v| !v.untagged && is(v.written, v.read));
                found.map(|v| of(v.written, v.read, v.content.as_ref()))
            }
            FieldSource::Tag(tag) if tag == name => Some(same(None)),
            FieldSource::Content(content, place) if content == name => Some(same(place)),
            FieldSource::Ruled(compiled) => compiled.beneath(name).map(|compiled| Known {
                compiled: Some(compiled),
                ..same(None)
            }),
            FieldSource::Tag(_) | FieldSource::Content(..) | FieldSource::Map(..) => None,
        });
        known.or_else(|| self.parts.iter().find_map(entry))
    }
}

fn same(place: Option<&Place>) -> Known<'_> {
    Known {
        place,
        compiled: None,
        names: Names::Same,
    }
}
