//! Boots of made-up machines: truncated trees, out-of-range sizes, reservations outside memory.

use firmware::efi::{Entry, MemoryAttribute, MemoryType};
use firmware::fdt::FdtError;
use memblock::{PhysRange, Region, RegionFlags};
use rules::Rules;

use crate::arch::Architecture;
use crate::boot::NumaTables;
use crate::boot::input::{Arm64Platform, BootInput, EfiHandOver, Platform};
use crate::boot::{BootError, Build, Prediction, predict};
use evidence::Release;
use evidence::snapshot::Bytes;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The tree of a real machine: two nodes of 1 GiB each, starting at 1 GiB, the upper one `hotpluggable`.
const HOTPLUG: &[u8] = include_bytes!("../../../../firmware/tests/data/arm64-dts-hotplug.fdt");
/// One with `/reserved-memory`.
const RESV: &[u8] = include_bytes!("../../../../firmware/tests/data/arm64-dts-resv.fdt");

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

/// A property, or the start or end of a node.
pub(super) enum Part<'a> {
    Node(&'a str),
    Cells(&'a str, &'a [u32]),
    Text(&'a str, &'a str),
    End,
}
use Part::{Cells, End, Node, Text};

/// A tree with two cells each for addresses and sizes.
pub(super) fn tree(parts: &[Part<'_>]) -> Vec<u8> {
    let (mut structure, mut strings) = (Vec::<u8>::new(), Vec::<u8>::new());
    let word = |structure: &mut Vec<u8>, word: u32| structure.extend(word.to_be_bytes());
    let pad = |structure: &mut Vec<u8>| structure.resize(structure.len().next_multiple_of(4), 0);
    let mut property = |structure: &mut Vec<u8>, name: &str, value: &[u8]| {
        for number in [3, u32::try_from(value.len()).unwrap(), u32::try_from(strings.len()).unwrap()] {
            word(structure, number);
        }
        strings.extend(name.bytes().chain([0]));
        structure.extend(value);
        pad(structure);
    };
    let root = [Node(""), Cells("#address-cells", &[2]), Cells("#size-cells", &[2])];
    for part in root.iter().chain(parts).chain([&End]) {
        match part {
            Node(name) => {
                word(&mut structure, 1);
                structure.extend(name.bytes().chain([0]));
                pad(&mut structure);
            }
            Cells(name, cells) => {
                let value: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
                property(&mut structure, name, &value);
            }
            Text(name, text) => {
                let value: Vec<u8> = text.bytes().chain([0]).collect();
                property(&mut structure, name, &value);
            }
            End => word(&mut structure, 2),
        }
    }
    word(&mut structure, 9);
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let strings_at = 56 + len(&structure);
    let total = strings_at + len(&strings);
    let header = [0xd00d_feed, total, 56, strings_at, 40, 17, 16, 0, len(&strings), len(&structure)];
    let mut blob: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
    blob.extend([0; 16]);
    blob.extend(structure);
    blob.extend(strings);
    blob
}

fn cells(numbers: &[u64]) -> Vec<u32> {
    numbers
        .iter()
        .flat_map(|n| [u32::try_from(n >> 32).unwrap(), u32::try_from(n & 0xffff_ffff).unwrap()])
        .collect()
}

/// A tree with `reg` as its memory, and `more` at the root.
fn memory_tree(reg: &[u64], more: &[Part<'_>]) -> Vec<u8> {
    let reg = cells(reg);
    let mut parts = vec![Node("memory@0"), Text("device_type", "memory"), Cells("reg", &reg), End];
    parts.extend(more.iter().map(|part| match part {
        Node(name) => Node(name),
        Cells(name, cells) => Cells(name, cells),
        Text(name, text) => Text(name, text),
        End => End,
    }));
    tree(&parts)
}

fn input(device_tree: &[u8], command_line: &str) -> BootInput {
    let release: Release = "6.12.117-mblab".parse().unwrap();
    let image = r(0x4020_0000, 0x40cf_0000);
    BootInput {
        command_line: command_line.into(),
        platform: Platform::Arm64(Arm64Platform {
            device_tree: Bytes(device_tree.to_vec()),
            device_tree_at: PhysRange::from_size(0x4820_0000, 0x10_0000).ok(),
            efi: None,
            has_acpi: false,
            acpi_upgrade: None,
            iort_limit: None,
            kernel_text: r(0x4020_0000, 0x406f_0000),
        }),
        numa: NumaTables::default(),
        kernel_image: image,
        initrd: None,
        build: Build::of(&release, Architecture::Arm64),
        release,
        assumed: Vec::new(),
        later: Vec::new(),
        cpus: None,
        handed_over: false,
        scratch_left: Vec::new(),
        handed_on: Vec::new(),
        seeded: Vec::new(),
    }
}

fn boot(device_tree: &[u8], command_line: &str) -> Prediction {
    predict(&input(device_tree, command_line), &Rules::LINUX).unwrap()
}

fn with_efi(input: &mut BootInput, map: Vec<Entry>) {
    let Platform::Arm64(platform) = &mut input.platform else { unreachable!() };
    platform.efi = Some(EfiHandOver { map, tables: Vec::new() });
}

fn efi(range: PhysRange, kind: MemoryType, attributes: MemoryAttribute) -> Entry {
    Entry { range, kind, attributes }
}

#[test]
fn a_tree_truncated_anywhere_is_an_error_that_names_it() {
    for len in (0..HOTPLUG.len()).step_by(7) {
        let error = predict(&input(&HOTPLUG[..len], ""), &Rules::LINUX).unwrap_err();
        assert!(matches!(error, BootError::DeviceTree(FdtError::Truncated { .. })), "{len}: {error}");
        assert!(error.to_string().starts_with("the device tree: "), "{error}");
    }
}

#[test]
fn a_byte_flipped_anywhere_in_a_tree_boots_or_is_an_error() {
    for at in (0..RESV.len()).step_by(11) {
        let mut blob = RESV.to_vec();
        blob[at] ^= 0xff;
        let _: Result<Prediction, BootError> = predict(&input(&blob, "crashkernel=64M"), &Rules::LINUX);
    }
}

#[test]
fn a_tree_without_memory_has_nothing_to_boot_with() {
    for blob in
        [tree(&[]), memory_tree(&[], &[]), memory_tree(&[GIB, 0], &[]), memory_tree(&[GIB, 4095], &[])]
    {
        assert_eq!(predict(&input(&blob, ""), &Rules::LINUX), Err(BootError::NoRamInTree));
    }
    let mut without = input(&memory_tree(&[GIB, GIB], &[]), "");
    with_efi(&mut without, Vec::new());
    assert_eq!(predict(&without, &Rules::LINUX), Err(BootError::NoRam), "EFI's map counts, and has none");
}

#[test]
fn memory_out_of_reach_is_cut_off() {
    // 48 bits of physical addresses, 47 bits of linear map, starting at 1 GiB.
    for size in [1 << 46, 1 << 47, 1 << 52, u64::MAX - (1 << 30)] {
        let prediction = boot(&memory_tree(&[GIB, size], &[]), "crashkernel=256M,high");
        let end = prediction.memory.last().unwrap().range.end();
        assert_eq!(end, (GIB + size.min(1 << 47)) & !0xfff);
    }
}

#[test]
fn an_image_far_above_memory_leaves_nothing_the_kernel_could_map() {
    let mut far = input(&memory_tree(&[GIB, GIB, 1 << 47, GIB], &[]), "");
    far.kernel_image = r((1 << 47) + (1 << 29), (1 << 47) + (1 << 29) + MIB);
    let prediction = predict(&far, &Rules::LINUX).unwrap();
    assert!(prediction.memory.iter().all(|region| region.range.start() >= GIB));
    assert_eq!(prediction.panic, None);
}

#[test]
fn too_little_memory_for_the_tables_makes_the_kernel_panic() {
    let prediction = boot(&memory_tree(&[0x4020_0000, 0xaf_0000], &[]), "");
    let why = prediction.panic.unwrap();
    assert!(why.starts_with("no memory for a table of the linear map"), "{why}");
}

#[test]
fn a_reservation_outside_of_memory_changes_nothing_there() {
    let reg = cells(&[1 << 40, MIB]);
    let reserved = |extra: &'static str| {
        let parts = [
            Node("reserved-memory"),
            Cells("#address-cells", &[2]),
            Cells("#size-cells", &[2]),
            Cells("ranges", &[]),
            Node("far"),
            Cells("reg", &reg),
            Cells(extra, &[]),
            End,
            End,
        ];
        boot(&memory_tree(&[GIB, GIB], &parts), "")
    };
    let nomap = reserved("no-map");
    assert_eq!(nomap.memory.len(), 1);
    assert!(nomap.reserved.iter().all(|region| region.range.start() < 1 << 40));
    assert!(reserved("else").reserved.iter().any(|region| region.range == r(1 << 40, (1 << 40) + MIB)));
}

#[test]
fn reserved_memory_whose_cells_differ_from_the_roots_is_ignored() {
    let of = |ranges: &'static str| {
        let reg = cells(&[0x5000_0000, MIB]);
        let parts = [
            Node("reserved-memory"),
            Cells("#address-cells", &[2]),
            Cells("#size-cells", &[2]),
            Cells(ranges, &[]),
            Node("firmware@50000000"),
            Cells("reg", &reg),
            Cells("no-map", &[]),
            End,
            End,
        ];
        boot(&memory_tree(&[GIB, GIB], &parts), "").memory.len()
    };
    assert_eq!((of("ranges"), of("rangers")), (3, 1));
}

