//! A text in chunks of sizes that the input chooses.

/// A text, and the sizes that its chunks take in turn.
pub struct Chunks<'i> {
    sizes: &'i [u8],
    pub text: &'i [u8],
}

impl<'i> Chunks<'i> {
    /// Reads the number of sizes, the sizes, and the text. A size of 0 is an empty chunk.
    pub fn of(input: &'i [u8]) -> Option<Self> {
        let (count, rest) = input.split_first()?;
        let (sizes, text) = rest.split_at_checked(usize::from(*count % 16))?;
        Some(Self { sizes, text })
    }

    pub fn iter(&self) -> impl Iterator<Item = &'i [u8]> {
        let (mut sizes, mut rest) = (self.sizes.iter().cycle(), self.text);
        let all_empty = self.sizes.iter().all(|size| *size == 0);
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let size = if all_empty {
                1
            } else {
                usize::from(*sizes.next()?)
            };
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            Some(chunk)
        })
    }
}
