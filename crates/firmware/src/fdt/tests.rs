use std::string::{String, ToString};
use std::vec::Vec;

use memblock::{PhysRange, RangeError};
use proptest::prelude::*;
use vm_fdt::{FdtReserveEntry, FdtWriter};

use super::*;

mod blob;

const RESV: &[u8] = include_bytes!("../../tests/data/arm64-dts-resv.fdt");
const KDUMP: &[u8] = include_bytes!("../../tests/data/arm64-dts-usable-kdump.fdt");
const HOTPLUG: &[u8] = include_bytes!("../../tests/data/arm64-dts-hotplug.fdt");
const MIRROR: &[u8] = include_bytes!("../../tests/data/arm64-efi-mirror.fdt");
const KEXEC: &[u8] = include_bytes!("../../tests/data/arm64-kexec-dt-vmem-stage2.fdt");
const NONUMA: &[u8] = include_bytes!("../../tests/data/arm64-dts-nonuma-attr.fdt");
const REAL: [&[u8]; 6] = [RESV, KDUMP, HOTPLUG, MIRROR, KEXEC, NONUMA];

fn range(start: u64, size: u64) -> PhysRange {
    PhysRange::from_size(start, size).unwrap()
}

fn memory(blob: &[u8]) -> Vec<Result<Memory, FdtError>> {
    Fdt::new(blob).unwrap().memory().unwrap().collect()
}

/// A tree whose root has these cells, filled in by `fill`.
fn tree(
    address: u32,
    size: u32,
    fill: impl FnOnce(&mut FdtWriter) -> vm_fdt::FdtWriterResult<()>,
) -> Vec<u8> {
    let mut writer = FdtWriter::new().unwrap();
    let root = writer.begin_node("").unwrap();
    writer.property_u32("#address-cells", address).unwrap();
    writer.property_u32("#size-cells", size).unwrap();
    fill(&mut writer).unwrap();
    writer.end_node(root).unwrap();
    writer.finish().unwrap()
}

/// A blob of version 17 with this structure block and these strings, without reservations.
fn raw(structure: &[u32], strings: &[u8]) -> Vec<u8> {
    let strings_size = u32::try_from(strings.len()).unwrap();
    let structure_size = u32::try_from(structure.len()).unwrap() * 4;
    let strings_at = 56 + structure_size;
    let totalsize = strings_at + strings_size;
    let mut blob = Vec::new();
    for word in [0xd00d_feed, totalsize, 56, strings_at, 40, 17, 16, 0, strings_size, structure_size] {
        blob.extend(u32::to_be_bytes(word));
    }
    blob.extend([0; 16]);
    blob.extend(structure.iter().flat_map(|word| word.to_be_bytes()));
    blob.extend(strings);
    blob
}

fn memory_node(writer: &mut FdtWriter, name: &str, reg: &[u64]) -> vm_fdt::FdtWriterResult<()> {
    let node = writer.begin_node(name)?;
    writer.property_string("device_type", "memory")?;
    writer.property_array_u64("reg", reg)?;
    writer.end_node(node)
}

#[test]
fn memory_nodes_of_a_real_machine_keep_node_and_hotpluggable() {
    let seen: Vec<_> = memory(HOTPLUG)
        .into_iter()
        .map(Result::unwrap)
        .map(|m| (m.range, m.node.map(memblock::NodeId::get), m.hotpluggable, m.enabled))
        .collect();
    let gib = 1 << 30;
    assert_eq!(
        seen,
        [(range(0x4000_0000, gib), Some(0), false, true), (range(0x8000_0000, gib), Some(1), true, true),]
    );
    let nodes: Vec<_> = memory(NONUMA).into_iter().map(|m| m.unwrap().node).collect();
    assert_eq!(nodes, [None, memblock::NodeId::new(1)]);
}

