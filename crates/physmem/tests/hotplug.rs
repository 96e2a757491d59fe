//! `physmem hotplug`: the JSON follows its schemas, and its numbers agree with each other and with `simulate`.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn run(arguments: &[&str]) -> (i32, Value, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_physmem")).current_dir(root()).args(arguments).output().unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), document, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn follows(document: &Value, schema: &str, of: &[&str]) {
    let text = std::fs::read_to_string(root().join("schema").join(schema)).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let errors: Vec<String> =
        schema.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{of:?}:\n{}", errors.join("\n"));
}

const AUTO: &[&str] = &["--policy", "online_policy=auto-movable"];

fn plan(arguments: &[&str]) -> Value {
    let all = [&["hotplug", "plan", "-J"], arguments].concat();
    let (_, document, error) = run(&all);
    assert!(!document.is_null(), "{all:?}: {error}");
    follows(&document, "hotplug-plan.schema.json", &all);
    document
}

#[test]
fn a_plan_follows_its_schema_and_nothing_is_lost_or_counted_twice() {
    let machines: [&[&str]; 4] = [
        &["--base", "4G"],
        &["--from", "captures/x86/kx-all-exec_s/10-setup.tar.gz"],
        &["--from", "captures/arm64/acpi-2node-dimm/2-online.tar.gz"],
        &["--from", "captures/x86/plain-2g.tar.gz", "--append", "movable_node"],
    ];
    let wishes: [&[&str]; 8] = [
        &["--add", "8G"],
        &["--add", "60G", "--via", "virtio-mem"],
        &["--add", "3G", "--step", "512M", "--node", "1", "--compare"],
        &["--add", "5G", "--via", "kmem", "--step", "1100M"],
        &["--add", "1G", "--at", "0x100000000000"],
        &["--add", "1G", "--at", "0"],
        &["--add", "4G", "--via", "virtio-mem", "--policy", "state=offline"],
        &["--add", "4G", "--policy", "memmap_on_memory=Y", "movable_node"],
    ];
    for machine in machines {
        for wish in wishes {
            for policy in [&[][..], AUTO] {
                let arguments = [machine, wish, policy].concat();
                let document = plan(&arguments);
                let number = |value: &Value| value.as_u64().unwrap();
                let result = &document["result"];
                let parts = ["movable", "kernel", "offline"].map(|part| number(&result[part]));
                assert_eq!(parts.iter().sum::<u64>(), number(&result["added"]), "{arguments:?}");
                assert!(number(&result["removable"]) <= number(&result["added"]), "{arguments:?}");
                let steps = document["steps"].as_array().unwrap();
                let size: u64 = steps.iter().map(|step| number(&step["size"])).sum();
                assert_eq!(size, number(&result["added"]), "{arguments:?}");
                for (zone, at) in [("movable", 0), ("kernel", 1)] {
                    let before = number(&document["before"][zone]);
                    assert_eq!(before + parts[at], number(&result["after"][zone]), "{arguments:?}: {zone}");
                }
                let all = number(&result["added"]) / number(&document["request"]["step"]);
                assert!(document["refused"].is_null() || all <= 1, "{arguments:?}");
            }
        }
    }
}

#[test]
fn a_plan_says_what_simulate_says() {
    let from = ["--from", "captures/x86/kx-all-exec_s/10-setup.tar.gz"];
    let document = plan(&[&from[..], &["--add", "12G", "--step", "2G"], AUTO].concat());
    let mut arguments = vec!["simulate", "-J", "-e", "policy online_policy=auto-movable"];
    arguments.extend(from);
    for _ in 0..6 {
        arguments.extend(["-e", "add dimm 2G node 0"]);
    }
    let (_, simulated, error) = run(&arguments);
    let last = simulated["steps"].as_array().unwrap_or_else(|| panic!("{error}")).last().unwrap();
    let blocks = last["blocks"].as_array().unwrap();
    let size = document["block_size"].as_u64().unwrap();
    let address = |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
    let mut zones = std::collections::BTreeSet::new();
    for step in document["steps"].as_array().unwrap() {
        for number in address(&step["start"]) / size..address(&step["end"]) / size {
            let block = blocks.iter().find(|block| block["index"] == number).unwrap();
            assert_eq!(block["valid_zones"][0], step["zone"], "memory{number}");
            zones.insert(step["zone"].to_string());
        }
    }
    assert_eq!(zones.len(), 2, "the ratio stops inside: both zones are compared");
}

