use std::vec::Vec;

use acpi_tables::Aml;
use acpi_tables::cedt as encoder;
use memblock::RangeError;
use proptest::prelude::*;

use super::*;
use crate::acpi::test_table;

const GIB: u64 = 1 << 30;

/// Two bridges encoded by hand (`acpi_tables` 0.2.1 writes them 5 bytes too short), then a window over both
/// and XOR maps from an independent encoder.
fn encoded() -> Vec<u8> {
    let mut body = bridge(7, 1, 0xfe00_0000, 0x1_0000);
    body.extend(bridge(8, 0, 0xfe01_0000, 0x2000));
    let mut table = encoder::CEDT::new(*b"PHYSME", *b"MEMBLOCK", 1);
    let mut window = encoder::CxlFixedMemory::new(
        4 * GIB,
        8 * GIB,
        encoder::InterleaveArithmetic::ModuloXor,
        encoder::InterleaveGranularity::Granularity4kb,
        encoder::InterleaveWays::Ways2,
        3,
    )
    .volatile();
    window.add_target(7u32.to_le_bytes());
    window.add_target(8u32.to_le_bytes());
    table.add_fixed_memory(window);
    let mut math = encoder::XorInterleaveMath::new(encoder::InterleaveGranularity::Granularity4kb);
    math.add_xormap(0x1111_0000);
    table.add_xor_interleave_math(math);
    let mut bytes = Vec::new();
    table.to_aml_bytes(&mut bytes);
    body.extend_from_slice(Cedt::new(&bytes).unwrap().table().bytes().get(HEADER_SIZE..).unwrap());
    cedt(&body)
}