#[test]
fn reserved_memory_of_a_real_machine_is_read_node_by_node() {
    let fdt = Fdt::new(RESV).unwrap();
    let nodes: Vec<_> = fdt.reserved_memory().unwrap().collect();
    let names: Vec<_> = nodes.iter().map(ReservedMemory::name).collect();
    assert_eq!(
        names,
        [
            "fw@50000000",
            "keep@51000000",
            "odd@52000400",
            "off@53000000",
            "two@54000000",
            "cma@60000000",
            "dyncma",
            "dynnomap",
            "dynplain",
            "pool@58000000",
            "outside@200000000",
        ]
    );
    let find = |name| nodes.iter().find(|node| node.name() == name).unwrap();
    assert!(find("fw@50000000").no_map() && find("fw@50000000").is_static());
    assert!(!find("off@53000000").enabled() && find("keep@51000000").enabled());
    assert!(find("odd@52000400").ranges().eq([Ok(range(0x5200_0400, 0xa00))]));
    let two = [Ok(range(0x5400_0000, 0x10_0000)), Ok(range(0x5420_0000, 0x10_0000))];
    assert!(find("two@54000000").ranges().eq(two));
    let cma = find("dyncma");
    assert!(!cma.is_static() && cma.reusable() && cma.cma_default() && cma.ranges().next().is_none());
    assert_eq!((cma.size(), cma.alignment()), (Ok(Some(0x200_0000)), Ok(Some(0x40_0000))));
    assert_eq!(cma.compatible(), Some(&b"shared-dma-pool"[..]));
    let alloc: Vec<_> = find("dynnomap").alloc_ranges().collect();
    assert_eq!(alloc, [Ok(range(0x8000_0000, 0x2000_0000))]);
    assert_eq!(find("dynplain").alignment(), Ok(None));
    // They overlap, as in the tree.
    let reserved: Vec<_> = fdt.memreserve().collect();
    assert_eq!(reserved, [Ok(range(0x5500_0000, 0x3000)), Ok(range(0x5500_2000, 0x2000))]);
}

#[test]
fn chosen_of_real_machines_has_what_each_boot_was_given() {
    let chosen = |blob| Fdt::new(blob).unwrap().chosen().unwrap().unwrap();
    let kdump = chosen(KDUMP);
    assert!(kdump.usable_memory_ranges().eq([Ok(range(0x4040_0000, 0x1000_0000))]));
    assert_eq!(kdump.initrd(), Ok(PhysRange::new(0x4c00_0000, 0x4c14_41f6).ok()));
    assert_eq!((kdump.elfcorehdr(), kdump.uefi_memory_map()), (Ok(None), Ok(None)));
    assert!(kdump.bootargs().unwrap().starts_with(b"console=ttyAMA0 memblock=debug"));
    let mirror = chosen(MIRROR);
    assert_eq!(mirror.uefi_system_table(), Ok(Some(0x4b00_0000)));
    let map = mirror.uefi_memory_map().unwrap().unwrap();
    assert_eq!((map.range, map.desc_size, map.desc_version), (range(0x4b01_0000, 0x150), 48, 1));
    let kexec = Fdt::new(KEXEC).unwrap();
    assert!(kexec.memreserve().eq([Ok(range(0x418f_0000, 0x14_41f6))]));
}

#[test]
fn every_memory_node_counts_whatever_its_name_and_every_range_of_it() {
    let blob = tree(2, 2, |writer| {
        memory_node(writer, "memory@0", &[0, 0x1000, 0x10000, 0x2000])?;
        let other = writer.begin_node("memory@1")?;
        writer.property_array_u64("reg", &[0x2000, 0x1000])?;
        writer.end_node(other)?;
        memory_node(writer, "ram", &[1 << 40, 1 << 30])
    });
    let ranges: Vec<_> = memory(&blob).into_iter().map(|m| m.unwrap().range).collect();
    assert_eq!(ranges, [range(0, 0x1000), range(0x1_0000, 0x2000), range(1 << 40, 1 << 30)]);
}

#[test]
fn a_property_is_not_confused_with_one_whose_name_starts_alike() {
    let blob = tree(2, 2, |writer| {
        let node = writer.begin_node("memory@0")?;
        writer.property_string("device_type", "memory")?;
        writer.property_array_u64("reg-before", &[0x7000, 0x1000])?;
        writer.property_array_u64("reg", &[0x1000, 0x1000])?;
        writer.end_node(node)
    });
    assert_eq!(memory(&blob)[0].unwrap().range, range(0x1000, 0x1000));
}

