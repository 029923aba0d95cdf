#[derive(ifmatch::Merge)]
struct Article {
    #[merge(text)]
    views: u64,
}

#[derive(ifmatch::Merge)]
struct Counted {
    #[merge(counter)]
    name: Option<String>,
}

#[derive(ifmatch::Merge)]
struct Listed {
    #[merge(key = "id")]
    name: String,
}

fn main() {}