/// A CHBS.
fn bridge(uid: u32, version: u32, base: u64, length: u64) -> Vec<u8> {
    let mut bytes = std::vec![0, 0, 32, 0];
    bytes.extend(uid.to_le_bytes());
    bytes.extend(version.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(base.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes
}

fn cedt(body: &[u8]) -> Vec<u8> {
    test_table(*b"CEDT", 1, body)
}

/// A CFMWS of `len` bytes.
fn window(len: u16, base: u64, size: u64, ways: u8, granularity: u32) -> Vec<u8> {
    let mut bytes = std::vec![0; usize::from(len)];
    bytes[0] = 1;
    bytes[2..4].copy_from_slice(&len.to_le_bytes());
    bytes[8..16].copy_from_slice(&base.to_le_bytes());
    bytes[16..24].copy_from_slice(&size.to_le_bytes());
    bytes[24] = ways;
    bytes[28..32].copy_from_slice(&granularity.to_le_bytes());
    bytes
}

fn entries(table: &[u8]) -> Vec<Result<Entry<'_>, AcpiError>> {
    Cedt::new(table).unwrap().entries().collect()
}

#[test]
fn a_table_from_an_independent_encoder_is_read_back() {
    let table = encoded();
    let seen: Vec<_> = entries(&table).into_iter().map(Result::unwrap).collect();
    let [
        Entry::HostBridge(new),
        Entry::HostBridge(old),
        Entry::FixedMemoryWindow(w),
        Entry::XorInterleaveMath(x),
    ] = seen[..]
    else {
        panic!("{seen:?}")
    };
    assert_eq!((new.uid, new.cxl_version, new.registers.size()), (7, 1, 0x1_0000));
    assert_eq!((old.uid, old.cxl_version, old.registers.start()), (8, 0, 0xfe01_0000));
    assert_eq!(w.window, PhysRange::new(4 * GIB, 12 * GIB).unwrap());
    assert_eq!((w.ways, w.granularity, w.arithmetic), (2, 4096, InterleaveArithmetic::ModuloXor));
    assert!(w.volatile() && !w.persistent() && w.qtg_id == 3);
    assert!(w.targets().eq([7, 8]));
    assert_eq!(x.granularity, 4096);
    assert!(x.maps().eq([0x1111_0000]));
    assert_eq!(Cedt::new(&table).unwrap().windows().collect::<Vec<_>>(), [Ok(w)]);
}

#[test]
fn a_table_cut_anywhere_is_an_error() {
    let table = encoded();
    for len in 0..table.len() {
        assert!(Cedt::new(&table[..len]).unwrap_err().offset() <= len);
    }
}

#[test]
fn structures_cut_anywhere_end_the_table_with_an_error() {
    let table = encoded();
    let body = &table[HEADER_SIZE..];
    for len in 0..body.len() {
        let cut = cedt(&body[..len]);
        let between = [0, 32, 64, 108].contains(&len);
        assert_eq!(entries(&cut).iter().any(Result::is_err), !between, "{len} bytes");
    }
}

#[test]
fn only_the_defined_numbers_of_ways_are_decoded() {
    let defined = [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (8, 3), (9, 6), (10, 12)];
    for encoded in 0..=255 {
        let table = cedt(&window(36 + 64, GIB, GIB, encoded, 0));
        match (entries(&table)[0], defined.iter().find(|(code, _)| *code == encoded)) {
            (Ok(Entry::FixedMemoryWindow(w)), Some((_, ways))) => {
                assert_eq!((w.ways, w.targets().len()), (*ways, *ways as usize));
            }
            (Err(AcpiError::Value { offset: 60, value, .. }), None) => assert_eq!(value, u64::from(encoded)),
            (other, _) => panic!("{encoded}: {other:?}"),
        }
    }
}

#[test]
fn only_the_defined_granularities_are_decoded() {
    for encoded in (0..10).chain([32, u32::MAX]) {
        let table = cedt(&window(40, GIB, GIB, 0, encoded));
        match entries(&table)[0] {
            Ok(Entry::FixedMemoryWindow(w)) => {
                assert_eq!((encoded <= 6, w.granularity), (true, 256 << encoded));
            }
            Err(AcpiError::Value { offset: 64, .. }) => assert!(encoded > 6),
            other => panic!("{encoded}: {other:?}"),
        }
    }
}

#[test]
fn a_window_without_room_for_its_targets_or_without_a_range_is_an_error_and_the_next_follows() {
    let table = cedt(
        &[
            window(36 + 4, GIB, GIB, 1, 0),
            window(40, GIB, 0, 0, 0),
            window(40, u64::MAX, GIB, 0, 0),
            window(40, 0, GIB, 0, 0),
        ]
        .concat(),
    );
    let seen: Vec<_> = Cedt::new(&table).unwrap().windows().collect();
    assert!(matches!(seen[0], Err(AcpiError::Length { offset: 36, length: 40, .. })));
    assert!(matches!(seen[1], Err(AcpiError::Range { source: RangeError::Empty { .. }, .. })));
    assert!(matches!(seen[2], Err(AcpiError::Range { source: RangeError::PastLastAddress { .. }, .. })));
    assert_eq!(seen[3].unwrap().window.size(), GIB);
}

#[test]
fn structures_not_about_memory_are_returned_as_other() {
    // An RDPAS of 16 bytes and a CSDS of 8.
    let mut body = [0; 24];
    body[0] = 3;
    body[2] = 16;
    body[16] = 4;
    body[18] = 8;
    let table = cedt(&body);
    assert_eq!(
        entries(&table),
        [Ok(Entry::Other { offset: 36, kind: 3, len: 16 }), Ok(Entry::Other { offset: 52, kind: 4, len: 8 })]
    );
}

/// No captured machine has this table, so the fuzz target and the example use this one.
#[test]
fn the_table_the_fuzzer_starts_from_is_this_one() {
    assert_eq!(include_bytes!("../../tests/data/acpi_tables.CEDT"), &encoded()[..]);
}

proptest! {
    #[test]
    fn any_structures_are_read_to_the_end_or_to_an_error(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let table = cedt(&body);
        prop_assert!(entries(&table).len() <= body.len() / 4 + 1);
    }
}
