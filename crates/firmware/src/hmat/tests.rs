use std::vec::Vec;

use acpi_tables::Aml;
use acpi_tables::hmat as encoder;
use proptest::prelude::*;

use super::*;
use crate::acpi::test_table;

/// Two initiators, three memories and a cache, from an independent encoder.
fn encoded() -> Vec<u8> {
    let mut table = encoder::HMAT::new(*b"PHYSME", *b"MEMBLOCK", 1);
    table.add_memory_proximity(encoder::MemoryProximityDomain::new(1, 2));
    let mut matrix = encoder::SystemLocality::new(
        encoder::LocalityType::Memory,
        encoder::DataType::ReadLatency,
        encoder::MinTransferSize::Size64b,
        100,
        2,
        2,
    );
    for (position, domain) in [(0, 0), (1, 1)] {
        matrix.set_initiator_value(position, domain);
        matrix.set_target_value(position, domain + 10);
    }
    matrix.set_entry_value(0, 0, 5);
    matrix.set_entry_value(0, 1, 0);
    matrix.set_entry_value(1, 0, 0xfffe);
    table.add_system_locality(matrix);
    let mut cache = encoder::MemorySideCache::new(
        2,
        0x10_0000_0000,
        encoder::CacheLevel::Two,
        encoder::CacheLevel::One,
        encoder::Associativity::DirectMapped,
        encoder::WritePolicy::Writeback,
        64,
    );
    cache.add_smbios_handle(0x1234);
    cache.add_smbios_handle(0x5678);
    table.add_memory_side_cache(cache);
    let mut bytes = Vec::new();
    table.to_aml_bytes(&mut bytes);
    bytes
}

fn hmat(body: &[u8]) -> Vec<u8> {
    test_table(*b"HMAT", 2, &[&[0; 4], body].concat())
}

/// A type 1 structure of `len` bytes that claims this many rows and columns.
fn locality(len: usize, rows: u32, columns: u32) -> Vec<u8> {
    let mut bytes = std::vec![0; len];
    bytes[0] = 1;
    bytes[4..8].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
    bytes[12..16].copy_from_slice(&rows.to_le_bytes());
    bytes[16..20].copy_from_slice(&columns.to_le_bytes());
    bytes
}

fn entries(table: &[u8]) -> Vec<Result<Entry<'_>, AcpiError>> {
    Hmat::new(table).unwrap().entries().collect()
}

#[test]
fn a_table_from_an_independent_encoder_is_read_back() {
    let table = encoded();
    let seen: Vec<_> = entries(&table).into_iter().map(Result::unwrap).collect();
    let [Entry::MemoryProximityDomain(domain), Entry::SystemLocality(matrix), Entry::MemorySideCache(cache)] =
        seen[..]
    else {
        panic!("{seen:?}")
    };
    assert_eq!((domain.initiator_domain, domain.memory_domain), (Some(1), 2));
    assert_eq!(
        (matrix.data_type, matrix.base_unit, matrix.min_transfer_size),
        (DataType::ReadLatency, 100, 1)
    );
    assert!(matrix.initiators().eq([0, 1]) && matrix.targets().eq([10, 11]));
    assert_eq!(matrix.performance(0, 0), Some(Performance::Value(500)));
    assert_eq!(matrix.performance(0, 1), Some(Performance::NotProvided));
    assert_eq!(matrix.performance(1, 0), Some(Performance::Value(6_553_400)));
    assert_eq!(matrix.performance(1, 1), Some(Performance::Unreachable));
    assert_eq!((matrix.performance(2, 0), matrix.performance(0, 2)), (None, None));
    assert_eq!((cache.memory_domain, cache.size), (2, 0x10_0000_0000));
    assert_eq!((cache.levels(), cache.level(), cache.line_size()), (2, 1, 64));
    assert!(cache.smbios_handles().eq([0x1234, 0x5678]));
}

#[test]
fn a_table_cut_anywhere_is_an_error() {
    let table = encoded();
    for len in 0..table.len() {
        assert!(Hmat::new(&table[..len]).unwrap_err().offset() <= len);
    }
}

#[test]
fn structures_cut_anywhere_end_the_table_with_an_error() {
    let table = encoded();
    let body = &table[FIRST_STRUCTURE..];
    let starts = [0, 40, 40 + 32 + 8 + 8 + 8];
    for len in 0..body.len() {
        let cut = hmat(&body[..len]);
        assert_eq!(entries(&cut).iter().any(Result::is_err), !starts.contains(&len), "{len} bytes");
    }
}

#[test]
fn counts_larger_than_the_structure_are_errors_however_large() {
    for (rows, columns) in [(1, 1), (u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX), (1 << 31, 2)] {
        let table = hmat(&[locality(32, rows, columns), locality(32, 0, 0)].concat());
        let seen = entries(&table);
        assert!(matches!(seen[0], Err(AcpiError::Length { offset: 40, length: 32, .. })), "{seen:?}");
        assert!(matches!(seen[1], Ok(Entry::SystemLocality(_))), "the next structure follows");
    }
    // Rows without columns have an empty matrix.
    let table = hmat(&locality(40, 2, 0));
    let Ok(Entry::SystemLocality(matrix)) = entries(&table)[0] else { panic!() };
    assert_eq!((matrix.initiators().len(), matrix.performance(0, 0)), (2, None));
}

#[test]
fn a_product_too_large_for_64_bits_is_none() {
    let mut structure = locality(32 + 4 + 4 + 2, 1, 1);
    structure[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
    structure[40] = 2;
    let table = hmat(&structure);
    let Ok(Entry::SystemLocality(matrix)) = entries(&table)[0] else { panic!() };
    assert_eq!(matrix.performance(0, 0), None);
}

#[test]
fn an_unusable_length_ends_the_table_with_an_error() {
    for length in [0u32, 7, 33, u32::MAX] {
        let mut structure = locality(32, 0, 0);
        structure[4..8].copy_from_slice(&length.to_le_bytes());
        let table = hmat(&structure);
        let seen = entries(&table);
        assert_eq!(seen.len(), 1);
        assert!(matches!(seen[0], Err(AcpiError::Length { offset: 40, .. })), "{seen:?}");
    }
}

#[test]
fn an_initiator_counts_only_when_its_flag_is_set() {
    let mut structure = std::vec![0; 40];
    structure[4] = 40;
    structure[12] = 9;
    structure[16] = 3;
    let table = hmat(&structure);
    let expected = MemoryProximityDomain { offset: 40, initiator_domain: None, memory_domain: 3 };
    assert_eq!(entries(&table)[0], Ok(Entry::MemoryProximityDomain(expected)));
}

#[test]
fn unknown_structures_are_returned_as_other() {
    let table = hmat(&[0x34, 0x12, 0, 0, 9, 0, 0, 0, 0]);
    assert_eq!(entries(&table), [Ok(Entry::Other { offset: 40, kind: 0x1234, len: 9 })]);
}

/// No captured machine has this table, so the fuzz target and the example use this one.
#[test]
fn the_table_the_fuzzer_starts_from_is_this_one() {
    assert_eq!(include_bytes!("../../tests/data/acpi_tables.HMAT"), &encoded()[..]);
}

proptest! {
    #[test]
    fn any_structures_are_read_to_the_end_or_to_an_error(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let table = hmat(&body);
        prop_assert!(entries(&table).len() <= body.len() / 8 + 1);
    }
}
