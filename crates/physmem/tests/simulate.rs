//! `physmem simulate`: the JSON follows its schema, and a simulated machine answers like a captured one.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn physmem(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_physmem")).current_dir(root()).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = physmem(arguments);
    let status = output.status.code().unwrap();
    assert!(status == 0 || status == 3, "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn scratch(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("physmem-simulate-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

const PLAIN: &str = "captures/x86/rt-dimm/00-before.tar.gz";
const MANY: &str = "captures/x86/kx-all-exec_s/10-setup.tar.gz";
const ARM64: &str = "captures/arm64/acpi-srat-dimm/0-boot.tar.gz";

#[test]
fn what_is_printed_follows_the_schema() {
    let schema = std::fs::read_to_string(root().join("schema/simulate.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for arguments in [
        &[
            "simulate",
            "-J",
            "--from",
            PLAIN,
            "-e",
            "add dimm 1G node 1 as d0",
            "-e",
            "pin memory32",
            "-e",
            "remove d0",
        ][..],
        &[
            "simulate",
            "-J",
            "--from",
            MANY,
            "-e",
            "load kdump by file",
            "-e",
            "resize virtio2 to 0",
            "-e",
            "add dimm 3M",
        ],
        &[
            "simulate",
            "-J",
            "--from",
            ARM64,
            "-e",
            "add dimm 512M at 0x80000000 node 1",
            "-e",
            "policy ratio=100",
        ],
        &["simulate", "-J", "--from", PLAIN, "--append", "movable_node", "-e", "add kmem dax0.0 1G at 4G"],
    ] {
        let document = json(arguments);
        let errors: Vec<String> =
            schema.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{arguments:?}:\n{}", errors.join("\n"));
    }
}

#[test]
fn the_schema_names_every_member_that_is_printed() {
    let schema = std::fs::read_to_string(root().join("schema/simulate.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let document = json(&[
        "simulate",
        "-J",
        "--from",
        ARM64,
        "-e",
        "add dimm 512M at 0x80000000 node 1",
        "-e",
        "add dimm 1",
    ]);
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let named = |definition: &str, member: &str| !schema["$defs"][definition]["properties"][member].is_null();
    for member in members(&document) {
        assert!(!schema["properties"][&member].is_null(), "{member}");
    }
    let (added, refused) = (&document["steps"][1], &document["steps"][2]);
    for (value, definition) in [
        (added, "step"),
        (&added["changes"][0], "change"),
        (&added["blocks"][0], "block"),
        (&added["zones"][0], "zone"),
        (&added["memblock"]["memory"][0], "memblock_region"),
        (&refused["refused"], "refusal"),
    ] {
        for member in members(value) {
            assert!(named(definition, &member), "{definition}: {member}");
        }
    }
}

#[test]
fn the_first_step_shows_what_show_shows() {
    for capture in [PLAIN, MANY, ARM64] {
        let shown = json(&["show", "-J", "--from", capture]);
        let simulated = json(&["simulate", "-J", "--from", capture, "-e", "policy ratio=301"]);
        for member in ["iomem", "blocks", "firmware_map", "memblock", "zones"] {
            let shown = match member {
                // show has what debugfs has even where kexec does not walk it.
                "zones" => {
                    let zones = shown[member].as_array().unwrap().iter();
                    Value::Array(zones.filter(|zone| zone["present"] != 0).cloned().collect())
                }
                _ => shown[member].clone(),
            };
            assert_eq!(simulated["steps"][0][member], shown, "{capture}: {member}");
        }
    }
}

#[test]
fn a_simulated_machine_is_a_capture_for_every_other_command() {
    let directory = scratch("capture");
    let file = directory.join("after.json");
    let file = file.to_str().unwrap();
    let events = [
        "-e",
        "add dimm 1G at 0x100000000 node 0",
        "-e",
        "add virtio-mem 512M at 0x180000000 node 0 as virtio2",
    ];
    let crash = "captures/x86/h1-repair/00-boot.tar.gz";
    let output = physmem(&[&["simulate", "--from", crash, "-o", file][..], &events].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = json(&["show", "-J", "--from", file]);
    let classes: Vec<_> = shown["ranges"].as_array().unwrap().iter().map(|range| &range["class"]).collect();
    assert_eq!(classes[classes.len() - 2..], ["hot-added", "driver-managed"]);
    let ranges = json(&["kdump", "ranges", "-J", "--from", file]);
    assert!(ranges.to_string().contains("0x180000000"), "{ranges}");
    // A file that is there already is left alone.
    let again = physmem(&["simulate", "--from", PLAIN, "-o", file, "-e", "offline memory9"]);
    assert_eq!(again.status.code(), Some(1));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_scenario_that_cannot_be_read_says_what_and_where() {
    let directory = scratch("scenarios");
    let said = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        let output = physmem(&["simulate", "--from", PLAIN, path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (name, text, expected) in [
        ("event", "events = ['add dimm big']", "expected a size such as 512M, found `big`"),
        ("key", "event = ['offline memory1']", "line 1: unknown field `event`"),
        ("toml", "title = 'x'\nevents = [", "line 2"),
        ("empty", "[[step]]\nname = 'nothing'\nevents = []", "the step nothing has no events"),
        ("type", "events = 3", "expected a sequence"),
    ] {
        let text = said(name, text);
        assert!(text.contains(expected) && text.contains(name), "{name}: {text}");
    }
    let missing = physmem(&["simulate", "--from", PLAIN, "no-such-file.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    let no_file = physmem(&["simulate", "--from", PLAIN, directory.to_str().unwrap()]);
    assert_eq!(no_file.status.code(), Some(1));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn usage_errors_end_with_2_and_findings_with_3() {
    let status = |arguments: &[&str]| {
        physmem(&[&["simulate", "--from", PLAIN][..], arguments].concat()).status.code().unwrap()
    };
    assert_eq!(status(&[]), 2);
    assert_eq!(status(&["-e", "plug it in"]), 2);
    assert_eq!(status(&["-e", "add dimm 1G", "-o", "after.tar.gz"]), 2);
    assert_eq!(status(&["-e", "add dimm 1M"]), 3);
    assert_eq!(status(&["-e", "load kdump by load", "-e", "add dimm 1G"]), 3);
    assert_eq!(status(&["-e", "add dimm 1G"]), 0);
}
