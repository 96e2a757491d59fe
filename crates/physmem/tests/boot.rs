//! What `boot` and `what-if` print as JSON, held against their schemas and against real boots; and what they take
//! as firmware.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

mod common;

use common::{physmem, root, run};

/// A schema; what it takes from boot's is put into it.
fn schema(name: &str) -> Value {
    let read = |name: &str| std::fs::read_to_string(root().join("schema").join(name)).unwrap();
    let mut schema: Value =
        serde_json::from_str(&read(name).replace("boot.schema.json#/$defs", "#/$defs")).unwrap();
    let boot: Value = serde_json::from_str(&read("boot.schema.json")).unwrap();
    schema["$defs"] = boot["$defs"].clone();
    schema
}

fn check(schema: &Value, document: &Value, of: &str) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{of}:\n{}", errors.join("\n"));
}

const CAPTURES: [&str; 6] = [
    "captures/x86/plain-2g.tar.gz",
    "captures/x86/plain-2g-quiet-nodebug.tar.gz",
    "captures/x86/plain-2g-efi.tar.gz",
    "captures/x86/n3-srathot-movable_node.tar.gz",
    "captures/x86/p5-crash-high-low.tar.gz",
    "captures/x86/p5-crash-toobig.tar.gz",
];

#[test]
fn a_predicted_boot_follows_its_schema_and_every_member_is_named_there() {
    let schema = schema("boot.schema.json");
    for capture in CAPTURES {
        for arguments in [
            &["boot", "-J", "--from", capture][..],
            &["boot", "-J", "--from", capture, "--verify"],
            &["boot", "-J", "--from", capture, "--append", "mem=8M crashkernel=nonsense"],
        ] {
            let document = physmem(arguments);
            check(&schema, &document, &format!("{arguments:?}"));
            for member in document.as_object().unwrap().keys() {
                let named = &schema["$defs"]["boot"]["properties"][member];
                assert!(!named.is_null(), "{member}");
            }
        }
    }
}

#[test]
fn a_what_if_follows_its_schema() {
    let schema = schema("what-if.schema.json");
    for capture in CAPTURES {
        for change in [
            &["--append", "movable_node"][..],
            &["--append", "crashkernel=512M,high mem=2G"],
            &["--append", "mem=8M"],
            &["--rules", "no-movable-node-check"],
            &["--kernel-release", "5.10.0"],
        ] {
            let arguments: Vec<&str> =
                ["what-if", "-J", "--from", capture].iter().chain(change).copied().collect();
            let document = physmem(&arguments);
            check(&schema, &document, &format!("{arguments:?}"));
            assert!(document["before"].get("trace").is_none(), "a trace for each side would drown the rest");
        }
    }
}

#[test]
fn both_sides_of_a_what_if_are_what_boot_predicts() {
    let from = ["--from", "captures/x86/n3-srathot-movable_node.tar.gz"];
    let boot = |edit: &[&str]| {
        let mut document = physmem(&[&["boot", "-J"], &from[..], edit].concat());
        document.as_object_mut().unwrap().remove("trace");
        document
    };
    let edit = ["--remove", "movable_node"];
    let what_if = physmem(&[&["what-if", "-J"], &from[..], &edit].concat());
    assert_eq!(what_if["before"], boot(&[]));
    assert_eq!(what_if["after"], boot(&edit));
}

#[test]
fn what_if_says_what_becomes_movable_and_what_early_allocations_avoid() {
    let document = physmem(&[
        "what-if",
        "-J",
        "--from",
        "captures/x86/n3-srathot-default.tar.gz",
        "--append",
        "movable_node",
    ]);
    let of = |what: &str| -> Vec<Value> {
        let changes = document["changes"].as_array().unwrap().iter();
        changes
            .filter(|change| change["what"] == what)
            .map(|c| json!([c["range"], c["before"], c["after"]]))
            .collect()
    };
    let last = "0x180000000";
    assert_eq!(
        of("node 1, zone Movable"),
        [json!([["0x100000000", "0x140000000"], null, "100000000-13fffffff, 262144 pages"])]
    );
    assert_eq!(of("early_allocation"), [json!([["0x100000000", last], "yes", "no"])]);
    assert_eq!(
        of("kexec_image by kexec_file_load"),
        [] as [Value; 0],
        "6.12 drops the flag at the end of boot"
    );
}

