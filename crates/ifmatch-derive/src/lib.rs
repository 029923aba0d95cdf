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
/// | `#[merge(with = path)]` | `fn(Option<&F>, &F, &F) -> Result<F, E>` of base, local and remote |
/// | `#[merge(with_json = path)]` | the same over `serde_json::Value` |
///
/// `with` functions count as operation-like; add `state_like` (`#[merge(with = f, state_like)]`) if
/// applying a change twice is the same as applying it once.
///
/// Type parameters get the bound `Merge`; `#[merge(bound = "…")]` on the type replaces these bounds.
///
/// Names follow `#[serde(…)]`: `rename`, `rename_all`, `rename_all_fields`, `alias`, `flatten`, `skip`,
/// `transparent`, `tag`, `content`, `untagged`, `from` and `into`. Enums are merged inside while all
/// sides hold the same variant; different variants conflict. Tuples and untagged enums are merged as a
/// whole.
#[proc_macro_derive(Merge, attributes(merge))]
pub fn derive_merge(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
