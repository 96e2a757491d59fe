//! Plans of kexec_load held against what kexec-tools 2.0.25 printed, and against the map and the dump that the next
//! kernel saw.
//!
//! `tests/data/kexec_load` holds a machine, its loads and what the next kernel said, for each of some guests with
//! Debian's kernel. The captures that other loads were taken of hold loads by kexec-tools, too.

use std::path::{Path, PathBuf};

use firmware::e820::Entry;
use firmware::log::E820Map;
use kexec::{Caller, Plan, PlanError, Purpose, Request};
use machine::{EfiRuntime, Machine, Snapshot};
use memblock::PhysRange;
use rules::{Loader, Rules, Use};

use crate::tools_record::{Loaded, readelf};
use crate::{captures, kernel, score};

/// A guest, and how many ranges EFI's runtime map has there.
type Guest = (&'static str, u64);

const GUESTS: [Guest; 19] = [
    ("plain-2g", 0),
    ("efi-2g", 6),
    ("high-5g", 0),
    // These were planned before anybody had looked at what kexec-tools did. All were right but chain-efi, whose
    // command line then had acpi_rsdp=.
    ("high-low", 0),
    ("512M", 0),
    ("dimms", 0),
    ("holes", 0),
    ("efi-3g", 6),
    ("pvh", 0),
    ("pmem", 0),
    ("numa-dimm", 0),
    ("smp8", 0),
    ("125-dimms", 0),
    ("mem-limit", 0),
    ("efi-5g", 6),
    ("chain", 0),
    ("chain-efi", 6),
    ("chain-noruntime", 0),
    ("chain-efi-4g", 6),
];

/// Captures of which kexec-tools loaded, too, and of these the ones in which it loaded what ran next.
const CAPTURES: [&str; 6] = [
    "kx-all-crash_s",
    "kx-all-exec_c",
    "kx-all-exec_s",
    "kx-plain-crash_s",
    "kx-plain-exec_s",
    "kx-pmem-exec_s",
];

fn data(guest: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kexec_load").join(guest)
}

/// A load: its name, the machine and what was printed, and the ranges of EFI's runtime map, which the machines do not show.
fn loads() -> impl Iterator<Item = (String, Snapshot, Loaded, u64)> {
    let of_guests = GUESTS.into_iter().flat_map(|(guest, ranges)| {
        let texts = ["reboot.txt", "crash.txt"].map(|file| (data(guest).join(file), ranges));
        texts.map(|(text, ranges)| (guest, data(guest).join("machine.tar.gz"), text, ranges))
    });
    let of_captures = CAPTURES.into_iter().flat_map(|capture| {
        let directory = captures().join(capture);
        ["kexec/1-kexec_load.txt", "kexec/3-kexec_load-crash.txt"]
            .map(|file| (capture, directory.join("10-setup.tar.gz"), directory.join(file), 0))
    });
    of_guests.chain(of_captures).map(|(name, machine, text, efi_ranges)| {
        let loaded = Loaded::of(&std::fs::read_to_string(&text).unwrap());
        (format!("{name} {:?}", loaded.purpose), host::read(&machine).unwrap(), loaded, efi_ranges)
    })
}

fn plan(snapshot: &Snapshot, loaded: &Loaded, efi_ranges: u64) -> (Machine, Plan) {
    let mut machine = Machine::of(snapshot).unwrap();
    let request = Request {
        purpose: loaded.purpose,
        loader: Loader::KexecLoad,
        kernel: kernel(),
        initrd: Some(loaded.initrd),
        command_line: &loaded.given,
        avoid_removable: false,
        without_cma: false,
        purgatory: None,
        tools: None,
        caller: Caller::KexecTools,
    };
    if efi_ranges > 0 {
        machine.state.efi_runtime = Some(EfiRuntime { entries: efi_ranges, descriptor: 48 });
    }
    let plan = kexec::plan(&machine, &request, &Rules::LINUX).unwrap();
    (machine, plan)
}

#[test]
fn plans_are_what_kexec_tools_did() {
    let mut wrong = Vec::new();
    for (name, snapshot, loaded, efi_ranges) in loads() {
        let record = &loaded.record;
        assert!(record.segments.len() >= 5 && record.map.len() >= 6, "{name}: {record:?}");
        assert_eq!(record.dumped.is_empty(), loaded.purpose == Purpose::Reboot, "{name}");
        let (_, mut plan) = plan(&snapshot, &loaded, efi_ranges);
        plan.segments.sort_by_key(|segment| segment.range.start());
        let score = score(record, &plan);
        println!("{name:27}: {} / {}", score.right, score.right + score.wrong.len());
        wrong.extend(score.wrong.into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The map that a kernel printed: the firmware's, or, if there was more than the zero page holds, the extended one.
pub(crate) fn printed(log: &str) -> Vec<Entry> {
    let map = |log: &str| -> Vec<Entry> {
        let lines = firmware::log::e820(log.as_bytes()).map(Result::unwrap);
        lines.filter(|line| line.map == E820Map::Bios).map(|line| line.entry).collect()
    };
    let extended: String = log
        .lines()
        .filter(|line| line.contains("] extended: "))
        .fold(String::new(), |text, line| text + &line.replace("] extended: ", "] BIOS-e820: ") + "\n");
    if extended.is_empty() { map(log) } else { map(&extended) }
}

/// A kernel joins entries of one type that touch, as those of two DIMMs do, before it prints them
/// (arch/x86/kernel/e820.c:e820__update_table, 6.12).
pub(crate) fn joined(map: &[Entry]) -> Vec<Entry> {
    let mut joined: Vec<Entry> = Vec::new();
    for entry in map {
        match joined.last_mut() {
            Some(last) if last.kind == entry.kind && last.range.end() == entry.range.start() => {
                last.range = last.range.hull(entry.range);
            }
            _ => joined.push(*entry),
        }
    }
    joined
}

#[test]
fn the_next_kernel_prints_the_map_of_the_plan() {
    let mut held = 0;
    for (name, snapshot, loaded, efi_ranges) in loads() {
        let (directory, is_crash) = (name.split(' ').next().unwrap(), loaded.purpose == Purpose::Crash);
        let log = if CAPTURES.contains(&directory) {
            if directory != "kx-all-exec_c" || is_crash {
                continue;
            }
            let second = host::read(&captures().join(directory).join("90-second-kernel.tar.gz")).unwrap();
            second.kernel_log.read().unwrap().clone()
        } else {
            let file = if is_crash { "crash-kernel.txt" } else { "second-kernel.txt" };
            let Ok(log) = std::fs::read_to_string(data(directory).join(file)) else { continue };
            log
        };
        let (_, plan) = plan(&snapshot, &loaded, efi_ranges);
        assert_eq!(joined(&plan.next_kernel), printed(&log), "{name}");
        held += 1;
    }
    assert_eq!(held, 16);
}

#[test]
fn the_dump_has_the_ranges_of_the_plan() {
    let mut held = 0;
    for (name, snapshot, loaded, efi_ranges) in loads().filter(|load| load.2.purpose == Purpose::Crash) {
        let directory = data(name.split(' ').next().unwrap());
        let Ok(vmcore) = std::fs::read_to_string(directory.join("vmcore.txt")) else { continue };
        let (_, plan) = plan(&snapshot, &loaded, efi_ranges);
        assert_eq!(plan.vmcore, readelf(&vmcore), "{name}");
        held += 1;
    }
    assert!(held >= 1);
}

#[test]
fn the_map_of_a_reboot_tells_of_the_memory_that_the_rules_say_is_told() {
    for (name, snapshot, loaded, efi_ranges) in loads().filter(|load| load.2.purpose == Purpose::Reboot) {
        let (machine, plan) = plan(&snapshot, &loaded, efi_ranges);
        let ram = plan.next_kernel.iter().filter(|entry| entry.kind == firmware::e820::E820Type::Ram);
        let ram: Vec<PhysRange> = ram.map(|entry| entry.range).collect();
        for memory in &machine.ranges {
            let of = Use::NextKernel(Loader::KexecLoad);
            let told = memory.verdict(&Rules::LINUX, of, &machine.kernel).unwrap().allowed;
            assert_eq!(ram.iter().any(|r| r.encloses(memory.range)), told, "{name}: {memory:?}");
        }
    }
}

#[test]
fn the_largest_initial_ramdisk_is_the_one_of_which_a_kernel_takes_no_page_more() {
    let directory = data("half-of-ram");
    let snapshot = host::read(&directory.join("machine.tar.gz")).unwrap();
    let text = |file| std::fs::read_to_string(directory.join(file)).unwrap();
    let taken = text("largest.txt");
    let refused = text("too-large.txt");
    assert!(taken.ends_with("crash_loaded=1\n") && refused.ends_with("crash_loaded=0\n"));
    let (taken, refused) = (Loaded::of(&taken), Loaded::of(&refused));
    assert_eq!(refused.initrd - taken.initrd, 0x1000);
    let (_, plan) = plan(&snapshot, &taken, 0);
    assert_eq!(plan.margins.largest_initrd, taken.initrd);
    assert!(matches!(plan.margins.binds, Some(PlanError::HalfOfRam { .. })), "{:?}", plan.margins);
}
