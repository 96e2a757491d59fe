use evidence::Source;
use evidence::snapshot::{FirmwareMapEntry, MemblockFiles};
use firmware::e820::{E820Type, Entry};
use machine::{KernelState, Snapshot};
use rules::Walk;

use super::*;
use crate::place::removable::removable;
use crate::search_ranges;

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

fn of(snapshot: &Snapshot, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
    let state =
        KernelState { free_in_memblock: Some(vec![r(0x4000_0000, 0x5000_0000)]), ..KernelState::default() };
    let machine = Machine { state, ..Machine::of(snapshot).unwrap() };
    search_ranges(&machine, Loader::KexecFileLoad, rules)
}

fn with_iomem(iomem: &str) -> Snapshot {
    Snapshot {
        iomem: Source::Read(iomem.into()),
        architecture: Source::Read("x86_64".into()),
        ..Snapshot::default()
    }
}

#[test]
fn resources_that_touch_are_searched_one_by_one() {
    let snapshot = with_iomem("40000000-4fffffff : System RAM\n50000000-5fffffff : System RAM\n");
    let found = of(&snapshot, &Rules::LINUX).unwrap();
    assert_eq!(found, [r(0x4000_0000, 0x5000_0000), r(0x5000_0000, 0x6000_0000)]);
}

#[test]
fn a_resource_of_two_classes_is_searched_as_one() {
    // The firmware's map and the log tell two classes apart inside one resource.
    let log = "BIOS-provided physical RAM map:\n\
               [    0.0] BIOS-e820: [mem 0x0000000040000000-0x000000005fffffff] usable\n\
               [    0.0] ACPI: SRAT: Node 0 PXM 0 [mem 0x50000000-0x5fffffff] hotplug\n";
    let snapshot =
        Snapshot { kernel_log: Source::Read(log.into()), ..with_iomem("40000000-5fffffff : System RAM\n") };
    let machine = Machine::of(&snapshot).unwrap();
    assert_eq!(machine.ranges.len(), 2, "{:?}", machine.ranges);
    assert_eq!(of(&snapshot, &Rules::LINUX).unwrap(), [r(0x4000_0000, 0x6000_0000)]);
    // An alternative that keeps images off hot-pluggable memory leaves the rest.
    assert_eq!(of(&snapshot, &Rules::HOTPLUG_FOR_ALL).unwrap(), [r(0x4000_0000, 0x5000_0000)]);
}

#[test]
fn a_kernel_that_keeps_memblock_searches_what_is_free_in_it() {
    let memblock = MemblockFiles {
        memory: Source::Read("   0: 0x0000000040000000..0x000000005fffffff    0 NONE\n".into()),
        reserved: Source::Read("   0: 0x0000000050000000..0x000000005fffffff    0 NONE\n".into()),
        ..MemblockFiles::default()
    };
    let snapshot = Snapshot { memblock, ..with_iomem("40000000-5fffffff : System RAM\n") };
    assert_eq!(of(&snapshot, &Rules::LINUX).unwrap(), [r(0x4000_0000, 0x5000_0000)]);
}

/// What kexec_load searches, where the firmware's map has these entries.
fn of_kexec_load(iomem: &str, map: &[(u64, u64)], rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
    let entry =
        |&(start, last): &(u64, u64)| FirmwareMapEntry { index: 0, start, last, kind: "System RAM".into() };
    let snapshot = Snapshot {
        firmware_memmap: match map {
            [] => Source::Missing,
            map => Source::Read(map.iter().map(entry).collect()),
        },
        ..with_iomem(iomem)
    };
    search_ranges(&Machine::of(&snapshot).unwrap(), Loader::KexecLoad, rules)
}

#[test]
fn kexec_tools_places_where_the_map_has_ram_even_if_the_kernel_leaves_it_unused() {
    // As with mem=1G and memmap=16M$0x20000000.
    let iomem = "00001000-1fffffff : System RAM\n21000000-3fffffff : System RAM\n";
    let map = [(0, 0x7fff_ffff), (0x8000_0000, 0x8fff_ffff)];
    let found = of_kexec_load(iomem, &map, &Rules::LINUX).unwrap();
    assert_eq!(found, [r(0x400, 0x8000_0000), r(0x8000_0000, 0x9000_0000)]);
}

