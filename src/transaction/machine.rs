//! The order of a transaction: which step is made, driven, fenced or undone next. Pure: it knows no documents, no clock and
//! no network.
//!
//! The steps are made one after the other. If one is refused, those before it are undone in reverse. A step whose outcome is
//! unknown is first driven to certainty, and otherwise *fenced*, by a write that moves the version without changing
//! anything: a request of the step that is still on its way is then refused. Nothing is undone before that, because the
//! step could still be applied after the others were undone.

use crate::write::step::{Made, TakenBack};

/// What is known of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    /// It has not been tried.
    Waiting,
    /// It was applied.
    Applied,
    /// There was nothing to write.
    Unchanged,
    /// It was not applied, and never will be.
    NotApplied,
    /// It was applied and taken back.
    Undone,
    /// It was applied and cannot be taken back.
    Stands,
    /// It is not known whether it was applied or taken back.
    Unknown,
}

impl Standing {
    /// Whether the transaction cannot be committed any more.
    fn is_refused(self) -> bool {
        matches!(self, Self::NotApplied | Self::Undone | Self::Stands)
    }
}

/// What is done next. The number is that of the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// Make the step.
    Run(usize),
    /// Make the step again, from what its last run left open.
    Drive(usize),
    /// Move the version of the step's resource, so that no earlier request of it can be applied any more.
    Fence(usize),
    /// Take the step back.
    Undo(usize),
    Finish(Ending),
}

/// How a transaction has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ending {
    Committed,
    Undone,
    HalfDone,
    Unknown,
}

/// The result of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Begin,
    Made(Made),
    TakenBack(TakenBack),
}

/// The state of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Machine {
    steps: Vec<Standing>,
    doing: Option<Action>,
    /// Whether what was made is taken back, unless all of it was.
    is_turned: bool,
    /// Whether requests of each step may have been applied that an earlier process has sent.
    in_doubt: Vec<bool>,
}

impl Machine {
    pub(super) fn new(steps: usize) -> Self {
        Self {
            steps: vec![Standing::Waiting; steps],
            doing: None,
            is_turned: false,
            in_doubt: vec![false; steps],
        }
    }

    /// Goes on with a transaction that an earlier process has left, from what it has recorded of each step, or whose steps were
    /// tried together. It is taken back
    /// if a step was refused or taken back already, or if `goes_back`. `in_doubt` says of each step whether requests of it may
    /// have been applied.
    pub(super) fn resumed(steps: Vec<Standing>, in_doubt: Vec<bool>, goes_back: bool) -> Self {
        Self {
            is_turned: goes_back || steps.iter().any(|it| it.is_refused()),
            steps,
            doing: None,
            in_doubt,
        }
    }

    /// Returns what is known of each step.
    pub(super) fn steps(&self) -> &[Standing] {
        &self.steps
    }

    /// Takes the result of the last action, and returns the next one.
    pub(super) fn on(&mut self, event: Event) -> Action {
        let action = match (self.doing, event) {
            (None, Event::Begin) => self.forward(),
            (Some(Action::Run(step)), Event::Made(Made::Unknown)) => Action::Drive(step),
            (Some(Action::Drive(step)), Event::Made(Made::Unknown)) => Action::Fence(step),
            (
                Some(Action::Run(step) | Action::Drive(step) | Action::Fence(step)),
                Event::Made(made),
            ) => self.made(step, made),
            (Some(Action::Undo(step)), Event::TakenBack(taken_back)) => {
                self.set(
                    step,
                    match taken_back {
                        TakenBack::Undone => Standing::Undone,
                        TakenBack::Stands => Standing::Stands,
                        TakenBack::Unknown => Standing::Unknown,
                    },
                );
                self.back()
            }
            // The event does not fit the action, so the driver is wrong or the transaction is over.
            _ => self.finish(),
        };
        self.doing = Some(action);
        action
    }

    fn made(&mut self, step: usize, made: Made) -> Action {
        match made {
            Made::Applied | Made::Unchanged => {
                let is_applied = made == Made::Applied;
                self.set(
                    step,
                    if is_applied {
                        Standing::Applied
                    } else {
                        Standing::Unchanged
                    },
                );
                self.forward()
            }
            Made::NotApplied => {
                self.set(step, Standing::NotApplied);
                self.is_turned = true;
                self.turn()
            }
            Made::Unknown => {
                self.set(step, Standing::Unknown);
                // It may still be applied, so nothing is taken back.
                self.finish()
            }
        }
    }

    /// Makes the next step, unless the transaction is taken back. Where all steps are made, nothing is taken back: the caller
    /// may have been told so.
    fn forward(&self) -> Action {
        match self.next() {
            Some(_) if self.is_turned => self.turn(),
            Some(step) => Action::Run(step),
            None if self.is_refused() => self.back(),
            None => self.finish(),
        }
    }

    /// Takes the last applied step back, once no other one can still be applied by an earlier request.
    fn turn(&self) -> Action {
        let mut waiting = self.steps.iter().zip(&self.in_doubt);
        let doubt = waiting.position(|(it, in_doubt)| *in_doubt && *it == Standing::Waiting);
        doubt.map_or_else(|| self.back(), Action::Drive)
    }

    /// Returns the first step that has not been tried.
    fn next(&self) -> Option<usize> {
        self.steps.iter().position(|it| *it == Standing::Waiting)
    }

    fn is_refused(&self) -> bool {
        self.steps.iter().any(|it| it.is_refused())
    }

