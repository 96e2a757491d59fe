//! Plans of arm64 held against what arm64 kernels did: where the segments went, how large the device tree was that
//! was handed over, what the dump holds; and, where the next kernel was started, what that one found.

use std::path::PathBuf;

use evidence::memblock_text;
use evidence::snapshot::{Bytes, MemblockFiles};
use evidence::{Source, Unknown};
use firmware::fdt::Fdt;
use kexec::{
    Arm64Error, Arm64Header, Caller, E820Type, KernelImage, Plan, PlanError, Purpose, Request, ToldBy,
};
use machine::range_set::RangeSet;
use machine::{Machine, Snapshot};
use memblock::{PhysRange, RegionFlags, ranges};
use rules::{Loader, Rules, Walk};

use crate::Score;
use crate::record::Record;
use Purpose::{Crash, Reboot};

/// One load: the capture's directory, the step right after it, what for, the bytes of the initial ramdisk, and what
/// the second kernel is told by.
type Load = (&'static str, &'static str, Purpose, u64, ToldBy);

/// The kernel that these machines run, and load: its header.
const KERNEL: Arm64Header = Arm64Header { file_size: 0x9b_4200, text_offset: 0, image_size: 0xaf_0000 };

const LOADS: [Load; 7] = [
    ("kexec-acpi-dimm", "3-loaded", Reboot, 0x14_45f6, ToldBy::EfiMap),
    ("kexec-dt-vmem", "2-crash-loaded", Crash, 0x14_41f6, ToldBy::UsableMemoryRange),
    ("kexec-dt-vmem", "3-loaded", Reboot, 0x14_41f6, ToldBy::MemoryNodes),
    ("kexec-dt-vmem-LPI-clobber", "2-crash-loaded", Crash, 0x14_41f6, ToldBy::UsableMemoryRange),
    ("kexec-dt-vmem-LPI-clobber", "3-loaded", Reboot, 0x14_41f6, ToldBy::MemoryNodes),
    ("kexec-efi-sp", "2-crash-loaded", Crash, 0x14_41f6, ToldBy::UsableMemoryRange),
    ("kexec-efi-sp", "3-loaded", Reboot, 0x14_41f6, ToldBy::EfiMap),
];

fn archive(directory: &str, step: &str) -> PathBuf {
    crate::captures().join(format!("../arm64/{directory}/{step}.tar.gz"))
}

/// A machine at a step: later captures have only what changes, and the part of the log since the one before.
fn at(directory: &str, step: &str) -> (Snapshot, String) {
    let boot = host::read(&archive(directory, "0-boot")).unwrap();
    let later = host::read(&archive(directory, step)).unwrap();
    let log = later.kernel_log.read().unwrap().clone();
    let whole = format!("{}\n{log}", boot.kernel_log.read().unwrap());
    let snapshot = Snapshot {
        kernel_log: Source::Read(whole),
        iomem: later.iomem,
        memblock: later.memblock,
        zoneinfo: later.zoneinfo,
        memory_blocks: later.memory_blocks,
        ..boot
    };
    (snapshot, log)
}

fn plan(
    snapshot: &Snapshot,
    purpose: Purpose,
    kernel: Arm64Header,
    initrd: Option<u64>,
) -> Result<Plan, PlanError> {
    let machine = Machine::of(snapshot).unwrap();
    assert_eq!(machine.kernel.facts.walk, Walk::Memblock);
    let stage = if purpose == Crash { 3 } else { 2 };
    let command_line = format!("{} lab.stage={stage}", snapshot.command_line.read().unwrap());
    let request = Request {
        purpose,
        loader: Loader::KexecFileLoad,
        kernel: KernelImage::Arm64(kernel),
        initrd,
        command_line: &command_line,
        avoid_removable: false,
        without_cma: false,
        purgatory: None,
        tools: None,
        caller: Caller::KexecTools,
    };
    kexec::plan(&machine, &request, &Rules::LINUX)
}

fn load(&(directory, step, purpose, initrd, _): &Load) -> (Record, Plan) {
    let (snapshot, log) = at(directory, step);
    let plan = plan(&snapshot, purpose, KERNEL, Some(initrd))
        .unwrap_or_else(|error| panic!("{directory}/{step}: {error}"));
    (Record::all(&log).pop().unwrap(), plan)
}

