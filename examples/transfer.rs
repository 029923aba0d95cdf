//! Money that moves between accounts of an API without transactions. Responses are lost, a step is refused, and another
//! client edits an account in between. The sum stays the same.
//!
//! Run it with `cargo run --example transfer`. It starts its own server on loopback.

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{BoxError, Client, Collection, ErrorKind, Merge, Transaction};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Account {
    owner: String,
    // An amount that is taken and given back at the same time as others pay in must not overwrite theirs.
    #[merge(counter)]
    balance: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Transfer {
    from: String,
    to: String,
    amount: i64,
}

struct Bank {
    client: Client,
    accounts: Collection<Account>,
    transfers: Collection<Transfer>,
}

impl Bank {
    fn new(server: &ResourceServer) -> Result<Self, ifmatch::Error> {
        let client = Client::new(server.uri())?;
        Ok(Self {
            // With a stamp, a write whose response was lost is recognised exactly.
            accounts: client.collection("accounts").write_stamp("/writes"),
            transfers: client.collection("transfers"),
            client,
        })
    }

    fn transfer(&self, from: &str, to: &str, amount: i64) -> Transaction {
        let id = format!("{from}-{to}-{amount}");
        let transfer = Transfer {
            from: from.to_owned(),
            to: to.to_owned(),
            amount,
        };
        self.client
            .transaction()
            .try_update(&self.accounts, from, move |account| {
                account.balance -= amount;
                if account.balance < 0 {
                    return Err("too little money".into());
                }
                Ok(())
            })
            .update(&self.accounts, to, move |account| account.balance += amount)
            .create(&self.transfers, id, &transfer)
    }

    async fn print(&self) -> Result<(), ifmatch::Error> {
        let (mut sum, mut line) = (0, String::new());
        for id in ["anna", "ben"] {
            let account = self.accounts.get(id).await?;
            sum += account.balance;
            line = format!("{line}{}: {}, ", account.owner, account.balance);
        }
        println!("   {line}sum: {sum}\n");
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = ResourceServer::start().await;
    server.put("/accounts/anna", r#"{"owner": "Anna", "balance": 100}"#);
    server.put("/accounts/ben", r#"{"owner": "Ben", "balance": 20}"#);
    let bank = Bank::new(&server)?;
    bank.print().await?;

    println!("1. Anna pays Ben 30. The responses to two of the three writes are lost.");
    server.nth_write(1, Step::new().lose_reply());
    server.nth_write(3, Step::new().lose_reply());
    let done = bank.transfer("anna", "ben", 30).commit().await?;
    println!("   committed with {} requests", done.report().requests);
    bank.print().await?;

    println!("2. Ben pays Anna 80, which he does not have.");
    match bank.transfer("ben", "anna", 80).commit().await {
        Err(error) if error.kind() == ErrorKind::Undone => {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            println!("   {error}: {}", why.unwrap_or_default());
        }
        other => println!("   not expected: {other:?}"),
    }
    bank.print().await?;

    println!(
        "3. Anna pays Ben 10. His bank refuses, after another client has paid 5 into Anna's account."
    );
    server.nth_write(3, Step::new().answer(Reply::new(403)));
    // The transfer is removed by the fourth write, and the fifth one gives the money back.
    let paid = |anna: &mut serde_json::Value| {
        anna["balance"] = (anna["balance"].as_i64().unwrap_or_default() + 5).into();
    };
    server.nth_write(5, Step::new().edit(paid));
    match bank.transfer("anna", "ben", 10).commit().await {
        Err(error) => {
            println!("   {:?}:", error.kind());
            for step in error.steps() {
                println!("   - {step}");
            }
        }
        Ok(_) => println!("   not expected"),
    }
    bank.print().await?;
    Ok(())
}
