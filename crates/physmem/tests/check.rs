//! `physmem check`: what it prints, and how it ends.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The tests that need no more than success use the rest of it.
#[allow(dead_code)]
mod common;

use audit::{Code, Severity};
use serde_json::Value;

use common::{physmem, root, run};

const CAPTURES: [(&str, i32); 6] = [
    ("captures/x86/h1-repair/04-d0-removed.tar.gz", 3),
    ("captures/x86/h3-121/00-boot.tar.gz", 3),
    ("captures/x86/h4-movable/03-d0-removed.tar.gz", 3),
    ("captures/boot/x86/p2-softreserved.tar.gz", 3),
    ("captures/x86/h2-with/01-loaded.tar.gz", 4),
    ("captures/arm64/kexec-acpi-dimm/3-loaded.tar.gz", 4),
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
        assert_eq!(document["findings"].as_array().unwrap().is_empty(), code != 3, "{capture}");
        assert_eq!(run(&["check", "--from", capture]).status.code(), Some(code), "{capture}");
    }
}

/// A file with this text, in a directory for the test.
fn file(name: &str, text: &str) -> std::path::PathBuf {
    let directory = std::env::temp_dir().join(format!("physmem-check-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// How check ends on a file with this text: its status, and the outcome of each code.
fn ends(name: &str, text: &str, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    let path = file(name, text);
    let output = run(&[&["check", "-J", "--from", path.to_str().unwrap()], more].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let word = |code: &Value, member: &str| code[member].as_str().unwrap().to_owned();
    let codes = document["codes"].as_array().unwrap();
    (output.status.code(), codes.iter().map(|code| (word(code, "code"), word(code, "outcome"))).collect())
}

const IOMEM: &str = "00001000-0009fbff : System RAM\n00100000-7ffdffff : System RAM\n";

#[test]
fn every_code_ends_once_and_the_summary_counts_the_ends() {
    for (capture, _) in CAPTURES {
        let output = run(&["check", "-J", "--from", capture]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let codes = document["codes"].as_array().unwrap();
        let names: Vec<&str> = codes.iter().map(|code| code["code"].as_str().unwrap()).collect();
        assert_eq!(names, Code::ALL.map(Code::as_str), "{capture}");
        for (count, outcome) in
            [("found", "found"), ("not_found", "not found"), ("cannot_be_told", "cannot be told")]
        {
            let ended: Vec<&Value> = codes.iter().filter(|code| code["outcome"] == outcome).collect();
            assert_eq!(document["summary"][count], ended.len(), "{capture}: {outcome}");
            let is_said = |code: &&Value| code["why"].as_str().is_some_and(|why| !why.is_empty());
            assert!(outcome == "found" || ended.iter().all(is_said), "{capture}: {ended:?}");
        }
        let found: std::collections::BTreeSet<&str> = document["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["code"].as_str().unwrap())
            .collect();
        assert_eq!(document["summary"]["found"], found.len(), "{capture}");
    }
}

#[test]
fn a_machine_that_shows_next_to_nothing_is_not_clean_unless_that_is_allowed() {
    let (status, codes) = ends("iomem", IOMEM, &[]);
    assert_eq!(status, Some(4));
    assert!(codes.iter().all(|(_, outcome)| outcome != "found"));
    assert!(codes.iter().filter(|(_, outcome)| outcome == "cannot be told").count() > 9, "{codes:?}");
    assert_eq!(ends("iomem", IOMEM, &["--allow-unknown"]).0, Some(0));
}

#[test]
fn the_kernels_word_that_it_reserved_no_crash_kernel_is_enough() {
    for line in [
        "cannot allocate crashkernel (size:0x20000000)",
        "crashkernel reservation failed - No suitable area found.",
        "crashkernel reservation failed - memory is in use.",
        "Failed to reserve crashkernel low memory",
    ] {
        let (status, codes) = ends("dmesg", &format!("[    0.000000] {line}\n"), &["--allow-unknown"]);
        assert_eq!(status, Some(3), "{line}");
        assert!(codes.contains(&("crashkernel-not-reserved".to_owned(), "found".to_owned())), "{line}");
    }
    // This one says that nothing was asked for on a machine of this size.
    let nothing = "[    0.000000] crashkernel size resulted in zero bytes\n";
    assert_eq!(ends("dmesg", nothing, &[]).0, Some(4));
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

#[test]
fn the_page_of_statements_has_a_row_for_every_code_and_every_use() {
    let page = std::fs::read_to_string(root().join("docs/evidence.md")).unwrap();
    for code in Code::ALL {
        assert!(page.contains(&format!("\n| `{}` | ", code.as_str())), "{code}");
    }
    let uses = physmem(&["show", "-J", "--from", CAPTURES[0].0])["ranges"][0]["uses"].clone();
    let uses = uses.as_object().unwrap();
    assert!(uses.len() >= 6, "{uses:?}");
    for of in uses.keys() {
        assert!(page.contains(&format!("\n| `{of}` | ")), "{of}");
    }
}
