//! Running the command.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The repository's root, from which the command is run.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_physmem")).current_dir(root()).args(arguments).output().unwrap()
}

/// The JSON that a command which must succeed prints, be it with findings or without.
pub(crate) fn physmem(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let status = output.status.code();
    assert!(matches!(status, Some(0 | 3)), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    if let Some(findings) = document.get("findings").and_then(Value::as_array) {
        assert_eq!(status == Some(3), !findings.is_empty(), "{arguments:?}");
    }
    document
}
