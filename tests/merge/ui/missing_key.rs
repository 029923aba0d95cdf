#[derive(ifmatch::Merge)]
struct Order {
    #[merge(key)]
    lines: Vec<String>,
}

#[derive(ifmatch::Merge)]
struct Other {
    #[merge(key = "")]
    lines: Vec<String>,
}

fn main() {}
