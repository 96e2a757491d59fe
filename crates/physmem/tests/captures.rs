//! Every capture of a real kernel, held against what was concluded from it.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use machine::resources::ResourceTree;
use machine::snapshot::{BlockState, Snapshot, Source};
use machine::{Machine, MemoryRange};
use memblock::PhysRange;
use memblock::rules::{Class, Loader, Rules, Use};

/// What the machines' configurations (machine.json: QEMU's arguments, the dialogue with it, the SRAT or
/// device tree given) say of memory that is not plain boot memory. `capture` is a prefix of the capture's
/// name; the first row that matches a range counts, and a range that no row matches is boot memory of the
/// firmware's map.
struct Row {
    capture: &'static str,
    within: (u64, u64),
    class: Class,
    provider: &'static str,
}

const fn row(capture: &'static str, start: u64, end: u64, class: Class, provider: &'static str) -> Row {
    Row { capture, within: (start, end), class, provider }
}

const G: u64 = 1 << 30;
const TOP: u64 = u64::MAX;
use Class::{Boot, BootHotpluggable as Hot, DriverManaged as Driver, HotAdded as Added};

const TABLE: [Row; 43] = [
    // SRAT replaced through the initrd, so that boot memory is hot-pluggable.
    row("x86/n2-srathot-", 2 * G, TOP, Hot, "firmware (e820)"),
    row("x86/n3-srathot-", 4 * G, TOP, Hot, "firmware (e820)"),
    row("arm64/acpi-hpsrat", 0x6000_0000, TOP, Hot, "firmware (EFI)"),
    row("arm64/acpi-midhp", 0x6000_0000, 0x7000_0000, Hot, "firmware (EFI)"),
    // Device trees with the property `hotpluggable`.
    row("arm64/dts-hotplug", 2 * G, TOP, Hot, "firmware (device tree)"),
    row("arm64/dts-hi4hp", 4 * G, TOP, Hot, "firmware (device tree)"),
    row("arm64/efi-hotpl", 2 * G, TOP, Hot, "firmware (EFI)"),
    // memmap= on the command line makes RAM that no firmware lists.
    row("x86/p2-memmap-exact", 0, 1 << 20, Boot, "firmware (e820)"),
    // DIMMs that were plugged before the machine started, and that ACPI announced.
    row("x86/dimm-", 4 * G, TOP, Added, "ACPI hot-add (PNP0C80:0"),
    // DIMMs that were plugged while it ran.
    row("x86/rt-dimm", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h1-", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h2-", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h4-movable/", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h4-normal/0", 4 * G, TOP, Added, "ACPI hot-add"),
    row("arm64/acpi-2node-dimm/", 2 * G, TOP, Added, "ACPI hot-add"),
    row("arm64/acpi-srat-dimm/", 2 * G, TOP, Added, "ACPI hot-add"),
    row("arm64/kexec-acpi-dimm/", 4 * G, TOP, Added, "ACPI hot-add"),
    // The second kernel lies in a DIMM it was not told about, inside the SRAT's hot-pluggable window.
    row("x86/h4-normal/90-", 4 * G, TOP, Hot, "kernel (its own image)"),
    row("x86/kx-all-exec_s/90-", 4 * G, TOP, Hot, "kernel (its own image)"),
    // kexec_load told the second kernel about the DIMM: it is boot memory to it.
    row("x86/kx-all-exec_c/90-", 4 * G, TOP, Hot, "firmware (e820)"),
    // A crash kernel without acpi_no_memhotplug adds the DIMM it should dump.
    row("x86/kx-all-crash_s/90-", 4 * G, TOP, Added, "ACPI hot-add (PNP0C80:00)"),
    row("x86/kx-all-", 4 * G, 5 * G, Added, "ACPI hot-add (PNP0C80:00)"),
    // virtio-mem.
    row("x86/kx-all-", 6 * G, TOP, Driver, "virtio_mem over virtio2"),
    row("x86/rt-virtio-mem/", 4 * G, TOP, Driver, "virtio_mem over virtio2"),
    row("arm64/deb-dt-vmem/", 2 * G, TOP, Driver, "virtio_mem over virtio1"),
    row("arm64/dt-vmem-kernel/", 2 * G, TOP, Driver, "virtio_mem over virtio1"),
    row("arm64/kexec-dt-vmem", 2 * G, TOP, Driver, "virtio_mem over virtio1"),
    // kmem over pmem, and over memory that EFI calls special-purpose.
    row("x86/kx-pmem-exec_s/10-", 4 * G, TOP, Driver, "kmem over dax0.0 over Persistent Memory"),
    row("arm64/kexec-efi-sp/", 2 * G, 0xa000_0000, Driver, "kmem over dax0.0 over Soft Reserved"),
    // Steps of arm64 runs after the first hold neither log nor firmware tables: who gave boot memory is open.
    row("arm64/acpi-2node-dimm/0", 0, TOP, Boot, "firmware (EFI)"),
    row("arm64/acpi-2node-dimm/", 0, TOP, Boot, "firmware"),
    row("arm64/acpi-srat-dimm/0", 0x6000_0000, 2 * G, Boot, "firmware (EFI)"),
    row("arm64/acpi-srat-dimm/", 0, TOP, Boot, "firmware"),
    row("arm64/acpi-", 0, TOP, Boot, "firmware (EFI)"),
    row("arm64/efi-", 0, TOP, Boot, "firmware (EFI)"),
    row("arm64/kexec-acpi-dimm/stage2", 0, TOP, Boot, "firmware (EFI)"),
    row("arm64/kexec-acpi-dimm/", 0, TOP, Boot, "firmware"),
    row("arm64/kexec-efi-sp/", 0, TOP, Boot, "firmware"),
    row("arm64/kexec-dt-vmem", 0, TOP, Boot, "firmware"),
    row("arm64/deb-dt-vmem/", 0, TOP, Boot, "firmware"),
    row("arm64/dt-vmem-kernel/", 0, TOP, Boot, "firmware"),
    row("arm64/", 0, TOP, Boot, "firmware (device tree)"),
    row("x86/", 0, TOP, Boot, "firmware (e820)"),
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures")
}

