#![deny(deprecated)]

#[derive(ifmatch::Merge)]
struct Stats<T> {
    of: T,
}

struct Foreign;

#[derive(ifmatch::Merge)]
struct Article {
    author: Foreign,
    pages: Stats<Foreign>,
    #[merge(key = "id")]
    lines: Vec<Foreign>,
    #[merge(foreign)]
    known: Foreign,
    #[merge(key = "id", foreign)]
    listed: Vec<Foreign>,
    #[merge(atomic)]
    whole: Foreign,
}

fn main() {}
