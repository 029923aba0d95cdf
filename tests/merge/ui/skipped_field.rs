#[derive(serde::Serialize, ifmatch::Merge)]
struct Article {
    #[serde(skip)]
    #[merge(counter)]
    views: u64,
}

fn main() {}
