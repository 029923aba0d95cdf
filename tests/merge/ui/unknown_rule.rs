#[derive(ifmatch::Merge)]
struct Article {
    #[merge(lines)]
    body: String,
}

fn main() {}
