//! What serde's attributes say about the document that a type is written as.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Token, Type};

use crate::case::Case;

/// On a struct or enum.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) rename_all: Option<Case>,
    pub(crate) rename_all_fields: Option<Case>,
    pub(crate) tag: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) untagged: bool,
    pub(crate) transparent: bool,
    /// The type that stands in for this one in documents.
    pub(crate) stand_in: Option<Type>,
}

/// On a field or variant.
#[derive(Default)]
pub(crate) struct Member {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) aliases: Vec<String>,
    pub(crate) flatten: bool,
    /// It is in no document, or (an untagged variant) at no place that has a name.
    pub(crate) skip: bool,
    /// The field is written by functions, so its type says nothing about the document.
    pub(crate) custom: bool,
}

pub(crate) fn container(attrs: &[Attribute]) -> syn::Result<Container> {
    let mut found = Container::default();
    each(attrs, |meta| {
        if meta.path.is_ident("rename_all") {
            found.rename_all = names(&meta)?
                .written
                .as_ref()
                .map(Case::parse)
                .transpose()?;
        } else if meta.path.is_ident("rename_all_fields") {
            found.rename_all_fields = names(&meta)?
                .written
                .as_ref()
                .map(Case::parse)
                .transpose()?;
        } else if meta.path.is_ident("tag") {
            found.tag = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("content") {
            found.content = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("untagged") {
            found.untagged = true;
        } else if meta.path.is_ident("transparent") {
            found.transparent = true;
        } else if meta.path.is_ident("into") {
            found.stand_in = Some(meta.value()?.parse::<LitStr>()?.parse()?);
        } else {
            skip(&meta)?;
        }
        Ok(())
    })?;
    Ok(found)
}

pub(crate) fn member(attrs: &[Attribute]) -> syn::Result<Member> {
    let mut found = Member::default();
    each(attrs, |meta| {
        if meta.path.is_ident("rename") {
            let names = names(&meta)?;
            found.rename = names.written.as_ref().map(LitStr::value);
            found.aliases.extend(names.read.as_ref().map(LitStr::value));
        } else if meta.path.is_ident("rename_all") {
            found.rename_all = names(&meta)?
                .written
                .as_ref()
                .map(Case::parse)
                .transpose()?;
        } else if meta.path.is_ident("alias") {
            found.aliases.push(meta.value()?.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("flatten") {
            found.flatten = true;
        } else if ["skip", "skip_serializing", "untagged"]
            .iter()
            .any(|name| meta.path.is_ident(name))
        {
            found.skip = true;
        } else {
            found.custom =
                found.custom || meta.path.is_ident("with") || meta.path.is_ident("serialize_with");
            skip(&meta)?;
        }
        Ok(())
    })?;
    Ok(found)
}

fn each(
    attrs: &[Attribute],
    mut visit: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    attrs
        .iter()
        .filter(|a| a.path().is_ident("serde"))
        .try_for_each(|a| a.parse_nested_meta(&mut visit))
}

/// A name for writing, and one for reading where it is another.
#[derive(Default)]
struct Names {
    written: Option<LitStr>,
    read: Option<LitStr>,
}

/// `rename = "a"` or `rename(serialize = "a", deserialize = "b")`.
fn names(meta: &ParseNestedMeta<'_>) -> syn::Result<Names> {
    let mut names = Names::default();
    if meta.input.peek(Token![=]) {
        names.written = Some(meta.value()?.parse()?);
        return Ok(names);
    }
    meta.parse_nested_meta(|inner| {
        let name = inner.value()?.parse()?;
        if inner.path.is_ident("serialize") {
            names.written = Some(name);
        } else {
            names.read = Some(name);
        }
        Ok(())
    })?;
    Ok(names)
}

/// Passes over an attribute that does not matter here.
fn skip(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        meta.parse_nested_meta(|inner| skip(&inner))?;
    }
    Ok(())
}
