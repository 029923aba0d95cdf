//! Parses `#[merge(…)]` attributes.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, ExprPath, Lit, LitStr, Path, Token, Type, WherePredicate, parenthesized,
};

/// The rule of a field, if its attribute names one.
pub(crate) enum RuleAttr {
    /// A rule without parameters, by the name of its variant.
    Plain(&'static str),
    Keyed(Vec<LitStr>),
    Nested,
    /// A merge function: its path, whether it takes `serde_json` values, and whether it is state-like.
    With {
        function: ExprPath,
        json: bool,
        state_like: bool,
    },
}

pub(crate) struct FieldRule {
    pub(crate) rule: RuleAttr,
    pub(crate) span: Span,
    /// Whether the field's type may lack a `Merge` implementation.
    pub(crate) is_foreign: bool,
}

const PLAIN: [(&str, &str); 11] = [
    ("auto", "Auto"),
    ("text", "Text"),
    ("prose", "Prose"),
    ("set", "Set"),
    ("sequence", "Sequence"),
    ("counter", "Counter"),
    ("atomic", "Atomic"),
    ("local", "Local"),
    ("remote", "Remote"),
    ("max", "Max"),
    ("min", "Min"),
];

const KNOWN: &str = "text, prose, set, sequence, counter, atomic, local, remote, max, min, auto, nested, \
                     foreign, key = \"…\", with = path, with_json = path";

/// Parses the rule of a field.
pub(crate) fn field(attrs: &[Attribute]) -> syn::Result<Option<FieldRule>> {
    let mut found: Option<FieldRule> = None;
    let (mut state_like, mut foreign) = (None, None);
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("merge")) {
        attr.parse_nested_meta(|meta| {
            let span = meta.path.span();
            if meta.path.is_ident("state_like") {
                state_like = Some(span);
                return Ok(());
            }
            if meta.path.is_ident("foreign") {
                foreign = Some(span);
                return Ok(());
            }
            let rule = rule(&meta)?;
            if found.is_some() {
                return Err(syn::Error::new(
                    span,
                    "a field can have only one merge rule",
                ));
            }
            found = Some(FieldRule {
                rule,
                span,
                is_foreign: false,
            });
            Ok(())
        })?;
    }
    if let Some(span) = foreign {
        let found = found.get_or_insert(FieldRule {
            rule: RuleAttr::Plain("Auto"),
            span,
            is_foreign: true,
        });
        if matches!(found.rule, RuleAttr::Nested) {
            let why = "`nested` uses the rules of the field's type, but `foreign` declares that it has none";
            return Err(syn::Error::new(span, why));
        }
        found.is_foreign = true;
    }
    if let Some(span) = state_like {
        match &mut found {
            Some(FieldRule {
                rule: RuleAttr::With { state_like, .. },
                ..
            }) => *state_like = true,
            _ => {
                return Err(syn::Error::new(
                    span,
                    "`state_like` can only be used with `with` or `with_json`",
                ));
            }
        }
    }
    Ok(found)
}

fn rule(meta: &ParseNestedMeta<'_>) -> syn::Result<RuleAttr> {
    if let Some((_, variant)) = PLAIN.iter().find(|(name, _)| meta.path.is_ident(name)) {
        return Ok(RuleAttr::Plain(variant));
    }
    if meta.path.is_ident("nested") {
        return Ok(RuleAttr::Nested);
    }
    if meta.path.is_ident("key") {
        return keys(meta).map(RuleAttr::Keyed);
    }
    let json = meta.path.is_ident("with_json");
    if json || meta.path.is_ident("with") {
        let value: Expr = meta.value()?.parse()?;
        let function = match value {
            Expr::Path(path) => path,
            // serde accepts a path as a string literal, so this does too.
            Expr::Lit(lit) if matches!(lit.lit, Lit::Str(_)) => match lit.lit {
                Lit::Str(path) => path.parse()?,
                other => {
                    return Err(syn::Error::new(
                        other.span(),
                        "expected the path of a function",
                    ));
                }
            },
            other => {
                return Err(syn::Error::new(
                    other.span(),
                    "expected the path of a function",
                ));
            }
        };
        return Ok(RuleAttr::With {
            function,
            json,
            state_like: false,
        });
    }
    Err(meta.error(format!("unknown merge rule; expected one of {KNOWN}")))
}

