struct Foreign;

#[derive(ifmatch::Merge)]
struct Article {
    #[merge(nested)]
    author: Foreign,
}

fn main() {}
