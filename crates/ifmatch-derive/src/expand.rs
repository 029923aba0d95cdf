//! Generates the implementation of `Merge`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, Ident, Type};

use crate::attr;
use crate::serde_attr;
use crate::shape::Writer;
use crate::types;

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attrs = attr::container(&input.attrs)?;
    let container = serde_attr::container(&input.attrs)?;
    let krate = &attrs.krate;
    let params: Vec<Ident> = input
        .generics
        .type_params()
        .map(|p| p.ident.clone())
        .collect();
    let mut writer = Writer::new(krate, &params);
    let shape = if let Some(stand_in) = &container.stand_in {
        let place = writer.of_type(stand_in);
        quote!(__ifmatch::Shape::same(#place.unproven()))
    } else {
        let shape = match &input.data {
            Data::Struct(data) => writer.structure(&data.fields, &container),
            Data::Enum(data) => writer.enumeration(data.variants.iter(), &container),
            Data::Union(data) => {
                return Err(syn::Error::new(
                    data.union_token.span(),
                    "`Merge` cannot be derived for a union",
                ));
            }
        };
        if container.reads_another_type {
            quote!(__ifmatch::Shape::same(__ifmatch::Place::here(#shape).unproven()))
        } else {
            shape
        }
    };
    let Writer {
        checks,
        names,
        mistakes,
        ..
    } = writer;
    if let Some(mistakes) = mistakes {
        return Err(mistakes);
    }
    let mut generics = input.generics.clone();
    let own = attrs.bound.is_none();
    if !params.is_empty() || !own {
        let clause = generics.make_where_clause();
        clause.predicates.extend(attrs.bound.into_iter().flatten());
        if own {
            let keys = map_keys(&input.data);
            for param in params {
                clause
                    .predicates
                    .push(syn::parse_quote!(#param: #krate::merge::Merge));
                if keys.contains(&param) {
                    clause
                        .predicates
                        .push(syn::parse_quote!(#param: #krate::merge::__private::MapKey));
                }
            }
        }
    }
    let ident = &input.ident;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let fields = names.map(|names| {
        quote! {
            const FIELDS: ::core::option::Option<&'static [&'static str]> = ::core::option::Option::Some(&[#(#names),*]);
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::merge::Merge for #ident #ty_generics #where_clause {
            fn policy() -> #krate::merge::Policy {
                #krate::merge::Policy::of_shape(<Self as #krate::merge::Merge>::shape())
            }

            fn shape() -> #krate::merge::__private::Shape {
                #[allow(unused_imports)]
                use #krate::merge::__private::{self as __ifmatch, NotMerge as _};
                #shape
            }
            #fields
        }
        #(#checks)*
    })
}

/// Returns the type parameters that are used as map keys.
fn map_keys(data: &Data) -> Vec<Ident> {
    let fields: Vec<&Fields> = match data {
        Data::Struct(data) => vec![&data.fields],
        Data::Enum(data) => data.variants.iter().map(|v| &v.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    let mut keys = Vec::new();
    for field in fields.into_iter().flatten() {
        types::map_keys(&field.ty, &mut keys);
    }
    let keys = keys.into_iter().filter_map(|key| match key {
        Type::Path(path) => path.path.get_ident().cloned(),
        _ => None,
    });
    keys.collect()
}
