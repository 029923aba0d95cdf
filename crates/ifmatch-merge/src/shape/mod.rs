//! What serde knows of a type, as a tree: the names it reads and writes, its variants, its lists and maps.
//!
//! `#[derive(Merge)]` writes it ([`Merge::shape`](crate::merge::Merge)), and the rules that it found hang on its
//! places. A user's policy is laid over it by pointers and never replaces it. Types are entered when a walk gets
//! there, because they may contain themselves.

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

/// What serde knows of one type. Not for use by hand.
#[derive(Debug, Clone, Default)]
pub struct Shape(Arc<ShapeKind>);

#[derive(Debug, Default)]
pub(crate) enum ShapeKind {
    /// Nothing is known: a value of any form, or one that functions write.
    #[default]
    Unknown,
    /// One value without parts.
    Scalar,
    /// A list; without order, its elements are a set.
    List {
        element: Place,
        ordered: bool,
    },
    /// Parts that are told apart by their place.
    Tuple(Vec<Place>),
    Map {
        key: KeyName,
        value: Place,
    },
    Object(ObjectShape),
    Enum(Enum),
    /// It stands for another one: a newtype, an `Option`, a `Box`.
    Same(Place),
    /// The rules are known, and the type is not: `Merge` that was written by hand.
    Ruled(fn() -> Policy, OnceLock<Box<CompiledPolicy>>),
}

/// The key of a map as the type writes it; `None` if the type has no such key.
pub(crate) type KeyName = fn(&str) -> Option<String>;

/// The members that one type writes.
#[derive(Debug, Default)]
pub(crate) struct ObjectShape {
    pub(crate) members: Vec<Member>,
    /// Types whose members stand among these.
    pub(crate) flattened: Vec<Place>,
}

/// One member of an object. Not for use by hand.
#[derive(Debug)]
pub struct Member {
    pub(crate) written: &'static str,
    /// The names under which it is read; empty if it is only written.
    pub(crate) read: &'static [&'static str],
    pub(crate) is_written: bool,
    /// Without it nothing is read.
    pub(crate) is_required: bool,
    /// Some values are written without it, and may not be what is read then.
    pub(crate) is_skipped: bool,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) tag: Tagging,
    pub(crate) variants: Vec<Variant>,
}

/// Where the document of an enum says its variant. Not for use by hand.
#[derive(Debug, Clone, Copy)]
pub enum Tagging {
    /// It is the only key, or a string.
    External,
    /// A member beside the content.
    Internal(&'static str),
    /// A member, and another one for the content.
    Adjacent(&'static str, &'static str),
    /// Nowhere.
    Untagged,
}

/// One variant of an enum. Not for use by hand.
#[derive(Debug)]
pub struct Variant {
    pub(crate) written: &'static str,
    pub(crate) read: &'static [&'static str],
    /// Only the form of its content tells it, whatever holds for the others.
    pub(crate) untagged: bool,
    /// `None`: it holds nothing.
    pub(crate) content: Option<Place>,
}

/// A place in a type: what lies there, and the rule that the type says for it. Not for use by hand.
#[derive(Debug, Default)]
pub struct Place {
    pub(crate) rule: Option<Rule>,
    pub(crate) range: Option<(i128, i128)>,
    make: Option<fn() -> Shape>,
    known: OnceLock<Shape>,
    /// What is written there may be read as something else, or not at all.
    pub(crate) is_unproven: bool,
}

impl Shape {
    /// Nothing is known of the type.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// A value without parts.
    pub fn scalar() -> Self {
        Self(Arc::new(ShapeKind::Scalar))
    }

    /// A list.
    pub fn list(element: Place) -> Self {
        let ordered = true;
        Self(Arc::new(ShapeKind::List { element, ordered }))
    }

    /// A list whose order does not count.
    pub fn set(element: Place) -> Self {
        let ordered = false;
        Self(Arc::new(ShapeKind::List { element, ordered }))
    }

    /// A tuple or an array.
    pub fn tuple(parts: Vec<Place>) -> Self {
        Self(Arc::new(ShapeKind::Tuple(parts)))
    }

    /// A map.
    pub fn map<K: MapKey>(value: Place) -> Self {
        let key = map_key::name::<K>;
        Self(Arc::new(ShapeKind::Map { key, value }))
    }

    /// An object with these members, and those of the flattened types.
    pub fn object(members: Vec<Member>, flattened: Vec<Place>) -> Self {
        Self(Arc::new(ShapeKind::Object(ObjectShape {
            members,
            flattened,
        })))
    }

    /// An enum.
    pub fn variants(tag: Tagging, variants: Vec<Variant>) -> Self {
        Self(Arc::new(ShapeKind::Enum(Enum { tag, variants })))
    }

    /// A type that stands for another one.
    pub fn same(place: Place) -> Self {
        Self(Arc::new(ShapeKind::Same(place)))
    }

    /// A type of which only the rules are known.
    pub fn ruled(policy: fn() -> Policy) -> Self {
        Self(Arc::new(ShapeKind::Ruled(policy, OnceLock::new())))
    }

    pub(crate) fn kind(&self) -> &ShapeKind {
        &self.0
    }
}

impl ShapeKind {
    /// The rules of a type of which nothing else is known.
    pub(crate) fn compiled(&self) -> Option<&CompiledPolicy> {
        let ShapeKind::Ruled(policy, compiled) = self else {
            return None;
        };
        Some(compiled.get_or_init(|| Box::new(CompiledPolicy::of(&policy()))))
    }
}

impl Place {
    /// A place of a type that is entered later.
    pub fn of(shape: fn() -> Shape) -> Self {
        Self {
            make: Some(shape),
            ..Self::default()
        }
    }

    /// A place of a type that may be unknown.
    pub fn if_known(shape: Option<fn() -> Shape>) -> Self {
        Self {
            make: shape,
            is_unproven: shape.is_none(),
            ..Self::default()
        }
    }

    /// What is written there is read by a function.
    pub fn unproven(mut self) -> Self {
        self.is_unproven = true;
        self
    }

    /// A place of a known shape.
    pub fn here(shape: Shape) -> Self {
        Self {
            known: OnceLock::from(shape),
            ..Self::default()
        }
    }

    /// The rule of the place.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// The range of a counter.
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
    /// A member that is written and read.
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

    /// The type does not read an object without it.
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Some values are written without it, and may not be what is read then.
    pub fn skipped(mut self) -> Self {
        self.is_skipped = true;
        self
    }

    /// The type reads it and never writes it.
    pub fn read_only(mut self) -> Self {
        self.is_written = false;
        self
    }
}

impl Variant {
    /// A variant.
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

    /// Only the form of its content tells it.
    pub fn untagged(mut self) -> Self {
        self.untagged = true;
        self
    }

    /// Whether a document may name it so.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        !self.untagged && (self.written == name || self.read.contains(&name))
    }
}
