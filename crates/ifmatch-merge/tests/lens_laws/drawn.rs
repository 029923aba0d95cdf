//! Random documents, as servers and earlier versions of the types may have written them.

use fastrand::Rng;

use crate::types::{Everything, Foreign, Open};

/// A type whose documents can be drawn at random.
pub(crate) trait Drawn {
    fn draw(rng: &mut Rng) -> String;
}

/// Draws the value of a member that no type knows. The number is unique and cannot be held by a float.
pub(crate) fn unknown(rng: &mut Rng) -> String {
    format!("{}.{}", mark(rng), rng.u64(1..99))
}

/// The first digits of such a number.
pub(crate) fn mark(rng: &mut Rng) -> String {
    format!("7000{}", rng.u64(100_000_000_000..999_999_999_999))
}

fn object(rng: &mut Rng, mut members: Vec<(String, String)>) -> String {
    if rng.bool() {
        let at = rng.usize(..=members.len());
        members.insert(at, ("unknown".to_owned(), unknown(rng)));
    }
    let members: Vec<String> = members
        .into_iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    format!("{{{}}}", members.join(", "))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "texts and numbers are written in place"
)]
fn member(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn list(rng: &mut Rng, most: usize, mut one: impl FnMut(&mut Rng) -> String) -> String {
    let count = rng.usize(..=most);
    let items: Vec<String> = (0..count).map(|_| one(rng)).collect();
    format!("[{}]", items.join(","))
}

fn sub(rng: &mut Rng) -> String {
    let name = if rng.bool() { "a" } else { "z" };
    let mut members = vec![member(name, rng.u64(..3))];
    match rng.u8(..3) {
        0 => members.push(member("b", "null")),
        1 => members.push(member("b", rng.u64(..3))),
        _ => {}
    }
    object(rng, members)
}

fn line(rng: &mut Rng, sku: u64) -> String {
    let name = if rng.bool() { "sku" } else { "article" };
    let mut members = vec![member("qty", rng.u64(..3)), member(name, sku)];
    match rng.u8(..3) {
        0 => members.push(member("tag", "null")),
        1 => members.push(member("tag", "\"t\"")),
        _ => {}
    }
    if rng.bool() {
        members.push(member("subs", list(rng, 2, sub)));
    }
    object(rng, members)
}

/// Draws lines with keys, including lines that the type cannot read.
fn lines(rng: &mut Rng, odd: bool) -> String {
    let mut skus: Vec<u64> = (0..6).collect();
    rng.shuffle(&mut skus);
    let count = rng.usize(..5);
    let lines: Vec<String> = skus[..count]
        .iter()
        .map(|sku| {
            if odd && rng.u8(..3) == 0 {
                format!("{{\"kind\": \"odd\", \"unknown\": {}}}", unknown(rng))
            } else {
                line(rng, *sku)
            }
        })
        .collect();
    format!("[{}]", lines.join(", "))
}

fn outside(rng: &mut Rng) -> Option<(String, String)> {
    let either = |rng: &mut Rng, now: &str, old: &str| {
        if rng.bool() {
            now.to_owned()
        } else {
            old.to_owned()
        }
    };
    match rng.u8(..3) {
        0 => None,
        1 => Some((either(rng, "One", "Single"), sub(rng))),
        _ => {
            let mut members = vec![(either(rng, "x", "old"), rng.u64(..3).to_string())];
            if rng.bool() {
                members.push(member("sub", sub(rng)));
            }
            Some((either(rng, "Two", "Double"), object(rng, members)))
        }
    }
}

fn inside(rng: &mut Rng) -> String {
    let members = match rng.u8(..3) {
        0 => {
            let tag = if rng.bool() {
                "\"First\""
            } else {
                "\"Former\""
            };
            let name = if rng.bool() { "x" } else { "old" };
            vec![member("type", tag), member(name, rng.u64(..3))]
        }
        1 => {
            let mut members = vec![member("type", "\"Second\""), member("old", rng.u64(..3))];
            if rng.bool() {
                members.push(member("x", rng.u64(..3)));
            }
            members
        }
        _ => vec![member("z", rng.u64(..3)), member("type", "\"Third\"")],
    };
    object(rng, members)
}

fn beside(rng: &mut Rng) -> String {
    let members = if rng.u8(..2) == 0 {
        let tag = if rng.bool() {
            "\"First\""
        } else {
            "\"Formerly\""
        };
        vec![member("t", tag), member("c", sub(rng))]
    } else {
        let inner = vec![member("x", rng.u64(..3))];
        vec![member("c", object(rng, inner)), member("t", "\"Second\"")]
    };
    object(rng, members)
}

fn either(rng: &mut Rng) -> String {
    let members = match rng.u8(..4) {
        0 => vec![member("name", "\"n\"")],
        1 => vec![member("designation", "\"n\"")],
        2 => vec![member("count", rng.u64(..3))],
        _ => return "\"text\"".to_owned(),
    };
    object(rng, members)
}

fn map<const N: usize>(
    rng: &mut Rng,
    names: [&str; N],
    mut one: impl FnMut(&mut Rng) -> String,
) -> String {
    let mut members = Vec::new();
    for name in names {
        if rng.bool() {
            members.push(format!("\"{name}\": {}", one(rng)));
        }
    }
    format!("{{{}}}", members.join(", "))
}

fn word(rng: &mut Rng) -> String {
    format!("\"{}\"", ["u", "v", "w", "x", "y", "z"][rng.usize(..6)])
}

fn hosts(rng: &mut Rng) -> String {
    let names = if rng.bool() {
        ["2001:DB8::1", "2001:db8::2", "2001:0db8::3"]
    } else {
        ["2001:db8::1", "2001:DB8::2", "2001:db8::3"]
    };
    map(rng, names, sub)
}

fn numbers(rng: &mut Rng) -> String {
    let mut numbers: Vec<u64> = (0..8).collect();
    rng.shuffle(&mut numbers);
    let count = rng.usize(..6);
    let mut numbers: Vec<String> = numbers[..count].iter().map(ToString::to_string).collect();
    if rng.bool() {
        numbers.extend(numbers.first().cloned());
    }
    format!("[{}]", numbers.join(", "))
}

impl Drawn for Everything {
    fn draw(rng: &mut Rng) -> String {
        let title = if rng.bool() { "title" } else { "label" };
        let flat = if rng.bool() { "f" } else { "g" };
        let mut members = vec![
            member(title, "\"t\""),
            member("first_name", "\"n\""),
            member(
                "costRead",
                ["1.10", "1e2", "12345678901234567890.125"][rng.usize(..3)],
            ),
            member("locked", rng.bool()),
            member("sorted", list(rng, 5, word)),
            member("hashed", numbers(rng)),
            member("in_order", lines(rng, false)),
            member("filtered", lines(rng, true)),
            member("once", list(rng, 5, word)),
            member(
                "plain",
                list(rng, 4, |rng| {
                    let sku = rng.u64(..3);
                    line(rng, sku)
                }),
            ),
            member("grid", list(rng, 3, |rng| list(rng, 3, sub))),
            member("pair", format!("[{}, {}]", sub(rng), sub(rng))),
            member("numbered", map(rng, ["1", "2", "10"], sub)),
            member("hosts", hosts(rng)),
            member(
                "colours",
                map(rng, ["rouge", "Green"], |rng| rng.u64(..3).to_string()),
            ),
            member("inside", inside(rng)),
            member("beside", beside(rng)),
            member("either", either(rng)),
            member("many", list(rng, 3, inside)),
            member(flat, rng.u64(..3)),
        ];
        match rng.u8(..3) {
            0 => members.push(member("nick", "null")),
            1 => members.push(member("nick", "\"k\"")),
            _ => {}
        }
        match rng.u8(..4) {
            0 => members.push(member("note", "null")),
            1 => members.push(member("note", sub(rng))),
            2 => members.push(member("old_note", sub(rng))),
            _ => {}
        }
        if rng.bool() {
            members.push(member("level", rng.u64(..3)));
        }
        if rng.bool() {
            members.push(member("h", list(rng, 2, sub)));
        }
        let outside = match outside(rng) {
            None => (if rng.bool() { "\"Void\"" } else { "\"Empty\"" }).to_owned(),
            Some((name, content)) => format!("{{\"{name}\": {content}}}"),
        };
        members.push(member("outside", outside));
        rng.shuffle(&mut members);
        object(rng, members)
    }
}

impl Drawn for Open {
    fn draw(rng: &mut Rng) -> String {
        let title = if rng.bool() { "title" } else { "label" };
        let mut members = vec![member(title, "\"t\"")];
        members.extend(outside(rng).or_else(|| Some(member("One", sub(rng)))));
        for name in ["p", "q"] {
            if rng.bool() {
                members.push(member(name, rng.u64(..3)));
            }
        }
        rng.shuffle(&mut members);
        let members: Vec<String> = members
            .into_iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        format!("{{{}}}", members.join(", "))
    }
}

impl Drawn for Foreign {
    fn draw(rng: &mut Rng) -> String {
        let title = if rng.bool() { "title" } else { "label" };
        let mut members = vec![
            member(title, "\"t\""),
            member("first_name", "\"n\""),
            member("sorted", list(rng, 5, word)),
            member("hashed", numbers(rng)),
            member("in_order", lines(rng, false)),
            member("once", list(rng, 5, word)),
            member("hosts", hosts(rng)),
        ];
        if rng.bool() {
            members.push(member("sub", sub(rng)));
        }
        rng.shuffle(&mut members);
        object(rng, members)
    }
}
