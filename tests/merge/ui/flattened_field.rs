#[derive(serde::Serialize, ifmatch::Merge)]
struct Article {
    #[serde(flatten)]
    #[merge(atomic)]
    rest: std::collections::HashMap<String, u64>,
}

fn main() {}
