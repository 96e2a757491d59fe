use proptest::prelude::*;
use vm_fdt::{FdtReserveEntry, FdtWriter};

use super::*;

/// A boot by device tree, with reservations, and one by EFI.
const TREE: &[u8] = include_bytes!("../../../../firmware/tests/data/arm64-dts-resv.fdt");
const EFI: &[u8] = include_bytes!("../../../../firmware/tests/data/arm64-efi-mirror.fdt");
/// A crash kernel's.
const KDUMP: &[u8] = include_bytes!("../../../../firmware/tests/data/arm64-dts-usable-kdump.fdt");

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

const REBOOT: Chosen<'_> = Chosen {
    command_line: "quiet",
    initrd: None,
    elfcorehdr: None,
    usable_memory: &[],
    reserved: &[],
    kaslr_seed: [1; 8],
    rng_seed: [2; 32],
};

/// A node: its depth, its name, and its properties.
type Shape<'a> = (usize, String, Vec<(&'a [u8], &'a [u8])>);

/// All nodes but `/chosen`.
fn others<'a>(tree: &Fdt<'a>) -> Vec<Shape<'a>> {
    let others = tree.nodes().filter(|(depth, node)| *depth != 1 || node.name() != "chosen");
    let of = |node: Node<'a>| node.properties().map(|property| (property.name(), property.value())).collect();
    others.map(|(depth, node)| (depth, node.name().to_owned(), of(node))).collect()
}

fn value<'a>(tree: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let tree = Fdt::new(tree).unwrap();
    let chosen = tree.root().children().find(|node| node.name() == "chosen").unwrap();
    chosen.property(name.as_bytes()).map(|property| property.value())
}

fn with(edit: impl FnOnce(&mut FdtWriter)) -> Vec<u8> {
    let reservations =
        [FdtReserveEntry::new(0x5000, 0x1000).unwrap(), FdtReserveEntry::new(0x9000, 8).unwrap()];
    let mut writer = FdtWriter::new_with_mem_reserv(&reservations).unwrap();
    let root = writer.begin_node("").unwrap();
    edit(&mut writer);
    writer.end_node(root).unwrap();
    writer.finish().unwrap()
}

#[test]
fn everything_but_chosen_is_as_it_was_and_in_its_order() {
    for tree in [TREE, EFI, KDUMP] {
        let written = write(tree, &REBOOT).unwrap();
        assert_eq!(others(&Fdt::new(&written).unwrap()), others(&Fdt::new(tree).unwrap()));
    }
}

#[test]
fn chosen_says_what_the_next_kernel_needs_and_keeps_what_else_it_said() {
    let areas = [r(0x1_4800_0000, 0x1_5000_0000), r(0x8000_0000, 0x8400_0000)];
    let chosen = Chosen {
        initrd: Some(r(0x1_4900_0000, 0x1_4900_1234)),
        elfcorehdr: Some(r(0x1_4fff_0000, 0x1_4fff_1000)),
        usable_memory: &areas,
        ..REBOOT
    };
    let written = write(EFI, &chosen).unwrap();
    let tree = Fdt::new(&written).unwrap();
    let said = tree.chosen().unwrap().unwrap();
    assert_eq!(said.bootargs(), Some(&b"quiet"[..]));
    assert_eq!(said.initrd().unwrap(), chosen.initrd);
    assert_eq!(said.elfcorehdr().unwrap(), chosen.elfcorehdr);
    assert_eq!(said.usable_memory_ranges().map(Result::unwrap).collect::<Vec<_>>(), areas);
    assert_eq!(value(&written, "kaslr-seed"), Some(&[1; 8][..]));
    assert_eq!(value(&written, "rng-seed"), Some(&[2; 32][..]));
    assert_eq!(value(&written, "linux,booted-from-kexec"), Some(&[][..]));
    let kept = ["linux,uefi-system-table", "linux,uefi-mmap-start", "linux,uefi-mmap-desc-size"];
    for name in kept {
        assert!(value(EFI, name).is_some_and(|old| value(&written, name) == Some(old)), "{name}");
    }
}

