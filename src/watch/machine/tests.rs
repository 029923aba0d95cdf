//! Single decisions of the machine. `model` walks their orders.

use super::*;

impl Weight for &'static str {
    fn bytes(&self) -> usize {
        self.len()
    }
}

type Small = Machine<&'static str, u8, u8>;

const NOW: Duration = Duration::ZERO;

fn version(number: u8) -> Version {
    Version {
        count: None,
        tag: Some(u64::from(number)),
        text: Some(u64::from(number)),
    }
}

fn streaming() -> Rules {
    Rules {
        polls: false,
        ..Rules::polling()
    }
}

/// A watch whose feed is open and whose whole was told.
fn caught_up(rules: Rules) -> Small {
    let mut machine = Machine::new(rules, None);
    machine.opened(NOW);
    machine.listed("a", version(1), 1);
    machine.list_ended(NOW, None, false);
    while machine.take().is_some() {
        machine.ask();
    }
    machine
}

fn next(machine: &mut Small) -> Action<&'static str, u8> {
    machine.next(NOW, 0.0)
}

#[test]
fn what_fails_for_good_ends_the_watch() {
    let mut machine = caught_up(streaming());
    machine.failed(Failure::Final);
    assert_eq!(next(&mut machine), Action::Stop);
}

#[test]
fn credentials_are_refused_once_before_the_watch_ends() {
    let mut machine = caught_up(streaming());
    machine.failed(Failure::Unauthorized);
    assert!(matches!(next(&mut machine), Action::Wait(_)));
    machine.opened(NOW);
    machine.failed(Failure::Unauthorized);
    assert!(!machine.has_ended(), "it was open in between");
    machine.failed(Failure::Unauthorized);
    assert!(machine.has_ended());
}

#[test]
fn a_position_that_was_never_sent_cannot_be_too_old() {
    let mut machine = caught_up(streaming());
    machine.failed(Failure::TooOld);
    assert!(machine.has_ended());
}

#[test]
fn three_silent_openings_in_a_row_lead_to_polling() {
    let mut machine = caught_up(streaming());
    for _ in 0..2 {
        machine.was_silent();
        machine.opened(NOW);
    }
    // A sign of life between them counts anew.
    machine.lives();
    machine.was_silent();
    for _ in 0..3 {
        assert!(!machine.has_fallen_back());
        assert!(matches!(next(&mut machine), Action::Wait(_)));
        assert!(matches!(next(&mut machine), Action::Open(_)));
        machine.opened(NOW);
        machine.was_silent();
    }
    assert!(machine.has_fallen_back());
    assert!(matches!(next(&mut machine), Action::Wait(_)));
    assert_eq!(next(&mut machine), Action::List { anew: true });
}

#[test]
fn the_interval_of_polls_is_short_if_the_server_waits_itself() {
    let mut machine: Small = Machine::new(Rules::polling(), None);
    machine.list_ended(NOW, None, false);
    assert_eq!(next(&mut machine), Action::Wait(Duration::from_secs(30)));
    machine.list_is_unchanged(true);
    assert_eq!(next(&mut machine), Action::Wait(Duration::from_secs(1)));
}

#[test]
fn nothing_more_is_read_while_the_queue_is_full() {
    let rules = Rules {
        max_queue: 2,
        ..streaming()
    };
    let mut machine = caught_up(rules);
    machine.changed("x", Some(version(1)), Some(1));
    machine.changed("y", Some(version(1)), Some(1));
    assert_eq!(next(&mut machine), Action::Rest);
    // A newer state takes the place of the older one, and no further one.
    machine.changed("y", None, None);
    assert_eq!(next(&mut machine), Action::Rest);
    assert_eq!(machine.take(), Some(Delivery::Put("x", 1)));
    assert_eq!(next(&mut machine), Action::Look("y"));
}

#[test]
fn a_resource_that_cannot_be_reached_is_told_after_three_tries() {
    let mut machine = caught_up(streaming());
    machine.changed("a", Some(version(2)), None);
    for _ in 0..2 {
        assert_eq!(next(&mut machine), Action::Look("a"));
        machine.looked("a", Look::Failed(9));
        assert!(matches!(next(&mut machine), Action::Wait(_)));
    }
    assert_eq!(next(&mut machine), Action::Look("a"));
    machine.looked("a", Look::Failed(9));
    assert_eq!(machine.take(), Some(Delivery::Problem("a", 9)));
}

