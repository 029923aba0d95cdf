fn longer(_: Option<&String>, local: &String, _: &String) -> Result<String, std::fmt::Error> {
    Ok(local.clone())
}

#[derive(ifmatch::Merge)]
struct Article {
    #[merge(with = longer)]
    views: u64,
}

fn main() {}
