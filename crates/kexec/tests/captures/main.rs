//! Plans held against what real kernels did: Linux 6.12.117 says at each load where the segments went, which
//! map it handed over, and what the dump holds.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

mod arm64;
mod arm64_tools;
mod kexec_load;
mod kexec_load_elf;
mod record;
mod releases;
mod tools_record;

use std::path::{Path, PathBuf};

use firmware::e820::{E820Type, Entry};
use firmware::log::E820Map;
use images::core_header::CoreHeader;
use kexec::{Caller, KernelImage, Plan, Purpose, Request, SegmentKind, SetupHeader};
use machine::{Machine, Snapshot};
use memblock::PhysRange;
use record::Record;
use rules::{Loader, Rules, Use};

use Purpose::{Crash, Reboot};

/// One load: the capture before or after it, the log that tells of it, which of the log's loads it is, what for,
/// and the bytes of the initial ramdisk.
type Load = (&'static str, &'static str, usize, Purpose, u64);

const BEFORE: &str = "kexec/dmesg-before-jump.txt";
const REBOOT: &str = "kexec/2-kexec_file_load.dmesg.txt";
const CRASH: &str = "kexec/4-kexec_file_load-crash.dmesg.txt";

const LOADS: [Load; 25] = [
    ("kx-all-crash_s/10-setup", REBOOT, 0, Reboot, 0x75_e1d8),
    ("kx-all-crash_s/10-setup", CRASH, 0, Crash, 0x75_e1d8),
    ("kx-all-exec_c/10-setup", REBOOT, 0, Reboot, 0x75_e1d8),
    ("kx-all-exec_c/10-setup", CRASH, 0, Crash, 0x75_e1d8),
    ("kx-all-exec_s/10-setup", REBOOT, 0, Reboot, 0x75_e1d8),
    ("kx-all-exec_s/10-setup", CRASH, 0, Crash, 0x75_e1d8),
    ("kx-plain-crash_s/10-setup", REBOOT, 0, Reboot, 0x75_e1d8),
    ("kx-plain-crash_s/10-setup", CRASH, 0, Crash, 0x75_e1d8),
    ("kx-plain-exec_s/10-setup", REBOOT, 0, Reboot, 0x75_e1d8),
    ("kx-plain-exec_s/10-setup", CRASH, 0, Crash, 0x75_e1d8),
    ("kx-pmem-exec_s/10-setup", REBOOT, 0, Reboot, 0x75_e1d8),
    ("kx-pmem-exec_s/10-setup", CRASH, 0, Crash, 0x75_e1d8),
    ("kx-efi-exec_s/10-setup", REBOOT, 0, Reboot, 0x75_cc28),
    ("kx-efi-exec_s/10-setup", CRASH, 0, Crash, 0x75_cc28),
    ("kx-5g-crash_s-highlow/10-setup", REBOOT, 0, Reboot, 0x75_cc28),
    ("kx-5g-crash_s-highlow/10-setup", CRASH, 0, Crash, 0x75_cc28),
    ("kx-hmem-exec_s/10-setup", REBOOT, 0, Reboot, 0x75_cc28),
    ("kx-hmem-exec_s/10-setup", CRASH, 0, Crash, 0x75_cc28),
    ("h1-nomemhp/02-loaded", BEFORE, 0, Crash, 0x75_e9b4),
    ("h1-repair/02-loaded", BEFORE, 0, Crash, 0x75_e9b4),
    ("h1-repair/10-reloaded", BEFORE, 2, Crash, 0x75_e9b4),
    ("h3-121/01-loaded", BEFORE, 0, Crash, 0x75_dfb4),
    ("h3-121/01-loaded", BEFORE, 1, Reboot, 0x75_dfb4),
    ("h4-normal/02-loaded", BEFORE, 0, Reboot, 0x75_dfb4),
    ("h4-movable/02-loaded", BEFORE, 0, Reboot, 0x75_dfb4),
];

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures/x86")
}

/// Every archive below a directory.
fn archives(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| {
        if path.is_dir() {
            archives(&path)
        } else {
            Vec::from_iter(path.to_string_lossy().ends_with(".tar.gz").then_some(path.clone()))
        }
    };
    paths.flat_map(of).collect()
}

/// The kernel of all these captures, by its header.
fn kernel() -> KernelImage<'static> {
    kernel_of(&captures().join("kernel-6.12.117.json"))
}