    /// Takes the last applied step back.
    fn back(&self) -> Action {
        let next = self.steps.iter().rposition(|it| *it == Standing::Applied);
        next.map_or_else(|| self.finish(), Action::Undo)
    }

    fn set(&mut self, step: usize, standing: Standing) {
        if let Some(known) = self.steps.get_mut(step) {
            *known = standing;
        }
    }

    fn finish(&self) -> Action {
        Action::Finish(ending(&self.steps))
    }
}

/// Returns how a transaction has ended whose steps stand so.
pub(super) fn ending(steps: &[Standing]) -> Ending {
    let has = |standing| steps.contains(&standing);
    if has(Standing::Unknown) {
        Ending::Unknown
    } else if has(Standing::Stands) {
        Ending::HalfDone
    } else if has(Standing::NotApplied) || has(Standing::Undone) || has(Standing::Waiting) {
        Ending::Undone
    } else {
        Ending::Committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(steps: usize, events: &[Event]) -> (Vec<Action>, Vec<Standing>) {
        let mut machine = Machine::new(steps);
        let mut actions = vec![machine.on(Event::Begin)];
        for event in events {
            actions.push(machine.on(*event));
        }
        (actions, machine.steps().to_vec())
    }

    const APPLIED: Event = Event::Made(Made::Applied);
    const NOT_APPLIED: Event = Event::Made(Made::NotApplied);
    const UNKNOWN: Event = Event::Made(Made::Unknown);
    const UNDONE: Event = Event::TakenBack(TakenBack::Undone);

    #[test]
    fn a_transaction_is_committed_once_all_steps_are_made() {
        let (actions, _) = ended(2, &[APPLIED, Event::Made(Made::Unchanged)]);
        let expected = [
            Action::Run(0),
            Action::Run(1),
            Action::Finish(Ending::Committed),
        ];
        assert_eq!(actions, expected);
    }

    #[test]
    fn a_refused_step_takes_back_those_before_it_in_reverse() {
        let (actions, _) = ended(3, &[APPLIED, APPLIED, NOT_APPLIED, UNDONE, UNDONE]);
        let expected = [
            Action::Run(0),
            Action::Run(1),
            Action::Run(2),
            Action::Undo(1),
            Action::Undo(0),
            Action::Finish(Ending::Undone),
        ];
        assert_eq!(actions, expected);
    }

    #[test]
    fn nothing_is_undone_before_a_step_in_doubt_is_certain() {
        let (actions, _) = ended(2, &[APPLIED, UNKNOWN, UNKNOWN, NOT_APPLIED, UNDONE]);
        let expected = [
            Action::Run(0),
            Action::Run(1),
            Action::Drive(1),
            Action::Fence(1),
            Action::Undo(0),
            Action::Finish(Ending::Undone),
        ];
        assert_eq!(actions, expected);
    }

    #[test]
    fn a_step_in_doubt_that_was_applied_goes_on_forward() {
        let (actions, _) = ended(2, &[UNKNOWN, APPLIED, APPLIED]);
        let expected = [
            Action::Run(0),
            Action::Drive(0),
            Action::Run(1),
            Action::Finish(Ending::Committed),
        ];
        assert_eq!(actions, expected);
    }

    #[test]
    fn what_cannot_be_taken_back_is_told_and_the_others_are_taken_back_all_the_same() {
        let stands = Event::TakenBack(TakenBack::Stands);
        let (actions, steps) = ended(3, &[APPLIED, APPLIED, NOT_APPLIED, stands, UNDONE]);
        assert_eq!(actions.last(), Some(&Action::Finish(Ending::HalfDone)));
        let expected = [Standing::Undone, Standing::Stands, Standing::NotApplied];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_doubt_that_stays_is_no_plain_ending() {
        let (actions, _) = ended(1, &[UNKNOWN, UNKNOWN, UNKNOWN]);
        assert_eq!(actions.last(), Some(&Action::Finish(Ending::Unknown)));
    }

    #[test]
    fn nothing_is_undone_while_a_step_may_still_be_applied() {
        let (actions, steps) = ended(2, &[APPLIED, UNKNOWN, UNKNOWN, UNKNOWN]);
        assert_eq!(actions.last(), Some(&Action::Finish(Ending::Unknown)));
        assert_eq!(steps, [Standing::Applied, Standing::Unknown]);
    }

    #[test]
    fn what_an_earlier_process_has_sent_is_settled_before_anything_is_undone() {
        let steps = vec![Standing::Applied, Standing::Waiting, Standing::Waiting];
        let mut machine = Machine::resumed(steps, vec![false, true, true], false);
        let mut actions = vec![machine.on(Event::Begin)];
        for event in [NOT_APPLIED, APPLIED, UNDONE, UNDONE] {
            actions.push(machine.on(event));
        }
        let expected = [
            Action::Run(1),
            Action::Drive(2),
            Action::Undo(2),
            Action::Undo(0),
            Action::Finish(Ending::Undone),
        ];
        assert_eq!(actions, expected);
    }

    #[test]
    fn a_transaction_that_goes_back_is_committed_if_all_of_it_was_made() {
        let steps = vec![Standing::Applied, Standing::Waiting];
        let mut machine = Machine::resumed(steps, vec![false, true], true);
        assert_eq!(machine.on(Event::Begin), Action::Drive(1));
        let committed = Action::Finish(Ending::Committed);
        assert_eq!(machine.on(APPLIED), committed);
    }
}
