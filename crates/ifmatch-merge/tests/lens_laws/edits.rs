//! Random edits of values, as users make them.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::Ipv6Addr;

use fastrand::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::drawn::Drawn;
use crate::types::{Beside, Colour, Either, Everything, Foreign, Inside, Line, Open, Outside, Sub};

/// What an edit did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Whether something was removed, together with the unknown members in it.
    pub(crate) removes: bool,
    /// The pointers of the fields in the document that the edit may have changed.
    pub(crate) touched: BTreeSet<&'static str>,
}

pub(crate) trait Editable:
    Drawn + Clone + Serialize + DeserializeOwned + PartialEq + Debug + 'static
{
    /// The pointers of fields that must stay unchanged unless the edit touches them.
    const FIELDS: &'static [&'static str];

    /// The pointers of lists that the type shows in its own order. The value does not determine the position of a
    /// new element in them.
    const SORTED: &'static [&'static str] = &[];

    fn edit(&mut self, rng: &mut Rng) -> Done;

    /// Returns the value as its type reads it from a document that represents it.
    fn when_read(self) -> Self {
        self
    }

    /// Returns the text that is written but never read.
    fn only_written(&self) -> Option<&str> {
        None
    }
}

fn sub(rng: &mut Rng) -> Sub {
    Sub {
        a: rng.u64(..3),
        b: rng.bool().then(|| rng.u64(..3)),
    }
}

fn line(rng: &mut Rng) -> Line {
    Line {
        sku: rng.u64(100..1_000_000),
        qty: rng.u64(..3),
        tag: rng.bool().then(|| "new".to_owned()),
        subs: (0..rng.usize(..2)).map(|_| sub(rng)).collect(),
    }
}

fn inside(rng: &mut Rng) -> Inside {
    match rng.u8(..3) {
        0 => Inside::First { x: rng.u64(..3) },
        1 => Inside::Second {
            x: rng.bool().then(|| rng.u64(..3)),
            old: rng.u64(..3),
        },
        _ => Inside::Third(sub(rng)),
    }
}

/// Edits a list of lines. Returns whether something was removed.
fn edit_lines(lines: &mut Vec<Line>, rng: &mut Rng) -> bool {
    match rng.u8(..6) {
        0 if !lines.is_empty() => {
            lines.remove(rng.usize(..lines.len()));
            return true;
        }
        1 => lines.push(line(rng)),
        2 => lines.insert(0, line(rng)),
        3 => rng.shuffle(lines),
        _ if !lines.is_empty() => {
            let at = rng.usize(..lines.len());
            lines[at].qty += 10;
            lines[at].tag = None;
        }
        _ => {}
    }
    false
}