#[test]
fn kexec_tools_places_on_a_dimm_and_not_beside_what_the_map_has() {
    let iomem = "00001000-3fffffff : System RAM\n100000000-13fffffff : System RAM\n\
                 140000000-14fffffff : System RAM (kmem)\n";
    let map = [(0, 0x3fff_ffff), (0x1_0000_0000, 0x1_3fff_ffff)];
    let boot_and_dimm = [r(0x400, 0x4000_0000), r(0x1_0000_0000, 0x1_4000_0000)];
    assert_eq!(of_kexec_load(iomem, &map, &Rules::LINUX).unwrap(), boot_and_dimm);
}

#[test]
fn what_the_map_has_is_ram_to_kexec_tools_whatever_a_driver_made_of_it() {
    let snapshot = with_iomem("00001000-3fffffff : System RAM\n140000000-14fffffff : System RAM (kmem)\n");
    let ram = |range| Entry { range, kind: E820Type::Ram };
    let mut machine = Machine::of(&snapshot).unwrap();
    machine.state.firmware_map_now = Some(vec![ram(r(0, 0x4000_0000)), ram(r(0x1_4000_0000, 0x1_5000_0000))]);
    let of = |rules| search_ranges(&machine, Loader::KexecLoad, rules).unwrap();
    assert_eq!(of(&Rules::LINUX), [r(0x400, 0x4000_0000), r(0x1_4000_0000, 0x1_5000_0000)]);
    assert_eq!(of(&Rules::HOTPLUG_FOR_ALL), [r(0x400, 0x4000_0000)]);
}

#[test]
fn kexec_load_without_the_firmware_map_says_what_was_not_shown() {
    let error = of_kexec_load("00001000-1fffffff : System RAM\n", &[], &Rules::LINUX).unwrap_err();
    assert_eq!(error, PlanError::NoFirmwareMap);
    assert!(
        error.to_string().starts_with("/sys/firmware/memmap, from which a load by kexec_load takes"),
        "{error}"
    );
}

#[test]
fn pieces_are_cut_at_both_ends_of_every_cut() {
    let cuts = [r(0, 4), r(6, 8)];
    assert_eq!(pieces(r(2, 10), &cuts), [r(2, 4), r(4, 6), r(6, 8), r(8, 10)]);
    assert_eq!(pieces(r(2, 3), &cuts), [r(2, 3)]);
}

#[test]
fn memory_of_unknown_class_is_searched_where_the_rules_are_of_one_mind() {
    let snapshot = with_iomem("40000000-4fffffff : System RAM\n50000000-5fffffff : System RAM (kmem)\n");
    let mut machine = Machine::of(&snapshot).unwrap();
    machine.ranges[0].class = None;
    let found = |rules| search_ranges(&machine, Loader::KexecFileLoad, rules);
    assert_eq!(found(&Rules::LINUX), Ok(vec![r(0x4000_0000, 0x5000_0000)]));
    let unknown = PlanError::ClassUnknown { range: r(0x4000_0000, 0x5000_0000) };
    assert_eq!(found(&Rules::HOTPLUG_FOR_ALL), Err(unknown));
}

#[test]
fn a_search_of_what_was_not_shown_is_refused() {
    let mut machine = Machine::of(with_iomem("40000000-4fffffff : System RAM\n")).unwrap();
    machine.kernel.facts.walk = Walk::Memblock;
    let search = |machine: &Machine| search_ranges(machine, Loader::KexecFileLoad, &Rules::LINUX);
    assert_eq!(search(&machine), Err(PlanError::NoMemblock));
    machine.kernel.facts.walk = Walk::Resources;
    machine.evidence.resources = Source::Missing;
    assert_eq!(search(&machine), Err(PlanError::NoIomem));
}

#[test]
fn memory_that_an_unplug_takes_away_under_an_image_is_hot_added_or_hotpluggable() {
    // Boot memory, a DIMM that was added later, and memory that a driver manages.
    let map = FirmwareMapEntry { index: 0, start: 0x4000_0000, last: 0x4fff_ffff, kind: "System RAM".into() };
    let snapshot = Snapshot {
        firmware_memmap: Source::Read(vec![map]),
        ..with_iomem(
            "40000000-4fffffff : System RAM\n60000000-6fffffff : System RAM\n80000000-8fffffff : System RAM (kmem)\n",
        )
    };
    let found = removable(&Machine::of(&snapshot).unwrap(), &Rules::LINUX);
    assert_eq!(found, Ok(vec![r(0x6000_0000, 0x7000_0000)]));
}
