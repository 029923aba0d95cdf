//! Transfers as people write them: careful about races, and without an answer to a lost response.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ETAG, IF_MATCH};
use serde_json::Value;

use crate::bank::{self, Bank};
use crate::{Outcome, Transfer};

async fn change(http: &reqwest::Client, url: &str, by: i64) -> Outcome {
    loop {
        bank::sent().await;
        let read = http.get(url).send().await?;
        if bank::is_lost() {
            continue;
        }
        let tag = read.headers()[ETAG].clone();
        let mut account: Value = read.json().await?;
        let balance = account["balance"].as_i64().unwrap_or_default() + by;
        if balance < 0 {
            return Err("too little money".into());
        }
        account["balance"] = balance.into();
        bank::sent().await;
        let written = http.put(url).header(IF_MATCH, tag).json(&account);
        let written = written.send().await?;
        if bank::is_lost() {
            return Err("the response was lost".into());
        }
        match written.status() {
            StatusCode::PRECONDITION_FAILED => {}
            status if status.is_success() => return Ok(()),
            status => return Err(format!("refused: {status}").into()),
        }
    }
}

pub(crate) async fn make(bank: &Bank, transfers: Vec<Transfer>) -> Outcome<Duration> {
    let http = reqwest::Client::new();
    crate::all(transfers, |transfer| {
        let (http, from, to) = (http.clone(), bank.url(transfer.from), bank.url(transfer.to));
        async move {
            let is_taken = change(&http, &from, -transfer.amount).await.is_ok();
            if is_taken && change(&http, &to, transfer.amount).await.is_err() {
                let _ = change(&http, &from, transfer.amount).await;
            }
        }
    })
    .await
}
