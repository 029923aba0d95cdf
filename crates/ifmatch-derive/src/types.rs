//! Deduces facts about the document from the name of a type.

use proc_macro2::Ident;
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type};

use crate::attr::{FieldRule, RuleAttr};

const LISTS: [&str; 6] = [
    "Vec",
    "VecDeque",
    "LinkedList",
    "HashSet",
    "BTreeSet",
    "BinaryHeap",
];
const MAPS: [&str; 2] = ["HashMap", "BTreeMap"];

/// Rejects rules that can never fit the type. A type is accepted if its name does not determine its document.
pub(crate) fn fits(rule: &FieldRule, ty: &Type) -> syn::Result<()> {
    let Some(name) = last_name(content(ty)) else {
        return Ok(());
    };
    let name = name.as_str();
    let number = integer(ty).is_some() || ["u128", "i128", "f32", "f64"].contains(&name);
    let list = LISTS.contains(&name);
    let text = ["String", "str", "char"].contains(&name);
    let known = number || list || text || name == "bool" || MAPS.contains(&name);
    let (wants, fits) = match &rule.rule {
        RuleAttr::Plain("Text" | "Prose") => ("a string", text),
        RuleAttr::Plain("Counter") => ("a number", number),
        RuleAttr::Plain("Max" | "Min") => ("a number or a string", number || text),
        RuleAttr::Plain("Set" | "Sequence") | RuleAttr::Keyed(_) => ("a list", list),
        _ => return Ok(()),
    };
    if known && !fits {
        return Err(rule.error(format!(
            "this rule requires {wants}, but the field is `{name}`"
        )));
    }
    Ok(())
}

/// Returns the type without wrappers that do not appear in documents.
fn content(ty: &Type) -> &Type {
    match (last_name(ty).as_deref(), argument(ty)) {
        (Some("Option" | "Box" | "Rc" | "Arc" | "Cow"), Some(inner)) => content(inner),
        _ => ty,
    }
}

/// Returns the element type of a list.
pub(crate) fn element(ty: &Type) -> Option<&Type> {
    match content(ty) {
        Type::Array(array) => Some(&array.elem),
        Type::Slice(slice) => Some(&slice.elem),
        list => LISTS
            .contains(&last_name(list)?.as_str())
            .then(|| argument(list))?,
    }
}

/// Collects the key types of the maps in a type.
pub(crate) fn map_keys<'t>(ty: &'t Type, found: &mut Vec<&'t Type>) {
    let Type::Path(path) = ty else { return };
    for segment in &path.path.segments {
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
            continue;
        };
        let types = arguments.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        });
        for (at, ty) in types.enumerate() {
            if at == 0 && MAPS.iter().any(|map| segment.ident == map) {
                found.push(ty);
            }
            map_keys(ty, found);
        }
    }
}

pub(crate) fn integer(ty: &Type) -> Option<Ident> {
    let integers = [
        "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize",
    ];
    let name = last_name(content(ty))?;
    integers
        .contains(&name.as_str())
        .then(|| Ident::new(&name, ty.span()))
}

/// Whether serde reads a missing field of this type as `None`.
pub(crate) fn is_option(ty: &Type) -> bool {
    last_name(ty).as_deref() == Some("Option")
}

/// Whether serde ignores a field of this type in a transparent type.
pub(crate) fn is_phantom(ty: &Type) -> bool {
    last_name(ty).as_deref() == Some("PhantomData")
}

fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
