#[derive(ifmatch::Merge)]
struct Pair(#[merge(counter)] u64, u64);

#[derive(serde::Serialize, ifmatch::Merge)]
#[serde(untagged)]
enum Either {
    A {
        #[merge(counter)]
        n: u64,
    },
}

#[derive(ifmatch::Merge)]
union Bits {
    a: u8,
    b: i8,
}

fn main() {}
