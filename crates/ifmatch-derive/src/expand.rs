//! The generated implementation.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, GenericArgument, Ident, PathArguments, Type, Variant};

use crate::attr::{self, FieldRule, Rule};
use crate::case::Case;
use crate::serde_attr::{self, Container};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let bound = attr::bound(&input.attrs)?;
    let container = serde_attr::container(&input.attrs)?;
    let mut policy = Policy {
        generic: input
            .generics
            .type_params()
            .map(|p| p.ident.clone())
            .collect(),
        ..Policy::default()
    };
    if let Some(stand_in) = &container.stand_in {
        policy.nest("", stand_in, None);
    } else {
        match &input.data {
            Data::Struct(data) => policy.structure(&data.fields, &container)?,
            Data::Enum(data) => policy.enumeration(data.variants.iter(), &container)?,
            Data::Union(data) => {
                return Err(syn::Error::new(
                    data.union_token.span(),
                    "a union has no document to merge",
                ));
            }
        }
    }
    let Policy {
        calls,
        checks,
        names,
        ..
    } = policy;
    let mut generics = input.generics.clone();
    let own = bound.is_none();
    let params: Vec<Ident> = generics.type_params().map(|p| p.ident.clone()).collect();
    if !params.is_empty() || !own {
        let clause = generics.make_where_clause();
        clause.predicates.extend(bound.into_iter().flatten());
        if own {
            for param in params {
                clause
                    .predicates
                    .push(syn::parse_quote!(#param: ::ifmatch::merge::Merge));
            }
        }
    }
    let ident = &input.ident;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let known = names.as_ref().map(|names| quote!(.known(&[#(#names),*])));
    let fields = names.map(|names| {
        quote! {
            const FIELDS: ::core::option::Option<&'static [&'static str]> = ::core::option::Option::Some(&[#(#names),*]);
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::ifmatch::merge::Merge for #ident #ty_generics #where_clause {
            fn policy() -> ::ifmatch::merge::Policy {
                #[allow(unused_imports)]
                use ::ifmatch::merge::__private::{NotMerge as _, Probe};
                ::ifmatch::merge::Policy::new() #known #(#calls)*
            }
            #fields
        }
        #(#checks)*
    })
}

/// The policy as it is written: calls of its builder, and checks beside it.
#[derive(Default)]
struct Policy {
    generic: Vec<Ident>,
    calls: Vec<TokenStream>,
    checks: Vec<TokenStream>,
    /// The names of all fields, where they can be known.
    names: Option<Vec<String>>,
    /// Rules of fields that share a pointer across variants.
    shared: Vec<(String, String)>,
}

impl Policy {
    fn structure(&mut self, fields: &Fields, container: &Container) -> syn::Result<()> {
        let written: Vec<&Field> = fields.iter().collect();
        let only = match fields {
            Fields::Unnamed(_) | Fields::Named(_) if container.transparent => written
                .iter()
                .copied()
                .find(|f| serde_attr::member(&f.attrs).is_ok_and(|m| !m.skip)),
            Fields::Unnamed(_) if written.len() == 1 => Some(written[0]),
            _ => None,
        };
        match (fields, only) {
            (_, Some(field)) => self.whole("", field),
            (Fields::Named(_), None) => {
                self.names = Some(container.tag.iter().cloned().collect());
                self.members("", fields, container.rename_all)
            }
            (Fields::Unnamed(_), None) => self.tuple("", fields),
            (Fields::Unit, None) => Ok(()),
        }
    }

    /// The members of a struct, or of a variant with named fields.
    fn members(&mut self, at: &str, fields: &Fields, case: Option<Case>) -> syn::Result<()> {
        for field in fields {
            let serde = serde_attr::member(&field.attrs)?;
            let rule = attr::field(&field.attrs)?;
            if serde.skip {
                if let Some(rule) = rule {
                    return Err(rule.error(
                        "serde skips this field, so it is in no document and cannot be merged",
                    ));
                }
                continue;
            }
            if serde.flatten {
                self.names = None;
                match rule {
                    Some(rule) if !matches!(rule.rule, Rule::Nested) => {
                        return Err(rule.error(
                            "a flattened field has no place of its own; give its fields rules",
                        ));
                    }
                    rule => self.nest(at, &field.ty, rule.as_ref()),
                }
                continue;
            }
            let plain = field.ident.as_ref().map(plain_name).unwrap_or_default();
            let name = serde
                .rename
                .unwrap_or_else(|| case.map_or_else(|| plain.clone(), |case| case.field(&plain)));
            let pointer = pointer(at, &name);
            for alias in &serde.aliases {
                self.calls.push(quote!(.alias(#pointer, #alias)));
            }
            if let Some(names) = &mut self.names {
                names.push(name);
                names.extend(serde.aliases);
            }
            self.place(&pointer, field, rule, serde.custom)?;
        }
        Ok(())
    }

    /// A value that stands for its only field.
    fn whole(&mut self, at: &str, field: &Field) -> syn::Result<()> {
        let serde = serde_attr::member(&field.attrs)?;
        self.place(at, field, attr::field(&field.attrs)?, serde.custom)
    }

    fn place(
        &mut self,
        pointer: &str,
        field: &Field,
        rule: Option<FieldRule>,
        custom: bool,
    ) -> syn::Result<()> {
        let Some(rule) = rule else {
            if !custom {
                self.nest(pointer, &field.ty, None);
            }
            return Ok(());
        };
        self.agree(pointer, &rule, &field.ty)?;
        if custom && matches!(rule.rule, Rule::With { json: false, .. }) {
            return Err(
                rule.error("serde writes this field by a function of its own; use `with_json`")
            );
        }
        if !custom {
            fits(&rule, &field.ty)?;
        }
        if !matches!(rule.rule, Rule::Nested) {
            let expression = rule.expression(&field.ty);
            self.calls.push(quote!(.field(#pointer, #expression)));
        }
        if let (Rule::Plain("Counter"), Some(integer)) = (&rule.rule, integer(&field.ty)) {
            self.calls.push(quote! {
                .range(#pointer, ::core::primitive::#integer::MIN as i128, ::core::primitive::#integer::MAX as i128)
            });
        }
        if rule.is_walked() && !custom {
            self.nest(pointer, &field.ty, Some(&rule));
        }
        if let (Rule::Keyed(keys), Some(element)) = (&rule.rule, element(&field.ty))
            && !self.is_generic(element)
        {
            for key in keys {
                let message = format!(
                    "the elements of this list have no field named `{}`",
                    key.value()
                );
                let span = key.span();
                self.checks.push(quote_spanned! {span=>
                    const _: () = {
                        #[allow(unused_imports)]
                        use ::ifmatch::merge::__private::{NotMerge as _, Probe, has_field};
                        assert!(has_field(Probe::<#element>::FIELDS, #key), #message);
                    };
                });
            }
        }
        Ok(())
    }

    /// Puts the rules of a type beneath a place: if it has some, or must have some.
    fn nest(&mut self, pointer: &str, ty: &Type, rule: Option<&FieldRule>) {
        if let Some(FieldRule {
            rule: Rule::Nested, ..
        }) = rule
        {
            let span = ty.span();
            self.calls
                .push(quote_spanned!(span=> .nested_type::<#ty>(#pointer)));
        } else {
            self.calls
                .push(quote!(.nested_if(#pointer, Probe::<#ty>::new().policy())));
        }
    }

    fn tuple(&mut self, at: &str, fields: &Fields) -> syn::Result<()> {
        for field in fields {
            if let Some(rule) = attr::field(&field.attrs)? {
                return Err(rule.error("a tuple is merged as a whole; use named fields"));
            }
        }
        self.calls
            .push(quote!(.field(#at, ::ifmatch::merge::Rule::Atomic)));
        Ok(())
    }

    fn enumeration<'a>(
        &mut self,
        variants: impl Iterator<Item = &'a Variant>,
        container: &Container,
    ) -> syn::Result<()> {
        let tag = match (&container.tag, container.untagged) {
            (_, true) => {
                // Nothing in the document says which variant it is.
                self.calls
                    .push(quote!(.field("", ::ifmatch::merge::Rule::Atomic)));
                for variant in variants {
                    for field in &variant.fields {
                        if let Some(rule) = attr::field(&field.attrs)? {
                            return Err(rule.error("an untagged enum is merged as a whole, because its document does not say which variant it is"));
                        }
                    }
                }
                return Ok(());
            }
            (Some(tag), false) => Some(quote!(::ifmatch::merge::Tag::Member(#tag.into()))),
            (None, false) => None,
        };
        let mut names = Vec::new();
        for variant in variants {
            if let Some(rule) = attr::field(&variant.attrs)? {
                return Err(rule.error("rules belong to the fields of a variant"));
            }
            let serde = serde_attr::member(&variant.attrs)?;
            if serde.skip {
                continue;
            }
            let plain = plain_name(&variant.ident);
            let name = serde.rename.unwrap_or_else(|| {
                container
                    .rename_all
                    .map_or_else(|| plain.clone(), |case| case.variant(&plain))
            });
            let at = match (&container.tag, &container.content) {
                (Some(_), Some(content)) => pointer("", content),
                (Some(_), None) => String::new(),
                (None, _) => pointer("", &name),
            };
            match &variant.fields {
                Fields::Named(_) => {
                    self.members(
                        &at,
                        &variant.fields,
                        serde.rename_all.or(container.rename_all_fields),
                    )?;
                }
                Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                    self.whole(&at, &fields.unnamed[0])?;
                }
                Fields::Unnamed(_) => self.tuple(&at, &variant.fields)?,
                Fields::Unit => {}
            }
            names.push(name);
        }
        let tag = tag.unwrap_or_else(|| {
            quote!(::ifmatch::merge::Tag::Keys(::std::vec![#(#names.into()),*]))
        });
        self.calls.push(quote!(.tagged("", #tag)));
        Ok(())
    }

    /// Fields of different variants can stand at one place of the document; they need one rule then.
    fn agree(&mut self, pointer: &str, rule: &FieldRule, ty: &Type) -> syn::Result<()> {
        let said = rule.expression(ty).to_string();
        match self.shared.iter().find(|(other, _)| other == pointer) {
            Some((_, other)) if *other != said => Err(rule.error(format!(
                "another variant has a different rule for the same place, {pointer}"
            ))),
            Some(_) => Ok(()),
            None => {
                self.shared.push((pointer.to_owned(), said));
                Ok(())
            }
        }
    }

    fn is_generic(&self, ty: &Type) -> bool {
        let text = quote!(#ty).to_string();
        let words = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .collect::<Vec<_>>();
        text.contains('\'')
            || self
                .generic
                .iter()
                .any(|param| words.contains(&param.to_string().as_str()))
    }
}

fn plain_name(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// The pointer of a member (RFC 6901 section 3).
fn pointer(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Refuses rules on types that they can never fit. Types whose document is not known by their name pass.
fn fits(rule: &FieldRule, ty: &Type) -> syn::Result<()> {
    let Some(name) = last_name(content(ty)) else {
        return Ok(());
    };
    let number = integer(ty).is_some() || ["u128", "i128", "f32", "f64"].contains(&name.as_str());
    let list = ["Vec", "VecDeque", "HashSet", "BTreeSet"].contains(&name.as_str());
    let text = ["String", "str", "char"].contains(&name.as_str());
    let known = number || list || text || ["bool", "HashMap", "BTreeMap"].contains(&name.as_str());
    let (wants, fits) = match &rule.rule {
        Rule::Plain("Text" | "Prose") => ("a text", text),
        Rule::Plain("Counter") => ("a number", number),
        Rule::Plain("Max" | "Min") => ("a number or a text", number || text),
        Rule::Plain("Set" | "Sequence") | Rule::Keyed(_) => ("a list", list),
        _ => return Ok(()),
    };
    if known && !fits {
        return Err(rule.error(format!("this rule is for {wants}, and `{name}` is none")));
    }
    Ok(())
}

/// What is left of a type without `Option` and `Box`, which do not show in documents.
fn content(ty: &Type) -> &Type {
    match (last_name(ty).as_deref(), argument(ty)) {
        (Some("Option" | "Box"), Some(inner)) => content(inner),
        _ => ty,
    }
}

/// The element type of a list.
fn element(ty: &Type) -> Option<&Type> {
    let list = content(ty);
    matches!(last_name(list)?.as_str(), "Vec" | "VecDeque").then(|| argument(list))?
}

fn integer(ty: &Type) -> Option<Ident> {
    let integers = [
        "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize",
    ];
    let name = last_name(content(ty))?;
    integers
        .contains(&name.as_str())
        .then(|| Ident::new(&name, ty.span()))
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
