#[derive(ifmatch::Merge)]
struct Article {
    #[merge(text)]
    #[merge(atomic)]
    body: String,
}

fn main() {}
