//! The baseline: a lock as people write it. A document is created, which fails while it exists, and removed.

use reqwest::header::IF_NONE_MATCH;
use reqwest::{Client, Error, StatusCode};

use crate::poll_interval;

/// A lock without an end, an owner and a token.
#[derive(Clone)]
pub struct Lock {
    client: Client,
    url: String,
}

impl Lock {
    pub fn new(base: &str, name: &str) -> Self {
        Self {
            client: Client::new(),
            url: format!("{base}/locks/{name}"),
        }
    }

    /// Creates the document, and tries again until that succeeds.
    pub async fn acquire(&self) -> Result<(), Error> {
        loop {
            let request = self.client.put(&self.url).header(IF_NONE_MATCH, "*");
            let request = request.header("content-type", "application/json");
            let reply = request.body("{}").send().await?;
            if reply.status() != StatusCode::PRECONDITION_FAILED {
                reply.error_for_status()?;
                return Ok(());
            }
            tokio::time::sleep(poll_interval()).await;
        }
    }

    pub async fn release(&self) -> Result<(), Error> {
        let request = self.client.delete(&self.url);
        request.send().await?.error_for_status()?;
        Ok(())
    }
}
