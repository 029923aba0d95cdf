//! The derive macro of the `ifmatch` crate. Use it through `ifmatch::Merge`, which documents it.

mod attr;
mod case;
mod expand;
mod serde_attr;
mod shape;
mod types;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `ifmatch::Merge`, which defines how a type is merged.
///
/// Without attributes, a field is merged by `Auto`. A field whose type implements `Merge` is merged by the rules
/// of that type. An attribute on the field selects another rule:
///
/// | attribute | rule |
/// |---|---|
/// | `#[merge(text)]`, `#[merge(prose)]` | a text, merged by lines; `prose` merges conflicting lines by words |
/// | `#[merge(set)]` | a list whose order does not matter |
/// | `#[merge(sequence)]` | a list that both sides append to |
/// | `#[merge(key = "id")]`, `#[merge(key("a", "b"))]` | a list whose elements have an identity |
/// | `#[merge(counter)]` | a number that both sides add to |
/// | `#[merge(max)]`, `#[merge(min)]` | the larger or smaller value |
/// | `#[merge(local)]`, `#[merge(remote)]` | that side wins |
/// | `#[merge(atomic)]` | the field as a whole |
/// | `#[merge(nested)]` | the rules of the field's type, which must implement `Merge` |
/// | `#[merge(foreign)]`, `#[merge(key = "id", foreign)]` | the field's type, or its element type, does not implement `Merge` and has no rules |
/// | `#[merge(with = path)]` | `fn(Option<&F>, &F, &F) -> Result<F, E>` of base, local and remote |
/// | `#[merge(with_json = path)]` | `fn(Option<&Value>, &Value, &Value) -> Result<Value, BoxError>`, over `serde_json::Value` |
///
/// A function named by `with` is called only if both sides have the place and both changed it. `E` is any type that
/// converts into `BoxError`: an error type, a `String`, a `&str` or an `anyhow::Error`. An error or a panic leaves the
/// place in conflict. If both sides made the same change, it is called too, unless it is `state_like`.
///
/// Functions named by `with` are treated as operation-like. Add `state_like` (`#[merge(with = f, state_like)]`) if
/// applying a change twice gives the same result as applying it once.
///
/// A field whose type does not implement `Merge`, or contains such a type (`Vec<Foreign>`, `Page<Foreign>`), is
/// merged without rules, and the compiler warns. Derive `Merge` for that type, or put `foreign`, `atomic` or
/// `with` on the field. For a whole foreign type, pass a policy to `Client::collection_with`.
///
/// Type parameters get the bound `Merge`. Parameters used as map keys also get the bounds of serde.
/// `#[merge(bound = "…")]` on the type replaces these bounds. `#[merge(crate = "ifmatch_merge")]` names the crate
/// that the generated code uses; the default is `::ifmatch`.
///
/// # serde attributes
///
/// The derive reads `#[serde(…)]`: `rename`, `rename_all` and `rename_all_fields` in both directions, `alias`,
/// `flatten`, `default`, the `skip` family, `transparent`, `tag`, `content`, `untagged`, `from` and `into`. All
/// names under which the type reads a member denote the same member, and the same holds for the key of a list.
/// Rules belong to the type's own structure: a rule of one variant does not apply to another, and a rule of a
/// flattened map does not apply to a named field. Enums are merged inside while all sides hold the same variant;
/// different variants conflict. Untagged enums are merged as a whole. Tuples and arrays are too, unless every part
/// has parts itself (`[Stats; 2]`). In that case each part is merged with the part at the same position.
#[proc_macro_derive(Merge, attributes(merge))]
pub fn derive_merge(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
