//! Texts on real servers: calendars, address books, Turtle and plain text, as `String` merged by lines.

use http::HeaderValue;
use http::header::AUTHORIZATION;
use ifmatch::format::Text;
use ifmatch::profiles::WebDav;
use ifmatch::{Client, Collection, ErrorKind};

const WRITERS: usize = 8;
/// The edits of each writer: half by `update`, half by `save`.
const EDITS: usize = 20;

/// One kind of text on one server.
struct Kind {
    name: &'static str,
    media_type: &'static str,
    suffix: &'static str,
    /// The lines before and after those of the writers. `{id}` is the id of the document.
    frame: [&'static str; 2],
    line_end: &'static str,
    /// The line of a writer, and the one that keeps it apart from the next writer's.
    line: fn(usize, usize) -> String,
    gap: fn(usize) -> String,
}

const EVENT: Kind = Kind {
    name: "calendar",
    media_type: "text/calendar",
    suffix: ".ics",
    frame: [
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//ifmatch//interop//EN\r\nBEGIN:VEVENT\r\nUID:{id}\r\n\
         DTSTART:20260101T120000Z\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Lunch\r\n",
        "END:VEVENT\r\nEND:VCALENDAR\r\n",
    ],
    line_end: "\r\n",
    line: |writer, count| format!("X-NOTE-{writer}:{count}"),
    gap: |writer| format!("X-NOTE-{writer}-GAP:-"),
};

const CARD: Kind = Kind {
    name: "address book",
    media_type: "text/vcard",
    suffix: ".vcf",
    frame: [
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{id}\r\nFN:Anna\r\nN:A;Anna;;;\r\n",
        "END:VCARD\r\n",
    ],
    ..EVENT
};

const TURTLE: Kind = Kind {
    name: "turtle",
    media_type: "text/turtle",
    suffix: ".ttl",
    frame: ["@prefix : <#> .\n# {id}\n", ""],
    line_end: "\n",
    line: |writer, count| format!(":writer :edits{writer} {count} ."),
    gap: |writer| format!("# after {writer}"),
};

const PLAIN: Kind = Kind {
    name: "plain text",
    media_type: "text/plain; charset=utf-8",
    suffix: ".txt",
    frame: ["{id}\n", ""],
    line: |writer, count| format!("{writer}: {count}"),
    ..TURTLE
};

impl Kind {
    fn draft(&self, id: &str) -> String {
        let mut text = self.frame[0].replace("{id}", id);
        for writer in 0..WRITERS {
            text +=
                &[(self.line)(writer, 0), (self.gap)(writer), String::new()].join(self.line_end);
        }
        text + self.frame[1]
    }

    fn count(&self, text: &str, writer: usize) -> usize {
        let counts = |count: &usize| text.lines().any(|line| line == (self.line)(writer, *count));
        (0..=EDITS)
            .find(counts)
            .expect("the line of a writer is gone")
    }

    fn count_one(&self, text: &mut String, writer: usize) {
        let count = self.count(text, writer);
        *text = text.replace(&(self.line)(writer, count), &(self.line)(writer, count + 1));
    }
}

/// A handle of a client of its own: nothing but the server is shared with any other.
fn texts(base: &str, path: &str, kind: &Kind) -> Collection<String> {
    let any_user = HeaderValue::from_static("Basic YW55OnB3");
    let builder = Client::builder(base)
        .profile(WebDav)
        .default_header(AUTHORIZATION, any_user);
    let client = builder.build().unwrap();
    client.collection(path).format(Text::new(kind.media_type))
}

async fn tell(server: &str, base: &str, path: &str, kind: &'static Kind) {
    let id = format!(
        "{}-{}{}",
        kind.name.replace(' ', "-"),
        std::process::id(),
        kind.suffix
    );
    let (mine, theirs) = (texts(base, path, kind), texts(base, path, kind));
    mine.create(&id, &kind.draft(&id)).await.unwrap();
    let again = theirs.create(&id, &kind.draft(&id)).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again}");

    // A stale save merges lines; a save of the same line cannot.
    let (mut one, mut two) = (
        mine.refresh(&id).await.unwrap().value,
        theirs.get(&id).await.unwrap(),
    );
    let mut three = theirs.get(&id).await.unwrap();
    kind.count_one(&mut one, 0);
    kind.count_one(&mut two, 1);
    *three = three.replace(&(kind.line)(0, 0), &(kind.line)(0, 5));
    mine.save(&one).await.unwrap();
    assert_eq!(theirs.save(&two).await.unwrap().report().merged, 1);
    assert_eq!(
        theirs.save(&three).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );

    let writers = (0..WRITERS).map(|writer| {
        let (texts, id) = (texts(base, path, kind), id.clone());
        tokio::spawn(async move {
            let begun = kind.count(&texts.get(&id).await.unwrap(), writer);
            for edit in begun..EDITS {
                if edit % 2 == 0 {
                    let count = move |text: &mut String| kind.count_one(text, writer);
                    texts.update(&id, count).await.unwrap();
                } else {
                    let mut text = texts.get(&id).await.unwrap();
                    kind.count_one(&mut text, writer);
                    texts.save(&text).await.unwrap();
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let text = mine.refresh(&id).await.unwrap().value;
    for writer in 0..WRITERS {
        assert_eq!(kind.count(&text, writer), EDITS, "{server}: {}", *text);
    }
    mine.delete(text).await.unwrap();
    assert!(theirs.get_opt(&id).await.unwrap().is_none());
    let edits = WRITERS * EDITS;
    println!(
        "{server}, {}: {edits} edits of {WRITERS} writers, 0 lost",
        kind.name
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run radicale"]
async fn radicale() {
    let Ok(base) = std::env::var("IFMATCH_RADICALE") else {
        return println!("radicale: skipped, IFMATCH_RADICALE is not set");
    };
    tell("radicale", &base, "calendar", &EVENT).await;
    tell("radicale", &base, "contacts", &CARD).await;

    // A calendar has each UID once; that is no race.
    let events = texts(&base, "calendar", &EVENT);
    events
        .create("one.ics", &EVENT.draft("same"))
        .await
        .unwrap();
    let taken = events
        .create("two.ics", &EVENT.draft("same"))
        .await
        .unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists, "{taken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run lighttpd"]
async fn texts_on_lighttpd() {
    let Ok(base) = std::env::var("IFMATCH_LIGHTTPD") else {
        return println!("texts on lighttpd: skipped, IFMATCH_LIGHTTPD is not set");
    };
    tell("lighttpd", &base, "/", &TURTLE).await;
    tell("lighttpd", &base, "/", &PLAIN).await;
}