/// What the second kernel found: its device tree, and the memory it made of what it was told.
fn score_second_kernel(score: &mut Score, directory: &str, plan: &Plan) {
    let second = host::read(&archive(directory, "stage2")).unwrap();
    let bytes = &second.device_tree.read().unwrap().0;
    let tree = Fdt::new(bytes).unwrap();
    let found = tree.chosen().unwrap().unwrap();
    let told = plan.chosen.as_ref().unwrap();
    let device_tree = plan.segment(kexec::SegmentKind::DeviceTree).unwrap();
    score.fact("totalsize", &device_tree.loaded, &(tree.total_size() as u64));
    score.fact("initrd", &told.initrd, &found.initrd().unwrap());
    score.fact("elfcorehdr", &told.elfcorehdr, &found.elfcorehdr().unwrap());
    score.fact("bootargs", &plan.command_line.as_bytes(), &found.bootargs().unwrap());
    let reserved: Vec<PhysRange> = tree.memreserve().map(Result::unwrap).collect();
    score.list("reservation", &told.reserved, &reserved);
    let usable: Vec<PhysRange> = found.usable_memory_ranges().map(Result::unwrap).collect();
    score.list("usable range", &told.usable_memory, &usable);
    // The kernel wipes its seeds when it has read them, so that only one of them still shows.
    let has_seed = tree.root().children().any(|node| node.property(b"kaslr-seed").is_some());
    score.fact("seeds", &told.seeds, &has_seed);

    // Memory of the second kernel that it was not told of is a DIMM that ACPI found; what it was told of and does not
    // use is an ACPI table that its initial ramdisk brought, less than a page.
    let ram = plan.next_kernel.iter().filter(|e| matches!(e.kind, E820Type::Ram | E820Type::Acpi));
    let told: RangeSet = ram.map(|entry| entry.range).collect();
    let regions = memblock_text::regions(second.memblock.memory.read().unwrap()).map(Result::unwrap);
    let not_boot = RegionFlags::NOMAP | RegionFlags::DRIVER_MANAGED;
    let used: RangeSet = regions.filter(|r| !r.flags.intersects(not_boot)).map(|r| r.range).collect();
    let [told, used] = [told, used].map(|set| set.iter().collect::<Vec<PhysRange>>());
    let minus = |a: &[PhysRange], b: &[PhysRange]| -> Vec<PhysRange> {
        ranges::difference(a.iter().copied(), b.iter().copied()).collect()
    };
    let dimm = PhysRange::new(0x1_0000_0000, 0x1_2000_0000).unwrap();
    let added = Vec::from_iter((directory == "kexec-acpi-dimm").then_some(dimm));
    score.list("range that was not told of", &added, &minus(&used, &told));
    let unused: u64 = minus(&told, &used).into_iter().map(PhysRange::size).sum();
    score.fact("less than a page is not used", &true, &(unused < 0x1000));
}

