//! The bodies of the fuzz targets, which stand beside the tests that replay what was found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what does not hold panics, and says where"
)]

#[path = "../../tests/it/fuzzed/mod.rs"]
pub mod fuzzed;
