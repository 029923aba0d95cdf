//! The structure of a type as serde sees it: the names it reads and writes, its variants, its lists and maps.
//!
//! `#[derive(Merge)]` generates it ([`Merge::shape`](crate::merge::Merge)) and attaches the rules to its places. A
//! user's policy is applied on top by pointers and never replaces it. A type is entered only when a walk reaches
//! it, because types may contain themselves.

mod fields;
mod map_key;
mod pointers;
mod variants;
mod walk;

use std::sync::{Arc, OnceLock};

use crate::merge::{CompiledPolicy, Policy, Rule};

pub(crate) use fields::{Fields, Known};
pub use map_key::MapKey;
pub(crate) use walk::step;

/// The structure of one type. Not for use by hand.
#[derive(Debug, Clone, Default)]
pub struct Shape(Arc<ShapeKind>);

#[derive(Debug, Default)]
pub(crate) enum ShapeKind {
    /// Nothing is known: a value of any form, or one that functions write.
    #[default]
    Unknown,
    /// One value without parts.
    Scalar,
    /// A list. If it is not ordered, its elements form a set.
    List {
        element: Place,
        ordered: bool,
    },
    /// Parts identified by their position.
    Tuple(Vec<Place>),
    Map {
        key: KeyName,
        value: Place,
    },
    Object(ObjectShape),
    Enum(Enum),
    /// A type written as another type: a newtype, an `Option`, a `Box`.
    Same(Place),
    /// A type with known rules but unknown structure, because `Merge` was implemented by hand.
    Ruled(fn() -> Policy, OnceLock<Box<CompiledPolicy>>),
}

/// Returns a map key as the type writes it, or `None` if the type has no such key.
pub(crate) type KeyName = fn(&str) -> Option<String>;

/// The members that one type writes.
#[derive(Debug, Default)]
pub(crate) struct ObjectShape {
    pub(crate) members: Vec<Member>,
    /// Types whose members are flattened into this object.
    pub(crate) flattened: Vec<Place>,
}

/// One member of an object. Not for use by hand.
#[derive(Debug)]
pub struct Member {
    pub(crate) written: &'static str,
    /// The names under which the member is read. Empty if it is only written.
    pub(crate) read: &'static [&'static str],
    pub(crate) is_written: bool,
    /// Whether the type cannot read an object without the member.
    pub(crate) is_required: bool,
    /// Whether some values are written without the member and may be read back as another value.
    pub(crate) is_skipped: bool,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) tag: Tagging,
    pub(crate) variants: Vec<Variant>,
}

/// Where the document of an enum names its variant. Not for use by hand.
#[derive(Debug, Clone, Copy)]
pub enum Tagging {
    /// As the only key, or as a string.
    External,
    /// As a member beside the content.
    Internal(&'static str),
    /// As a member, with another member for the content.
    Adjacent(&'static str, &'static str),
    /// The document does not name the variant.
    Untagged,
}

/// One variant of an enum. Not for use by hand.
#[derive(Debug)]
pub struct Variant {
    pub(crate) written: &'static str,
    pub(crate) read: &'static [&'static str],
    /// Whether only the form of the content identifies the variant, independently of the other variants.
    pub(crate) untagged: bool,
    /// The content, or `None` if the variant has none.
    pub(crate) content: Option<Place>,
}

/// A place in a type, with the type of its value and the rule that the type declares for it. Not for use by hand.
#[derive(Debug, Default)]
pub struct Place {
    pub(crate) rule: Option<Rule>,
    pub(crate) range: Option<(i128, i128)>,
    make: Option<fn() -> Shape>,
    known: OnceLock<Shape>,
    /// Whether a value written there may be read as another value, or not at all.
    pub(crate) is_unproven: bool,
}

impl Shape {
    /// Creates the shape of a type of which nothing is known.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Creates the shape of a value without parts.
    pub fn scalar() -> Self {
        Self(Arc::new(ShapeKind::Scalar))
    }

    /// Creates the shape of a list.
    pub fn list(element: Place) -> Self {
        let ordered = true;
        Self(Arc::new(ShapeKind::List { element, ordered }))
    }

