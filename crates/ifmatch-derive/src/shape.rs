//! Generates the calls that build the shape of a type.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Field, Fields, Ident, Path, Type, Variant};

use crate::attr::{self, FieldRule, RuleAttr};
use crate::case::Case;
use crate::serde_attr::{self, Both, ContainerAttrs, MemberAttrs};
use crate::types;

pub(crate) struct Writer<'a> {
    krate: &'a Path,
    generic: &'a [Ident],
    pub(crate) checks: Vec<TokenStream>,
    /// The names of all fields, if all of them are known.
    pub(crate) names: Option<Vec<String>>,
    /// All mistakes, reported together.
    pub(crate) mistakes: Option<syn::Error>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(krate: &'a Path, generic: &'a [Ident]) -> Self {
        Self {
            krate,
            generic,
            checks: Vec::new(),
            names: None,
            mistakes: None,
        }
    }

    /// Reads both kinds of attributes of a field, or reports their mistakes.
    fn attrs(&mut self, field: &Field) -> Option<(MemberAttrs, Option<FieldRule>)> {
        let serde = self.or_report(serde_attr::member(&field.attrs));
        let rule = self.or_report(attr::field(&field.attrs));
        Some((serde?, rule?))
    }

    /// Returns the value, or records the mistake and returns `None`.
    fn or_report<X>(&mut self, result: syn::Result<X>) -> Option<X> {
        match result {
            Ok(value) => Some(value),
            Err(mistake) => {
                match &mut self.mistakes {
                    Some(mistakes) => mistakes.combine(mistake),
                    none => *none = Some(mistake),
                }
                None
            }
        }
    }

    fn tell(&mut self, mistake: syn::Error) {
        self.or_report::<()>(Err(mistake));
    }

    pub(crate) fn structure(&mut self, fields: &Fields, container: &ContainerAttrs) -> TokenStream {
        let is_content = |field: &&Field| {
            let serde = serde_attr::member(&field.attrs);
            serde.is_ok_and(|serde| !serde.is_skipped()) && !types::is_phantom(&field.ty)
        };
        let only = match fields {
            Fields::Unnamed(_) | Fields::Named(_) if container.transparent => {
                fields.iter().find(is_content)
            }
            Fields::Unnamed(unnamed) if unnamed.unnamed.len() == 1 => unnamed.unnamed.first(),
            _ => None,
        };
        if let Some(field) = only {
            let place = self.content(field);
            return quote!(__ifmatch::Shape::same(#place));
        }
        match fields {
            Fields::Named(_) => {
                self.names = Some(container.tag.iter().cloned().collect());
                let tag = container.tag.as_ref();
                let tag = tag
                    .map(|tag| quote!(__ifmatch::Member::new(#tag, &[#tag], __ifmatch::Place::here(__ifmatch::Shape::scalar())),));
                self.object(fields, &container.rename_all, tag, container.default)
            }
            Fields::Unnamed(_) => self.tuple(fields),
            Fields::Unit => quote!(__ifmatch::Shape::scalar()),
        }
    }

    /// Generates the members of a struct, or of a variant with named fields.
    fn object(
        &mut self,
        fields: &Fields,
        cases: &Both<Case>,
        tag: Option<TokenStream>,
        defaults: bool,
    ) -> TokenStream {
        let (mut members, mut flattened) = (tag.into_iter().collect::<Vec<_>>(), Vec::new());
        for field in fields {
            let Some((serde, rule)) = self.attrs(field) else {
                continue;
            };
            if serde.is_skipped() {
                if let Some(rule) = rule {
                    let why =
                        "serde skips this field, so it is in no document and cannot be merged";
                    self.tell(rule.error(why));
                }
                continue;
            }
            if serde.flatten {
                self.names = None;
                match &rule {
                    Some(rule) if !(rule.is_foreign || matches!(rule.rule, RuleAttr::Nested)) => {
                        let why = "a flattened field cannot have its own rule; put rules on the fields of its type";
                        self.tell(rule.error(why));
                    }
                    rule => flattened.push(self.type_at(&field.ty, rule.as_ref())),
                }
                continue;
            }
            let plain = field.ident.as_ref().map(plain_name).unwrap_or_default();
            let (written, read) = serde.names(&plain, cases, Case::field);
            let place = self.place(field, rule, &serde);
            let required =
                serde.is_read && !(serde.default || defaults || types::is_option(&field.ty));
            let required = required.then(|| quote!(.required()));
            let fills = serde.fills_what_it_skips(types::is_option(&field.ty));
            let skipped = (!fills).then(|| quote!(.skipped()));
            let read_only = (!serde.is_written).then(|| quote!(.read_only()));
            members
                .push(quote!(__ifmatch::Member::new(#written, &[#(#read),*], #place)#read_only #required #skipped,));
            if let Some(names) = &mut self.names {
                names.push(written);
                names.extend(read);
            }
        }
        quote!(__ifmatch::Shape::object(
            ::std::vec![#(#members)*],
            ::std::vec![#(#flattened),*]
        ))
    }

    /// Generates a type that is written as its only field.
    fn content(&mut self, field: &Field) -> TokenStream {
        let attrs = (
            self.or_report(serde_attr::member(&field.attrs)),
            self.or_report(attr::field(&field.attrs)),
        );
        match attrs {
            (Some(serde), Some(rule)) => self.place(field, rule, &serde),
            _ => TokenStream::new(),
        }
    }

    fn place(
        &mut self,
        field: &Field,
        rule: Option<FieldRule>,
        serde: &serde_attr::MemberAttrs,
    ) -> TokenStream {
        let place = self.ruled_place(field, rule, serde.has_custom_serializer);
        let by_function = serde.has_custom_deserializer.then(|| quote!(.unproven()));
        quote!(#place #by_function)
    }

    fn ruled_place(&mut self, field: &Field, rule: Option<FieldRule>, custom: bool) -> TokenStream {
        let unknown = quote!(__ifmatch::Place::if_known(::core::option::Option::None));
        let Some(rule) = rule else {
            return if custom {
                unknown
            } else {
                self.type_at(&field.ty, None)
            };
        };
        if custom && matches!(rule.rule, RuleAttr::With { json: false, .. }) {
            let why = "serde writes this field with a custom function; use `with_json`";
            self.tell(rule.error(why));
        }
        if !custom {
            let fits = types::fits(&rule, &field.ty);
            self.or_report(fits);
        }
        self.check_keys(&rule, &field.ty);
        let place = if custom {
            unknown
        } else {
            self.type_at(&field.ty, Some(&rule))
        };
        let says_rule =
            (!matches!(rule.rule, RuleAttr::Nested) && !rule.is_only_foreign()).then(|| {
                let expression = rule.expression(&field.ty, self.krate);
                quote!(.rule(#expression))
            });
        let range = match (&rule.rule, types::integer(&field.ty)) {
            (RuleAttr::Plain("Counter"), Some(integer)) => Some(quote! {
                .range(::core::primitive::#integer::MIN as i128, ::core::primitive::#integer::MAX as i128)
            }),
            _ => None,
        };
        quote!(#place #says_rule #range)
    }

    /// Checks at compile time that the elements have the fields named as keys.
    fn check_keys(&mut self, rule: &FieldRule, ty: &Type) {
        let (RuleAttr::Keyed(keys), Some(element)) = (&rule.rule, types::element(ty)) else {
            return;
        };
        if self.is_generic(element) {
            return;
        }
        let krate = self.krate;
        for key in keys {
            let message = format!(
                "the elements of this list have no field named `{}`",
                key.value()
            );
            let span = key.span();
            self.checks.push(quote_spanned! {span=>
                const _: () = {
                    #[allow(unused_imports)]
                    use #krate::merge::__private::{self as __ifmatch, NotMerge as _};
                    assert!(__ifmatch::has_field(__ifmatch::TypeProbe::<#element>::FIELDS, #key), #message);
                };
            });
        }
    }

    /// Generates the place of a type. The rule decides whether the type must implement `Merge`, whether the
    /// compiler warns if it does not, or whether neither applies.
    fn type_at(&self, ty: &Type, rule: Option<&FieldRule>) -> TokenStream {
        let span = ty.span();
        match rule {
            Some(rule) if matches!(rule.rule, RuleAttr::Nested) => {
                let krate = self.krate;
                quote_spanned!(span=> __ifmatch::Place::of(<#ty as #krate::merge::Merge>::shape))
            }
            Some(rule) if rule.is_foreign || rule.is_auto() || !rule.is_walked() => {
                quote!(__ifmatch::Place::if_known(__ifmatch::TypeProbe::<#ty>::new().shape_if_known()))
            }
            _ => {
                quote_spanned!(span=> __ifmatch::Place::if_known(__ifmatch::TypeProbe::<#ty>::new().shape()))
            }
        }
    }

    pub(crate) fn of_type(&self, ty: &Type) -> TokenStream {
        self.type_at(ty, None)
    }

    fn tuple(&mut self, fields: &Fields) -> TokenStream {
        let mut parts = Vec::new();
        for field in fields {
            let Some((serde, rule)) = self.attrs(field) else {
                continue;
            };
            let without_rules = rule.as_ref().is_some_and(FieldRule::is_only_foreign);
            match rule.as_ref().filter(|_| !without_rules) {
                Some(rule) => {
                    self.tell(rule.error("a tuple is merged as a whole; use named fields"));
                }
                None if serde.is_skipped() => {}
                None => parts.push(self.place(field, rule, &serde)),
            }
        }
        quote!(__ifmatch::Shape::tuple(::std::vec![#(#parts),*]))
    }

    pub(crate) fn enumeration<'v>(
        &mut self,
        variants: impl Iterator<Item = &'v Variant>,
        container: &ContainerAttrs,
    ) -> TokenStream {
        let tag = match (&container.tag, &container.content) {
            _ if container.untagged => quote!(__ifmatch::Tagging::Untagged),
            (Some(tag), Some(content)) => quote!(__ifmatch::Tagging::Adjacent(#tag, #content)),
            (Some(tag), None) => quote!(__ifmatch::Tagging::Internal(#tag)),
            (None, _) => quote!(__ifmatch::Tagging::External),
        };
        let variants: Vec<TokenStream> = variants
            .filter_map(|variant| self.variant(variant, container))
            .collect();
        quote!(__ifmatch::Shape::variants(#tag, ::std::vec![#(#variants),*]))
    }

    fn variant(&mut self, variant: &Variant, container: &ContainerAttrs) -> Option<TokenStream> {
        let rule = self.or_report(attr::field(&variant.attrs))?;
        if let Some(rule) = rule {
            self.tell(rule.error("rules belong to the fields of a variant"));
        }
        let serde = self.or_report(serde_attr::member(&variant.attrs))?;
        if serde.is_skipped() {
            return None;
        }
        if container.untagged || serde.untagged {
            for field in &variant.fields {
                if let Some(Some(rule)) = self.or_report(attr::field(&field.attrs))
                    && !rule.is_only_foreign()
                {
                    self.tell(rule.error("an untagged enum is merged as a whole, because its document does not say which variant it is"));
                }
            }
        }
        let plain = plain_name(&variant.ident);
        let (written, read) = serde.names(&plain, &container.rename_all, Case::variant);
        let content = match &variant.fields {
            _ if serde.has_custom_serializer => Some(quote!(__ifmatch::Place::if_known(
                ::core::option::Option::None
            ))),
            Fields::Named(_) => {
                let cases = serde
                    .rename_all
                    .clone()
                    .or(container.rename_all_fields.clone());
                let names = self.names.take();
                let object = self.object(&variant.fields, &cases, None, false);
                self.names = names;
                Some(quote!(__ifmatch::Place::here(#object)))
            }
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                Some(self.content(&fields.unnamed[0]))
            }
            Fields::Unnamed(_) => {
                let tuple = self.tuple(&variant.fields);
                Some(quote!(__ifmatch::Place::here(#tuple)))
            }
            Fields::Unit => None,
        };
        let content = if let Some(place) = content {
            let by_function = serde.has_custom_deserializer.then(|| quote!(.unproven()));
            quote!(::core::option::Option::Some(#place #by_function))
        } else {
            quote!(::core::option::Option::None)
        };
        let untagged = serde.untagged.then(|| quote!(.untagged()));
        Some(quote!(__ifmatch::Variant::new(#written, &[#(#read),*], #content)#untagged))
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