#[test]
fn the_alternatives_change_what_the_thread_said_they_would() {
    let dimm = "captures/x86/kx-all-exec_s/10-setup.tar.gz";
    let document = physmem(&["what-if", "-J", "--from", dimm, "--rules", "hotplug-for-all"]);
    let changes = document["changes"].as_array().unwrap();
    let image: Vec<_> = changes.iter().filter(|c| c["subject"] == "kexec_image").collect();
    assert_eq!(image.len(), 2, "each loader loses the DIMM: {changes:#?}");
    assert!(image.iter().all(|c| c["range"] == json!(["0x100000000", "0x140000000"]) && c["after"] == "no"));
}

#[test]
fn a_kernel_without_numa_has_one_node_and_reads_no_srat() {
    let directory = std::env::temp_dir().join(format!("physmem-numa-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("capture.json");
    let to = file.to_str().unwrap();
    let with_srat = root().join("captures/x86/n3-srathot-movable_node.tar.gz");
    assert!(run(&["capture", "--sysroot", with_srat.to_str().unwrap(), "-o", to]).status.success());
    let mut snapshot: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let mut nodes = |configuration: &str| -> Vec<Value> {
        snapshot["kernel_config"] = json!({ "read": configuration });
        std::fs::write(&file, snapshot.to_string()).unwrap();
        let memory = physmem(&["boot", "-J", "--from", to])["memblock"]["memory"].as_array().unwrap().clone();
        assert!(!memory.is_empty());
        memory.iter().map(|region| json!([region["node"], region["flags"]])).collect()
    };
    assert!(nodes("# CONFIG_NUMA is not set\n").iter().all(|region| *region == json!([0, []])));
    assert!(
        nodes("CONFIG_NUMA=y\n").contains(&json!([1, ["HOTPLUG"]])) || nodes("CONFIG_NUMA=y\n").len() > 3
    );
}

#[test]
fn a_difference_is_a_finding_with_a_status_of_its_own() {
    let directory = Scratch::new("verify");
    let log = unpacked(&directory, "captures/x86/plain-2g.tar.gz", "var/log/dmesg");
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("0x0000000000100000-0x000000007ffdffff] usable"), "the capture is another");
    let equal = run(&["boot", "--firmware", log.to_str().unwrap(), "--verify", "-J"]);
    assert_eq!(equal.status.code(), Some(0), "{}", String::from_utf8_lossy(&equal.stdout));
    // The boot that the log shows had more memory than this map.
    let other = text.replace(
        "BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable",
        "BIOS-e820: [mem 0x0000000000100000-0x000000006ffdffff] usable",
    );
    let other = directory.write("other.txt", other.as_bytes());
    let findings = run(&["boot", "--firmware", other.to_str().unwrap(), "--verify", "-J"]);
    assert_eq!(findings.status.code(), Some(3));
    let document: Value = serde_json::from_slice(&findings.stdout).unwrap();
    assert_eq!(document["verify"]["equal"], false);
    check(&schema("boot.schema.json"), &document, "with findings");
}

#[test]
fn firmware_is_told_by_its_content_and_gives_the_boot_that_the_capture_gives() {
    let directory = Scratch::new("firmware");
    let capture = "captures/x86/n3-srathot-movable_node.tar.gz";
    let page = unpacked(&directory, capture, "sys/kernel/boot_params/data");
    let srat = unpacked(&directory, capture, "sys/firmware/acpi/tables/SRAT");
    let odd = directory.write("holiday.jpg", &std::fs::read(page).unwrap());
    let from_files = physmem(&[
        "boot",
        "-J",
        "--firmware",
        odd.to_str().unwrap(),
        srat.to_str().unwrap(),
        "--cmdline",
        "movable_node",
    ]);
    let from_capture = physmem(&["boot", "-J", "--from", capture]);
    for member in ["zones", "zone_limits", "movable_start", "early_node_ranges", "fallback_order"] {
        assert_eq!(from_files[member], from_capture[member], "{member}");
    }
}

#[test]
fn a_device_tree_a_log_and_an_srat_make_one_arm64_machine() {
    let directory = Scratch::new("arm64");
    let capture = "captures/arm64/acpi-midhp-movable_node.tar.gz";
    let files = ["sys/firmware/fdt", "var/log/dmesg", "sys/firmware/acpi/tables/SRAT"];
    let files = files.map(|file| unpacked(&directory, capture, file).to_str().unwrap().to_owned());
    let mut arguments = vec!["boot", "-J", "--firmware"];
    arguments.extend(files.iter().map(String::as_str));
    let (from_files, from_capture) = (physmem(&arguments), physmem(&["boot", "-J", "--from", capture]));
    for member in ["architecture", "release", "command_line", "zones", "movable_start", "fallback_order"] {
        assert_eq!(from_files[member], from_capture[member], "{member}");
    }
    assert_eq!(from_files["memblock"]["memory"], from_capture["memblock"]["memory"]);
    // A zero page of the other architecture is no part of it.
    let page = unpacked(&directory, "captures/x86/plain-2g.tar.gz", "sys/kernel/boot_params/data");
    arguments.push(page.to_str().unwrap());
    let refused = run(&arguments);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a zero page of x86_64"));
}

#[test]
fn a_map_as_text_needs_neither_a_log_around_it_nor_its_prefix() {
    let directory = Scratch::new("text");
    let plain = directory.write(
        "map.txt",
        b"# two gigabytes\n[mem 0x0000000000000000-0x000000000009fbff] usable\n\
          [mem 0x0000000000100000-0x000000007ffdffff] usable\n",
    );
    let efi = directory.write(
        "efi.txt",
        b"efi: mem00: [Conventional|   |  |  |  |  |  |  |  |  |  |   |WB|WT|WC|UC] range=[0x0000000000000000-0x000000000009ffff] (0MB)\n\
          efi: mem01: [Boot Data   |   |  |  |  |  |  |  |  |  |  |   |WB|WT|WC|UC] range=[0x0000000000100000-0x000000007ffdffff] (2046MB)\n",
    );
    for file in [plain, efi] {
        let document = physmem(&["boot", "-J", "--firmware", file.to_str().unwrap(), "--cmdline", "quiet"]);
        assert_eq!(document["architecture"], "x86_64");
        assert_eq!(document["memblock"]["memory"][1]["end"], "0x7ffe0000");
    }
}

#[test]
fn no_report_is_wider_than_a_hundred_columns() {
    for capture in CAPTURES {
        for arguments in [
            &["boot"][..],
            &["boot", "--trace"],
            &["boot", "--verify"],
            &["what-if", "--append", "movable_node mem=1G crashkernel=nonsense"],
        ] {
            let output = run(&[arguments, &["--from", capture]].concat());
            let text = String::from_utf8(output.stdout).unwrap();
            let wide = text.lines().find(|line| line.chars().count() > 100);
            assert_eq!(wide, None, "{arguments:?} {capture}");
            let trailing = text.lines().find(|line| line.ends_with(' '));
            assert_eq!(trailing, None, "{arguments:?} {capture}");
        }
    }
}

/// A directory that goes with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("physmem-boot-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One file of a capture.
fn unpacked(directory: &Scratch, capture: &str, file: &str) -> PathBuf {
    let status = Command::new("tar")
        .args(["xzf", root().join(capture).to_str().unwrap(), "-C"])
        .arg(&directory.0)
        .arg(file)
        .status()
        .unwrap();
    assert!(status.success());
    directory.0.join(file)
}
