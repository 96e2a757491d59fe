//! The JSON that the command prints, held against its schema.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn physmem(arguments: &[&str]) -> Value {
    let output =
        Command::new(env!("CARGO_BIN_EXE_physmem")).current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

const CAPTURES: [&str; 7] = [
    "captures/x86/plain-2g.tar.gz",
    "captures/x86/n2-srathot-movable_node.tar.gz",
    "captures/x86/p2-memmap-exact.tar.gz",
    "captures/x86/kx-all-exec_s/10-setup.tar.gz",
    "captures/x86/h1-nomemhp/03-d1-added-after-load.tar.gz",
    "captures/arm64/acpi-midhp-movable_node.tar.gz",
    "captures/arm64/acpi-2node-dimm/2-online.tar.gz",
];

/// A capture that shows blocks, zones and the firmware's map.
const WITH_STATE: &str = CAPTURES[3];

fn last(list: &Value) -> &Value {
    list.as_array().unwrap().last().unwrap()
}

#[test]
fn what_is_printed_follows_the_schema() {
    let schema = std::fs::read_to_string(root().join("schema/show.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for capture in CAPTURES {
        for arguments in [
            &["show", "-J", "--from", capture][..],
            &["explain", "-J", "0x50000000", "--from", capture],
            &["explain", "-J", "node0", "--from", capture],
        ] {
            let document = physmem(arguments);
            let errors: Vec<String> =
                schema.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{arguments:?}:\n{}", errors.join("\n"));
        }
    }
}

#[test]
fn the_schema_names_every_member_that_is_printed() {
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(root().join("schema/show.schema.json")).unwrap())
            .unwrap();
    let document = physmem(&["show", "-J", "--from", CAPTURES[5]]);
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let named = |definition: &str, member: &str| !schema["$defs"][definition]["properties"][member].is_null();
    for member in members(&document["host"]) {
        assert!(named("host", &member), "{member}");
    }
    for member in members(&document) {
        assert!(!schema["properties"][&member].is_null(), "{member}");
    }
    let with_state = physmem(&["show", "-J", "--from", WITH_STATE]);
    for (list, definition) in [
        (&with_state["blocks"], "block"),
        (&with_state["zones"], "zone"),
        (&with_state["firmware_map"], "firmware_range"),
        (&document["memblock"]["memory"], "memblock_region"),
    ] {
        for member in members(&list[0]) {
            assert!(named(definition, &member), "{definition}: {member}");
        }
    }
    for range in document["ranges"].as_array().unwrap() {
        for member in members(range) {
            assert!(named("range", &member), "{member}");
        }
        for member in members(&range["uses"]) {
            assert!(named("uses", &member), "{member}");
        }
        for member in members(&range["uses"]["early_allocation"]) {
            assert!(named("answer", &member), "{member}");
        }
    }
}

#[test]
fn an_address_gives_the_record_that_show_gives_for_its_range() {
    for capture in CAPTURES {
        let shown = physmem(&["show", "-J", "--from", capture]);
        for record in shown["ranges"].as_array().unwrap() {
            let explained = physmem(&["explain", "-J", record["start"].as_str().unwrap(), "--from", capture]);
            assert_eq!(&explained["ranges"][0], record, "{capture}");
            for (member, value) in record.as_object().unwrap() {
                assert_eq!(&explained[member], value, "{capture}: {member}");
            }
        }
    }
}

#[test]
fn the_state_is_what_the_kernel_shows_and_belongs_to_show_alone() {
    let shown = physmem(&["show", "-J", "--from", WITH_STATE]);
    let (block, range) = (last(&shown["blocks"]), last(&shown["ranges"]));
    assert_eq!(last(&range["blocks"]), &block["index"]);
    assert_eq!((&range["node"], &range["state"]), (&block["node"], &block["state"]));
    assert_eq!(range["zones"], block["valid_zones"]);
    let end = (block["index"].as_u64().unwrap() + 1) * shown["host"]["block_size"].as_u64().unwrap();
    let resource = format!("-{:x} : System RAM (virtio_mem)\n", end - 1);
    assert!(shown["iomem"].as_str().unwrap().contains(&resource));
    assert_eq!(last(&shown["zones"])["end"], format!("{end:#x}"));
    let firmware_map = shown["firmware_map"].as_array().unwrap();
    assert!(firmware_map.iter().any(|entry| entry["start"] == "0x0" && entry["kind"] == "System RAM"));
    let explained = physmem(&["explain", "-J", "node0", "--from", WITH_STATE]);
    for member in ["iomem", "blocks", "zones", "firmware_map", "memblock"] {
        assert!(explained.get(member).is_none(), "{member}");
    }
}

#[test]
fn a_capture_of_a_capture_gives_the_same_answers() {
    let directory = std::env::temp_dir().join(format!("physmem-recapture-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    for (index, capture) in CAPTURES.iter().enumerate() {
        for extension in ["tar.gz", "tar", "json"] {
            let again = directory.join(format!("{index}.{extension}"));
            let again = again.to_str().unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_physmem"))
                .current_dir(root())
                .args(["capture", "--sysroot", capture, "-o", again])
                .output()
                .unwrap();
            assert!(output.status.success(), "{capture}: {}", String::from_utf8_lossy(&output.stderr));
            let mut before = physmem(&["show", "-J", "--from", capture]);
            let mut after = physmem(&["show", "-J", "--from", again]);
            for document in [&mut before, &mut after] {
                document["host"]["origin"] = Value::Null;
            }
            assert_eq!(before, after, "{capture} as {extension}");
        }
    }
    std::fs::remove_dir_all(directory).unwrap();
}
