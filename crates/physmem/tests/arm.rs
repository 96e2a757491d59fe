//! What is loaded, as `status` tells it, and dumps that are held against machines and records.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{physmem, root, run};
use serde_json::{Value, json};

const BOOT: &str = "5f8a4c1e-0000-4000-8000-000000000000";
const IOMEM: &str =
    "00001000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n  60000000-6fffffff : Crash kernel\n";
const DIMM: &str = "100000000-10fffffff : System RAM\n";
const KMEM: &str = "100000000-10fffffff : System RAM (kmem)\n";
const HEADER: &str = "captures/x86/h1-repair/host/elfcorehdr-2-loaded.bin";

/// A machine's root directory, removed in the end.
struct Machine(PathBuf);

impl Machine {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("physmem-arm-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let machine = Self(root);
        machine.put("proc/iomem", IOMEM);
        for (number, start, end) in [(0, "0x1000", "0x9ffff"), (1, "0x100000", "0x7fffffff")] {
            for (name, text) in [("start", start), ("end", end), ("type", "System RAM")] {
                machine.put(&format!("sys/firmware/memmap/{number}/{name}"), &format!("{text}\n"));
            }
        }
        machine.put("proc/sys/kernel/arch", "x86_64\n");
        machine.put("proc/version", "Linux version 6.12.1 (x) #1\n");
        machine.put("proc/sys/kernel/random/boot_id", &format!("{BOOT}\n"));
        machine.put("sys/kernel/kexec_loaded", "0\n");
        machine.put("sys/kernel/kexec_crash_loaded", "0\n");
        machine
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Loaded for this purpose, by physmem, with the kernel there.
    fn loaded(&self, purpose: &str, start: u64, boot: &str) {
        let (file, flag) = match purpose {
            "reboot" => ("kexec", "kexec_loaded"),
            _ => ("kdump", "kexec_crash_loaded"),
        };
        self.put(&format!("sys/kernel/{flag}"), "1\n");
        self.put(&format!("run/physmem/{file}.json"), &record(purpose, start, boot).to_string());
    }

    /// The exit status, and the document, which follows its schema.
    fn status(&self, command: &str) -> (i32, Value) {
        let output = run(&[command, "status", "-J", "-s", self.0.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}"));
        follows(&document, "status.schema.json");
        (output.status.code().unwrap(), document)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record(purpose: &str, start: u64, boot: &str) -> Value {
    let range = |start: u64, end: u64| json!({"start": format!("{start:#x}"), "end": format!("{end:#x}")});
    let mut segment = range(start, start + 0x10_0000);
    segment["kind"] = "kernel".into();
    let mut told = range(0x10_0000, 0x8000_0000);
    told["type"] = 1.into();
    let record = json!({
        "schema": 1, "by": "physmem 0.1.0", "purpose": purpose, "loader": "kexec_load", "boot_id": boot,
        "time": "2026-11-30T15:43:00Z", "running": "6.12.1",
        "kernel": {"path": "/boot/vmlinuz", "size": 1, "sha256": "ab".repeat(32)}, "initrd": null,
        "command_line": "quiet", "passed_command_line": "quiet", "is_placed": true, "avoid_removable": false,
        "no_cma": false, "segments": [segment], "map": [told],
        "dump": if purpose == "crash" { vec![range(0x10_0000, 0x6000_0000), range(0x7000_0000, 0x8000_0000)] } else { vec![] },
    });
    follows(&record, "record.schema.json");
    record
}

fn follows(document: &Value, schema: &str) {
    let text = fs::read_to_string(root().join("schema").join(schema)).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{schema}: {}\n{document}", errors.join("\n"));
}

#[test]
fn nothing_loaded_is_good_for_a_reboot_and_not_for_a_crash() {
    let machine = Machine::new("nothing");
    let (status, document) = machine.status("kexec");
    assert_eq!((status, &document["state"], &document["by"]), (0, &json!("not-loaded"), &Value::Null));
    let (status, document) = machine.status("kdump");
    assert_eq!((status, &document["findings"][0]["code"]), (3, &json!("kdump-not-armed")));
}

#[test]
fn a_record_of_this_boot_says_who_loaded_and_whether_the_image_still_lies_in_memory() {
    let machine = Machine::new("record");
    machine.loaded("reboot", 0x1000_0000, BOOT);
    let (status, document) = machine.status("kexec");
    assert_eq!((status, &document["state"], &document["by"]), (0, &json!("good"), &json!("physmem 0.1.0")));
    assert_eq!(document["record"]["kernel"]["path"], "/boot/vmlinuz");
    machine.loaded("reboot", 0x1_0000_0000, BOOT);
    let (status, document) = machine.status("kexec");
    assert_eq!((status, &document["state"]), (3, &json!("stale")));
    machine.put("proc/iomem", &(IOMEM.to_owned() + DIMM));
    assert_eq!(machine.status("kexec").1["state"], "good");
}

#[test]
fn a_record_of_another_boot_or_a_damaged_one_is_no_answer() {
    let machine = Machine::new("other-boot");
    machine.loaded("reboot", 0x1000_0000, "another");
    let (status, document) = machine.status("kexec");
    assert_eq!((status, &document["state"], &document["record"]), (4, &json!("cannot-tell"), &Value::Null));
    assert!(document["by"].as_str().unwrap().contains("of another boot"), "{document}");
    machine.put("run/physmem/kexec.json", "{\"schema\": 1");
    let (status, document) = machine.status("kexec");
    assert_eq!((status, &document["state"]), (4, &json!("cannot-tell")));
    assert!(document["by"].as_str().unwrap().contains("/run/physmem/kexec.json"), "{document}");
}

#[test]
fn the_dump_of_a_record_is_compared_with_the_machine_where_the_kernel_never_rebuilds_the_header() {
    let machine = Machine::new("dump");
    machine.loaded("crash", 0x6000_0000, BOOT);
    assert_eq!(machine.status("kdump").1["state"], "good");
    machine.put("proc/iomem", &(IOMEM.to_owned() + KMEM));
    let (status, document) = machine.status("kdump");
    assert_eq!((status, &document["findings"][0]["code"]), (3, &json!("dump-misses-memory")));
}

#[test]
fn a_dump_is_held_against_a_capture() {
    let verify = |step: &str| {
        let capture = format!("captures/x86/h1-repair/{step}.tar.gz");
        let document = physmem(&["kdump", "verify", HEADER, "-J", "--from", &capture]);
        follows(&document, "kdump-verify.schema.json");
        (document["agrees"].clone(), document["lacks"].clone(), document["in_vain"].clone())
    };
    let gone = json!([{"start": "0x100000000", "end": "0x120000000"}]);
    assert_eq!(verify("02-loaded"), (json!(true), json!([]), json!([])));
    let (agrees, _, in_vain) = verify("04-d0-removed");
    assert_eq!((agrees, in_vain), (json!(false), gone));
}

#[test]
fn a_dump_is_held_against_a_record_and_a_record_of_another_kind_is_refused() {
    let machine = Machine::new("verify");
    let path = machine.0.join("record.json");
    let path = path.to_str().unwrap();
    let verify = || {
        let output = run(&["kdump", "verify", HEADER, "--record", path]);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    machine.put("record.json", &record("crash", 0, BOOT).to_string());
    let (status, text) = verify();
    assert_eq!(status, 3, "{text}");
    assert!(
        text.contains("against the record of its load by physmem 0.1.0 at 2026-11-30T15:43:00Z"),
        "{text}"
    );
    assert!(text.contains("lists besides"), "{text}");
    for (bad, why) in [
        (record("reboot", 0, BOOT).to_string(), "records no load of a crash kernel"),
        ("{}".to_owned(), "missing field"),
        (record("crash", 0, BOOT).to_string().replace("\"schema\":1", "\"schema\":9"), "schema is 9"),
    ] {
        machine.put("record.json", &bad);
        let (status, text) = verify();
        assert!(status == 1 && text.contains(why), "{status}: {text}");
    }
}

#[test]
fn a_dump_that_is_none_or_cut_off_is_an_error() {
    let machine = Machine::new("cut");
    let whole = fs::read(root().join(HEADER)).unwrap();
    let mut compressed = vec![0_u8; 0x3000];
    compressed[..8].copy_from_slice(b"KDUMP   ");
    let path = machine.0.join("dump");
    let verify = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let output = run(&["kdump", "verify", path.to_str().unwrap(), "-s", machine.0.to_str().unwrap()]);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for length in [0, 1, 40, 63, 64, 100] {
        let (status, text) = verify(&whole[..length]);
        assert!(status == 1 && text.contains("byte 0x"), "{length}: {text}");
    }
    let (status, text) = verify(&compressed);
    assert!(status == 1 && text.contains("block_size"), "{text}");
    let (status, text) = verify(b"makedumpfile\0\0\0\0");
    assert!(status == 1 && text.contains("makedumpfile -R"), "{text}");
}

#[test]
fn a_dry_run_of_a_load_says_why_it_would_fail_and_leaves_nothing() {
    let output = run(&["kexec", "load", "-n", "--kernel", "README.md"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("expected a kernel image"), "{text}");
    let output = run(&["kexec", "load", "-n", "--kernel", "README.md", "--avoid-removable"]);
    assert_eq!(output.status.code(), Some(2));
}
