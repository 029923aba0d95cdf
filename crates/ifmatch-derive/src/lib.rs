//! The derive macro of the `ifmatch` crate; use it through `ifmatch::Merge`, which documents it.

mod attr;
mod case;
mod expand;
mod serde_attr;
mod shape;
mod types;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Writes how a type is merged: an implementation of `ifmatch::Merge`.
///
/// Without attributes, fields are merged by `Auto`, and fields whose type is `Merge` itself by the rules
/// of that type. A field can say otherwise:
///
/// | attribute | rule |
/// |---|---|
/// | `#[merge(text)]`, `#[merge(prose)]` | a text by lines; by words where lines conflict |
/// | `#[merge(set)]` | a list whose order does not count |
/// | `#[merge(sequence)]` | a list that both sides append to |
/// | `#[merge(key = "id")]`, `#[merge(key("a", "b"))]` | a list whose elements have an identity |
/// | `#[merge(counter)]` | a number to which both sides add |
/// | `#[merge(max)]`, `#[merge(min)]` | the larger or smaller value |
/// | `#[merge(local)]`, `#[merge(remote)]` | that side wins |
/// | `#[merge(atomic)]` | the field as a whole |
/// | `#[merge(nested)]` | the rules of the field's type, which must be `Merge` |
/// | `#[merge(foreign)]`, `#[merge(key = "id", foreign)]` | the field's type, or that of its elements, is not `Merge` and has no rules |
/// | `#[merge(with = path)]` | `fn(Option<&F>, &F, &F) -> Result<F, E>` of base, local and remote |
/// | `#[merge(with_json = path)]` | the same over `serde_json::Value` |
///
/// `with` functions count as operation-like; add `state_like` (`#[merge(with = f, state_like)]`) if
/// applying a change twice is the same as applying it once.
///
/// A field whose type is not `Merge`, or has such a type inside (`Vec<Foreign>`, `Page<Foreign>`), is merged
/// without rules, and the compiler warns: derive `Merge` for that type, or say `foreign`, `atomic` or `with` on
/// the field. A whole type from elsewhere takes a policy by `Client::collection_with`.
///
/// Type parameters get the bound `Merge`, and those that are keys of maps the bounds of serde as well;
/// `#[merge(bound = "…")]` on the type replaces these bounds. `#[merge(crate = "ifmatch_merge")]` names the crate
/// that the generated code uses; the default is `::ifmatch`.
///
/// # What serde says
///
/// The derive reads `#[serde(…)]`: `rename`, `rename_all` and `rename_all_fields` in both directions, `alias`,
/// `flatten`, `default`, the `skip` family, `transparent`, `tag`, `content`, `untagged`, `from` and `into`. A
/// member is the same member under each name that the type reads, and so is the key of a list. Rules hang on the
/// type's own tree: those of one variant hold for no other, and those of a flattened map for no named field.
/// Enums are merged inside while all sides hold the same variant; different variants conflict. Untagged enums are
/// merged as a whole. Tuples and arrays are too, unless each part has parts itself (`[Stats; 2]`): then each is
/// merged with the one at its place.
#[proc_macro_derive(Merge, attributes(merge))]
pub fn derive_merge(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
