//! What statements say, and how input is bounded.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use proptest::prelude::*;

use super::*;

fn turtle() -> Turtle {
    Turtle::at("http://h/c/".parse().unwrap())
}

fn shown(triple: Triple<'_>) -> String {
    let object = match triple.object {
        Object::Name(name) => format!("<{name}>"),
        Object::Text(text) => format!("{text:?}"),
        Object::Nested => "[]".to_owned(),
    };
    format!("{} {} {object}", triple.subject, triple.predicate)
}

/// The triples, and the statements that could not be read.
fn read<'c>(
    turtle: &mut Turtle,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> (Vec<String>, Vec<TurtleError>) {
    let (mut triples, mut errors) = (Vec::new(), Vec::new());
    for mut rest in chunks {
        loop {
            match turtle.decode(&mut rest, |triple| triples.push(shown(triple))) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error @ TurtleError::TooLong(_)) => {
                    errors.push(error);
                    return (triples, errors);
                }
                Err(error) => errors.push(error),
            }
        }
        assert!(rest.is_empty());
    }
    (triples, errors)
}

fn triples(text: &str) -> Vec<String> {
    let mut turtle = turtle();
    let (triples, errors) = read(&mut turtle, [text.as_bytes(), b"\n"]);
    assert_eq!(errors, [], "{text}");
    assert!(turtle.is_whole(), "{text}");
    triples
}

#[test]
fn a_statement_is_a_subject_with_its_triples() {
    let text = r#"
        @prefix ldp: <http://www.w3.org/ns/ldp#>.
        @prefix : <http://ex/>.
        # A comment. <not> :a "statement".
        <> a ldp:Container; ldp:contains <a>, <b%20c>;; .
        <a> :n 7; :of 1.5 , true; :says "A \"quoted\" text."@en-GB, """two
lines with a " in it""", 'single'^^<http://ex/t>.
        _:b :in [ :deep ( <x> [ ] ) ], ("a" "b"), _:c.
        :e\.x.y :\u0041 <../d>."#;
    // A prefixed name has no escapes of code points.
    let text = text.replace(r":\u0041", ":A");
    assert_eq!(
        triples(&text),
        [
            "http://h/c/ http://www.w3.org/1999/02/22-rdf-syntax-ns#type <http://www.w3.org/ns/ldp#Container>",
            "http://h/c/ http://www.w3.org/ns/ldp#contains <http://h/c/a>",
            "http://h/c/ http://www.w3.org/ns/ldp#contains <http://h/c/b%20c>",
            "http://h/c/a http://ex/n \"7\"",
            "http://h/c/a http://ex/of \"1.5\"",
            "http://h/c/a http://ex/of \"true\"",
            "http://h/c/a http://ex/says \"A \\\"quoted\\\" text.\"",
            "http://h/c/a http://ex/says \"two\\nlines with a \\\" in it\"",
            "http://h/c/a http://ex/says \"single\"",
            " http://ex/in []",
            " http://ex/in []",
            " http://ex/in []",
            "http://ex/e.x.y http://ex/A <http://h/d>",
        ]
    );
}

#[test]
fn directives_without_a_dot_stand_before_a_statement() {
    assert_eq!(
        triples("PREFIX e: <http://e/> base <http://b/x/> e:a e:b <c>."),
        ["http://e/a http://e/b <http://b/x/c>"]
    );
}

#[test]
fn a_statement_is_passed_on_as_soon_as_its_dot_has_arrived() {
    for text in [
        "<a> <b> <c>.",
        "<a> <b> \"c\".",
        "<a> <b> [ ].",
        "<a> <b> '' .",
        "<a> <b> \"\".",
    ] {
        let (triples, _) = read(&mut turtle(), [text.as_bytes()]);
        assert_eq!(triples.len(), 1, "{text}");
    }
}

#[test]
fn what_is_no_turtle_costs_one_statement() {
    for text in [
        "<a> <b>.",
        "<a> <b> <c> <d>.",
        "<a> x:b <c>.",
        "<a> <b> \"\\q\".",
        "<a> <b> \"\\u12\".",
        "<a> <b> \"\\uD800\".",
        "<a> <b> [ .",
        "<a> <b> ] .",
        "<a> ^ <b>.",
        "\"a\" <b> <c>.",
        "@prefix <a>.",
        "@base x.",
        "<//[> <b> <c>.",
    ] {
        let text = format!("{text} <x> <y> <z>.");
        let (triples, errors) = read(&mut turtle(), [text.as_bytes()]);
        assert_eq!(errors.len(), 1, "{text}");
        assert!(
            triples.last().unwrap().starts_with("http://h/c/x "),
            "{text}"
        );
    }
    let (_, errors) = read(&mut turtle(), [&b"<a> <b> \"\xff\"."[..]]);
    assert_eq!(errors.len(), 1);
}

#[test]
fn a_statement_has_a_limit_and_comments_and_space_between_statements_have_none() {
    let mut turtle = turtle().max_statement(20);
    let quiet = "#".repeat(99) + "\n" + &" ".repeat(99);
    let text = format!("{quiet}<a> <b> <c>.{quiet}<a> <b> <cdefghijklmnop>.");
    let (triples, errors) = read(&mut turtle, [text.as_bytes()]);
    assert_eq!(triples.len(), 1);
    assert_eq!(errors, [TurtleError::TooLong(20)]);
    let again = turtle.decode(&mut &b"<a> <b> <c>."[..], |_| {});
    assert_eq!(again, Err(TurtleError::TooLong(20)));
}

#[test]
fn prefixes_and_names_have_limits() {
    let prefix = |n: usize| format!("@prefix p{n}: <http://e/{n}/>.\n");
    let many: String = (0..300).map(prefix).collect();
    let (_, errors) = read(&mut turtle(), [many.as_bytes()]);
    assert_eq!(errors.len(), 300 - 256);
    let long = format!("<a> <b> <{}>.", "x".repeat(9_000));
    let (triples, errors) = read(&mut turtle(), [long.as_bytes()]);
    assert_eq!((triples.len(), errors.len()), (0, 1));
}

#[test]
fn half_a_statement_is_not_whole() {
    for text in ["<a> <b> <c>", "<a", "<a> <b> \"c", "<a> <b> 5."] {
        let mut turtle = turtle();
        read(&mut turtle, [text.as_bytes()]);
        assert!(!turtle.is_whole(), "{text}");
    }
}

proptest! {
    #[test]
    fn the_triples_are_the_same_however_the_bytes_are_split(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "<a>", " ", ".", "\"", "'", "\\", "x:y", "@prefix x: <http://x/>.", "a", ";", ",", "[", "]", "(", ")",
                "#", "\n", "5", "\u{e9}", "^^", "@en", "<a> <b> \"c\".", "\"\"\"", "<", "PREFIX ",
            ]), 0..40,
        ),
        size in 1_usize..9,
        limit in 8_usize..60,
    ) {
        let text = pieces.concat();
        let turtle = || turtle().max_statement(limit);
        let whole = read(&mut turtle(), [text.as_bytes()]);
        prop_assert_eq!(read(&mut turtle(), text.as_bytes().chunks(size)), whole);
    }
}