#[test]
fn usable_memory_overrides_reg_and_status_is_reported() {
    let blob = tree(2, 2, |writer| {
        let node = writer.begin_node("memory@0")?;
        writer.property_string("device_type", "memory")?;
        writer.property_array_u64("reg", &[0, 1 << 30])?;
        writer.property_array_u64("linux,usable-memory", &[0x1000, 0x1000])?;
        writer.end_node(node)?;
        let node = writer.begin_node("memory@1")?;
        writer.property_string("device_type", "memory")?;
        writer.property_string("status", "disabled")?;
        writer.property_array_u64("reg", &[0x8000_0000, 0x1000])?;
        writer.end_node(node)
    });
    let seen: Vec<_> = memory(&blob).into_iter().map(Result::unwrap).collect();
    assert_eq!((seen[0].range, seen[0].usable_memory, seen[0].enabled), (range(0x1000, 0x1000), true, true));
    assert_eq!((seen[1].usable_memory, seen[1].enabled), (false, false));
}

#[test]
fn an_invalid_numa_node_id_loses_the_node_but_not_its_ranges() {
    let ids: [&[u8]; 4] = [&[0xff; 4], &[0, 0, 0, 1, 0, 0, 0, 1], &[1], &[]];
    for id in ids {
        for reg in [&[0x1000, 0x1000, 0x4000, 0x2000][..], &[]] {
            let blob = tree(2, 2, |writer| {
                let node = writer.begin_node("memory@1000")?;
                writer.property_string("device_type", "memory")?;
                writer.property_array_u64("reg", reg)?;
                writer.property("numa-node-id", id)?;
                writer.property_null("hotpluggable")?;
                writer.end_node(node)?;
                memory_node(writer, "memory@9000", &[0x9000, 0x1000])
            });
            let mut seen = memory(&blob).into_iter();
            let fault = seen.next().unwrap().unwrap_err();
            assert!(fault.to_string().starts_with("numa-node-id at byte"), "{fault}");
            let (faulty, next): (Vec<_>, Vec<_>) = seen.map(Result::unwrap).partition(|m| m.hotpluggable);
            let expected: Vec<_> = reg.chunks(2).map(|pair| (range(pair[0], pair[1]), None, true)).collect();
            let faulty: Vec<_> = faulty.into_iter().map(|m| (m.range, m.node, m.enabled)).collect();
            assert_eq!(faulty, expected);
            assert_eq!(next.iter().map(|m| m.range).collect::<Vec<_>>(), [range(0x9000, 0x1000)]);
        }
    }
}

#[test]
fn a_status_or_hotpluggable_of_any_contents_loses_no_range() {
    for contents in [&[][..], &[0], &[0xff; 4], b"okay", b"okay\0", b"disabled\0", &[0, 0, 0, 1]] {
        let blob = tree(2, 2, |writer| {
            let node = writer.begin_node("memory@1000")?;
            writer.property_string("device_type", "memory")?;
            writer.property_array_u64("reg", &[0x1000, 0x1000, 0x4000, 0x2000])?;
            writer.property("status", contents)?;
            writer.property("hotpluggable", contents)?;
            writer.end_node(node)
        });
        let enabled = contents.starts_with(b"okay");
        let seen: Vec<_> = memory(&blob).into_iter().map(Result::unwrap).collect();
        let seen: Vec<_> = seen.iter().map(|m| (m.range, m.hotpluggable, m.enabled)).collect();
        assert_eq!(seen, [(range(0x1000, 0x1000), true, enabled), (range(0x4000, 0x2000), true, enabled)]);
    }
}

#[test]
fn empty_and_wrapping_ranges_and_left_over_bytes_are_errors_in_their_place() {
    let blob = tree(2, 2, |writer| {
        memory_node(writer, "memory@0", &[0x1000, 0, u64::MAX, 2, 0x2000, 0x1000, 7])?;
        memory_node(writer, "memory@1", &[0x9000, 0x1000])
    });
    let seen = memory(&blob);
    assert!(seen[0].unwrap_err().is_empty_range());
    let FdtError::Range { offset, source: RangeError::PastLastAddress { .. }, .. } = seen[1].unwrap_err()
    else {
        panic!("{seen:?}")
    };
    assert_eq!(offset, seen[0].unwrap_err().offset() + 16);
    assert_eq!(seen[2].unwrap().range, range(0x2000, 0x1000));
    assert!(matches!(seen[3], Err(FdtError::Length { len: 8, .. })));
    assert_eq!(seen[4].unwrap().range, range(0x9000, 0x1000));
}

