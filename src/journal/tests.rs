//! The fold of the marks that are left is the fold of everything that happened.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::fold::Fold;
use super::intent::{GroupStep, Intent, IntentGoal, IntentId, StepRole};
use super::mark::{Mark, MarkAt, Open, Sent, StepEnd, Stepped};

/// One thing that happens to a journal. Writes and resources are numbered.
#[derive(Clone, Debug)]
enum Step {
    Intend {
        write: u8,
        resource: u8,
    },
    /// A step of a transaction. Each write has a step of its own.
    Join {
        write: u8,
        group: u8,
    },
    Stepped {
        write: u8,
        end: StepEnd,
    },
    EndGroup {
        group: u8,
    },
    Send {
        write: Option<u8>,
        onto: Option<u8>,
    },
    Judge {
        nth: usize,
    },
    Open {
        write: u8,
    },
    Retry {
        write: u8,
    },
    End {
        write: u8,
    },
}

fn id(write: u8) -> IntentId {
    format!("00000000-0000-4000-8000-0000000000{write:02x}")
        .parse()
        .unwrap()
}

fn intent(write: u8, resource: u8, place: u64) -> Intent {
    Intent {
        id: id(write),
        // A new document that is tried again is sent anew.
        goal: if write == 0 {
            IntentGoal::Append
        } else {
            IntentGoal::Replace
        },
        owner: [0; 16],
        handle: [0; 16],
        address: [resource; 16],
        url: "http://h/1".into(),
        resource: None,
        schema: 0,
        is_pinned: false,
        idempotency_key: None,
        is_edit: false,
        honours_key: false,
        queued_at: 0,
        place,
        group: None,
    }
}

/// A journal, and the marks that its home keeps.
#[derive(Default)]
struct Kept {
    fold: Fold,
    marks: BTreeMap<MarkAt, Mark>,
    last: u64,
}

impl Kept {
    fn mark(&mut self, mark: Mark) {
        self.last += 1;
        let at = MarkAt {
            file: 0,
            number: self.last,
        };
        self.marks.insert(at, mark.clone());
        let outdated = self.fold.mark(at, mark, 10);
        self.remove(&outdated);
    }

    fn remove(&mut self, outdated: &[MarkAt]) {
        for at in outdated {
            self.marks.remove(at);
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Intend { write, resource } => {
                let known = self.fold.get(id(write)).map(|known| known.intent.clone());
                let place = known.as_ref().map_or(self.last + 1, |known| known.place);
                let resource = known.map_or(resource, |known| known.address[0]);
                self.mark(Mark::Intended(Box::new(intent(write, resource, place))));
            }
            Step::Join { write, group } => {
                if self.fold.get(id(write)).is_none() {
                    let role = if write == 3 {
                        StepRole::TakesBack
                    } else {
                        StepRole::Writes
                    };
                    let of = GroupStep {
                        group: [100 + group; 16],
                        step: u16::from(write),
                        role,
                        goes_back: false,
                        is_isolated: false,
                    };
                    let group = Some(of);
                    self.mark(Mark::Intended(Box::new(Intent {
                        group,
                        ..intent(write, 0, self.last + 1)
                    })));
                }
            }
            Step::Stepped { write, end } => self.mark(Mark::Stepped(Stepped {
                intent: id(write),
                end,
                elsewhere: None,
                schema: 0,
            })),
            Step::EndGroup { group } => {
                let outdated = self.fold.ended_group(&([0; 16], [100 + group; 16]));
                self.remove(&outdated);
            }
            Step::Send { write, onto } => self.mark(Mark::Sent(Sent {
                intent: write.map(id),
                address: [9; 16],
                onto: onto.map(|onto| format!("\"{onto}\"").into()),
                idempotency_key: None,
                removes: false,
                schema: 0,
            })),
            Step::Judge { nth } => {
                let requests = self.fold.requests();
                if let Some((at, sent)) = requests.get(nth % requests.len().max(1)) {
                    match sent.intent {
                        Some(id) => self.fold.judged_of(id, &[*at]),
                        None => self.fold.judged(&[*at]),
                    }
                    self.remove(&[*at]);
                }
            }
            Step::Open { write } => self.mark(Mark::Open(Box::new(Open {
                intent: id(write),
                schema: 0,
                kind: "Conflict".into(),
                message: "".into(),
                problem: None,
            }))),
            Step::Retry { write } => {
                let outdated = self.fold.retried(id(write));
                self.remove(&outdated);
            }
            Step::End { write } => {
                let outdated = self.fold.ended(id(write));
                self.remove(&outdated);
            }
        }
    }

    fn replayed(&self) -> Fold {
        let mut fold = Fold::default();
        for (at, mark) in &self.marks {
            assert!(fold.mark(*at, mark.clone(), 10).is_empty());
        }
        fold
    }
}

fn step() -> impl Strategy<Value = Step> {
    let write = 0..4_u8;
    prop_oneof![
        3 => (write.clone(), 0..2_u8).prop_map(|(write, resource)| Step::Intend { write, resource }),
        3 => (prop::option::of(write.clone()), prop::option::of(0..3_u8))
            .prop_map(|(write, onto)| Step::Send { write, onto }),
        2 => (write.clone(), 0..2_u8).prop_map(|(write, group)| Step::Join { write, group }),
        2 => (write.clone(), prop::sample::select(vec![
            StepEnd::Applied,
            StepEnd::NotApplied,
            StepEnd::Undone,
        ]))
        .prop_map(|(write, end)| Step::Stepped { write, end }),
        1 => (0..2_u8).prop_map(|group| Step::EndGroup { group }),
        1 => any::<usize>().prop_map(|nth| Step::Judge { nth }),
        1 => write.clone().prop_map(|write| Step::Open { write }),
        1 => write.clone().prop_map(|write| Step::Retry { write }),
        1 => write.prop_map(|write| Step::End { write }),
    ]
}

proptest! {
    #[test]
    fn a_restart_finds_what_the_last_process_knew(steps in prop::collection::vec(step(), 0..40)) {
        let mut kept = Kept::default();
        for step in &steps {
            kept.step(step);
            let again = kept.replayed();
            for write in 0..4 {
                prop_assert_eq!(kept.fold.get(id(write)), again.get(id(write)));
            }
            for resource in 0..2 {
                let key = ([0; 16], [resource; 16]);
                let ids = |fold: &Fold| fold.chain(&key).map(|it| it.intent.id).collect::<Vec<_>>();
                prop_assert_eq!(ids(&kept.fold), ids(&again));
            }
            for group in 0..2 {
                let key = ([0; 16], [100 + group; 16]);
                let ids = |fold: &Fold| fold.group(&key).map(|it| it.intent.id).collect::<Vec<_>>();
                prop_assert_eq!(ids(&kept.fold), ids(&again));
            }
            prop_assert_eq!(kept.fold.requests(), again.requests());
            prop_assert_eq!(kept.fold.size(), again.size());
            prop_assert_eq!(kept.fold.size(), kept.marks.len() * 10);
        }
    }
}
