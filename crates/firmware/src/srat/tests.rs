use std::vec;
use std::vec::Vec;

use acpi_tables::Aml;
use acpi_tables::srat as encoder;
use memblock::RangeError;
use proptest::prelude::*;

use super::*;
use crate::acpi::test_table;
use crate::log;

/// Every distinct SRAT of the captures.
const REAL: [&[u8]; 14] = [
    include_bytes!("../../tests/data/arm64-acpi-2node-crash.SRAT"),
    include_bytes!("../../tests/data/arm64-acpi-2node-dimm-0-boot.SRAT"),
    include_bytes!("../../tests/data/arm64-acpi-hpsrat-movable_node.SRAT"),
    include_bytes!("../../tests/data/arm64-acpi-midhp-movable_node.SRAT"),
    include_bytes!("../../tests/data/x86-dimm-crashkernel-256M.SRAT"),
    include_bytes!("../../tests/data/x86-kx-all-crash_s-00-before.SRAT"),
    include_bytes!("../../tests/data/x86-kx-all-exec_c-00-before.SRAT"),
    include_bytes!("../../tests/data/x86-kx-pmem-exec_s-00-before.SRAT"),
    include_bytes!("../../tests/data/x86-n2-default.SRAT"),
    include_bytes!("../../tests/data/x86-n2-srathot-default.SRAT"),
    include_bytes!("../../tests/data/x86-n3-default.SRAT"),
    include_bytes!("../../tests/data/x86-n3-srathot-movable_node-kernelcore.SRAT"),
    include_bytes!("../../tests/data/x86-numa-cpuless-memless.SRAT"),
    include_bytes!("../../tests/data/x86-numa4.SRAT"),
];

/// A table of these structures, each given completely.
fn srat(revision: u8, structures: &[&[u8]]) -> Vec<u8> {
    test_table(*b"SRAT", revision, &[&[0; 12][..], &structures.concat()].concat())
}

