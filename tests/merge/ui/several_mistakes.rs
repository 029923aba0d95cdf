#[derive(ifmatch::Merge)]
struct Article {
    #[merge(lines)]
    body: String,
    #[merge(counter)]
    title: String,
    #[merge(set, text)]
    tags: Vec<String>,
}

fn main() {}