#[test]
fn one_cell_is_enough_and_three_are_refused() {
    let reg = |writer: &mut FdtWriter, cells: &[u32]| {
        let node = writer.begin_node("memory@0")?;
        writer.property_string("device_type", "memory")?;
        writer.property_array_u32("reg", cells)?;
        writer.end_node(node)
    };
    let blob = tree(1, 1, |writer| reg(writer, &[0x8000_0000, 0x1000]));
    assert_eq!(memory(&blob)[0].unwrap().range, range(0x8000_0000, 0x1000));
    for (address, size) in [(3, 1), (0, 1), (1, 3), (u32::MAX, 1)] {
        let blob = tree(address, size, |writer| reg(writer, &[0; 4]));
        assert!(matches!(Fdt::new(&blob).unwrap().memory(), Err(FdtError::Value { .. })));
    }
}

#[test]
fn names_longer_than_the_specification_allows_are_read_as_in_linux() {
    let name = b"vendor,a-property-name-of-more-than-31-characters\0";
    let blob = raw(&[1, 0, 3, 0, 0, 1, 0x6100_0000, 2, 2, 9], name);
    assert!(Fdt::new(&blob).is_ok());
    // dtoolkit 0.4 refuses the whole tree for it, which is why it is not used to read trees here.
    assert!(dtoolkit::fdt::Fdt::new(&blob).is_err());
    let short = raw(&[1, 0, 3, 0, 0, 1, 0x6100_0000, 2, 2, 9], b"vendor,short\0");
    assert!(dtoolkit::fdt::Fdt::new(&short).is_ok());
}

#[test]
fn half_of_a_pair_of_properties_is_an_error() {
    let chosen = |fill: fn(&mut FdtWriter) -> vm_fdt::FdtWriterResult<()>| {
        tree(2, 2, |writer| {
            let node = writer.begin_node("chosen")?;
            fill(writer)?;
            writer.end_node(node)
        })
    };
    let blob = chosen(|writer| writer.property_u64("linux,initrd-start", 0x1000));
    let error = Fdt::new(&blob).unwrap().chosen().unwrap().unwrap().initrd().unwrap_err();
    assert!(matches!(error, FdtError::Missing { missing: "linux,initrd-end", .. }));
    let blob = chosen(|writer| writer.property_u64("linux,uefi-mmap-start", 0x1000));
    let error = Fdt::new(&blob).unwrap().chosen().unwrap().unwrap().uefi_memory_map().unwrap_err();
    assert!(matches!(error, FdtError::Missing { missing: "linux,uefi-mmap-size", .. }));
    let blob = chosen(|writer| writer.property_array_u64("linux,elfcorehdr", &[0x1000, 0x2000]));
    let found = Fdt::new(&blob).unwrap().chosen().unwrap().unwrap().elfcorehdr();
    assert_eq!(found, Ok(Some(range(0x1000, 0x2000))));
    let blob = chosen(|writer| writer.property_array_u64("linux,elfcorehdr", &[0x1000, 0x2000, 0x3000]));
    let error = Fdt::new(&blob).unwrap().chosen().unwrap().unwrap().elfcorehdr().unwrap_err();
    assert!(matches!(error, FdtError::Length { len: 24, .. }));
}

/// A tree with these bytes as its reservation block, after everything else; and where they start.
fn with_reservations(block: &[u8]) -> (Vec<u8>, usize) {
    let mut blob = tree(2, 2, |_| Ok(()));
    let at = blob.len();
    blob.extend(block);
    let size = u32::try_from(blob.len()).unwrap();
    blob[4..8].copy_from_slice(&size.to_be_bytes());
    blob[16..20].copy_from_slice(&u32::try_from(at).unwrap().to_be_bytes());
    (blob, at)
}