#[test]
fn what_was_told_to_this_boot_only_is_taken_out() {
    let stale = with(|tree| {
        let chosen = tree.begin_node("chosen").unwrap();
        for name in STALE {
            tree.property_u64(name, 0x1000).unwrap();
        }
        tree.end_node(chosen).unwrap();
    });
    let written = write(&stale, &REBOOT).unwrap();
    for name in STALE.iter().filter(|name| !name.ends_with("-seed")) {
        assert_eq!(value(&written, name), None, "{name}");
    }
}

#[test]
fn memory_that_is_reserved_stays_reserved_and_the_boots_initial_ramdisk_does_not() {
    let of = |tree: &[u8]| -> Vec<PhysRange> {
        Fdt::new(tree).unwrap().memreserve().map(Result::unwrap).collect()
    };
    let tree = with(|tree| {
        let chosen = tree.begin_node("chosen").unwrap();
        tree.property_u64("linux,initrd-start", 0x5000).unwrap();
        tree.property_u64("linux,initrd-end", 0x6000).unwrap();
        tree.end_node(chosen).unwrap();
    });
    assert_eq!(of(&tree), [r(0x5000, 0x6000), r(0x9000, 0x9008)]);
    assert_eq!(of(&write(&tree, &REBOOT).unwrap()), [r(0x9000, 0x9008)]);
    let chosen = Chosen { reserved: &[r(0x5800, 0x6000), r(0x5800, 0x6800)], ..REBOOT };
    let expected = [r(0x5000, 0x6000), r(0x9000, 0x9008), r(0x5800, 0x6800)];
    assert_eq!(of(&write(&with(|_| ()), &chosen).unwrap()), expected);
}

#[test]
fn cells_are_the_roots_and_areas_that_do_not_fit_them_are_refused() {
    let small = with(|tree| {
        tree.property_u32("#address-cells", 1).unwrap();
        tree.property_u32("#size-cells", 1).unwrap();
    });
    let crash = |area| write(&small, &Chosen { usable_memory: &[area], elfcorehdr: Some(area), ..REBOOT });
    let written = crash(r(0x4800_0000, 0x5000_0000)).unwrap();
    assert_eq!(value(&written, "linux,usable-memory-range"), Some(&[0x48, 0, 0, 0, 8, 0, 0, 0][..]));
    assert_eq!(value(&written, "linux,elfcorehdr"), Some(&[0x48, 0, 0, 0, 8, 0, 0, 0][..]));
    assert!(matches!(crash(r(0x1_4800_0000, 0x1_5000_0000)), Err(Arm64Error::Cells { .. })));
}

#[test]
fn names_that_the_specification_does_not_allow_are_kept_for_boards_have_them() {
    // `dtc -@` makes the first; the others have more than 31 characters.
    let (node, property) = ("a-node-with-a-name-longer-than-allowed@1", "snps,dis-del-phy-power-chg-quirk");
    let mut structure = [&begin(""), &begin("__symbols__"), &[0, 0, 0, 2][..], &begin(node)].concat();
    structure.extend([3_u32, 0, 0, 2, 2, 9].iter().flat_map(|word| word.to_be_bytes()));
    let written = write(&blob(&structure, property), &REBOOT).unwrap();
    let tree = Fdt::new(&written).unwrap();
    let names: Vec<&str> = tree.root().children().map(|node| node.name()).collect();
    assert_eq!(names, ["__symbols__", node, "chosen"]);
    assert!(tree.root().children().any(|node| node.property(property.as_bytes()).is_some()));
}

