//! What `kexec plan` and `kdump plan` print, held against their schema and against what a real kernel said when it
//! loaded the same.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

mod common;

use common::{physmem, root, run};

/// What a refused plan says.
fn refusal(arguments: &[&str], status: i32) -> String {
    let output = run(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    text
}

/// A directory with a kernel and an initial ramdisk, that goes with its test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("physmem-load-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let files = Self(directory);
        files.kernel("vmlinuz", |_| {});
        File::create(files.0.join("initrd.img")).unwrap().set_len(0x75_e1d8).unwrap();
        files
    }

    /// The header of Debian's 6.12.117 (captures/x86/kernel-6.12.117.json), edited, before nothing.
    fn kernel(&self, name: &str, edit: impl Fn(&mut [u8])) {
        let mut header = include_bytes!("commands/kernel/header.bzImage").to_vec();
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        // setup_sects, syssize, initrd_addr_max and pref_address: that header is of a kernel of 16 bytes.
        put(0x1f1, &[39]);
        put(0x1f4, &753_952_u32.to_le_bytes());
        put(0x22c, &0x7fff_ffff_u32.to_le_bytes());
        put(0x258, &0x100_0000_u64.to_le_bytes());
        edit(&mut header);
        let mut file = File::create(self.0.join(name)).unwrap();
        file.write_all(&header).unwrap();
        file.set_len(0xb8_67c0).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// The arguments of a load on a capture, and then some.
    fn load(&self, command: &str, capture: &str, more: &[&str]) -> Vec<String> {
        let (kernel, initrd) = (self.path("vmlinuz"), self.path("initrd.img"));
        let all = [command, "plan", "--from", capture, "--kernel", &kernel, "--initrd", &initrd];
        all.iter().chain(more).map(|&argument| argument.to_owned()).collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// What the kernel printed of a load, in the shape of the JSON.
#[derive(Debug, Default, PartialEq)]
struct Said {
    command_line: String,
    segments: Vec<[u64; 2]>,
    map: Vec<(u64, u64, u64)>,
    dumped: Vec<[u64; 2]>,
}

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

fn said_by_the_kernel(log: &str) -> Said {
    let number =
        |line: &str, key: &str| hex(line.split_once(key).unwrap().1.split([' ', ',']).next().unwrap());
    let mut said = Said::default();
    for line in std::fs::read_to_string(root().join(log)).unwrap().lines() {
        if let Some((_, text)) = line.split_once("Final command line is: ") {
            text.clone_into(&mut said.command_line);
        } else if line.contains("kexec_file: segment[") {
            let start = number(line, " mem=");
            said.segments.push([start, start + number(line, " memsz=")]);
        } else if line.contains("Crash PT_LOAD") {
            let start = number(line, " paddr=");
            said.dumped.push([start, start + number(line, " sz=")]);
        } else if let Some((range, kind)) = line.strip_suffix(')').and_then(|line| line.rsplit_once(" (")) {
            let (start, last) = range.rsplit_once(' ').unwrap().1.split_once('-').unwrap();
            // As in the JSON, the end is not part of the range.
            said.map.push((hex(start), hex(last) + 1, kind.parse().unwrap()));
        }
    }
    said
}

/// The same of a plan.
fn said_by_us(document: &Value) -> Said {
    let bounds = |value: &Value| ["start", "end"].map(|member| hex(value[member].as_str().unwrap()));
    let list = |value: &Value| -> Vec<[u64; 2]> {
        value.as_array().map_or(Vec::new(), |all| all.iter().map(bounds).collect())
    };
    let entry = |value: &Value| {
        let [start, end] = bounds(value);
        let kind = match value["type"].as_str().unwrap() {
            "ram" => 1,
            "reserved" => 2,
            other => panic!("{other}"),
        };
        (start, end, kind)
    };
    Said {
        command_line: document["command_line"].as_str().unwrap().to_owned(),
        segments: list(&document["segments"]),
        map: document["next_kernel"]["map"].as_array().unwrap().iter().map(entry).collect(),
        dumped: list(&document["vmcore"]["ranges"]),
    }
}

const CAPTURE: &str = "captures/x86/kx-plain-exec_s/10-setup.tar.gz";
const REBOOT_LOG: &str = "captures/x86/kx-plain-exec_s/kexec/2-kexec_file_load.dmesg.txt";
const CRASH_LOG: &str = "captures/x86/kx-plain-exec_s/kexec/4-kexec_file_load-crash.dmesg.txt";

#[test]
fn a_load_for_a_reboot_is_planned_as_a_real_kernel_did_it() {
    let files = Files::new("reboot");
    let theirs = said_by_the_kernel(REBOOT_LOG);
    let document = physmem(&strs(&files.load("kexec", CAPTURE, &["-J", "--append", &theirs.command_line])));
    assert_eq!((theirs.segments.len(), theirs.map.len()), (4, 7));
    assert_eq!(said_by_us(&document), theirs);
    assert_eq!(document["vmcore"]["ranges"], json!([]));
    assert_eq!((&document["purpose"], &document["loader"]), (&json!("reboot"), &json!("kexec_file_load")));
    assert_eq!(document["segments"][2]["kind"], "kernel");
    assert_eq!(document["segments"][2]["start"], "0x7c600000");
    assert_eq!(document["segments"][2]["alignment"], 0x20_0000);
    assert_eq!(document["assumed"], json!([]), "this machine shows all that the plan needs");
}

#[test]
fn a_load_for_a_crash_is_planned_as_a_real_kernel_did_it() {
    let files = Files::new("crash");
    let theirs = said_by_the_kernel(CRASH_LOG);
    let line = theirs.command_line.split_once(' ').unwrap().1;
    let document = physmem(&strs(&files.load("kdump", CAPTURE, &["-J", "--append", line])));
    assert_eq!((theirs.segments.len(), theirs.map.len(), theirs.dumped.len()), (5, 8, 2));
    assert_eq!(said_by_us(&document), theirs);
    assert_eq!(document["purpose"], "crash");
}

#[test]
fn the_running_command_line_is_reused_without_what_belongs_to_the_running_kernel() {
    let files = Files::new("reuse");
    let line = |command: &str, more: &[&str]| {
        let document = physmem(&strs(&files.load(command, CAPTURE, &[&["-J"], more].concat())));
        document["command_line"].as_str().unwrap().to_owned()
    };
    let (reboot, crash) = (line("kexec", &["--reuse-cmdline"]), line("kdump", &["--reuse-cmdline"]));
    assert!(reboot.contains(" crashkernel="), "{reboot}");
    assert!(
        crash.starts_with("elfcorehdr=0x6b000000 console=") && !crash.contains("crashkernel="),
        "{crash}"
    );
    assert_eq!(line("kexec", &[]), "");
}

const CAPTURES: [&str; 4] = [
    CAPTURE,
    "captures/x86/kx-all-exec_s/10-setup.tar.gz",
    "captures/x86/kx-pmem-exec_s/10-setup.tar.gz",
    "captures/x86/h1-nomemhp/03-d1-added-after-load.tar.gz",
];

/// A schema of the repository, that also names every member of a document.
struct Schema(Value, jsonschema::Validator);

impl Schema {
    fn of(name: &str) -> Self {
        let text = std::fs::read_to_string(root().join("schema").join(name)).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        Self(schema, validator)
    }

    fn check(&self, document: &Value, what: &str) {
        let errors: Vec<String> =
            self.1.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{what}:\n{}", errors.join("\n"));
        for member in document.as_object().unwrap().keys() {
            assert!(!self.0["properties"][member].is_null(), "{what}: {member}");
        }
    }
}

#[test]
fn a_plan_follows_its_schema() {
    let files = Files::new("schema");
    let schema = Schema::of("kexec.schema.json");
    let efi = "captures/boot/x86/q3-quiet-efi-crash.tar.gz";
    let loads = CAPTURES.iter().flat_map(|capture| [("kexec", *capture), ("kdump", *capture)]);
    for (command, capture) in loads.chain([("kexec", efi)]) {
        let document = physmem(&strs(&files.load(command, capture, &["-J", "--reuse-cmdline"])));
        schema.check(&document, &format!("{command} {capture}"));
        let is_efi = document["assumed"].to_string().contains("EFI's runtime map");
        assert_eq!(is_efi, capture == efi, "{capture}: {}", document["assumed"]);
    }
}

#[test]
fn no_plan_is_wider_than_a_hundred_columns_and_segments_go_down() {
    let files = Files::new("width");
    for capture in CAPTURES {
        for command in ["kexec", "kdump"] {
            let output = run(&strs(&files.load(command, capture, &["--reuse-cmdline"])));
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(text.lines().find(|line| line.chars().count() > 100), None, "{command} {capture}");
            assert_eq!(text.lines().find(|line| line.ends_with(' ')), None, "{command} {capture}");
            let at =
                |what: &str| text.find(&format!("\n  {what} ")).unwrap_or_else(|| panic!("{what}: {text}"));
            assert!(at("purgatory") < at("boot-params") && at("kernel     ") < at("initrd     "), "{text}");
            assert_eq!(text.contains("what the dump contains"), command == "kdump");
        }
    }
}

#[test]
fn a_kernel_that_cannot_be_loaded_is_refused_with_its_reason() {
    let files = Files::new("refused");
    files.kernel("not-5level", |header| header[0x236] = 0x1f);
    files.kernel("not-64bit", |header| header[0x236] = 0x7e);
    let refused = |name: &str, capture: &str, status| {
        let kernel = files.path(name);
        refusal(&["kexec", "plan", "--from", capture, "--kernel", &kernel], status)
    };
    // That machine's log shows max_arch_pfn = 0x10000000000: five levels.
    assert!(refused("not-5level", CAPTURE, 1).contains("uses 5-level page tables"));
    assert!(refused("not-64bit", CAPTURE, 1).contains("has no 64-bit entry"));
    let arm = "captures/arm64/acpi-midhp-movable_node.tar.gz";
    assert!(refused("vmlinuz", arm, 3).contains("the kernel is for x86, and the machine is not"));

    let mut image = vec![0; 64];
    image[0x10..0x18].copy_from_slice(&0x1_0000_u64.to_le_bytes());
    image[0x38..0x3c].copy_from_slice(b"ARMd");
    std::fs::write(files.0.join("Image"), image).unwrap();
    let text = refused("Image", CAPTURE, 3);
    assert!(text.contains("the kernel is for arm64, and the machine is not"), "{text}");
    assert!(text.contains("\n  help: "), "{text}");
}

/// A capture of this machine with a configuration of its own.
fn with_configuration(name: &str, configuration: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("physmem-gates-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let snapshot = directory.join("capture.json");
    let capture = run(&["capture", "--sysroot", CAPTURE, "-o", snapshot.to_str().unwrap()]);
    assert!(capture.status.success(), "{}", String::from_utf8_lossy(&capture.stderr));
    let mut document: Value = serde_json::from_slice(&std::fs::read(&snapshot).unwrap()).unwrap();
    document["kernel_config"] = json!({ "read": configuration });
    std::fs::write(&snapshot, document.to_string()).unwrap();
    snapshot
}

#[test]
fn a_load_that_the_kernel_does_not_permit_is_refused_before_it_is_planned() {
    let files = Files::new("permitted");
    let snapshot = with_configuration("permitted", "CONFIG_KEXEC_SIG_FORCE=y\n");
    let mut document: Value = serde_json::from_slice(&std::fs::read(&snapshot).unwrap()).unwrap();
    let mut state = |file: &str, text: &str| {
        document["kexec"] = json!({ file: { "read": text } });
        std::fs::write(&snapshot, document.to_string()).unwrap();
    };
    let from = snapshot.to_str().unwrap();
    let load = |loader: &str| files.load("kexec", from, &["-J", "--loader", loader]);
    for (file, text, loaders) in [
        ("kexec_load_disabled", "1", &["file", "load"][..]),
        ("kexec_load_limit_reboot", "0", &["file", "load"]),
        ("lockdown", "none [integrity] confidentiality", &["load"]),
    ] {
        state(file, text);
        for loader in loaders {
            let output = run(&strs(&load(loader)));
            let document: Value = serde_json::from_slice(&output.stdout).unwrap();
            Schema::of("refusal.schema.json").check(&document, file);
            let refused = &document["refused"];
            let found = (&refused["rule"], &refused["errno"], output.status.code());
            assert_eq!(found, (&json!("not-permitted"), &json!("EPERM"), Some(3)), "{file}, {loader}");
        }
    }
    // A signed kernel may still be loaded; whether it is one is said to be assumed.
    let output = run(&strs(&load("file")));
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("trusts the signature of the kernel file"), "{text}");
}

#[test]
fn a_kernel_without_the_system_calls_plans_nothing_and_allows_nothing() {
    let files = Files::new("gates");
    let off = "CONFIG_NUMA=y\n# CONFIG_KEXEC is not set\n# CONFIG_KEXEC_FILE is not set\n";
    let snapshot = with_configuration("off", off);
    let from = snapshot.to_str().unwrap();
    for (loader, option) in [("file", "CONFIG_KEXEC_FILE"), ("load", "CONFIG_KEXEC")] {
        let text = refusal(&strs(&files.load("kexec", from, &["--loader", loader])), 3);
        assert!(text.contains(&format!("{option} is off")) && text.contains("fails with ENOSYS"), "{text}");
    }
    let output = run(&strs(&files.load("kexec", from, &["-J"])));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    Schema::of("refusal.schema.json").check(&document, "no system call");
    let refused = &document["refused"];
    assert_eq!((&refused["rule"], &refused["number"]), (&json!("no-such-system-call"), &json!(38)));
    assert_eq!(output.status.code(), Some(3));
    // Nowhere may an image lie, and nothing of check is found but what concerns no load.
    let text = String::from_utf8(run(&["explain", "--from", from, "0x10000000"]).stdout).unwrap();
    assert!(text.contains("CONFIG_KEXEC_FILE is off"), "{text}");
    let output = run(&["check", "-J", "--from", from]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let armed = document["codes"].as_array().unwrap().iter().find(|code| code["code"] == "kdump-not-armed");
    assert!(armed.unwrap()["why"].as_str().unwrap().contains("loads no image"), "{armed:?}");
    // One system call is enough for the other loader.
    let snapshot = with_configuration("load", "CONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\n");
    let output = run(&strs(&files.load("kexec", snapshot.to_str().unwrap(), &["--loader", "load"])));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_does_not_fit_says_so_and_what_helps() {
    let files = Files::new("no-room");
    File::create(files.0.join("initrd.img")).unwrap().set_len(0x2000_0000).unwrap();
    let text = refusal(&strs(&files.load("kdump", CAPTURE, &[])), 3);
    assert!(text.contains("initrd: no hole of 0x20000000 bytes"), "{text}");
    assert!(text.contains("(kexec_file_load fails with EADDRNOTAVAIL)"), "{text}");
    assert!(text.contains("\n  help: an initial ramdisk of at most "), "{text}");
    assert!(text.contains("\n  help: crashkernel="), "{text}");
    let long = "x".repeat(2100);
    let text = refusal(&strs(&files.load("kexec", CAPTURE, &["--append", &long])), 3);
    assert!(text.contains("the command line has 2101 bytes"), "{text}");
    assert!(text.contains("\n  help: a command line shorter by 84 bytes"), "{text}");
}

#[test]
fn what_the_log_does_not_tell_is_assumed_aloud_where_the_plan_hangs_on_it() {
    let files = Files::new("no-log");
    let capture = files.path("machine.json");
    assert!(run(&["capture", "--sysroot", CAPTURE, "-o", &capture]).status.success());
    let mut machine: Value = serde_json::from_slice(&std::fs::read(&capture).unwrap()).unwrap();
    machine.as_object_mut().unwrap().remove("kernel_log").unwrap();
    std::fs::write(&capture, machine.to_string()).unwrap();
    let levels = || physmem(&strs(&files.load("kexec", &capture, &["-J"])))["assumed"].to_string();
    assert!(!levels().contains("levels"), "{}", levels());
    files.kernel("vmlinuz", |header| header[0x236] = 0x1f);
    assert!(levels().contains("how many levels"), "{}", levels());
}

#[test]
fn what_a_capture_lacks_is_assumed_aloud_file_by_file() {
    let files = Files::new("lacks");
    let capture = files.path("machine.json");
    assert!(run(&["capture", "--sysroot", CAPTURE, "-o", &capture]).status.success());
    let whole: Value = serde_json::from_slice(&std::fs::read(&capture).unwrap()).unwrap();
    let assumed = |edit: &dyn Fn(&mut Value), command: &str, loader: &str| {
        let mut machine = whole.clone();
        edit(&mut machine);
        std::fs::write(&capture, machine.to_string()).unwrap();
        physmem(&strs(&files.load(command, &capture, &["-J", "--loader", loader])))["assumed"].to_string()
    };
    let remove = |of: &mut Value, member: &str| drop(of.as_object_mut().unwrap().remove(member).unwrap());
    let without = |member: &'static str| move |machine: &mut Value| remove(machine, member);
    let nothing = |_: &mut Value| {};
    for (edit, command, loader, what) in [
        (&without("zoneinfo") as &dyn Fn(&mut Value), "kexec", "file", "how much RAM the page allocator has"),
        (&without("zoneinfo"), "kdump", "load", "how much RAM the page allocator has"),
        (&without("boot_params"), "kdump", "load", "where ACPI's root pointer lies"),
        (
            &|machine| remove(&mut machine["kexec"], "crash_elfcorehdr_size"),
            "kdump",
            "file",
            "how much room the crash header has to grow",
        ),
    ] {
        let (lacking, all) = (assumed(edit, command, loader), assumed(&nothing, command, loader));
        assert!(lacking.contains(what), "{command} {loader}: {lacking}");
        assert!(!all.contains(what), "{command} {loader}: {all}");
    }
}

#[test]
fn the_ranges_of_a_dump_and_the_difference_of_loaders_follow_their_schemas() {
    let (ranges, diff) = (Schema::of("kdump-ranges.schema.json"), Schema::of("kexec-diff.schema.json"));
    let files = Files::new("ranges");
    let kernel = files.path("vmlinuz");
    for capture in CAPTURES {
        for loader in ["file", "load"] {
            let document = physmem(&["kdump", "ranges", "-J", "--from", capture, "--loader", loader]);
            ranges.check(&document, capture);
        }
        for more in [&["--crash"][..], &[], &["--kernel", &kernel], &["--crash", "--kernel", &kernel]] {
            let document = physmem(&[&["kexec", "diff", "-J", "--from", capture], more].concat());
            diff.check(&document, capture);
        }
    }
}

#[test]
fn a_header_that_lists_memory_that_is_gone_is_told_apart_from_one_that_does_not() {
    let against = |step: &str, header: &str| {
        let capture = format!("captures/x86/h1-repair/{step}.tar.gz");
        let header = format!("captures/x86/h1-repair/host/elfcorehdr-{header}.bin");
        let output = run(&["kdump", "ranges", "-J", "--from", &capture, "--header", &header]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        Schema::of("kdump-ranges.schema.json").check(&document, step);
        let starts = |member: &str| -> Vec<String> {
            let all = document["header"][member].as_array().unwrap().iter();
            all.map(|range| range["start"].as_str().unwrap().to_owned()).collect()
        };
        (output.status.code().unwrap(), starts("in_vain"), starts("missing"))
    };
    let (d0, d1) = (|| vec!["0x100000000".to_owned()], || vec!["0x120000000".to_owned()]);
    assert_eq!(against("02-loaded", "2-loaded"), (0, vec![], vec![]));
    assert_eq!(against("03-d1-added-after-load", "2-loaded"), (3, vec![], d1()));
    assert_eq!(against("03-d1-added-after-load", "3-d1-added"), (0, vec![], vec![]));
    assert_eq!(against("04-d0-removed", "4-d0-removed"), (3, d0(), vec![]));
    assert_eq!(against("08-block-cycle", "8-d1-block-online"), (0, vec![], vec![]));
    assert_eq!(against("09-d1-removed", "9-d1-removed"), (3, d1(), vec![]));
    assert_eq!(against("10-reloaded", "10-reloaded"), (0, vec![], vec![]));
}

#[test]
fn what_no_load_or_dump_could_have_is_refused() {
    let files = Files::new("refused");
    File::create(files.0.join("initrd.img")).unwrap();
    let text = refusal(&strs(&files.load("kexec", CAPTURE, &[])), 1);
    assert!(text.contains("empty file, which neither system call loads"), "{text}");
    let header = "captures/x86/h1-repair/host/elfcorehdr-2-loaded.bin";
    let arm64 = "captures/arm64/kexec-efi-sp/0-boot.tar.gz";
    let text = refusal(&["kdump", "ranges", "--from", arm64, "--header", header], 1);
    assert!(text.contains("this is the dump header of an x86_64 machine, but captures/arm64"), "{text}");
    for (size, why) in [("0", "at least one byte"), ("4096", "hexadecimal with 0x"), ("16E", "0x5000 or 20K")]
    {
        let text = refusal(&strs(&files.load("kexec", CAPTURE, &["--purgatory-size", size])), 2);
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_command_line_from_a_capture_cannot_steer_the_terminal() {
    let files = Files::new("steers");
    let output = run(&strs(&files.load("kexec", CAPTURE, &["--append", "quiet\u{1b}[31m\nx"])));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\n  quiet\\u{1b}[31m\\nx\n"), "{text}");
}

#[test]
fn removable_memory_can_be_avoided_only_where_the_loader_places() {
    let files = Files::new("avoid");
    let text = refusal(&strs(&files.load("kexec", CAPTURE, &["--avoid-removable"])), 2);
    assert!(text.contains("--avoid-removable needs --loader load"), "{text}");
}

#[test]
fn a_plan_in_a_contiguous_area_is_found_to_be_fatal_unless_it_is_kept_out() {
    let files = Files::new("cma");
    let capture = "captures/releases/7.3.4+deb13/kx-cma-exec_s/10-setup.tar.gz";
    let plan = |more: &[&str]| {
        let output = run(&strs(&files.load("kexec", capture, &[&["-J"], more].concat())));
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
        let codes: Vec<String> = plan["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["code"].as_str().unwrap().to_owned())
            .collect();
        (codes, output.status.code())
    };
    assert_eq!(plan(&[]), (vec!["image-in-misaligned-cma".to_owned()], Some(3)));
    assert_eq!(plan(&["--no-cma"]), (Vec::new(), Some(0)));
    assert_eq!(plan(&["--loader", "load"]), (Vec::new(), Some(0)));
}