#[test]
fn a_resource_that_could_not_be_read_is_read_again_until_it_can_be_while_the_feed_goes_on() {
    let mut machine = caught_up(streaming());
    machine.changed("a", Some(version(2)), None);
    for _ in 0..3 {
        machine.wait = None;
        assert_eq!(next(&mut machine), Action::Look("a"));
        machine.looked("a", Look::Failed(9));
    }
    assert_eq!(machine.take(), Some(Delivery::Problem("a", 9)));
    assert_eq!(next(&mut machine), Action::Read(Some(NOW + UNREAD)));
    assert_eq!(machine.next(NOW + UNREAD, 0.0), Action::Look("a"));
    machine.looked("a", Look::Failed(9));
    let later = NOW + 2 * UNREAD;
    assert_eq!(machine.next(NOW + UNREAD, 0.0), Action::Read(Some(later)));
    // The consumer knows already that it cannot be read.
    assert_eq!(machine.take(), None);
    assert_eq!(machine.next(later, 0.0), Action::Look("a"));
    machine.looked("a", Look::State(Some(version(2)), 5));
    assert_eq!(machine.take(), Some(Delivery::Put("a", 5)));
    assert_eq!(machine.next(later, 0.0), Action::Read(None));
}

#[test]
fn more_resources_than_are_remembered_are_admitted() {
    let rules = Rules {
        max_known: 1,
        ..streaming()
    };
    let mut machine = caught_up(rules);
    assert!(machine.tells_all_removals());
    machine.changed("b", Some(version(1)), Some(1));
    assert!(!machine.tells_all_removals());
}

#[test]
fn more_differences_than_can_be_read_lead_to_a_reset() {
    let rules = Rules {
        max_looks: 1,
        settle: Duration::ZERO,
        ..streaming()
    };
    let mut machine = caught_up(rules);
    machine.failed(Failure::Temporary(None));
    assert!(matches!(next(&mut machine), Action::Wait(_)));
    machine.opened(NOW);
    for id in ["b", "c"] {
        machine.listed(id, version(1), 1);
    }
    // The list is abandoned for another one.
    assert_eq!(next(&mut machine), Action::List { anew: true });
    machine.listed("a", version(1), 1);
    assert_eq!(machine.take(), Some(Delivery::Reset));
}

#[test]
fn an_earlier_change_survives_a_read_that_shows_nothing_new() {
    let mut machine = caught_up(streaming());
    machine.changed("b", Some(version(1)), Some(1));
    machine.changed("b", None, None);
    assert_eq!(next(&mut machine), Action::Look("b"));
    machine.looked("b", Look::Same);
    assert_eq!(machine.take(), Some(Delivery::Put("b", 1)));
}

/// A feed of items that cannot be read, such as conflicts.
fn telling() -> Rules {
    Rules {
        tells_states: true,
        items_are_whole: true,
        ..streaming()
    }
}

fn delivered(machine: &mut Small) -> Vec<Delivery<&'static str, u8>> {
    std::iter::from_fn(|| {
        machine.ask();
        machine.take()
    })
    .collect()
}

#[test]
fn what_cannot_be_read_is_believed_as_it_is_told() {
    let mut machine = caught_up(telling());
    machine.changed("a", Some(version(2)), Some(2));
    machine.changed("a", Some(version(2)), Some(2));
    machine.changed("b", Some(version(1)), Some(1));
    machine.removed("c", None);
    assert!(
        matches!(next(&mut machine), Action::Read(_)),
        "no item is read"
    );
    let expected = [
        Delivery::Put("a", 2),
        Delivery::Put("b", 1),
        Delivery::Gone("c"),
    ];
    assert_eq!(delivered(&mut machine), expected);
}