fn keys(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<LitStr>> {
    let keys = if meta.input.peek(syn::token::Paren) {
        let inside;
        parenthesized!(inside in meta.input);
        Punctuated::<LitStr, Token![,]>::parse_terminated(&inside)?
            .into_iter()
            .collect()
    } else {
        vec![meta.value()?.parse::<LitStr>()?]
    };
    if keys.is_empty() {
        return Err(meta.error("name the member that identifies an element: key = \"id\""));
    }
    if let Some(empty) = keys.iter().find(|key| key.value().is_empty()) {
        return Err(syn::Error::new(
            empty.span(),
            "the name of the key must not be empty",
        ));
    }
    Ok(keys)
}

/// The `#[merge(…)]` attributes of a type.
pub(crate) struct MergeAttrs {
    /// The bounds that replace the generated ones.
    pub(crate) bound: Option<Vec<WherePredicate>>,
    /// The path of the crate that the generated code uses.
    pub(crate) krate: Path,
}

pub(crate) fn container(attrs: &[Attribute]) -> syn::Result<MergeAttrs> {
    let mut found = MergeAttrs {
        bound: None,
        krate: syn::parse_quote!(::ifmatch),
    };
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("merge")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                found.krate = meta.value()?.parse::<LitStr>()?.parse()?;
                return Ok(());
            }
            if !meta.path.is_ident("bound") {
                let why = "a type accepts only `bound` and `crate`; put rules on its fields";
                return Err(meta.error(why));
            }
            let text: LitStr = meta.value()?.parse()?;
            let parser = Punctuated::<WherePredicate, Token![,]>::parse_terminated;
            found.bound = Some(text.parse_with(parser)?.into_iter().collect());
            Ok(())
        })?;
    }
    Ok(found)
}

impl FieldRule {
    /// Returns the rule as an expression.
    pub(crate) fn expression(&self, ty: &Type, krate: &Path) -> TokenStream {
        let rule = quote!(#krate::merge::Rule);
        match &self.rule {
            RuleAttr::Plain(variant) => {
                let variant = syn::Ident::new(variant, Span::call_site());
                quote!(#rule::#variant)
            }
            RuleAttr::Nested => quote!(#rule::Auto),
            RuleAttr::Keyed(keys) => quote!(#rule::keyed_by([#(#keys),*])),
            RuleAttr::With {
                function,
                json: true,
                state_like: false,
            } => quote!(#rule::custom(#function)),
            RuleAttr::With {
                function,
                json: true,
                state_like: true,
            } => quote!(#rule::custom_state_like(#function)),
            RuleAttr::With {
                function,
                json: false,
                state_like,
            } => {
                let span = function.span();
                quote_spanned!(span=> #krate::merge::__private::typed::<#ty, _, _>(#function, #state_like))
            }
        }
    }

    /// Whether the value of the field is merged part by part.
    pub(crate) fn is_walked(&self) -> bool {
        matches!(
            self.rule,
            RuleAttr::Plain("Auto" | "Sequence") | RuleAttr::Keyed(_) | RuleAttr::Nested
        )
    }

    /// Whether the field has only `#[merge(foreign)]` and no rule.
    pub(crate) fn is_only_foreign(&self) -> bool {
        self.is_foreign && self.is_auto()
    }

    pub(crate) fn is_auto(&self) -> bool {
        matches!(self.rule, RuleAttr::Plain("Auto"))
    }

    pub(crate) fn error(&self, message: impl std::fmt::Display) -> syn::Error {
        syn::Error::new(self.span, message)
    }
}
