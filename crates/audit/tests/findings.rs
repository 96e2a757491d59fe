//! Every capture, checked: the faults that are in them are found, and nothing else is.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audit::{Code, Finding};
use evidence::Source;
use machine::range_set::RangeSet;
use machine::{Machine, Snapshot};
use memblock::PhysRange;
use rules::Rules;

use Code::{
    CrashkernelNotReserved as NotReserved, CrashkernelTooSmall as TooSmall, DumpHeaderStale as Stale,
    DumpMissesMemory as Misses, ImageInMisalignedCma as Misaligned, ImageInRemovableMemory as Removable,
    ImageInRemovedMemory as Removed, ImageInUntoldMemory as Untold, KdumpOnlinesDumpedMemory as Onlines,
    LoadLimitSpent as Spent, NextKernelMapOverflow as Overflow, SoftReservedNotCarried as Soft,
};

/// The captures in which something is wrong, and what: [`Code::KdumpNotArmed`] left out, which most captures of a
/// reservation have. All others are healthy.
const FAULTS: [(&str, &[Code]); 38] = [
    ("boot/arm64/deb-2g-crash-at-odd", &[NotReserved]),
    ("boot/x86/p2-crash-at-kernel", &[NotReserved]),
    ("boot/x86/p2-crash-at-unaligned", &[NotReserved]),
    ("boot/x86/p2-softreserved", &[Soft]),
    ("boot/x86/p5-crash-10G", &[NotReserved]),
    ("boot/x86/p5-crash-high-low-toobig", &[NotReserved]),
    ("releases/6.1.0-57/p6-crash-3G", &[NotReserved]),
    ("releases/6.12.117+deb13/p6-crash-3G", &[NotReserved]),
    ("releases/7.3.4+deb13/p2900-memmap", &[NotReserved]),
    ("releases/7.3.4+deb13/kx-cma-exec_s/20-loaded", &[Misaligned]),
    ("x86/h1-nomemhp/04-d0-removed", &[Stale]),
    ("x86/h1-repair/02-loaded", &[Onlines]),
    ("x86/h1-repair/03-d1-added-after-load", &[Onlines]),
    ("x86/h1-repair/04-d0-removed", &[Stale, Onlines]),
    ("x86/h1-repair/08-block-cycle", &[Onlines]),
    ("x86/h1-repair/09-d1-removed", &[Stale]),
    ("x86/h1-repair/13-d2-one-block-online", &[Onlines]),
    ("x86/h2-without/01-loaded", &[Onlines]),
    ("x86/h2-without/90-crash-kernel", &[Onlines]),
    ("x86/h3-121/00-boot", &[Overflow]),
    ("x86/h3-121/01-loaded", &[Overflow]),
    ("x86/h4-movable/02-loaded", &[Removable, Untold]),
    ("x86/h4-movable/03-d0-removed", &[Removed]),
    ("x86/h4-normal/02-loaded", &[Removable, Untold]),
    ("x86/h4-normal/03-d0-removed", &[Removable, Untold]),
    ("x86/h5-kdump-life/01-added-offline", &[Misses]),
    ("x86/h5-kdump-life/03-removed", &[Stale]),
    ("x86/h5-kdump-life/05-never-online-removed", &[Stale]),
    ("x86/h5-kdump-life/07-limit-spent", &[Spent]),
    ("x86/h5-kdump-life/08-disabled", &[Spent]),
    ("x86/h5-kdump-life/09-given-back", &[NotReserved, Spent]),
    ("x86/h6-soft-reserved/01-boot", &[Soft, TooSmall]),
    ("x86/h6-soft-reserved/02-loaded-without", &[Soft, TooSmall]),
    // The next kernel makes it Soft Reserved again.
    ("x86/h6-soft-reserved/03-loaded-with", &[TooSmall]),
    // It is told of the KiB behind its header, which is no DIMM, and of 137 entries, of which it could hand on 128.
    ("x86/h7-kexec_load-crash-130/90-crash-kernel", &[Overflow]),
    ("x86/kx-all-crash_s/90-crash-kernel", &[Onlines]),
    ("x86/kx-hmem-exec_s/10-setup", &[Soft]),
    ("x86/p5-crash-toobig", &[NotReserved]),
];

/// Captures that come close to a fault and have none, not even a crash kernel that is not loaded.
const HEALTHY: [(&str, &str); 12] = [
    ("x86/h1-nomemhp/02-loaded", "the crash kernel keeps off the DIMM"),
    (
        "x86/h1-nomemhp/03-d1-added-after-load",
        "the kernel has rebuilt the header for the DIMM that came after",
    ),
    ("x86/h1-repair/10-reloaded", "loaded again after the unplug"),
    ("x86/h2-with/01-loaded", "the crash kernel has acpi_no_memhotplug"),
    ("x86/h2-with/90-crash-kernel", "and did not add the DIMM"),
    ("x86/h5-kdump-life/02-online", "the DIMM went online, and into the header"),
    ("x86/h5-kdump-life/04-reloaded", "loaded again after the unplug"),
    ("x86/h5-kdump-life/06-kexec_load", "what the log tells of is not what is loaded"),
    ("boot/arm64/deb-2g-crash-range-none", "crashkernel= asks for nothing on a machine of this size"),
    ("arm64/efi-sp-nosoftreserve", "the firmware's own map tells the next kernel"),
    ("arm64/dts-usable-kdump", "a crash kernel without hot-added memory"),
    ("x86/kx-all-exec_s/90-second-kernel", "a second kernel, with nothing loaded"),
];