#[test]
fn a_list_after_a_reconnect_tells_what_was_missed_of_what_cannot_be_read() {
    let mut machine = caught_up(telling());
    machine.changed("b", Some(version(1)), Some(1));
    delivered(&mut machine);
    machine.ended(Duration::ZERO);
    assert!(matches!(next(&mut machine), Action::Wait(_)));
    machine.opened(NOW);
    let later = Duration::from_secs(2);
    assert_eq!(machine.next(later, 0.0), Action::List { anew: true });
    machine.listed("b", version(1), 1);
    machine.listed("c", version(1), 1);
    machine.list_ended(later, None, false);
    let expected = [Delivery::Put("c", 1), Delivery::Gone("a")];
    assert_eq!(delivered(&mut machine), expected);
}

/// A watch of a container, which only names its resources, beside a feed that does not tell of every change.
fn container() -> Rules {
    Rules {
        items_are_names: true,
        misses_changes: true,
        ..streaming()
    }
}

fn told(machine: &mut Small) -> Vec<Delivery<&'static str, u8>> {
    machine.ask();
    std::iter::from_fn(|| machine.take()).collect()
}

#[test]
fn what_a_list_only_names_is_read_once_and_then_if_the_list_shows_another_item() {
    let mut machine: Small = Machine::new(container(), None);
    machine.opened(NOW);
    for (item, reads) in [(1, true), (1, false), (2, true), (2, false)] {
        machine.listed("a", version(100 + item), 0);
        machine.list_ended(NOW, None, false);
        let read = machine.wanted();
        assert_eq!(read, reads.then_some("a"));
        if let Some(id) = read {
            machine.looked(id, Look::State(Some(version(item)), item));
        }
        assert_eq!(
            told(&mut machine).contains(&Delivery::Put("a", item)),
            reads
        );
    }
}

#[test]
fn what_could_not_be_read_is_read_after_the_next_list_too() {
    let mut machine: Small = Machine::new(container(), None);
    machine.opened(NOW);
    for _ in 0..2 {
        machine.listed("a", version(100), 0);
        machine.list_ended(NOW, None, false);
        assert_eq!(machine.wanted(), Some("a"));
        machine.looked("a", Look::Problem(7));
        assert!(told(&mut machine).contains(&Delivery::Problem("a", 7)));
    }
}

#[test]
fn a_feed_that_misses_changes_is_left_for_a_list_at_each_interval() {
    let mut machine: Small = Machine::new(container(), None);
    machine.opened(NOW);
    assert_eq!(next(&mut machine), Action::List { anew: true });
    machine.list_ended(NOW, None, false);
    told(&mut machine);
    let interval = Rules::polling().interval;
    assert_eq!(next(&mut machine), Action::Read(Some(interval)));
    assert_eq!(machine.next(interval, 0.0), Action::List { anew: true });
    machine.list_is_unchanged(false);
    assert_eq!(
        machine.next(interval, 0.0),
        Action::Read(Some(2 * interval))
    );
}

/// A watch of a feed that begins with the whole.
fn tree() -> Rules {
    Rules {
        begins_with_whole: true,
        items_are_whole: true,
        ..streaming()
    }
}

#[test]
fn nothing_is_listed_before_a_feed_has_told_the_whole() {
    let mut machine: Small = Machine::new(tree(), None);
    machine.opened(NOW);
    assert_eq!(next(&mut machine), Action::Read(None));
    machine.whole_begins();
    assert_eq!(next(&mut machine), Action::List { anew: false });
    machine.listed("a", version(1), 1);
    machine.list_ended(NOW, None, false);
    assert_eq!(
        told(&mut machine),
        [Delivery::Put("a", 1), Delivery::CaughtUp]
    );
    // One that tells something else first is listed as any other.
    let mut machine: Small = Machine::new(tree(), None);
    machine.opened(NOW);
    machine.something_changed();
    assert_eq!(next(&mut machine), Action::List { anew: true });
}

#[test]
fn a_read_after_the_whole_was_made_is_newer_than_it() {
    let mut machine = caught_up(tree());
    machine.failed(Failure::Temporary(None));
    next(&mut machine);
    next(&mut machine);
    machine.opened(NOW);
    machine.hinted("a");
    machine.looked("a", Look::State(Some(version(3)), 3));
    assert_eq!(told(&mut machine), [Delivery::Put("a", 3)]);
    machine.whole_begins();
    machine.listed("a", version(2), 2);
    machine.list_ended(NOW, None, false);
    assert_eq!(machine.wanted(), Some("a"), "it is read again");
}
