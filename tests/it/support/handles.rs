//! The handles, handlers and strategies that many tests use.

use ifmatch::{
    Answer, BoxError, Collection, Conflict, Generic, MergeStrategy, Policy, Refusal,
    RefusalHandler, Resolution, Rule, ThreeWay, async_trait,
};
use serde_json::Value;

use super::{ARTICLE, Article, Server};

/// Where the article lies.
pub(crate) const AT: &str = "/v1/articles/1";

pub(crate) fn articles(server: &Server) -> Collection<Article> {
    server
        .client()
        .collection_with("articles", ThreeWay::default())
}

/// Articles whose views are counted.
pub(crate) fn counters(server: &Server) -> Collection<Article> {
    let strategy = ThreeWay::new(Policy::new().field("/views", Rule::Counter));
    server.client().collection_with("articles", strategy)
}

/// Articles of no type, behind an API of this profile.
pub(crate) fn values(server: &Server, profile: Generic) -> Collection<Value> {
    let client = server.builder().profile(profile).build().unwrap();
    client.collection_with("articles", ThreeWay::default())
}

/// The article, not yet sent.
pub(crate) fn draft() -> Article {
    serde_json::from_str(ARTICLE).unwrap()
}

/// The edit of most tests.
pub(crate) fn edit(article: &mut Article) {
    article.title = "mine".into();
}

/// Answers each refusal by a function.
pub(crate) struct Always<T>(pub(crate) fn(&Refusal<T>) -> Answer<T>);

#[async_trait]
impl<T: Send + Sync + 'static> RefusalHandler<T> for Always<T> {
    async fn refused(&self, refusal: &Refusal<T>) -> Result<Answer<T>, BoxError> {
        Ok((self.0)(refusal))
    }
}

/// Settles each conflict by removing the resource.
pub(crate) struct Removes;

#[async_trait]
impl MergeStrategy<Article> for Removes {
    async fn resolve(&self, _: &Conflict<Article>) -> Result<Resolution<Article>, BoxError> {
        Ok(Resolution::Delete)
    }

    fn is_state_like(&self) -> bool {
        true
    }
}