/// All captures.
fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures")
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

fn check(name: &str) -> (Snapshot, Vec<Finding>) {
    let snapshot = host::read(&captures().join(format!("{name}.tar.gz"))).unwrap();
    let found = check_snapshot(&snapshot);
    (snapshot, found)
}

fn check_snapshot(snapshot: &Snapshot) -> Vec<Finding> {
    let machine = Machine::of(snapshot).unwrap();
    audit::audit(&machine, &Rules::LINUX)
}

/// Whether the files say that memory is reserved and no crash kernel loaded, with nothing understood.
fn lies_unarmed(snapshot: &Snapshot) -> bool {
    let contains = |text: &Source<String>, what| text.read().is_some_and(|text| text.contains(what));
    contains(&snapshot.iomem, " : Crash kernel")
        && snapshot.kexec.get("kexec_crash_loaded") == Some(&Source::Read("0".into()))
        && !contains(&snapshot.command_line, "elfcorehdr=")
}

#[test]
fn every_fault_in_the_captures_is_found_and_nothing_else() {
    let faults = BTreeMap::from(FAULTS);
    let root = captures();
    let (mut wrong, mut held, mut unarmed) = (Vec::new(), 0, 0);
    for archive in archives(&root) {
        let name = archive.strip_prefix(&root).unwrap().to_string_lossy().replace(".tar.gz", "");
        let (snapshot, found) = check(&name);
        let mut found: Vec<Code> = found.iter().map(|finding| finding.code).collect();
        if lies_unarmed(&snapshot) != found.contains(&Code::KdumpNotArmed) {
            wrong.push(format!("{name}: kdump-not-armed"));
        }
        unarmed += usize::from(lies_unarmed(&snapshot));
        found.retain(|code| *code != Code::KdumpNotArmed);
        let expected = faults.get(name.as_str()).copied().unwrap_or_default();
        if found != expected {
            wrong.push(format!("{name}: {found:?}, expected {expected:?}"));
        }
        held += usize::from(!expected.is_empty());
    }
    assert_eq!(held, FAULTS.len(), "a capture of the table is not there");
    assert!(unarmed >= 80, "{unarmed}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn captures_that_come_close_to_a_fault_have_none() {
    for (name, why) in HEALTHY {
        let (_, found) = check(name);
        assert!(found.is_empty(), "{name}, {why}: {found:?}");
    }
}

#[test]
fn what_was_removed_is_named_with_the_numbers_that_show_it() {
    let (_, found) = check("x86/h1-repair/04-d0-removed");
    assert!(found[0].what.ends_with("100000000-11fffffff (512M)"), "{}", found[0].what);
    assert!(found[0].evidence[0].contains("4 times"), "{:?}", found[0].evidence);
    // The header was rebuilt since the load: what was in it then does not tell what is in it now.
    let (_, found) = check("x86/h1-repair/09-d1-removed");
    assert!(found[0].what.contains("2 memory blocks"), "{}", found[0].what);
}

/// Crash headers as they lay in the guest's memory, read from outside, and the captures of the same moments.
const HEADERS: [(&str, &str, &str); 11] = [
    ("h1-repair", "2-loaded", "02-loaded"),
    ("h1-repair", "3-d1-added", "03-d1-added-after-load"),
    ("h1-repair", "4-d0-removed", "04-d0-removed"),
    ("h1-repair", "8-d1-block-online", "08-block-cycle"),
    ("h1-repair", "9-d1-removed", "09-d1-removed"),
    ("h1-repair", "10-reloaded", "10-reloaded"),
    ("h5-kdump-life", "01-added-offline", "01-added-offline"),
    ("h5-kdump-life", "02-online", "02-online"),
    ("h5-kdump-life", "03-removed", "03-removed"),
    ("h5-kdump-life", "04-reloaded", "04-reloaded"),
    ("h5-kdump-life", "05-never-online-removed", "05-never-online-removed"),
];

/// The physical ranges of an ELF header's PT_LOADs.
fn pt_loads(header: &[u8]) -> RangeSet {
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
    let count = usize::from(u16::from_le_bytes(header[56..58].try_into().unwrap()));
    let loads = (0..count).map(|index| 64 + index * 56).filter(|at| header[*at..at + 4] == [1, 0, 0, 0]);
    loads.map(|at| PhysRange::from_size(number(at + 24), number(at + 40)).unwrap()).collect()
}

#[test]
fn a_header_is_called_stale_or_incomplete_exactly_where_its_bytes_are() {
    for (machine, header, step) in HEADERS {
        let path = captures().join(format!("x86/{machine}/host/elfcorehdr-{header}.bin"));
        let listed = pt_loads(&std::fs::read(path).unwrap());
        let (snapshot, found) = check(&format!("x86/{machine}/{step}"));
        // All that comes and goes lies above 4 GiB; the first MiB and the crash kernel are in no dump.
        let above = PhysRange::new(1 << 32, 1 << 40).unwrap();
        let now = Machine::of(&snapshot).unwrap();
        let tree = now.resources().unwrap();
        let ram: RangeSet =
            tree.system_ram().filter_map(|ram| ram.range().unwrap().intersect(above)).collect();
        let gone = listed.within(above).any(|load| ram.bytes_within(load) != load.size());
        let missed = ram.iter().any(|ram| listed.bytes_within(ram) != ram.size());
        let has = |code| found.iter().any(|finding| finding.code == code);
        assert_eq!((has(Stale), has(Misses)), (gone, missed), "{machine}/{step}");
    }
}

#[test]
fn a_crash_kernel_that_kexec_load_loaded_is_not_the_one_in_the_log() {
    let (mut snapshot, _) = check("x86/h1-repair/04-d0-removed");
    snapshot.memory_blocks = Source::Read(evidence::snapshot::MemoryBlocks {
        crash_hotplug: Source::Read("0".into()),
        ..Default::default()
    });
    assert_eq!(check_snapshot(&snapshot), []);
}

/// The boot's log and device tree, and the later steps' memory: together what a whole log would have shown.
#[test]
fn a_kernel_over_the_interrupt_controllers_tables_is_found_and_one_beside_them_is_not() {
    let loaded = |machine: &str| {
        let (boot, _) = check(&format!("arm64/{machine}/0-boot"));
        let (mut snapshot, _) = check(&format!("arm64/{machine}/3-loaded"));
        let log = |snapshot: &Snapshot| snapshot.kernel_log.read().unwrap().clone();
        snapshot.kernel_log = Source::Read(log(&boot) + &log(&snapshot));
        snapshot.device_tree = boot.device_tree;
        snapshot.architecture = boot.architecture;
        snapshot.kexec.insert("kexec_loaded".into(), Source::Read("1".into()));
        check_snapshot(&snapshot)
    };
    let found = loaded("kexec-dt-vmem-LPI-clobber");
    let [clobber] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(clobber.code, Code::ImageOverInterruptTables);
    assert!(clobber.evidence[0].contains("41060000-4106ffff"), "{:?}", clobber.evidence);
    assert_eq!(
        clobber.evidence.iter().filter(|line| line.starts_with("kernel at 40e00000-418effff")).count(),
        3
    );
    assert_eq!(loaded("kexec-dt-vmem"), []);
    assert_eq!(loaded("kexec-efi-sp"), []);
}

#[test]
fn an_image_in_a_dimm_of_arm64_is_found_in_the_state_the_dimm_is_in() {
    let (mut snapshot, found) = check("arm64/kexec-acpi-dimm/3-loaded");
    // The capture does not say that anything is loaded.
    assert_eq!(found, []);
    snapshot.kexec.insert("kexec_loaded".into(), Source::Read("1".into()));
    let found = check_snapshot(&snapshot);
    let codes: Vec<Code> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Removable, Untold]);
    assert!(found[0].evidence[0].starts_with("dtb at 11fe00000-11fe00fff"), "{:?}", found[0].evidence);
}