/// A kernel whose setup header is in this file.
fn kernel_of(header: &Path) -> KernelImage<'static> {
    let text = std::fs::read_to_string(header).unwrap();
    let header: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |name: &str| match &header[name] {
        serde_json::Value::String(hex) => u64::from_str_radix(hex.strip_prefix("0x").unwrap(), 16).unwrap(),
        number => number.as_u64().unwrap(),
    };
    KernelImage::BzImage(SetupHeader {
        file_size: number("file_size"),
        setup_sects: number("setup_sects").try_into().unwrap(),
        pref_address: number("pref_address"),
        kernel_alignment: number("kernel_alignment"),
        init_size: number("init_size"),
        cmdline_size: number("cmdline_size"),
        above_4g: true,
    })
}

/// The machine of a load, what the kernel said of it, and our plan.
fn load(&(capture, log, index, purpose, initrd): &Load) -> (Machine, Record, Plan) {
    let directory = captures().join(capture.split_once('/').unwrap().0);
    let snapshot: Snapshot = host::read(&captures().join(format!("{capture}.tar.gz"))).unwrap();
    let machine = Machine::of(&snapshot).unwrap();
    let log = std::fs::read_to_string(directory.join(log)).unwrap();
    let record = Record::all(&log).swap_remove(index);
    let request = Request {
        purpose,
        loader: Loader::KexecFileLoad,
        kernel: kernel(),
        initrd: Some(initrd),
        // What the loader gave; the kernel puts the rest before it.
        command_line: match record.command_line.as_str() {
            line if purpose == Crash => line.split_once(' ').unwrap().1,
            line => line,
        },
        avoid_removable: false,
        without_cma: false,
        purgatory: None,
        tools: None,
        caller: Caller::KexecTools,
    };
    let plan =
        kexec::plan(&machine, &request, &Rules::LINUX).unwrap_or_else(|error| panic!("{capture}: {error}"));
    (machine, record, plan)
}

/// Counts what is right, and keeps what is not.
#[derive(Default)]
struct Score {
    right: usize,
    wrong: Vec<String>,
}

impl Score {
    /// Each entry is a fact, and so is their number.
    fn list<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: &[T], theirs: &[T]) {
        self.fact(&format!("number of {what}"), &ours.len(), &theirs.len());
        for (index, entry) in theirs.iter().enumerate() {
            self.fact(&format!("{what} {index}"), &ours.get(index), &Some(entry));
        }
    }

    fn fact<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: &T, theirs: &T) {
        if ours == theirs {
            self.right += 1;
        } else {
            self.wrong.push(format!("{what}: {ours:x?}, the kernel {theirs:x?}"));
        }
    }
}

fn score(record: &Record, plan: &Plan) -> Score {
    let mut score = score_segments(record, plan);
    let map: Vec<(PhysRange, u32)> = plan.next_kernel.iter().map(|e| (e.range, e.kind.number())).collect();
    score.list("map entry", &map, &record.map);
    score.fact("command line", &plan.command_line, &record.command_line);
    score
}

/// The segments, and the ranges of the dump.
fn score_segments(record: &Record, plan: &Plan) -> Score {
    let mut score = Score::default();
    let segments: Vec<[u64; 3]> =
        plan.segments.iter().map(|s| [s.range.start(), s.range.size(), s.loaded]).collect();
    score.fact("number of segments", &segments.len(), &record.segments.len());
    for (index, theirs) in record.segments.iter().enumerate() {
        let ours = segments.get(index).copied().unwrap_or_default();
        for (what, (ours, theirs)) in ["mem", "memsz", "bufsz"].iter().zip(ours.iter().zip(theirs)) {
            score.fact(&format!("segment {index} {what}"), ours, theirs);
        }
    }
    score.list("PT_LOAD", &plan.vmcore, &record.dumped);
    score
}

