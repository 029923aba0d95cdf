//! Many transfers over connections that lose messages, beside other clients: the books balance.

use ifmatch::{ErrorKind, Limits};
use std::time::Duration;

use super::Account;
use crate::support::{Event, Server};

const ACCOUNTS: u64 = 8;
const TRANSFERS: u64 = 400;

/// A small generator, so that a failure can be repeated.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }
}

#[tokio::test(start_paused = true)]
async fn the_sum_of_all_accounts_stays_exact() {
    let server = Server::default();
    for id in 0..ACCOUNTS {
        server.put(&format!("/v1/accounts/{id}"), r#"{"balance":100}"#);
    }
    let limits = Limits::default().time(Duration::from_secs(60));
    let client = server.builder().limits(limits).build().unwrap();
    let accounts = client
        .collection::<Account>("accounts")
        .write_stamp("/writes");
    let mut drawn = Seeded(7);
    let (mut committed, mut undone) = (0, 0);
    for _ in 0..TRANSFERS {
        let (from, to) = (drawn.below(ACCOUNTS), drawn.below(ACCOUNTS - 1));
        let to = if to >= from { to + 1 } else { to };
        let amount = i64::try_from(drawn.below(60)).unwrap();
        for _ in 0..drawn.below(8) {
            server.script([match drawn.below(20) {
                0 => Event::LoseReply,
                1 => Event::LoseRequest,
                2 => Event::NoConnection,
                3 => Event::Answer(403, &[], "{}"),
                4 => Event::Delay,
                _ => Event::Plain,
            }]);
        }
        let transfer = client
            .transaction()
            .try_update(&accounts, from, move |account| {
                account.balance -= amount;
                if account.balance < 0 {
                    return Err("too little money".into());
                }
                Ok(())
            })
            .update(&accounts, to, move |account| account.balance += amount);
        match transfer.commit().await {
            Ok(_) => committed += 1,
            Err(error) => {
                assert_eq!(
                    error.kind(),
                    ErrorKind::Undone,
                    "{error} {:?}",
                    error.steps()
                );
                undone += 1;
            }
        }
        server.end_script();
        let balances = (0..ACCOUNTS).map(|id| server.value(&format!("/v1/accounts/{id}")));
        let sum: i64 = balances.map(|it| it["balance"].as_i64().unwrap()).sum();
        assert_eq!(sum, 800, "after {committed} and {undone}");
    }
    assert!(committed > 100 && undone > 20, "{committed} {undone}");
}