/// Linux 6.12 keeps no crash header up to date on arm64: only a new load does.
#[test]
fn a_header_of_arm64_is_as_old_as_the_load() {
    let (mut snapshot, _) = check("arm64/kexec-dt-vmem/2-crash-loaded");
    snapshot.kexec.insert("kexec_crash_loaded".into(), Source::Read("1".into()));
    assert_eq!(check_snapshot(&snapshot), []);
    let with_vmem = snapshot.iomem.clone();
    snapshot.iomem = check("arm64/kexec-dt-vmem/0-boot").0.iomem;
    let [stale] = &check_snapshot(&snapshot)[..] else { panic!() };
    assert_eq!(stale.code, Stale);
    assert!(stale.what.ends_with("80000000-9fffffff (512M)"), "{}", stale.what);
    // And the other way round: loaded before virtio-mem had added anything.
    snapshot.iomem = with_vmem;
    let log = snapshot.kernel_log.read().unwrap();
    let earlier: String =
        log.lines().filter(|line| !line.contains("paddr=0x80000000")).map(|l| l.to_owned() + "\n").collect();
    snapshot.kernel_log = Source::Read(earlier);
    let [misses] = &check_snapshot(&snapshot)[..] else { panic!() };
    assert_eq!(misses.code, Misses);
}

#[test]
fn what_nobody_can_know_is_said_with_the_findings_it_leaves_open() {
    let (snapshot, _) = check("arm64/kexec-acpi-dimm/3-loaded");
    let machine = Machine::of(&snapshot).unwrap();
    let unknown = audit::unknowable(&machine);
    let text: Vec<&str> = unknown.iter().map(|unknown| unknown.why.as_str()).collect();
    assert_eq!(text[0], "/sys/kernel/kexec_crash_loaded is not there");
    assert!(unknown[0].effect.contains("dump-header-stale"), "{unknown:?}");
}
