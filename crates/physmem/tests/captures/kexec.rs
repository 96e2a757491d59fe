//! Images, maps and dumps of the kexec captures, held against the verdicts.

use machine::{Machine, MemoryRange};
use memblock::PhysRange;
use rules::{Loader, Rules, Use};

use crate::cases::{Case, cases};

/// What a kernel printed while it loaded an image by kexec_file_load with KEXEC_FILE_DEBUG.
#[derive(Debug, Default)]
struct Loaded {
    crash: bool,
    segments: Vec<PhysRange>,
    /// RAM of the e820 map handed over; empty on machines that hand over no e820.
    told: Vec<PhysRange>,
    dumped: Vec<PhysRange>,
}

/// Every load in a text, in order. The line `type:` ends one.
fn loads(text: &str) -> Vec<Loaded> {
    let hex = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let after = |line: &str, key: &str| {
        let (_, rest) = line.split_once(key)?;
        Some(rest.split([' ', ',']).next()?.to_owned())
    };
    let mut all = Vec::new();
    let mut load = Loaded::default();
    for line in text.lines() {
        if line.contains("kexec_file: kernel:") {
            load = Loaded::default();
        } else if line.contains("kexec_file: segment[") {
            let (start, size) = (hex(&after(line, " mem=").unwrap()), hex(&after(line, " memsz=").unwrap()));
            load.segments.push(PhysRange::from_size(start, size).unwrap());
        } else if line.contains("Crash PT_LOAD ELF header.") {
            let (start, size) = (hex(&after(line, " paddr=").unwrap()), hex(&after(line, " sz=").unwrap()));
            load.dumped.push(PhysRange::from_size(start, size).unwrap());
        } else if line.contains("kexec-bzImage64: ") && line.ends_with(" (1)") {
            let range = line.split_whitespace().rev().nth(1).unwrap();
            let (start, last) = range.split_once('-').unwrap();
            load.told.push(PhysRange::from_inclusive(hex(start), hex(last)).unwrap());
        } else if line.contains("kexec_file: kexec_file_load: type:") {
            load.crash = line.contains("type:1,");
            all.push(std::mem::take(&mut load));
        }
    }
    all
}

/// The memory ranges that kexec-tools printed before a normal load.
fn kexec_tools_ram(text: &str) -> Vec<PhysRange> {
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let range = |line: &str| {
        let (start, last) = line.strip_suffix(" (0)")?.split_once('-')?;
        Some(PhysRange::from_inclusive(hex(start), hex(last)).unwrap())
    };
    let lines = text.lines().skip_while(|line| *line != "MEMORY RANGES").skip(1);
    lines.take_while(|line| line.ends_with(')')).filter_map(range).collect()
}

fn complaints_about(machine: &Machine, load: &Loaded) -> Vec<String> {
    let mut complaints = Vec::new();
    let answer = |memory: &MemoryRange, of| {
        memory.verdict(&Rules::LINUX, of, &machine.kernel).is_some_and(|verdict| verdict.allowed)
    };
    let file = Loader::KexecFileLoad;
    for segment in &load.segments {
        for memory in machine.ranges_in(*segment) {
            if !answer(memory, Use::KexecImage(file)) {
                complaints.push(format!("{}: the kernel placed {segment} there", memory.range));
            }
        }
    }
    // x86 places top-down, and so does arm64 its device tree: the highest memory that may hold an image and
    // has room does hold the highest segment. A range wrongly allowed shows by lying above it.
    let highest = load.segments.iter().map(|segment| segment.last()).max();
    let roomy =
        |memory: &&MemoryRange| memory.range.size() >= 64 << 20 && answer(memory, Use::KexecImage(file));
    if let (false, Some(highest), Some(memory)) = (load.crash, highest, machine.ranges.iter().rfind(roomy))
        && memory.range.start() > highest
    {
        complaints.push(format!("{}: may hold an image, but the kernel went to {highest:#x}", memory.range));
    }
    complaints.extend(map_complaints(machine, &load.told, file).into_iter().filter(|_| !load.crash));
    if !load.dumped.is_empty() {
        for memory in &machine.ranges {
            // What is left of a range without the crash kernel's own reservation, at least in part.
            let dumped = load.dumped.iter().any(|range| range.overlaps(memory.range));
            if dumped != answer(memory, Use::Vmcore(file)) {
                complaints.push(format!("{}: dumped is {dumped}", memory.range));
            }
        }
    }
    complaints
}

fn map_complaints(machine: &Machine, told: &[PhysRange], loader: Loader) -> Vec<String> {
    if told.is_empty() {
        return Vec::new();
    }
    let wrong = |memory: &&MemoryRange| {
        let verdict = memory.verdict(&Rules::LINUX, Use::NextKernel(loader), &machine.kernel);
        told.iter().any(|range| range.overlaps(memory.range))
            != verdict.is_some_and(|verdict| verdict.allowed)
    };
    let complaint =
        |memory: &MemoryRange| format!("{}: told by {} is the other way", memory.range, loader.as_str());
    machine.ranges.iter().filter(wrong).map(complaint).collect()
}

#[test]
fn images_maps_and_dumps_of_the_kexec_captures_contradict_no_verdict() {
    let mut checked = 0;
    let mut complaints = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for Case { name, path, snapshot, machine } in cases() {
        // A log still holds the loads of earlier steps, when the machine had other memory.
        let log = snapshot.kernel_log.read().cloned().unwrap_or_default();
        let run = path.parent().unwrap().to_owned();
        let mut fresh = |line: &&str| {
            !line.contains("kexec") && !line.contains("crash_core")
                || seen.insert((run.clone(), (*line).to_owned()))
        };
        let new: String = log.lines().filter(|line| fresh(line)).flat_map(|line| [line, "\n"]).collect();
        let mut texts = vec![new];
        // What x86's runs printed after their last step before the jump.
        let beside = path.with_file_name("kexec");
        if name.contains("/10-setup") || name.contains("/01-loaded") && name.contains("h3-") {
            for file in ["2-kexec_file_load.dmesg.txt", "4-kexec_file_load-crash.dmesg.txt"] {
                texts.extend(std::fs::read_to_string(beside.join(file)).ok());
            }
            if let Ok(text) = std::fs::read_to_string(beside.join("1-kexec_load.txt")) {
                let ram = kexec_tools_ram(&text);
                assert!(!ram.is_empty(), "{name}");
                checked += 1;
                complaints.extend(
                    map_complaints(machine, &ram, Loader::KexecLoad)
                        .into_iter()
                        .map(|c| format!("{name}: {c}")),
                );
            }
        }
        // The last load before this step was made before the DIMM was added, and no step lies between.
        if name.ends_with("13-d2-one-block-online") || name.ends_with("h5-kdump-life/01-added-offline") {
            continue;
        }
        for load in texts.iter().flat_map(|text| loads(text)) {
            checked += 1;
            complaints.extend(complaints_about(machine, &load).into_iter().map(|c| format!("{name}: {c}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(checked >= 30, "only {checked} loads were found");
}
