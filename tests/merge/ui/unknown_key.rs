#[derive(serde::Serialize, ifmatch::Merge)]
#[serde(rename_all = "camelCase")]
struct Line {
    item_id: u32,
}

#[derive(ifmatch::Merge)]
struct Order {
    #[merge(key = "item_id")]
    lines: Vec<Line>,
}

fn main() {}