/// Every capture, with its name below `captures/` and without the extension.
fn captures() -> Vec<(String, PathBuf)> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.to_string_lossy().ends_with(".tar.gz") {
                found.push(path);
            }
        }
    }
    let root = directory();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let name = |path: &PathBuf| {
        let relative = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (relative.trim_end_matches(".tar.gz").to_owned(), path.clone())
    };
    paths.iter().map(name).collect()
}

fn understand(path: &Path) -> (Snapshot, Machine) {
    let snapshot = host::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let machine = Machine::of(&snapshot).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (snapshot, machine)
}

/// A capture, read and understood.
struct Case {
    name: String,
    path: PathBuf,
    snapshot: Snapshot,
    machine: Machine,
}

/// Every capture, read once for all tests.
fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let understood = |(name, path): (String, PathBuf)| {
            let (snapshot, machine) = understand(&path);
            Case { name, path, snapshot, machine }
        };
        captures().into_iter().map(understood).collect()
    })
}

/// Runs `check` on every capture and fails with all complaints at once.
fn for_every_capture(check: impl Fn(&str, &Snapshot, &Machine) -> Vec<String>) {
    let cases = cases();
    assert!(cases.len() >= 188, "only {} captures were found", cases.len());
    let complaints: Vec<String> = cases
        .iter()
        .flat_map(|Case { name, snapshot, machine, .. }| {
            check(name, snapshot, machine).into_iter().map(move |complaint| format!("{name}: {complaint}"))
        })
        .collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_ranges_are_exactly_the_kernels_system_ram() {
    for_every_capture(|_, snapshot, machine| {
        let tree = ResourceTree::parse(snapshot.iomem.read().unwrap()).unwrap();
        let kernels: Vec<PhysRange> = tree.system_ram().map(|resource| resource.range().unwrap()).collect();
        let mut ours: Vec<PhysRange> = Vec::new();
        for memory in &machine.ranges {
            let of = memory.resource.as_ref().unwrap().range;
            match ours.last_mut() {
                // Pieces of one resource follow each other without a gap.
                Some(last) if last.end() == memory.range.start() && of.encloses(*last) => {
                    *last = last.hull(memory.range);
                }
                _ => ours.push(memory.range),
            }
        }
        let mut sorted = kernels.clone();
        sorted.sort_unstable();
        (ours != sorted).then(|| format!("{ours:?} instead of {sorted:?}")).into_iter().collect()
    });
}

#[test]
fn proc_iomem_comes_back_byte_for_byte() {
    for_every_capture(|_, snapshot, machine| {
        let same = machine.resources.as_ref().unwrap().to_string() == *snapshot.iomem.read().unwrap();
        (!same).then(|| "differs".to_owned()).into_iter().collect()
    });
}

#[test]
fn class_and_provider_are_what_the_machine_was_given() {
    for_every_capture(|name, _, machine| {
        let wrong = |memory: &MemoryRange| {
            let expected = TABLE.iter().find(|row| {
                name.starts_with(row.capture)
                    && PhysRange::new(row.within.0, row.within.1).unwrap().encloses(memory.range)
            })?;
            let class_is_right = memory.class == Some(expected.class);
            let provider = memory.provider.to_string();
            (!class_is_right || !provider.starts_with(expected.provider)).then(|| {
                format!(
                    "{}: {:?} from {provider}, expected {:?} from {} ({})",
                    memory.range, memory.class, expected.class, expected.provider, memory.evidence
                )
            })
        };
        machine.ranges.iter().filter_map(wrong).collect()
    });
}

#[test]
fn node_zones_and_state_agree_with_sysfs_and_zoneinfo() {
    for_every_capture(|_, snapshot, machine| {
        let mut complaints = Vec::new();
        for memory in &machine.ranges {
            let in_zoneinfo = |zone: &str, node: u32| {
                machine.zones.iter().any(|z| {
                    z.name == zone
                        && z.node == node
                        && z.span(machine.kernel.page_size).is_some_and(|span| span.overlaps(memory.range))
                })
            };
            if let Some(node) = memory.node {
                for zone in memory.zones.iter().filter(|zone| !in_zoneinfo(zone, node)) {
                    complaints.push(format!("{}: zone {zone} of node {node} is not there", memory.range));
                }
            }
            let Some(blocks) = snapshot.memory_blocks.read() else { continue };
            let mut states = BTreeSet::new();
            for block in blocks.overlapping(memory.range) {
                states.insert(block.state == BlockState::Online);
                if !memory.node.is_some_and(|node| block.nodes.contains(&node)) {
                    complaints.push(format!(
                        "{}: node {:?}, but memory{} is on {:?}",
                        memory.range, memory.node, block.number, block.nodes
                    ));
                }
                let single = match block.valid_zones.as_slice() {
                    [zone] if zone != "none" && block.state == BlockState::Online => Some(zone),
                    _ => None,
                };
                if let Some(zone) = single.filter(|zone| !memory.zones.contains(zone)) {
                    complaints.push(format!("{}: memory{} is in {zone}", memory.range, block.number));
                }
                if !memory.blocks.contains(&block.number) {
                    complaints.push(format!("{}: memory{} is missing", memory.range, block.number));
                }
            }
            let expected = match (states.contains(&true), states.contains(&false)) {
                (true, true) => "mixed",
                (true, false) => "online",
                (false, true) => "offline",
                (false, false) => continue,
            };
            if memory.state.map(machine::State::as_str) != Some(expected) {
                complaints.push(format!("{}: {:?}, expected {expected}", memory.range, memory.state));
            }
        }
        complaints
    });
}

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
        && !memory.range.contains(highest)
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
        if name.ends_with("13-d2-one-block-online") {
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

/// Takes one source after the other away: the class of each range stays what it was, or it is said that it
/// could not be known.
#[test]
fn without_a_source_the_class_stays_or_is_said_to_be_inferred() {
    type Loss = (&'static str, fn(&mut Snapshot));
    let losses: [Loss; 6] = [
        ("the log", |s| s.kernel_log = Source::Missing),
        ("the boot parameters", |s| s.boot_params = Source::Missing),
        ("the log and the boot parameters", |s| {
            s.kernel_log = Source::Missing;
            s.boot_params = Source::Missing;
        }),
        ("/sys/firmware/memmap", |s| s.firmware_memmap = Source::Missing),
        ("the device tree", |s| s.device_tree = Source::Missing),
        ("the memory blocks", |s| s.memory_blocks = Source::Missing),
    ];
    for_every_capture(|_, snapshot, machine| {
        let mut complaints = Vec::new();
        for (name, take) in losses {
            let mut less = snapshot.clone();
            take(&mut less);
            let less = Machine::of(&less).unwrap();
            for memory in &machine.ranges {
                let found = less.range_at(memory.range.start()).unwrap();
                let said = less.unknown.iter().any(|unknown| {
                    unknown.what == format!("who provided {}", memory.resource.as_ref().unwrap().range)
                        || unknown.effect.contains("hot-pluggable is shown as plain")
                });
                let told = |machine: &Machine, memory: &MemoryRange| {
                    Loader::ALL.map(|loader| {
                        memory
                            .verdict(&Rules::LINUX, Use::NextKernel(loader), &machine.kernel)
                            .map(|verdict| verdict.allowed)
                    })
                };
                if found.class == memory.class
                    && memory.class == Some(Class::HotAdded)
                    && told(&less, found) != told(machine, memory)
                    && !said
                {
                    complaints.push(format!("{}: without {name} it is told otherwise", memory.range));
                }
                if found.class != memory.class && !said {
                    complaints.push(format!(
                        "{}: {:?} without {name}, instead of {:?} ({})",
                        memory.range, found.class, memory.class, found.evidence
                    ));
                }
            }
        }
        complaints
    });
}

/// A hot-pluggable range went to ZONE_MOVABLE, all of it, exactly when the rules say that its class put it
/// there. In these captures no kernelcore= or movablecore= made other hot-pluggable memory movable.
#[test]
fn hotpluggable_memory_is_movable_exactly_where_the_rules_say_so() {
    let mut movable = 0;
    for Case { name, machine, .. } in cases() {
        for memory in machine.ranges.iter().filter(|m| m.class == Some(Class::BootHotpluggable)) {
            let verdict = memory.verdict(&Rules::LINUX, Use::ZoneMovable, &machine.kernel).unwrap();
            let is = memory.zones.iter().any(|zone| zone == "Movable");
            assert_eq!(
                verdict.allowed, is,
                "{name}: {} {:?}: {}",
                memory.range, memory.zones, verdict.reason
            );
            movable += usize::from(is);
        }
    }
    assert!(movable >= 5, "only {movable} movable ranges were seen");
}

/// What memblock's dump says of the flag outranks the class: no early allocation is said to avoid memory
/// from which the flag was gone.
#[test]
fn early_allocations_are_kept_off_only_where_memblock_kept_the_flag() {
    for Case { name, machine, .. } in cases() {
        for memory in machine.ranges.iter().filter(|m| m.class == Some(Class::BootHotpluggable)) {
            let early = memory.verdict(&Rules::LINUX, Use::EarlyAllocation, &machine.kernel).unwrap();
            let spared = machine.kernel.for_rules.movable_node && memory.kept_hotplug != Some(false);
            assert_eq!(early.allowed, !spared, "{name}: {}: {}", memory.range, early.reason);
        }
    }
}
