#[derive(ifmatch::Merge)]
#[merge(text)]
struct Article {
    body: String,
}

#[derive(ifmatch::Merge)]
struct Other {
    #[merge(text, state_like)]
    body: String,
}

#[derive(ifmatch::Merge)]
struct Third {
    #[merge(with = 5)]
    body: String,
}

fn main() {}
