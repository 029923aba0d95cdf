//! Selects the parts of a type that one object holds, by its variant.

use super::fields::{DocumentVariant, FieldSource, Fields};
use super::{Enum, Shape, ShapeKind, Tagging, Variant, step};
use crate::json::{Tree, View};

impl<'s, 't> Fields<'s, 't> {
    /// Adds the members that a type defines for the object.
    pub(super) fn add<T: Tree<'t>>(&mut self, shape: &'s Shape, object: T, flattened: bool) {
        match shape.kind() {
            ShapeKind::Object(of) => {
                self.parts.push(FieldSource::Members(&of.members));
                for place in &of.flattened {
                    self.add(step(place).shape, object, true);
                }
            }
            ShapeKind::Map { key, value } => self.parts.push(FieldSource::Map(*key, value)),
            ShapeKind::Enum(of) => self.add_enum(of, object, flattened),
            ShapeKind::Same(place) => self.add(step(place).shape, object, flattened),
            ShapeKind::Ruled(..) => {
                self.open = true;
                self.parts
                    .extend(shape.kind().compiled().map(FieldSource::Ruled));
            }
            ShapeKind::Unknown => self.open = true,
            ShapeKind::Scalar | ShapeKind::List { .. } | ShapeKind::Tuple(_) => {}
        }
    }

    fn add_enum<T: Tree<'t>>(&mut self, of: &'s Enum, object: T, flattened: bool) {
        let text = |name: &str| {
            let (_, value) = object.each_member().find(|(key, _)| key.name == name)?;
            match value.view() {
                View::String(text) => Some(text),
                _ => None,
            }
        };
        let which = |name: Option<&'t str>| match name {
            None => DocumentVariant::Missing,
            Some(name) => {
                let known = of.variants.iter().position(|v| v.is_named(name));
                known.map_or(DocumentVariant::Named(name), DocumentVariant::Known)
            }
        };
        let (which, content) = match of.tag {
            Tagging::External => {
                self.parts.push(FieldSource::Variants(&of.variants));
                let mut names = object.each_member().map(|(key, _)| key.name);
                let which = if flattened {
                    let is_known = |name: &&str| of.variants.iter().any(|v| v.is_named(name));
                    which(names.find(is_known))
                } else {
                    which(names.next())
                };
                (which, None)
            }
            Tagging::Internal(tag) => {
                self.parts.push(FieldSource::Tag(tag));
                (which(text(tag)), Some(None))
            }
            Tagging::Adjacent(tag, content) => {
                self.parts.push(FieldSource::Tag(tag));
                (which(text(tag)), Some(Some(content)))
            }
            Tagging::Untagged => {
                let found = of.written(object);
                (
                    found.map_or(DocumentVariant::Missing, DocumentVariant::Known),
                    Some(None),
                )
            }
        };
        self.variants.push(which);
        let Some(content) = content else { return };
        let place = match which {
            DocumentVariant::Known(at) => of.variants[at].content.as_ref(),
            DocumentVariant::Named(_) | DocumentVariant::Missing => {
                self.open = true;
                None
            }
        };
        match (content, place) {
            (Some(content), place) => self.parts.push(FieldSource::Content(content, place)),
            (None, Some(place)) => self.add(step(place).shape, object, flattened),
            (None, None) => {}
        }
    }
}

impl Enum {
    /// Returns the variant that wrote a value, if only the form of the value identifies it. Among the variants
    /// that have all members of the value, the one with most known members is chosen.
    pub(crate) fn written<'t, T: Tree<'t>>(&self, value: T) -> Option<usize> {
        let known = |variant: &Variant| {
            let shape = step(variant.content.as_ref()?).shape;
            shape.could_write(value)
        };
        let fits = self.variants.iter().enumerate();
        let fits = fits.filter_map(|(at, variant)| Some((at, known(variant)?)));
        // Among variants that fit equally well, take the first, which serde also tries first.
        fits.rev()
            .max_by_key(|(_, members)| *members)
            .map(|(at, _)| at)
    }
}

impl Shape {
    /// Returns the number of known members in a value that the type could have written, or `None` if it could not.
    fn could_write<'t, T: Tree<'t>>(&self, value: T) -> Option<usize> {
        match (self.kind(), value.view()) {
            (ShapeKind::Object(_), View::Object) => {
                let fields = Fields::of(Some(self), value);
                let mut known = 0;
                for (key, _) in value.each_member() {
                    let is_known = fields.written_as(key.name).is_some();
                    if !is_known && !fields.is_open() {
                        return None;
                    }
                    known += usize::from(is_known);
                }
                Some(known + 1)
            }
            (ShapeKind::Unknown | ShapeKind::Ruled(..), _)
            | (ShapeKind::Map { .. } | ShapeKind::Enum(_), View::Object) => Some(0),
            (ShapeKind::List { .. } | ShapeKind::Tuple(_), View::Array) => Some(1),
            (ShapeKind::Scalar | ShapeKind::Enum(_), view) => {
                (!matches!(view, View::Array | View::Object)).then_some(1)
            }
            (ShapeKind::Same(place), _) => step(place).shape.could_write(value),
            _ => None,
        }
    }
}