impl Editable for Everything {
    const FIELDS: &'static [&'static str] = &[
        "/first_name",
        "/costRead",
        "/locked",
        "/sorted",
        "/hashed",
        "/in_order",
        "/filtered",
        "/once",
        "/plain",
        "/grid",
        "/pair",
        "/numbered",
        "/hosts",
        "/colours",
        "/outside",
        "/inside",
        "/beside",
        "/either",
        "/many",
        "/unknown",
    ];

    const SORTED: &'static [&'static str] = &["/sorted", "/hashed", "/in_order"];

    #[expect(clippy::too_many_lines, reason = "an edit for each field")]
    fn edit(&mut self, rng: &mut Rng) -> Done {
        let mut done = Done::default();
        for _ in 0..=rng.usize(..3) {
            let field = match rng.u32(..24) {
                0 => {
                    self.title = "u".to_owned();
                    "/title"
                }
                1 => {
                    self.first_name = "m".to_owned();
                    "/first_name"
                }
                2 => {
                    self.cost = 2.5;
                    "/costRead"
                }
                3 => {
                    self.secret = Some("hush".to_owned());
                    "/secret"
                }
                4 => {
                    self.nick = rng.bool().then(|| "new".to_owned());
                    "/nick"
                }
                5 => {
                    done.removes = true;
                    self.note = rng.bool().then(|| sub(rng));
                    "/note"
                }
                6 => {
                    self.level += 1;
                    "/level"
                }
                7 => {
                    if let Some(first) = self.sorted.first().cloned()
                        && rng.bool()
                    {
                        self.sorted.remove(&first);
                    } else {
                        self.sorted.insert("new".to_owned());
                    }
                    "/sorted"
                }
                8 => {
                    if let Some(one) = self.hashed.iter().min().copied()
                        && rng.bool()
                    {
                        self.hashed.remove(&one);
                    } else {
                        self.hashed.insert(99);
                    }
                    "/hashed"
                }
                9 => {
                    done.removes |= edit_lines(&mut self.in_order, rng);
                    "/in_order"
                }
                10 => {
                    done.removes |= edit_lines(&mut self.filtered, rng);
                    "/filtered"
                }
                11 => {
                    if rng.bool() {
                        self.once.pop();
                    } else if self.once.iter().all(|word| word != "new") {
                        // A duplicate would be written twice, which no value that was read can contain.
                        self.once.insert(0, "new".to_owned());
                    }
                    "/once"
                }
                12 => {
                    done.removes = true;
                    edit_lines(&mut self.plain, rng);
                    "/plain"
                }
                13 => {
                    done.removes = true;
                    if rng.bool() {
                        self.grid.pop();
                    } else {
                        self.grid.insert(0, vec![sub(rng)]);
                    }
                    "/grid"
                }
                14 => {
                    self.pair[rng.usize(..2)].a += 10;
                    "/pair"
                }
                15 => {
                    done.removes = true;
                    self.numbered.remove(&1);
                    self.numbered.insert(10, sub(rng));
                    "/numbered"
                }
                16 => {
                    if let Some(sub) = self
                        .hosts
                        .get_mut(&Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))
                    {
                        sub.a += 10;
                    }
                    done.removes |= self
                        .hosts
                        .remove(&Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2))
                        .is_some();
                    "/hosts"
                }
                17 => {
                    if rng.bool() {
                        self.colours.remove(&Colour::Red);
                    } else {
                        self.colours.insert(Colour::Red, 9);
                    }
                    "/colours"
                }
                18 => {
                    if let Outside::Two { x, .. } = &mut self.outside {
                        *x += 10;
                    } else {
                        done.removes = true;
                        self.outside = Outside::Two {
                            x: 5,
                            sub: Some(sub(rng)),
                        };
                    }
                    "/outside"
                }
                19 => {
                    done.removes = true;
                    self.inside = inside(rng);
                    "/inside"
                }
                20 => {
                    match &mut self.beside {
                        Beside::First(sub) => sub.a += 10,
                        Beside::Second { x } => *x += 10,
                    }
                    "/beside"
                }
                21 => {
                    match &mut self.either {
                        Either::Named { name } | Either::Text(name) => name.push('!'),
                        Either::Counted { count } => *count += 10,
                    }
                    "/either"
                }
                22 => {
                    done.removes = true;
                    if rng.bool() {
                        self.many.pop();
                    } else {
                        self.many.insert(0, inside(rng));
                    }
                    "/many"
                }
                _ => {
                    self.flat.f += 1;
                    "/f"
                }
            };
            done.touched.insert(field);
        }
        done
    }

    fn when_read(mut self) -> Self {
        let mut seen = BTreeSet::new();
        self.once.retain(|word| seen.insert(word.clone()));
        self.in_order.sort_by_key(|line| line.sku);
        self.secret = None;
        self
    }

    fn only_written(&self) -> Option<&str> {
        self.secret.as_deref()
    }
}

impl Editable for Open {
    const FIELDS: &'static [&'static str] = &["/p", "/q"];

    fn edit(&mut self, rng: &mut Rng) -> Done {
        let mut done = Done {
            removes: true,
            ..Done::default()
        };
        let field = match rng.u32(..4) {
            0 => {
                self.title = "u".to_owned();
                "/title"
            }
            1 => {
                match &mut self.shape {
                    Outside::One(sub) => sub.a += 10,
                    Outside::Two { x, .. } => *x += 10,
                    Outside::Empty => {}
                }
                "/shape"
            }
            2 => {
                self.rest.remove("p");
                "/p"
            }
            _ => {
                self.rest.insert("q".to_owned(), json!({"new": [1, null]}));
                "/q"
            }
        };
        done.touched.insert(field);
        done
    }
}

impl Editable for Foreign {
    const FIELDS: &'static [&'static str] = &[
        "/first_name",
        "/sorted",
        "/hashed",
        "/in_order",
        "/once",
        "/hosts",
        "/unknown",
    ];

    fn when_read(mut self) -> Self {
        let mut seen = BTreeSet::new();
        self.once.retain(|word| seen.insert(word.clone()));
        self.in_order.sort_by_key(|line| line.sku);
        self
    }

    fn edit(&mut self, rng: &mut Rng) -> Done {
        let mut done = Done::default();
        let field = match rng.u32(..8) {
            0 => {
                self.title = "u".to_owned();
                "/title"
            }
            1 => {
                self.first_name = "m".to_owned();
                "/first_name"
            }
            2 => {
                self.sorted.pop_first();
                "/sorted"
            }
            3 => {
                self.hashed.insert(99);
                "/hashed"
            }
            4 => {
                done.removes = true;
                edit_lines(&mut self.in_order, rng);
                "/in_order"
            }
            5 => {
                self.once.pop();
                "/once"
            }
            6 => {
                let host = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
                match self.hosts.get_mut(&host) {
                    Some(sub) => sub.a += 10,
                    None => {
                        self.hosts.insert(host, sub(rng));
                    }
                }
                "/hosts"
            }
            _ => {
                done.removes = true;
                self.sub = Some(sub(rng));
                "/sub"
            }
        };
        done.touched.insert(field);
        done
    }
}