    /// Creates the shape of a list whose order does not matter.
    pub fn set(element: Place) -> Self {
        let ordered = false;
        Self(Arc::new(ShapeKind::List { element, ordered }))
    }

    /// Creates the shape of a tuple or an array.
    pub fn tuple(parts: Vec<Place>) -> Self {
        Self(Arc::new(ShapeKind::Tuple(parts)))
    }

    /// Creates the shape of a map.
    pub fn map<K: MapKey>(value: Place) -> Self {
        let key = map_key::name::<K>;
        Self(Arc::new(ShapeKind::Map { key, value }))
    }

    /// Creates the shape of an object with these members and those of the flattened types.
    pub fn object(members: Vec<Member>, flattened: Vec<Place>) -> Self {
        Self(Arc::new(ShapeKind::Object(ObjectShape {
            members,
            flattened,
        })))
    }

    /// Creates the shape of an enum.
    pub fn variants(tag: Tagging, variants: Vec<Variant>) -> Self {
        Self(Arc::new(ShapeKind::Enum(Enum { tag, variants })))
    }

    /// Creates the shape of a type that is written as another type.
    pub fn same(place: Place) -> Self {
        Self(Arc::new(ShapeKind::Same(place)))
    }

    /// Creates the shape of a type of which only the rules are known.
    pub fn ruled(policy: fn() -> Policy) -> Self {
        Self(Arc::new(ShapeKind::Ruled(policy, OnceLock::new())))
    }

    pub(crate) fn kind(&self) -> &ShapeKind {
        &self.0
    }
}

impl ShapeKind {
    /// Returns the rules of a type of which nothing else is known.
    pub(crate) fn compiled(&self) -> Option<&CompiledPolicy> {
        let ShapeKind::Ruled(policy, compiled) = self else {
            return None;
        };
        Some(compiled.get_or_init(|| Box::new(CompiledPolicy::of(&policy()))))
    }
}

impl Place {
    /// Creates a place whose type is entered on demand.
    pub fn of(shape: fn() -> Shape) -> Self {
        Self {
            make: Some(shape),
            ..Self::default()
        }
    }

    /// Creates a place whose type may be unknown.
    pub fn if_known(shape: Option<fn() -> Shape>) -> Self {
        Self {
            make: shape,
            is_unproven: shape.is_none(),
            ..Self::default()
        }
    }

    /// Marks that a function reads the value.
    pub fn unproven(mut self) -> Self {
        self.is_unproven = true;
        self
    }

    /// Creates a place with a known shape.
    pub fn here(shape: Shape) -> Self {
        Self {
            known: OnceLock::from(shape),
            ..Self::default()
        }
    }

    /// Sets the rule of the place.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Sets the range of a counter.
    pub fn range(mut self, least: i128, most: i128) -> Self {
        self.range = Some((least, most));
        self
    }

    pub(crate) fn shape(&self) -> &Shape {
        self.known
            .get_or_init(|| self.make.map_or_else(Shape::unknown, |make| make()))
    }
}

impl Member {
    /// Creates a member that is written and read.
    pub fn new(written: &'static str, read: &'static [&'static str], place: Place) -> Self {
        Self {
            written,
            read,
            is_written: true,
            is_required: false,
            is_skipped: false,
            place,
        }
    }

    /// Marks that the type cannot read an object without the member.
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Marks that some values are written without the member and may be read back as another value.
    pub fn skipped(mut self) -> Self {
        self.is_skipped = true;
        self
    }

    /// Marks that the type reads the member but never writes it.
    pub fn read_only(mut self) -> Self {
        self.is_written = false;
        self
    }
}

impl Variant {
    /// Creates a variant.
    pub fn new(
        written: &'static str,
        read: &'static [&'static str],
        content: Option<Place>,
    ) -> Self {
        Self {
            written,
            read,
            untagged: false,
            content,
        }
    }

    /// Marks that only the form of the content identifies the variant.
    pub fn untagged(mut self) -> Self {
        self.untagged = true;
        self
    }

    /// Whether a document may use this name for the variant.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        !self.untagged && (self.written == name || self.read.contains(&name))
    }
}
