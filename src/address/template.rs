//! The template of an address, which stands for it wherever something is told about it.

use std::sync::{Arc, OnceLock};

use url::Url;

/// The path of an address, with `{id}` in place of an id. All handles of a collection share it.
#[derive(Clone, Default)]
pub(crate) struct UrlTemplate {
    texts: Arc<Texts>,
    is_item: bool,
}

#[derive(Default)]
struct Texts {
    given: OnceLock<Arc<str>>,
    item: OnceLock<Arc<str>>,
}

impl UrlTemplate {
    /// Creates the template that a user gave, such as `/users/{user}/articles`.
    pub(crate) fn given(text: &str) -> Self {
        Self {
            texts: Arc::new(Texts {
                given: OnceLock::from(Arc::from(text)),
                item: OnceLock::new(),
            }),
            is_item: false,
        }
    }

    /// Returns the template of an item, given the address of its collection.
    pub(crate) fn of_item(&self, collection: &Url) -> Self {
        if !self.is_item {
            self.texts.item.get_or_init(|| {
                let path = self.texts.given.get();
                let path = path.map_or(collection.path(), |given| given);
                let (path, slash) = match path.strip_suffix('/') {
                    Some(path) if !path.is_empty() => (path, "/"),
                    Some(path) => (path, ""),
                    None => (path, ""),
                };
                format!("{path}/{{id}}{slash}").into()
            });
        }
        Self {
            texts: self.texts.clone(),
            is_item: true,
        }
    }

    /// Returns the template of a request below this one. `below` is that of the path below.
    pub(crate) fn below(&self, url: &Url, below: &str) -> Self {
        let above = self.of(url).trim_end_matches('/');
        Self::given(&format!("{above}/{below}"))
    }

    /// Returns the same template, or the path of this address if none was given.
    pub(crate) fn or(&self, url: &Url) -> Self {
        Self::given(self.of(url))
    }

    /// Returns the template of an address that is not an item of a collection, or of the item.
    pub(crate) fn of<'a>(&'a self, url: &'a Url) -> &'a str {
        let Texts { given, item } = &*self.texts;
        let known = if self.is_item {
            item.get()
        } else {
            given.get()
        };
        known.map_or(url.path(), |known| known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_not_part_of_a_template() -> Result<(), url::ParseError> {
        let at = |path| Url::parse("http://h/v1")?.join(path);
        for (collection, given, expected) in [
            ("/v1/articles", None, "/v1/articles/{id}"),
            ("/v1/docs/", None, "/v1/docs/{id}/"),
            ("/", None, "/{id}"),
            (
                "/users/7/notes",
                Some("/users/{user}/notes"),
                "/users/{user}/notes/{id}",
            ),
        ] {
            let template = given.map_or_else(UrlTemplate::default, UrlTemplate::given);
            let collection = at(collection)?;
            assert_eq!(template.of(&collection), given.unwrap_or(collection.path()));
            let item = template.of_item(&collection);
            assert_eq!(item.of(&at("/somewhere/else/7")?), expected);
            assert_eq!(item.of_item(&at("/x")?).of(&collection), expected);
        }
        Ok(())
    }
}
