//! The walks.

use std::time::Instant;

use super::explore::walk;
use super::setting::{Edit, Setting, Writer};

fn holds(name: &str, setting: &Setting) {
    let begun = Instant::now();
    match walk(setting, |_| {}) {
        Ok(seen) => println!("{name}: {seen:?} in {:?}", begun.elapsed()),
        Err(found) => {
            assert!(false, "{name}: {} after {} states\n{}", found.fault, found.states, found.way.join("\n"));
        }
    }
}

#[test]
fn two_counters() {
    for faults in 0..=2 {
        let writers = [Writer::informed(Edit::Count), Writer::informed(Edit::Count)];
        holds("two counters", &Setting::new(&writers, faults));
    }
}
