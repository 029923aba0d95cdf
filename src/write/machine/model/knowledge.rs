//! Whether a write that ends as unknown could have known better.

use std::collections::HashMap;

use super::explore::walk;
use super::setting::*;
use super::world::Place;
use crate::write::plan::Outcome;

#[test]
fn probe_knowledge() {
    let (i, n) = (Writer::informed, Writer::new);
    for (name, writers) in [("counts", vec![i(Edit::Count), i(Edit::Count)]), ("texts", vec![i(Edit::Set("/a", "x")), i(Edit::Set("/b", "x"))]),
        ("same text", vec![i(Edit::Set("/a", "x")), i(Edit::Set("/a", "y"))]),
        ("taken", vec![i(Edit::Set("/a", "x")), n(Edit::Set("/a", ""))]),
        ("del", vec![i(Edit::Delete), n(Edit::Set("/a", "x"))]) ] {
        for (stamped, strict, faults) in [(false, false, 1), (false, false, 2), (true, false, 2), (false, true, 2), (false, false, 3)] {
            let setting = Setting { histories: true, stamped, strict, ..Setting::new(&writers, faults) };
            let mut seen: HashMap<(usize, u64), [bool; 2]> = HashMap::new();
            let walked = walk(&setting, |world| {
                for (w, place) in world.places.iter().enumerate() {
                    if let Place::Ended(end) = place && end.outcome == Outcome::Unknown {
                        seen.entry((w, end.history)).or_default()[usize::from(world.server.books[w].applied > 0)] = true;
                    }
                }
            });
            let both = seen.values().filter(|s| s[0] && s[1]).count();
            let never = seen.values().filter(|s| s[0] && !s[1]).count();
            let always = seen.values().filter(|s| !s[0] && s[1]).count();
            println!("{name} stamped {stamped} strict {strict} F{faults}: {:?}: both {both} never {never} always {always}", walked.map(|w| w.states));
        }
    }
}
