use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::log::{self, E820Map};

const EFI: &[u8] = include_bytes!("../../tests/data/x86-plain-2g-efi.boot_params");
const PVH: &[u8] = include_bytes!("../../tests/data/x86-plain-2g-pvh.boot_params");
const BIOS: &[u8] = include_bytes!("../../tests/data/x86-plain-2g.boot_params");
const EFI_LOG: &[u8] = include_bytes!("../../tests/data/x86-plain-2g-efi.dmesg");
const PVH_LOG: &[u8] = include_bytes!("../../tests/data/x86-plain-2g-pvh.dmesg");

fn entry(start: u64, size: u64, kind: u32) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&start.to_le_bytes());
    bytes[8..16].copy_from_slice(&size.to_le_bytes());
    bytes[16..].copy_from_slice(&kind.to_le_bytes());
    bytes
}

fn bios_map(text: &[u8]) -> Vec<Entry> {
    log::e820(text).map(Result::unwrap).filter(|l| l.map == E820Map::Bios).map(|l| l.entry).collect()
}

#[test]
fn a_zero_page_has_the_map_that_its_kernel_printed() {
    let entries: Vec<_> = BootParams::new(EFI).unwrap().entries().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 16);
    assert_eq!(entries, bios_map(EFI_LOG));
    assert_eq!(BootParams::new(EFI).unwrap().acpi_rsdp(), None);
}

#[test]
fn a_bios_boot_has_the_setup_header_and_its_ramdisk() {
    let page = BootParams::new(BIOS).unwrap();
    assert_eq!(page.protocol_version(), 0x20f);
    assert_eq!(page.ramdisk().unwrap(), Some(PhysRange::from_size(0x7f8d_9000, 0x70_6a6c).unwrap()));
    assert_eq!(page.setup_data(), None);
    assert_eq!(page.acpi_rsdp(), Some(0xf_59c0));
    assert_eq!(page.entries().map(Result::unwrap).filter(|e| e.kind == E820Type::Ram).count(), 2);
}

#[test]
fn pages_filled_by_the_efi_stub_or_pvh_are_accepted_without_the_magic() {
    for page in [EFI, PVH] {
        assert_eq!(page[HEADER_MAGIC..HEADER_MAGIC + 4], [0; 4]);
        assert!(BootParams::new(page).is_ok());
    }
    let zeros = [0; 4096];
    let error = BootParams::new(&zeros).unwrap_err();
    assert_eq!(error, E820Error::Magic { offset: HEADER_MAGIC, found: [0; 4] });
}

#[test]
fn the_overlap_in_a_real_pvh_map_is_found_and_was_merged_by_linux() {
    // QEMU reserves 0xf0000 itself, and Linux then adds the whole ISA hole.
    let entries = BootParams::new(PVH).unwrap().entries();
    let overlaps: Vec<_> = entries.overlaps().collect();
    let range = PhysRange::new(0xf_0000, 0x10_0000).unwrap();
    assert_eq!(overlaps, [E820Error::Overlap { offset: 0x35c, earlier: 0x2f8, range }]);
    assert_eq!(entries.count(), bios_map(PVH_LOG).len() + 2);
}

#[test]
fn a_page_cut_anywhere_is_too_short() {
    for len in 0..BIOS.len() {
        assert_eq!(BootParams::new(&BIOS[..len]).unwrap_err(), E820Error::TooShort { len });
    }
}

#[test]
fn other_bytes_in_place_of_the_magic_are_refused() {
    let mut page = BIOS.to_vec();
    page[HEADER_MAGIC] = b'X';
    assert_eq!(BootParams::new(&page).unwrap_err().offset(), HEADER_MAGIC);
}

#[test]
fn more_entries_than_the_page_has_room_for_are_refused() {
    let mut page = BIOS.to_vec();
    page[E820_ENTRIES] = 128;
    assert_eq!(BootParams::new(&page).unwrap().entries().count(), 128);
    for count in 129..=255 {
        page[E820_ENTRIES] = count;
        let error = BootParams::new(&page).unwrap_err();
        assert_eq!(error, E820Error::Count { offset: E820_ENTRIES, count });
    }
}

#[test]
fn entries_without_a_range_are_reported_in_place_and_the_rest_follows() {
    let mut table = Vec::new();
    table.extend(entry(0x1000, 0, 1));
    table.extend(entry(u64::MAX - 0xfff, 0x2000, 1));
    table.extend(entry(u64::MAX - 0xfff, 0x1000, 2));
    table.extend(entry(0x1000, 0x1000, 99));
    let seen: Vec<_> = Table::new(&table).unwrap().entries().collect();
    assert_eq!(seen[0], Err(E820Error::Range { offset: 0, source: RangeError::Empty { start: 0x1000 } }));
    assert_eq!(seen[1].unwrap_err().offset(), 20);
    assert_eq!(seen[2].unwrap_err().offset(), 40);
    assert_eq!(seen[3].unwrap().kind, E820Type::Other(99));
}

#[test]
fn a_table_with_bytes_left_over_is_refused_at_every_length() {
    let table = [entry(0, 1, 1), entry(1, 1, 1)].concat();
    for len in 0..table.len() {
        match Table::new(&table[..len]) {
            Ok(parsed) => assert_eq!(parsed.entries().count() * 20, len),
            Err(error) => {
                assert_eq!(error, E820Error::PartialEntry { offset: len / 20 * 20, len: len % 20 });
            }
        }
    }
}

#[test]
fn exactly_the_pairs_that_share_addresses_are_overlaps() {
    let table = [
        entry(0x0, 0x4000, 1),
        entry(0x3000, 0x2000, 2),
        entry(0x1000, 0, 2),
        entry(0x5000, 0x1000, 1),
        entry(0x0, 0x6000, 3),
    ]
    .concat();
    let pairs: Vec<_> = Table::new(&table)
        .unwrap()
        .entries()
        .overlaps()
        .map(|overlap| match overlap {
            E820Error::Overlap { offset, earlier, .. } => (offset / 20, earlier / 20),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(pairs, [(1, 0), (4, 0), (4, 1), (4, 3)]);
}

proptest! {
    #[test]
    fn entries_are_read_back_as_written(rows in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u32>()), 0..20)) {
        let table: Vec<u8> = rows.iter().flat_map(|(start, size, kind)| entry(*start, *size, *kind)).collect();
        let seen: Vec<_> = Table::new(&table).unwrap().entries().collect();
        prop_assert_eq!(seen.len(), rows.len());
        for (item, (start, size, kind)) in seen.into_iter().zip(rows) {
            match PhysRange::from_size(start, size) {
                Ok(range) => prop_assert_eq!(item, Ok(Entry { range, kind: E820Type::from(kind) })),
                Err(_) => prop_assert!(item.is_err()),
            }
            prop_assert_eq!(E820Type::from(kind).number(), kind);
        }
    }
}
