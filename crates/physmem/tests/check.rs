//! `physmem check`: what it prints, and how it ends.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The tests that need no more than success use the rest of it.
#[allow(dead_code)]
mod common;

use audit::{Code, Severity};
use serde_json::Value;

use common::{root, run};

const CAPTURES: [(&str, i32); 6] = [
    ("captures/x86/h1-repair/04-d0-removed.tar.gz", 3),
    ("captures/x86/h3-121/00-boot.tar.gz", 3),
    ("captures/x86/h4-movable/03-d0-removed.tar.gz", 3),
    ("captures/boot/x86/p2-softreserved.tar.gz", 3),
    ("captures/x86/h2-with/01-loaded.tar.gz", 0),
    ("captures/arm64/kexec-acpi-dimm/3-loaded.tar.gz", 0),
];

fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("schema/check.schema.json")).unwrap()).unwrap()
}

#[test]
fn what_is_printed_follows_the_schema_and_the_exit_code_tells_of_findings() {
    let schema = jsonschema::validator_for(&schema()).unwrap();
    for (capture, code) in CAPTURES {
        let output = run(&["check", "-J", "--from", capture]);
        assert_eq!(output.status.code(), Some(code), "{capture}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors: Vec<String> =
            schema.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{capture}:\n{}", errors.join("\n"));
        assert_eq!(document["findings"].as_array().unwrap().is_empty(), code == 0, "{capture}");
        assert_eq!(run(&["check", "--from", capture]).status.code(), Some(code), "{capture}");
    }
}

#[test]
fn the_schema_and_the_help_name_every_code() {
    let schema = schema();
    let words = |member: &str| -> Vec<String> {
        serde_json::from_value(schema["$defs"]["finding"]["properties"][member]["enum"].clone()).unwrap()
    };
    assert_eq!(words("code"), Code::ALL.map(Code::as_str));
    let severities = [Severity::Error, Severity::Warning, Severity::Note];
    assert_eq!(words("severity"), severities.map(Severity::as_str));
    let help = run(&["check", "--help"]).stdout;
    let help = String::from_utf8(help).unwrap();
    for code in Code::ALL {
        assert!(help.contains(&format!("\n  {} ", code.as_str())), "{code}");
    }
    assert!(help.lines().all(|line| line.len() <= 100), "{help}");
}