#[test]
fn a_fleet_is_sized_without_a_capture() {
    let virtio = plan(&[&["--base", "4G", "--add", "60G", "--via", "virtio-mem"], AUTO].concat());
    let gib = |value: &Value| value.as_u64().unwrap() >> 30;
    assert_eq!((gib(&virtio["result"]["movable"]), gib(&virtio["result"]["kernel"])), (48, 12));
    assert_eq!(virtio["stop"]["at"], "0x440000000");
    assert_eq!(virtio["result"]["memmap"], 960 << 20);
    // A DIMM is judged as one: 60 GiB are too much for 4 GiB of kernel memory.
    let whole = plan(&[&["--base", "4G", "--add", "60G"], AUTO].concat());
    assert_eq!(gib(&whole["result"]["kernel"]), 60);
    let steps = plan(&[&["--base", "4G", "--add", "60G", "--step", "1G"], AUTO].concat());
    assert_eq!((gib(&steps["result"]["movable"]), &steps["stop"]["step"]), (12, &Value::from(13)));
    // So much kernel memory at boot carries all of it.
    let needed = (steps["kernel_needed"].as_u64().unwrap() >> 20) + 8;
    let base = format!("{needed}M");
    let enough = plan(&[&["--base", &base, "--add", "60G", "--step", "1G"], AUTO].concat());
    assert!(enough["stop"].is_null(), "{enough}");
}

#[test]
fn what_makes_no_sense_is_a_usage_error_that_says_what_was_expected() {
    let refused: [(&[&str], &str); 9] = [
        (
            &["--add", "1000M"],
            "--add 1000M: not a multiple of the memory block size, 128M; the nearest are 896M and 1G",
        ),
        (&["--add", "1G", "--step", "100M"], "--step 100M: not a multiple"),
        (&["--add", "1G", "--step", "0"], "--step 0: expected a size above 0"),
        (&["--add", "0"], "--add 0: expected a size above 0"),
        (&["--add", "15P"], "--add 15360T: this machine has addresses below"),
        (
            &["--add", "1G", "--at", "0xfffffffff0000000"],
            "--at 0xfffffffff0000000: this machine has addresses",
        ),
        (&["--add", "1G", "--at", "0x1000"], "--at 0x1000: not a multiple"),
        (&["--add", "3P", "--step", "128M"], "65536 are planned"),
        (&["--add", "1G", "--policy", "ratio=lots"], "ratio=lots: expected a number of percent"),
    ];
    for (arguments, message) in refused {
        let (status, _, error) = run(&[&["hotplug", "plan", "--base", "4G"], arguments].concat());
        assert_eq!(status, 2, "{arguments:?}: {error}");
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
    for base in ["1M", "0", "1000T", "4G1"] {
        let (status, _, error) = run(&["hotplug", "plan", "--base", base, "--add", "1G"]);
        assert_eq!(status, 2, "{base}: {error}");
    }
}

/// Targets on captures: what refuses by which rules, and whether the removal would be refused.
const REMOVALS: [(&str, &str, &[&str], i32); 10] = [
    ("captures/x86/kx-all-exec_s/10-setup.tar.gz", "0x100000000", &["kernel-zone"], 0),
    (
        "captures/x86/kx-all-exec_s/10-setup.tar.gz",
        "node1",
        &[
            "boot-memory-without-device",
            "kernel-zone",
            "crash-kernel-inside",
            "block-with-holes",
            "kernel-zone",
        ],
        3,
    ),
    ("captures/x86/kx-all-exec_s/10-setup.tar.gz", "virtio2", &["kernel-zone"], 0),
    (
        "captures/x86/kx-all-exec_s/10-setup.tar.gz",
        "memory48",
        &["virtio-mem-picks-blocks", "kernel-zone"],
        3,
    ),
    (
        "captures/x86/kx-all-exec_s/10-setup.tar.gz",
        "memory32-memory33",
        &["part-of-a-device", "kernel-zone"],
        3,
    ),
    ("captures/x86/kx-pmem-exec_s/10-setup.tar.gz", "dax0.0", &["kernel-zone"], 0),
    ("captures/x86/h4-movable/02-loaded.tar.gz", "100000000-11fffffff", &["movable"], 0),
    (
        "captures/x86/h5-kdump-life/02-online.tar.gz",
        "memory0",
        &["boot-memory-without-device", "block-in-several-zones"],
        3,
    ),
    (
        "captures/releases/7.3.4-kho/p4-kho.tar.gz",
        "memory37-memory38",
        &["boot-memory-without-device", "handover-scratch-inside"],
        3,
    ),
    (
        "captures/arm64/acpi-2node-dimm/2-online.tar.gz",
        "memory8-memory19",
        &[
            "boot-memory-without-device",
            "boot-memory-stays",
            "block-with-holes",
            "boot-memory-stays",
            "movable",
            "kernel-zone",
            "already-offline",
        ],
        3,
    ),
];

#[test]
fn a_removal_says_what_refuses_block_by_block() {
    for (capture, target, rules, status) in REMOVALS {
        let arguments = ["hotplug", "remove", "-J", target, "--from", capture];
        let (found, document, error) = run(&arguments);
        assert_eq!(found, status, "{arguments:?}: {error}");
        follows(&document, "hotplug-remove.schema.json", &arguments);
        assert_eq!(document["refused"], status == 3);
        let lists = [&document["objections"], &document["blocks"]];
        let named: Vec<&str> = lists
            .iter()
            .flat_map(|list| list.as_array().unwrap())
            .map(|one| one["rule"].as_str().unwrap())
            .collect();
        assert_eq!(named, rules, "{arguments:?}");
    }
}

#[test]
fn an_image_in_memory_that_goes_is_broken_and_the_moment_to_arm_again_is_after_the_resource() {
    let capture = "captures/x86/h4-movable/02-loaded.tar.gz";
    let (_, document, _) = run(&["hotplug", "remove", "-J", "0x100000000", "--from", capture]);
    let kexec = &document["afterwards"][0];
    assert_eq!((kexec["what"].as_str(), kexec["breaks"].as_bool()), (Some("kexec"), Some(true)));
    let steps = document["steps"].as_array().unwrap();
    let place = |word: &str| {
        let has = |step: &Value| {
            step["commands"].as_array().unwrap().iter().any(|c| c.as_str().unwrap().contains(word))
        };
        steps.iter().position(has).unwrap_or_else(|| panic!("{word}: {document}"))
    };
    let order = ["kexec -u", "physmem offline", "/eject", "/proc/iomem", "kexec -l"].map(place);
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let capture = "captures/x86/kx-all-exec_s/10-setup.tar.gz";
    for (target, known) in [
        ("dax7.0", "these brought memory to it: PNP0C80:00, virtio2"),
        ("memory4000", "it has 28 memory blocks"),
        ("node9", "it has 28 memory blocks"),
        ("0xfff000000000", "it has 28 memory blocks"),
    ] {
        let (status, _, error) = run(&["hotplug", "remove", target, "--from", capture]);
        assert_eq!(status, 1, "{target}");
        assert!(error.contains(known), "{target}: {error}");
    }
    for target in ["memory", "memory9-memory4", "node", "100000000", "memory1-5", ""] {
        let (status, _, error) = run(&["hotplug", "remove", target, "--from", capture]);
        assert_eq!(status, 2, "{target}: {error}");
    }
}

#[test]
fn the_page_of_statements_has_every_rule_about_blocks_and_removals() {
    let page = std::fs::read_to_string(root().join("docs/evidence.md")).unwrap();
    let rules = REMOVALS.iter().flat_map(|(_, _, rules, _)| rules.iter());
    // An offline block needs no statement.
    for rule in rules.filter(|rule| **rule != "already-offline") {
        assert!(page.contains(&format!("`{rule}`")), "{rule}");
    }
}

/// The steps of each captured machine, in order, without those of the next kernel (90 and later).
fn captured_lives() -> Vec<Vec<String>> {
    fn collect(directory: &Path, lives: &mut Vec<Vec<String>>) {
        let mut steps = Vec::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                collect(&path, lives);
            } else if name.ends_with(".tar.gz")
                && name.starts_with(|c: char| c.is_ascii_digit())
                && !name.starts_with('9')
            {
                steps.push(path.to_str().unwrap().to_owned());
            }
        }
        steps.sort();
        lives.push(steps);
    }
    let mut lives = Vec::new();
    collect(&root().join("captures"), &mut lives);
    lives.retain(|steps| steps.len() > 1);
    lives
}

