//! `physmem firmware`: its JSON, held against its schema, and its exit status.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{physmem, root, run};
use serde_json::Value;

const SAMPLES: &str = "crates/physmem/tests/commands/firmware/";
const DATA: &str = "crates/firmware/tests/data/";

fn file(folder: &str, name: &str) -> String {
    format!("{folder}{name}")
}

#[test]
fn what_is_printed_follows_the_schema_and_the_exit_code_tells_of_faults() {
    let schema = std::fs::read_to_string(root().join("schema/firmware.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for (folder, name, code) in [
        (DATA, "x86-numa4.SRAT", 0),
        (DATA, "x86-numa4.SLIT", 0),
        (DATA, "acpi_tables.HMAT", 0),
        (DATA, "acpi_tables.CEDT", 0),
        (DATA, "arm64-dts-resv.fdt", 0),
        (DATA, "arm64-acpi.IORT", 0),
        (DATA, "x86-plain-2g.boot_params", 0),
        (DATA, "arm64-efi-mirror-efi.dmesg", 0),
        (SAMPLES, "map.txt", 0),
        (SAMPLES, "acpidump.txt", 0),
        (SAMPLES, "slit-padded.dat", 0),
        (SAMPLES, "slit-flat.dat", 0),
        (SAMPLES, "no-memory.dtb", 0),
        (SAMPLES, "msct.dat", 0),
        (SAMPLES, "srat-cut.dat", 1),
        (SAMPLES, "cut.dtb", 1),
        (SAMPLES, "words.txt", 1),
        (SAMPLES, "no-such-file", 1),
    ] {
        let file = file(folder, name);
        let output = run(&["firmware", "-J", &file]);
        assert_eq!(output.status.code(), Some(code), "{file}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors: Vec<String> =
            schema.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{file}:\n{}", errors.join("\n"));
        assert_eq!(run(&["firmware", &file]).status.code(), Some(code), "{file}");
    }
}

#[test]
fn a_file_that_cannot_be_decoded_does_not_hide_the_others() {
    let (good, bad) = (file(SAMPLES, "srat.dat"), file(SAMPLES, "words.txt"));
    let output = run(&["firmware", &bad, &good, &bad]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("180000000-1ffffffff"));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 2);
    let document = physmem(&["firmware", "-J", &good]);
    assert_eq!(document["files"][0]["tables"][0]["sections"]["memory"][3]["range"]["start"], "0x180000000");
}