#[test]
fn plans_of_arm64_are_what_the_kernel_did() {
    let mut wrong = Vec::new();
    for row in &LOADS {
        let &(directory, step, purpose, _, told_by) = row;
        let (record, plan) = load(row);
        // A log that tells nothing would agree with anything.
        assert_eq!(record.segments.len(), if purpose == Crash { 4 } else { 3 }, "{directory}/{step}");
        assert_eq!(record.dumped.len() >= 3, purpose == Crash, "{directory}/{step}");
        let mut score = crate::score_segments(&record, &plan);
        score.fact("told by", &plan.chosen.as_ref().unwrap().memory, &told_by);
        if purpose == Reboot && archive(directory, "stage2").exists() {
            score_second_kernel(&mut score, directory, &plan);
        }
        println!("{directory}/{step}: {} / {}", score.right, score.right + score.wrong.len());
        wrong.extend(score.wrong.into_iter().map(|what| format!("{directory}/{step}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Machines that were planned for before anybody looked at what their kernels did: the capture before the load, the
/// log of it, and what for.
const BLIND: [(&str, &str, &str, Purpose); 11] = [
    ("again", "before", "crash", Crash),
    ("again", "before", "reboot", Reboot),
    ("again", "stage2", "stage2-reboot", Reboot),
    ("dimm-dump", "before", "crash", Crash),
    ("dimm-dump", "before", "reboot", Reboot),
    ("far", "before", "reboot", Reboot),
    ("high", "before", "crash", Crash),
    ("high", "before", "reboot", Reboot),
    ("refused", "before", "reboot", Reboot),
    ("resv", "before", "crash", Crash),
    ("resv", "before", "reboot", Reboot),
];

fn machine_directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/arm64-{name}"))
}

/// The machine before a load, what was loaded, and what the kernel said.
fn blind(directory: &str, step: &str, log: &str) -> (Snapshot, Arm64Header, Option<u64>, String) {
    let at = machine_directory(directory);
    let machine = std::fs::read(at.join("machine.json")).unwrap();
    let machine: serde_json::Value = serde_json::from_slice(&machine).unwrap();
    let number = |name: &str| machine["kernel"][name].as_u64().unwrap();
    let kernel = Arm64Header {
        file_size: number("file_size"),
        text_offset: number("text_offset"),
        image_size: number("image_size"),
    };
    let initrd = machine[if step == "stage2" { "stage2_initrd" } else { "initrd" }].as_u64();
    let log = std::fs::read_to_string(at.join(format!("kexec/{log}.dmesg.txt"))).unwrap();
    (host::read(&at.join(format!("{step}.tar.gz"))).unwrap(), kernel, initrd, log)
}

#[test]
fn loads_that_were_planned_blindly_are_what_the_kernel_did() {
    let mut wrong = Vec::new();
    for (directory, step, log, purpose) in BLIND {
        let (snapshot, kernel, initrd, log) = blind(directory, step, log);
        let plan = plan(&snapshot, purpose, kernel, initrd).unwrap();
        let record = Record::all(&log).pop().unwrap();
        let parts = 2 + usize::from(initrd.is_some()) + usize::from(purpose == Crash);
        assert_eq!(record.segments.len(), parts, "{directory}/{step}");
        let score = crate::score_segments(&record, &plan);
        println!("{directory}/{step} {purpose:?}: {} / {}", score.right, score.right + score.wrong.len());
        wrong.extend(score.wrong.into_iter().map(|what| format!("{directory}/{step}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_load_that_the_kernel_refused_is_refused_in_its_words() {
    // The line has no end: the log has it once another follows, that of the next load.
    let (snapshot, kernel, initrd, log) = blind("refused", "before", "reboot");
    assert!(log.contains("kexec_file(Image): Could not find any suitable kernel location!"));
    let error = plan(&snapshot, Crash, kernel, initrd).unwrap_err();
    assert!(matches!(error, PlanError::NoKernelLocation { .. }), "{error}");
    assert!(error.to_string().starts_with("Could not find any suitable kernel location! "), "{error}");
}

#[test]
fn without_the_device_tree_a_plan_says_what_it_assumes_of_it() {
    let (snapshot, kernel, initrd, _) = blind("high", "before", "reboot");
    let whole = plan(&snapshot, Reboot, kernel, initrd).unwrap();
    let without =
        plan(&Snapshot { device_tree: Source::Missing, ..snapshot }, Reboot, kernel, initrd).unwrap();
    let tree = |plan: &Plan| plan.segment(kexec::SegmentKind::DeviceTree).unwrap().loaded;
    assert!(tree(&whole) < 0x1_0000 && tree(&without) == 0x1_0000, "{:#x}", tree(&whole));
    assert_eq!(without.chosen.unwrap().memory, ToldBy::NotShown);
    // Kernel and initial ramdisk lie where they do with it.
    assert_eq!(without.segments[..2], whole.segments[..2]);
    let says = |assumed: &[Unknown]| assumed.iter().any(|one| one.what.starts_with("the device tree"));
    assert!(says(&without.assumed) && !says(&whole.assumed), "{:?}", without.assumed);
}

#[test]
fn a_machine_that_does_not_show_what_a_plan_hangs_on_is_refused_by_what_is_missing() {
    let (snapshot, kernel, initrd, _) = blind("high", "before", "reboot");
    let refused = |snapshot: &Snapshot| plan(snapshot, Reboot, kernel, initrd).unwrap_err();
    let bytes = snapshot.device_tree.read().unwrap().0.clone();
    for end in [0, 39, 40, 100, bytes.len() - 1] {
        let cut = Source::Read(Bytes(bytes[..end].to_vec()));
        let error = refused(&Snapshot { device_tree: cut, ..snapshot.clone() });
        assert!(matches!(error, PlanError::Arm64(Arm64Error::DeviceTree(_))), "{end}: {error}");
    }
    let memblock = MemblockFiles { memory: Source::Missing, ..snapshot.memblock.clone() };
    assert_eq!(refused(&Snapshot { memblock, ..snapshot.clone() }), PlanError::NoMemblock);
    // A plan does not hang on EFI's map, which few logs have, and says when it is not shown.
    let quiet = Snapshot { kernel_log: Source::Missing, ..snapshot };
    let told = plan(&quiet, Reboot, kernel, initrd).unwrap();
    assert_eq!(told.chosen.unwrap().memory, ToldBy::NotShown);
    assert!(!told.next_kernel.is_empty() && told.next_kernel.iter().all(|entry| entry.kind == E820Type::Ram));
}