#[test]
fn no_block_that_a_kernel_let_go_is_said_to_stay() {
    let online = |capture: &str| -> std::collections::BTreeSet<u64> {
        let (_, document, _) = run(&["show", "-J", "--from", capture]);
        let blocks = document["blocks"].as_array().cloned().unwrap_or_default();
        let online = blocks.iter().filter(|block| block["state"] == "online");
        online.map(|block| block["index"].as_u64().unwrap()).collect()
    };
    let (mut went, mut wrong) = (0, Vec::new());
    for steps in captured_lives() {
        let states: Vec<_> = steps.iter().map(|capture| online(capture)).collect();
        for (index, capture) in steps.iter().enumerate() {
            let (Some(before), Some(after)) = (states.get(index), states.get(index + 1)) else { continue };
            // A step that shows no blocks shows none that went.
            for number in before.difference(after).filter(|_| !after.is_empty()) {
                let block = format!("memory{number}");
                let (_, document, _) = run(&["explain", "-J", &block, "--from", capture]);
                let answer = document["offline"][0]["offline"].as_str().unwrap_or("none").to_owned();
                went += 1;
                if !["can", "run-time"].contains(&answer.as_str()) {
                    wrong.push(format!("{capture}: {block}: {answer}"));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(went > 100, "only {went} blocks went");
}