fn memory(domain: u32, base: u64, length: u64, flags: u32) -> Vec<u8> {
    let mut bytes = vec![1, 40];
    bytes.extend(domain.to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(base.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(flags.to_le_bytes());
    bytes.extend([0; 8]);
    bytes
}

fn entries(table: &[u8]) -> Vec<Result<Entry, AcpiError>> {
    Srat::new(table).unwrap().entries().collect()
}

#[test]
fn the_memory_that_linux_accepted_is_read_from_its_table() {
    for (table, text) in [
        (REAL[11], &include_bytes!("../../tests/data/x86-n3-srathot-movable_node.dmesg")[..]),
        (REAL[3], &include_bytes!("../../tests/data/arm64-acpi-midhp-movable_node.dmesg")[..]),
        (REAL[0], &include_bytes!("../../tests/data/arm64-acpi-2node-crash.dmesg")[..]),
    ] {
        let ours: Vec<_> = Srat::new(table)
            .unwrap()
            .memory()
            .map(Result::unwrap)
            .filter(|memory| memory.enabled)
            .filter_map(|memory| Some((memory.domain, memory.range?, memory.hot_pluggable)))
            .collect();
        let printed: Vec<_> = log::srat(text)
            .map(Result::unwrap)
            .map(|line| (line.proximity_domain, line.range, line.hotplug))
            .collect();
        assert!(!ours.is_empty());
        assert_eq!(ours, printed);
    }
}

#[test]
fn processors_of_real_tables_are_identified_by_their_interrupt_controller() {
    let processors = |table| {
        entries(table).into_iter().filter_map(|entry| match entry.unwrap() {
            Entry::Processor(p) if p.enabled => Some((p.processor, p.domain)),
            _ => None,
        })
    };
    assert!(processors(REAL[13]).eq((0..4).map(|id| (Processor::Apic(id), u32::from(id)))));
    let arm: Vec<_> = processors(REAL[0]).collect();
    assert_eq!(arm, [(Processor::GicC(0), 0), (Processor::GicC(1), 1)]);
}

#[test]
fn a_table_cut_anywhere_is_an_error_with_an_offset_inside_it() {
    for table in REAL {
        for len in 0..table.len() {
            assert!(Srat::new(&table[..len]).unwrap_err().offset() <= len);
        }
    }
}

#[test]
fn structures_cut_anywhere_end_the_table_with_an_error() {
    for table in REAL {
        let body = &table[FIRST_STRUCTURE..];
        let whole = entries(table);
        for len in 0..body.len() {
            let cut = srat(table[8], &[&body[..len]]);
            let seen = entries(&cut);
            let good = seen.iter().take_while(|entry| entry.is_ok()).count();
            assert_eq!(seen[..good], whole[..good]);
            match seen.get(good) {
                None => {} // Cut between two structures.
                Some(Err(error)) => {
                    assert_eq!(good + 1, seen.len());
                    assert!(error.offset() < cut.len());
                }
                Some(Ok(_)) => unreachable!(),
            }
        }
    }
}

#[test]
fn an_unusable_length_ends_the_table_with_an_error() {
    for length in [0, 1, 41, 255] {
        let mut bad = memory(0, 0, 0x1000, 1);
        bad[1] = length;
        let table = srat(3, &[&memory(7, 0x1000, 0x1000, 1), &bad]);
        let seen = entries(&table);
        assert_eq!(seen.len(), 2);
        assert!(
            matches!(seen[1], Err(AcpiError::Length { offset: 88, length: found, .. }) if found == u64::from(length)),
            "{seen:?}"
        );
    }
}

#[test]
fn a_known_structure_that_is_too_short_is_an_error_in_its_place_and_the_next_follows() {
    for (kind, size) in [(0, 16), (1, 40), (2, 24), (3, 18), (5, 32), (6, 32), (7, 20)] {
        for length in 2..size {
            let mut short = vec![0; usize::from(length)];
            short[..2].copy_from_slice(&[kind, length]);
            let seen = entries(&srat(3, &[&short, &memory(1, 0x1000, 0x1000, 1)]));
            assert_eq!(seen.len(), 2);
            assert!(matches!(seen[0], Err(AcpiError::Length { offset: 48, .. })));
            assert!(matches!(seen[1], Ok(Entry::Memory(MemoryAffinity { domain: 1, .. }))));
        }
    }
}

#[test]
fn a_structure_longer_than_this_reader_knows_is_read_and_skipped() {
    let mut long = memory(3, 0x1000, 0x1000, 5);
    long[1] = 48;
    long.extend([0xff; 8]);
    let seen = entries(&srat(3, &[&long, &[9, 4, 1, 2]]));
    let Ok(Entry::Memory(first)) = seen[0] else { panic!("{seen:?}") };
    assert_eq!(
        (first.domain, first.enabled, first.hot_pluggable, first.non_volatile),
        (3, true, false, true)
    );
    assert_eq!(seen[1], Ok(Entry::Other { offset: 96, kind: 9, len: 4 }));
}

#[test]
fn a_wrapping_range_is_an_error_and_an_empty_range_is_none() {
    let table = srat(3, &[&memory(0, u64::MAX - 1, 2, 1), &memory(0, 5, 0, 0), &memory(2, 0, 1, 1)]);
    let seen: Vec<_> = Srat::new(&table).unwrap().memory().collect();
    assert!(matches!(
        seen[0],
        Err(AcpiError::Range { offset: 48, source: RangeError::PastLastAddress { .. }, .. })
    ));
    assert_eq!(seen[1].unwrap().range, None);
    assert_eq!(seen[2].unwrap().range, Some(PhysRange::new(0, 1).unwrap()));
}

#[test]
fn revision_1_has_domains_of_8_bits() {
    let mut apic = [0, 16, 0x34, 9, 1, 0, 0, 0, 0, 0x12, 0xab, 0xcd, 0, 0, 0, 0];
    apic[12] = 7;
    let structures = [&apic[..], &memory(0x5634_1277, 0, 1, 1)];
    for (revision, processor_domain, memory_domain) in [(1, 0x34, 0x77), (2, 0xcdab_1234, 0x5634_1277)] {
        let seen = entries(&srat(revision, &structures));
        let Ok(Entry::Processor(processor)) = seen[0] else { panic!("{seen:?}") };
        let Ok(Entry::Memory(memory)) = seen[1] else { panic!("{seen:?}") };
        assert_eq!((processor.domain, memory.domain), (processor_domain, memory_domain));
        assert_eq!((processor.processor, processor.clock_domain), (Processor::Apic(9), 7));
    }
}

#[test]
fn a_table_without_room_for_its_reserved_bytes_is_refused() {
    let table = test_table(*b"SRAT", 1, &[0; 11]);
    assert!(matches!(Srat::new(&table), Err(AcpiError::Length { length: 47, .. })));
    assert_eq!(entries(&srat(1, &[])), []);
}

#[test]
fn devices_are_read_as_an_independent_encoder_writes_them() {
    let mut table = encoder::SRAT::new(*b"PHYSME", *b"MEMBLOCK", 7);
    let pci = encoder::Handle::new_pci(0x1234, 0xab, 0x1f, 7);
    table.add_generic_initiator(encoder::GenericInitiator::new(5, pci).enabled());
    let acpi = encoder::Handle::new_acpi(*b"ACPI0016", 0x1122_3344_u32.to_le_bytes());
    table.add_generic_initiator(encoder::GenericInitiator::new(6, acpi));
    let mut bytes = Vec::new();
    table.to_aml_bytes(&mut bytes);
    let seen = entries(&bytes);
    let device = DeviceHandle::Pci { segment: 0x1234, bdf: 0xabff };
    let first = GenericAffinity { offset: 48, domain: 5, device, enabled: true };
    assert_eq!(seen[0], Ok(Entry::GenericInitiator(first)));
    let device = DeviceHandle::Acpi { hid: *b"ACPI0016", uid: 0x1122_3344 };
    let second = GenericAffinity { offset: 80, domain: 6, device, enabled: false };
    assert_eq!(seen[1], Ok(Entry::GenericInitiator(second)));
}

proptest! {
    #[test]
    fn memory_is_read_as_an_independent_encoder_writes_it(
        rows in prop::collection::vec((0u32..256, 0u64..1 << 56, 1u64..1 << 56, any::<[bool; 3]>()), 0..30),
    ) {
        let mut table = encoder::SRAT::new(*b"PHYSME", *b"MEMBLOCK", 1);
        for (domain, base, length, [enabled, hot, non_volatile]) in &rows {
            let mut memory = encoder::MemoryAffinity::new(*domain, *base, *length);
            if *enabled {
                memory = memory.enabled();
            }
            if *hot {
                memory = memory.hotpluggable();
            }
            if *non_volatile {
                memory = memory.nonvolatile();
            }
            table.add_memory_affinity(memory);
        }
        let mut bytes = Vec::new();
        table.to_aml_bytes(&mut bytes);
        let seen: Vec<_> = Srat::new(&bytes).unwrap().memory().map(Result::unwrap).collect();
        let expected: Vec<_> = rows
            .into_iter()
            .enumerate()
            .map(|(index, (domain, base, length, [enabled, hot_pluggable, non_volatile]))| MemoryAffinity {
                offset: 48 + index * 40,
                domain,
                range: Some(PhysRange::from_size(base, length).unwrap()),
                enabled,
                hot_pluggable,
                non_volatile,
            })
            .collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn any_structures_are_read_to_the_end_or_to_an_error(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let table = srat(2, &[&body]);
        let seen = entries(&table);
        prop_assert!(seen.len() <= body.len() / 2 + 1);
    }
}
