//! Determines how a type shows each element of a list, by decoding lists of one element.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::put::Put;
use crate::json::{Document, Node, Tree, View, same};

/// A raw list that the type shows as another list, where the values do not reveal how the elements correspond.
#[derive(Debug, Clone)]
pub(super) struct Unsure {
    /// The pointer of the list in the value that the type shows.
    pointer: String,
    list: Range<usize>,
    elements: Vec<Range<usize>>,
}

impl Unsure {
    /// Returns the list if it is a short list of bare values in the walk's own document.
    pub(super) fn of<'t>(
        walk: &Put<'t, '_>,
        list: Node<'t>,
        raw: &[Node<'t>],
        shown: &[Node<'t>],
    ) -> Option<Self> {
        const LONGEST: usize = 32;
        let is_bare = |e: &Node<'t>| !matches!(e.view(), View::Array | View::Object);
        let is_shown = raw.len() == shown.len() && raw.iter().zip(shown).all(|(r, s)| same(*r, *s));
        let is_ours = std::ptr::eq(list.whole_text(), walk.text);
        let fits = is_ours && !is_shown && raw.len() <= LONGEST && raw.iter().all(is_bare);
        fits.then(|| Self {
            pointer: walk.path.borrow().clone(),
            list: list.range(),
            elements: raw.iter().map(|element| element.range()).collect(),
        })
    }

    /// Returns the digest of what the type shows for an element in a list of its own. Empty if it shows nothing,
    /// `None` if that cannot be determined.
    fn image<T: Serialize + DeserializeOwned>(
        &self,
        raw: &str,
        element: &Range<usize>,
    ) -> Option<Vec<u64>> {
        let (before, behind) = (&raw[..self.list.start], &raw[self.list.end..]);
        let alone = format!("{before}[{}]{behind}", &raw[element.clone()]);
        let shown = Document::encode(&Document::from_trusted(alone).decode::<T>().ok()?).ok()?;
        let list = shown.pointer(&self.pointer)?;
        list.with_root(|list| {
            let images: Vec<u64> = list.each_element().map(Tree::digest).collect();
            (matches!(list.view(), View::Array) && images.len() < 2).then_some(images)
        })
    }
}

/// Returns the images of the elements of the lists, by the offset at which each element begins.
pub(super) fn images<T: Serialize + DeserializeOwned>(
    raw: &Document,
    lists: &[Unsure],
) -> HashMap<usize, Option<u64>> {
    /// Work limit: the number of decoded documents of any length, and of bytes decoded beyond that.
    const TRIALS: usize = 32;
    const DECODED: usize = 1_000_000;
    let mut left = TRIALS + DECODED / raw.len();
    let mut images = HashMap::new();
    for list in lists {
        let Some(rest) = left.checked_sub(list.elements.len()) else {
            break;
        };
        left = rest;
        let each = list.elements.iter();
        let each = each.map(|at| {
            let image = list.image::<T>(raw.as_str(), at)?;
            Some((at.start, image.first().copied()))
        });
        if let Some(all) = each.collect::<Option<Vec<_>>>() {
            images.extend(all);
        }
    }
    images
}