#[test]
fn a_reservation_of_too_much_or_nothing_is_skipped() {
    for size in [0, GIB * 4, u64::MAX] {
        let size = cells(&[size]);
        let parts = [
            Node("reserved-memory"),
            Cells("#address-cells", &[2]),
            Cells("#size-cells", &[2]),
            Cells("ranges", &[]),
            Node("pool"),
            Cells("size", &size),
            End,
            End,
        ];
        let prediction = boot(&memory_tree(&[GIB, GIB], &parts), "");
        assert!(prediction.trace.iter().any(|line| line.what == "pool: nothing is reserved"));
    }
}

#[test]
fn a_crash_kernel_stays_below_the_dma_limit_of_the_tree() {
    let dma = cells(&[0, 0, 0x8000_0000]);
    let parts = [
        Node("soc"),
        Cells("#address-cells", &[2]),
        Cells("#size-cells", &[2]),
        Cells("dma-ranges", &dma),
        End,
    ];
    let prediction = boot(&memory_tree(&[GIB, 4 * GIB], &parts), "crashkernel=128M cma=0");
    let names: Vec<&str> = prediction.zone_limits.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(names, ["DMA", "DMA32", "Normal"]);
    assert_eq!(prediction.zone_limits[0].1.end(), 0x8000_0000);
    assert_eq!(prediction.crashkernel.main().unwrap().end(), 0x8000_0000);
}

