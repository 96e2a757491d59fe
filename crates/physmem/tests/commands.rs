//! The command as users meet it: the sessions in tests/commands and in the README, run and compared.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[test]
fn the_sessions_print_what_they_say() {
    // The sessions name captures as a user in a fresh clone would.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).unwrap();
    trycmd::TestCases::new().case("crates/physmem/tests/commands/*.md").case("README.md");
}
