//! The derive macro of the `ifmatch` crate; use it through `ifmatch::Merge`.