#[test]
fn hotpluggable_in_a_tree_only_keeps_page_tables_away() {
    let prediction = boot(HOTPLUG, "movable_node");
    assert!(prediction.memory.iter().all(|region| region.flags.is_empty()));
    assert!(prediction.movable_start.is_empty());
    let is_table = |region: &&Region| region.range.end() == 0x8000_0000;
    assert!(prediction.reserved.iter().any(|region| is_table(&region)), "tables lie below node 1");
}

#[test]
fn flash_that_efi_calls_write_combining_is_memory_that_is_not_mapped() {
    let wb = MemoryAttribute::WRITE_BACK;
    let map = vec![
        efi(r(GIB, 2 * GIB), MemoryType::CONVENTIONAL, wb),
        efi(r(0x400_0000, 0x800_0000), MemoryType::MMIO, MemoryAttribute::WRITE_COMBINE),
        efi(r(0x900_0000, 0x900_1000), MemoryType::MMIO, MemoryAttribute::UNCACHEABLE),
        efi(r(3 * GIB, 4 * GIB), MemoryType::CONVENTIONAL, wb | MemoryAttribute::SPECIAL_PURPOSE),
    ];
    let booted = |command_line| {
        let mut input = input(&tree(&[]), command_line);
        with_efi(&mut input, map.clone());
        let memory = predict(&input, &Rules::LINUX).unwrap().memory;
        memory.iter().map(|region| (region.range.start(), region.flags)).collect::<Vec<_>>()
    };
    let (none, nomap) = (RegionFlags::empty(), RegionFlags::NOMAP);
    assert_eq!(booted(""), [(0x400_0000, nomap), (GIB, none)]);
    assert_eq!(booted("efi=nosoftreserve").last(), Some(&(3 * GIB, none)));
}

#[test]
fn mem_counts_unmapped_memory_and_the_image_is_added_back() {
    let prediction = boot(&memory_tree(&[GIB, GIB], &[]), "mem=1M");
    let memory: Vec<PhysRange> = prediction.memory.iter().map(|region| region.range).collect();
    assert_eq!(memory, [r(GIB, GIB + MIB), r(0x4020_0000, 0x40cf_0000)]);
}

#[test]
fn overlapping_nodes_or_invalid_distances_give_a_single_node() {
    let node = |name: &'static str, reg: &'static [u32], node: &'static [u32]| {
        [Node(name), Text("device_type", "memory"), Cells("reg", reg), Cells("numa-node-id", node), End]
    };
    let lower = || node("memory@40000000", &[0, 0x4000_0000, 0, 0x4000_0000], &[0]);
    let nodes = |parts: Vec<Part<'_>>| {
        let prediction = boot(&tree(&parts), "");
        prediction.early_node_ranges.iter().map(|(node, _)| *node).collect::<Vec<_>>()
    };
    let apart = node("memory@80000000", &[0, 0x8000_0000, 0, 0x4000_0000], &[1]);
    assert_eq!(nodes(lower().into_iter().chain(apart).collect()), [0, 1]);
    let overlapping = node("memory@70000000", &[0, 0x7000_0000, 0, 0x4000_0000], &[1]);
    assert_eq!(nodes(lower().into_iter().chain(overlapping).collect()), [0]);
    let apart = node("memory@80000000", &[0, 0x8000_0000, 0, 0x4000_0000], &[1]);
    let map = [
        Node("distance-map"),
        Text("compatible", "numa-distance-map-v1"),
        Cells("distance-matrix", &[0, 1, 9]),
        End,
    ];
    assert_eq!(nodes(lower().into_iter().chain(apart).chain(map).collect()), [0]);
}
