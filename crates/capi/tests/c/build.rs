//! Builds the archive as a user does, and C programs with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Builds the archive with extra arguments for Cargo, in a target directory of its own, and returns its path.
pub(crate) fn archive(directory: &str, arguments: &[&str]) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(directory);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--package", "physmem-capi", "--target-dir"]).arg(&target);
    // Settings for the tests themselves do not apply to this build.
    cargo.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUSTFLAGS");
    run(&mut cargo);
    let profile = if arguments.contains(&"--release") { "release" } else { "debug" };
    target.join(profile).join("libphysmem_capi.a")
}

/// The C compiler, or `None` after printing that the test is skipped and why.
pub(crate) fn compiler() -> Option<String> {
    let named = std::env::var("CC").ok();
    let known = named.into_iter().chain(["cc", "gcc", "clang"].map(String::from));
    let found = known.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if found.is_none() {
        println!(
            "SKIPPED: there is no C compiler: install one (Debian: apt-get install gcc libc6-dev), or set CC"
        );
    }
    found
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}