#[test]
fn plans_are_what_the_kernel_did() {
    let mut wrong = Vec::new();
    for row in &LOADS {
        let (_, record, plan) = load(row);
        // A log that tells nothing would agree with anything.
        assert!(record.segments.len() >= 4 && record.map.len() >= 7, "{row:?}: {record:?}");
        assert_eq!(record.dumped.is_empty(), row.3 == Reboot, "{row:?}");
        let score = score(&record, &plan);
        println!("{:27} {:?}: {} / {}", row.0, row.3, score.right, score.right + score.wrong.len());
        wrong.extend(score.wrong.into_iter().map(|what| format!("{} {:?}: {what}", row.0, row.3)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_of_a_reboot_tells_of_the_memory_that_the_rules_say_is_told() {
    for row in LOADS.iter().filter(|row| row.3 == Reboot) {
        let (machine, _, plan) = load(row);
        let ram = plan.next_kernel.iter().filter(|entry| entry.kind == E820Type::Ram);
        let ram: Vec<PhysRange> = ram.map(|entry| entry.range).collect();
        for memory in &machine.ranges {
            let of = Use::NextKernel(Loader::KexecFileLoad);
            let told = memory.verdict(&Rules::LINUX, of, &machine.kernel).unwrap().allowed;
            assert_eq!(ram.iter().any(|r| r.encloses(memory.range)), told, "{}: {memory:?}", row.0);
        }
    }
}

#[test]
fn the_firmware_map_is_the_one_that_every_kernel_printed() {
    let mut held = 0;
    for archive in archives(&captures()) {
        let snapshot = host::read(&archive).unwrap();
        let log = snapshot.kernel_log.read().cloned().unwrap_or_default();
        let lines: Vec<_> = firmware::log::e820(log.as_bytes()).map(Result::unwrap).collect();
        let of = |map| lines.iter().filter(move |line| line.map == map).map(|line| line.entry);
        // Printed again, and whole, where there are more than the boot parameters hold.
        let extended: Vec<Entry> = of(E820Map::Extended).collect();
        let printed = if extended.is_empty() { of(E820Map::Bios).collect() } else { extended };
        // Kernels are quiet on some machines, and logs collected over a long time have lost their beginning.
        if log.contains("BIOS-provided physical RAM map:") {
            let machine = Machine::of(snapshot).unwrap();
            assert_eq!(machine.state.firmware_map, Some(printed), "{}", archive.display());
            held += 1;
        }
    }
    assert!(held >= 100, "only {held} captures");
}

#[test]
fn more_than_128_entries_leave_the_crash_kernel_without_memory() {
    let (_, _, plan) = load(&LOADS[21]);
    let lacks: Vec<PhysRange> = plan.next_kernel_lacks.iter().map(|entry| entry.range).collect();
    let header = plan.segment(SegmentKind::ElfCoreHeader).unwrap();
    assert_eq!(lacks, [PhysRange::new(header.range.start() + 0xe_00b0, 0x7f00_0000).unwrap()]);
}

/// The headers that lay in the memory of guests, as their hosts saw them, and the memory they describe beside the
/// first 2 GiB.
const HEADERS: [(&str, &[(u64, u64)]); 14] = [
    ("h1-nomemhp/host/elfcorehdr-2-loaded.bin", &[(0x1_0000_0000, 0x1_2000_0000)]),
    ("h1-nomemhp/host/elfcorehdr-3-d1-added.bin", D0_D1),
    ("h1-nomemhp/host/elfcorehdr-4-d0-removed.bin", D0_D1),
    ("h1-repair/host/elfcorehdr-2-loaded.bin", &[(0x1_0000_0000, 0x1_2000_0000)]),
    ("h1-repair/host/elfcorehdr-3-d1-added.bin", D0_D1),
    ("h1-repair/host/elfcorehdr-4-d0-removed.bin", D0_D1),
    ("h1-repair/host/elfcorehdr-5-cpu-off.bin", D0_D1),
    ("h1-repair/host/elfcorehdr-6-cpu-on.bin", D0_D1),
    ("h1-repair/host/elfcorehdr-7-d1-block-offline.bin", D1),
    ("h1-repair/host/elfcorehdr-8-d1-block-online.bin", D1),
    ("h1-repair/host/elfcorehdr-9-d1-removed.bin", D1),
    ("h1-repair/host/elfcorehdr-10-reloaded.bin", &[]),
    ("h1-repair/host/elfcorehdr-12-d2-added-offline.bin", &[]),
    ("h1-repair/host/elfcorehdr-13-d2-one-block-online.bin", &[(0x1_0000_0000, 0x1_1000_0000)]),
];
const D0_D1: &[(u64, u64)] = &[(0x1_0000_0000, 0x1_2000_0000), (0x1_2000_0000, 0x1_3000_0000)];
const D1: &[(u64, u64)] = &[(0x1_2000_0000, 0x1_3000_0000)];

#[test]
fn the_headers_of_real_dumps_are_read_and_written_back_to_the_byte() {
    for (file, above_4_gib) in HEADERS {
        let bytes = std::fs::read(captures().join(file)).unwrap();
        let header = CoreHeader::new(&bytes).unwrap();
        // One note for each of two CPUs, one of the kernel's.
        assert_eq!(header.notes.len(), 3, "{file}");
        let ram: Vec<(u64, u64)> = header
            .ram()
            .map(|range| (range.start(), range.end()))
            .filter(|range| range.0 >= 1 << 32)
            .collect();
        assert_eq!(ram, above_4_gib, "{file}");
        let written = header.to_bytes();
        assert_eq!(written, bytes[..written.len()], "{file}");
        // No memory is described twice but the kernel's text, which stands first.
        assert_eq!(header.loads.len(), header.ram().count() + 1, "{file}");
    }
}
