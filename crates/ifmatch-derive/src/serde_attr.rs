//! Parses serde's attributes, which define the document that a type is written as and read from.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Token, Type};

use crate::case::Case;

/// A setting that may differ between writing and reading.
#[derive(Clone, Debug)]
pub(crate) struct Both<X> {
    pub(crate) written: Option<X>,
    pub(crate) read: Option<X>,
}

impl<X> Default for Both<X> {
    fn default() -> Self {
        Self {
            written: None,
            read: None,
        }
    }
}

impl<X> Both<X> {
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            written: self.written.or(other.written),
            read: self.read.or(other.read),
        }
    }
}

/// The serde attributes of a struct or enum.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an attribute of serde's"
)]
pub(crate) struct ContainerAttrs {
    pub(crate) rename_all: Both<Case>,
    pub(crate) rename_all_fields: Both<Case>,
    pub(crate) tag: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) untagged: bool,
    pub(crate) transparent: bool,
    /// Whether missing fields are filled in.
    pub(crate) default: bool,
    /// The type that replaces this one in documents.
    pub(crate) stand_in: Option<Type>,
    /// Whether the type is read as another type.
    pub(crate) reads_another_type: bool,
}

/// The serde attributes of a field or variant.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an attribute of serde's"
)]
pub(crate) struct MemberAttrs {
    pub(crate) rename: Both<String>,
    pub(crate) rename_all: Both<Case>,
    pub(crate) aliases: Vec<String>,
    pub(crate) flatten: bool,
    pub(crate) is_written: bool,
    pub(crate) is_read: bool,
    /// Whether only the form of the content identifies the variant.
    pub(crate) untagged: bool,
    /// Whether a function writes the field, in which case its type says nothing about the document.
    pub(crate) has_custom_serializer: bool,
    /// Whether a function reads the field.
    pub(crate) has_custom_deserializer: bool,
    /// Whether a missing field is filled in, directly or by a function.
    pub(crate) default: bool,
    /// Whether a function of the user fills in a missing field.
    pub(crate) has_default_function: bool,
    /// The path of the function that selects the values for which the field is left out.
    pub(crate) skip_if: Option<String>,
}

impl MemberAttrs {
    /// Whether the field or variant is absent from all documents.
    pub(crate) fn is_skipped(&self) -> bool {
        !self.is_written && !self.is_read
    }

    /// Whether a value that is left out on writing is read back unchanged.
    pub(crate) fn fills_what_it_skips(&self, is_option: bool) -> bool {
        let last = |path: &str| path.rsplit("::").next().map(|name| name.trim().to_owned());
        match self.skip_if.as_deref().and_then(last).as_deref() {
            None => self.skip_if.is_none(),
            Some("is_none") => is_option && !self.has_default_function,
            Some("is_empty") => self.default && !self.has_default_function,
            Some(_) => false,
        }
    }

    /// Returns the name used for writing and the names accepted for reading.
    pub(crate) fn names(
        &self,
        plain: &str,
        cases: &Both<Case>,
        spell: fn(Case, &str) -> String,
    ) -> (String, Vec<String>) {
        let name = |renamed: &Option<String>, case: Option<Case>| {
            renamed
                .clone()
                .unwrap_or_else(|| case.map_or_else(|| plain.to_owned(), |case| spell(case, plain)))
        };
        let written = name(&self.rename.written, cases.written);
        let mut read = Vec::new();
        if self.is_read {
            read.push(name(&self.rename.read, cases.read));
            for alias in &self.aliases {
                if !read.contains(alias) {
                    read.push(alias.clone());
                }
            }
        }
        (written, read)
    }
}

pub(crate) fn container(attrs: &[Attribute]) -> syn::Result<ContainerAttrs> {
    let mut found = ContainerAttrs::default();
    each(attrs, |meta| {
        if meta.path.is_ident("rename_all") {
            found.rename_all = cases(&meta)?;
        } else if meta.path.is_ident("rename_all_fields") {
            found.rename_all_fields = cases(&meta)?;
        } else if meta.path.is_ident("tag") {
            found.tag = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("content") {
            found.content = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if meta.path.is_ident("untagged") {
            found.untagged = true;
        } else if meta.path.is_ident("transparent") {
            found.transparent = true;
        } else if meta.path.is_ident("default") {
            found.default = true;
            skip(&meta)?;
        } else if meta.path.is_ident("into") {
            found.stand_in = Some(meta.value()?.parse::<LitStr>()?.parse()?);
        } else if meta.path.is_ident("from") || meta.path.is_ident("try_from") {
            found.reads_another_type = true;
            skip(&meta)?;
        } else {
            skip(&meta)?;
        }
        Ok(())
    })?;
    Ok(found)
}

pub(crate) fn member(attrs: &[Attribute]) -> syn::Result<MemberAttrs> {
    let mut found = MemberAttrs {
        is_written: true,
        is_read: true,
        ..MemberAttrs::default()
    };
    each(attrs, |meta| {
        let is = |name: &str| meta.path.is_ident(name);
        if is("rename") {
            let names = names(&meta)?;
            found.rename = Both {
                written: names.written.as_ref().map(LitStr::value),
                read: names.read.as_ref().map(LitStr::value),
            };
        } else if is("rename_all") {
            found.rename_all = cases(&meta)?;
        } else if is("alias") {
            found.aliases.push(meta.value()?.parse::<LitStr>()?.value());
        } else if is("flatten") {
            found.flatten = true;
        } else if is("untagged") {
            found.untagged = true;
        } else if is("skip") || is("skip_serializing") || is("skip_deserializing") {
            found.is_written &= is("skip_deserializing");
            found.is_read &= is("skip_serializing");
        } else {
            found.default = found.default || is("default");
            found.has_default_function =
                found.has_default_function || (is("default") && meta.input.peek(Token![=]));
            found.has_custom_serializer =
                found.has_custom_serializer || is("with") || is("serialize_with");
            found.has_custom_deserializer =
                found.has_custom_deserializer || is("with") || is("deserialize_with");
            if is("skip_serializing_if") {
                found.skip_if = Some(meta.value()?.parse::<LitStr>()?.value());
            } else {
                skip(&meta)?;
            }
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

fn cases(meta: &ParseNestedMeta<'_>) -> syn::Result<Both<Case>> {
    let names = names(meta)?;
    Ok(Both {
        written: names.written.as_ref().map(Case::parse).transpose()?,
        read: names.read.as_ref().map(Case::parse).transpose()?,
    })
}

/// Parses `rename = "a"` or `rename(serialize = "a", deserialize = "b")`.
fn names(meta: &ParseNestedMeta<'_>) -> syn::Result<Both<LitStr>> {
    let mut names = Both::default();
    if meta.input.peek(Token![=]) {
        let name: LitStr = meta.value()?.parse()?;
        names.read = Some(name.clone());
        names.written = Some(name);
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

/// Skips an attribute that is not needed here.
fn skip(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        meta.parse_nested_meta(|inner| skip(&inner))?;
    }
    Ok(())
}