#[test]
fn no_address_changes_the_size_and_what_is_free_behind_the_blocks_is_left_out() {
    let chosen = |start: u64| Chosen { initrd: Some(r(start, start + 1)), ..REBOOT };
    let size = |chosen: &Chosen<'_>| write(TREE, chosen).unwrap().len();
    assert_eq!(size(&chosen(0)), size(&chosen(u64::MAX - 1)));
    let mut padded = TREE.to_vec();
    padded.resize(TREE.len() + (3 << 20), 0);
    let total = u32::try_from(padded.len()).unwrap();
    padded[4..8].copy_from_slice(&total.to_be_bytes());
    assert_eq!(write(&padded, &REBOOT).unwrap(), write(TREE, &REBOOT).unwrap());
}

#[test]
fn trees_that_would_be_lost_in_part_or_are_too_large_are_refused() {
    let twice = with(|tree| {
        for _ in 0..2 {
            let node = tree.begin_node("memory@0").unwrap();
            tree.end_node(node).unwrap();
        }
    });
    let error = write(&twice, &REBOOT).unwrap_err();
    assert!(error.to_string().contains("have one name"), "{error}");
    let large = with(|tree| tree.property("large", &vec![0; 2 << 20]).unwrap());
    assert!(matches!(write(&large, &REBOOT), Err(Arm64Error::TreeTooLarge { .. })));
    let line = "x".repeat(2 << 20);
    let with_line = write(TREE, &Chosen { command_line: &line, ..REBOOT });
    assert!(matches!(with_line, Err(Arm64Error::TreeTooLarge { .. })), "{with_line:?}");
    assert!(matches!(write(&TREE[..20], &REBOOT), Err(Arm64Error::DeviceTree(_))));
}

#[test]
fn the_number_of_the_boot_cpu_is_kept() {
    let mut tree = TREE.to_vec();
    tree[31] = 3;
    assert_eq!(write(&tree, &REBOOT).unwrap()[28..32], [0, 0, 0, 3]);
}

/// The begin of a node in the structure block.
fn begin(name: &str) -> Vec<u8> {
    let mut bytes = [&[0, 0, 0, 1], name.as_bytes(), &[0]].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A tree of this structure block with a single name of properties.
fn blob(structure: &[u8], string: &str) -> Vec<u8> {
    let (size, strings) = (structure.len(), string.len() + 1);
    let header = [0xd00d_feed, 56 + size + strings, 56, 56 + size, 40, 17, 16, 0, strings, size];
    let header = header.iter().flat_map(|&field| u32::try_from(field).unwrap().to_be_bytes());
    header.chain([0; 16]).chain(structure.iter().copied()).chain(string.bytes()).chain([0]).collect()
}

/// Nodes in nodes.
fn nested(depth: usize) -> Vec<u8> {
    let mut structure = begin("");
    (0..depth).for_each(|_| structure.extend(begin("a")));
    (0..=depth).for_each(|_| structure.extend([0, 0, 0, 2]));
    structure.extend([0, 0, 0, 9]);
    blob(&structure, "")
}

#[test]
fn nodes_as_deep_as_linux_unpacks_are_written_and_deeper_ones_refused() {
    assert!(write(&nested(64), &REBOOT).is_ok());
    for depth in [65, 100_000] {
        let error = write(&nested(depth), &REBOOT).unwrap_err();
        assert!(error.to_string().contains("deeper than 64"), "{error}");
    }
}

proptest! {
    #[test]
    fn no_damaged_tree_makes_it_panic(
        changes in prop::collection::vec((0..TREE.len(), any::<u8>()), 1..8),
        length in prop_oneof![Just(TREE.len()), 0..TREE.len()],
    ) {
        let mut tree = TREE.to_vec();
        for (at, byte) in changes {
            tree[at] = byte;
        }
        tree.truncate(length);
        if let Ok(written) = write(&tree, &REBOOT) {
            let tree = Fdt::new(&tree).unwrap();
            prop_assert_eq!(others(&Fdt::new(&written).unwrap()), others(&tree));
        }
    }
}
