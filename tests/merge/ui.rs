//! The compile errors of the derive: `tests/merge/ui/*.rs`, each with the expected messages beside it.

#[test]
fn mistakes_are_told_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/merge/ui/*.rs");
}
