//! The blob itself: its header and blocks, cut, moved and out of order; and random trees.

use super::*;

#[test]
fn an_error_for_a_blob_cut_anywhere_says_how_much_it_needs() {
    for blob in REAL {
        for len in 0..blob.len() {
            let error = Fdt::new(&blob[..len]).unwrap_err();
            assert!(
                matches!(error, FdtError::Truncated { offset: 0, needed, available, .. }
                    if available == len && needed > len),
                "{error}"
            );
        }
    }
}

#[test]
fn a_structure_block_cut_anywhere_is_an_error_inside_the_blob() {
    let start = u32::from_be_bytes(RESV[8..12].try_into().unwrap()) as usize;
    let size = u32::from_be_bytes(RESV[36..40].try_into().unwrap());
    for cut in 0..size {
        let mut blob = RESV.to_vec();
        blob[36..40].copy_from_slice(&cut.to_be_bytes());
        let error = Fdt::new(&blob).unwrap_err();
        assert!(error.offset() >= start && error.offset() <= start + cut as usize, "{cut}: {error}");
    }
}

#[test]
fn bytes_after_the_blob_are_not_part_of_it() {
    let mut longer = HOTPLUG.to_vec();
    longer.extend([0xff; 64]);
    assert_eq!(memory(&longer), memory(HOTPLUG));
}

#[test]
fn header_fields_that_point_outside_are_refused() {
    for (field, value) in
        [(8, u32::MAX), (12, u32::MAX), (16, u32::MAX), (32, u32::MAX), (36, u32::MAX), (8, 0x39)]
    {
        let mut blob = RESV.to_vec();
        blob[field..field + 4].copy_from_slice(&value.to_be_bytes());
        assert!(matches!(Fdt::new(&blob), Err(FdtError::Value { .. })), "field at {field}");
    }
    let mut blob = RESV.to_vec();
    blob[0] = 0;
    assert!(matches!(Fdt::new(&blob), Err(FdtError::Magic { found: 0xd_feed })));
    let mut blob = RESV.to_vec();
    blob[20..24].copy_from_slice(&3u32.to_be_bytes());
    assert!(matches!(Fdt::new(&blob), Err(FdtError::Value { what: "version", value: 3, .. })));
}

#[test]
fn a_reservation_block_without_its_end_is_an_error_where_it_stops() {
    let block = [&0x1000u64.to_be_bytes()[..], &0x2000u64.to_be_bytes(), &[1; 9]].concat();
    let (blob, at) = with_reservations(&block);
    let seen: Vec<_> = Fdt::new(&blob).unwrap().memreserve().collect();
    let error = FdtError::Truncated { what: "memory reservation", offset: at + 16, needed: 16, available: 9 };
    assert_eq!(seen, [Ok(range(0x1000, 0x2000)), Err(error)]);
}

#[test]
fn an_empty_reservation_is_an_error_and_ends_the_block_as_in_linux() {
    let block = [0x1000u64, 0, 0x2000, 0x1000, 0, 0].map(u64::to_be_bytes).concat();
    let (blob, at) = with_reservations(&block);
    let seen: Vec<_> = Fdt::new(&blob).unwrap().memreserve().collect();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].is_err_and(|error| error.is_empty_range() && error.offset() == at));
}

#[test]
fn the_structure_block_has_the_length_in_the_header_or_before_version_17_ends_at_its_end_token() {
    // A root without properties, and a word after the end.
    let mut blob = raw(&[1, 0, 2, 9, 4], b"reg\0");
    let fdt = Fdt::new(&blob).unwrap();
    assert_eq!((fdt.structure_size(), fdt.strings()), (20, &b"reg\0"[..]));
    blob[20..24].copy_from_slice(&16_u32.to_be_bytes());
    assert_eq!(Fdt::new(&blob).unwrap().structure_size(), 16);
}

#[test]
fn tokens_out_of_place_are_refused() {
    let header = |structure: &[u32]| raw(structure, b"a\0");
    let root = |body: &[u32]| header(&[&[1, 0], body, &[2, 9]].concat());
    assert!(Fdt::new(&root(&[])).is_ok());
    assert!(Fdt::new(&root(&[4, 1, 0x6100_0000, 2, 4])).is_ok(), "NOPs and a child");
    for (what, blob) in [
        ("no root", header(&[9])),
        ("an end without a begin", header(&[2, 9])),
        ("two roots", header(&[1, 0, 2, 1, 0, 2, 9])),
        ("no end of the root", header(&[1, 0, 9])),
        ("no end of the block", header(&[1, 0, 2])),
        ("a property after a child", root(&[1, 0x6100_0000, 2, 3, 0, 0])),
        ("a property outside", header(&[3, 0, 0, 1, 0, 2, 9])),
        ("an unknown token", root(&[5])),
        ("a name without end", header(&[1, 0x6161_6161])),
        ("a name that is not UTF-8", root(&[1, 0xff00_0000, 2])),
        ("a value past the end", root(&[3, 0x100, 0])),
        ("a huge value", root(&[3, u32::MAX, 0])),
        ("a property name past the strings", root(&[3, 0, 4])),
    ] {
        let error = Fdt::new(&blob).expect_err(what);
        assert!(error.offset() >= 40 && error.offset() <= blob.len(), "{what}: {error}");
    }
}

proptest! {
    #[test]
    fn trees_are_read_as_written_by_an_independent_encoder(
        nodes in prop::collection::vec(
            (prop::collection::vec((0u64..1 << 50, 1u64..1 << 40), 1..4), any::<bool>(), prop::option::of(0u32..9)),
            0..6,
        ),
        reserved in prop::collection::vec((1u64..1 << 50, 1u64..1 << 40), 0..4),
    ) {
        let mut entries = Vec::new();
        let mut end = 0;
        for (gap, size) in &reserved {
            // vm-fdt refuses overlapping reservations.
            entries.push(FdtReserveEntry::new(end + gap, *size).unwrap());
            end += gap + size;
        }
        let mut writer = FdtWriter::new_with_mem_reserv(&entries).unwrap();
        let root = writer.begin_node("").unwrap();
        writer.property_u32("#address-cells", 2).unwrap();
        writer.property_u32("#size-cells", 2).unwrap();
        let mut expected = Vec::new();
        for (index, (ranges, hotpluggable, nid)) in nodes.iter().enumerate() {
            let mut name = String::from("memory@");
            name.push_str(&index.to_string());
            let node = writer.begin_node(&name).unwrap();
            writer.property_string("device_type", "memory").unwrap();
            let cells: Vec<u64> = ranges.iter().flat_map(|(start, size)| [*start, *size]).collect();
            writer.property_array_u64("reg", &cells).unwrap();
            if *hotpluggable {
                writer.property_null("hotpluggable").unwrap();
            }
            if let Some(nid) = nid {
                writer.property_u32("numa-node-id", *nid).unwrap();
            }
            let child = writer.begin_node("child").unwrap();
            writer.property_u32("reg", 1).unwrap();
            writer.end_node(child).unwrap();
            writer.end_node(node).unwrap();
            expected.extend(ranges.iter().map(|(start, size)| (range(*start, *size), *hotpluggable, *nid)));
        }
        writer.end_node(root).unwrap();
        let blob = writer.finish().unwrap();
        let seen: Vec<_> = memory(&blob)
            .into_iter()
            .map(Result::unwrap)
            .map(|m| (m.range, m.hotpluggable, m.node.map(memblock::NodeId::get)))
            .collect();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(Fdt::new(&blob).unwrap().memreserve().flatten().count(), reserved.len());
    }

    #[test]
    fn a_real_tree_with_any_bytes_changed_is_read_or_refused(
        changes in prop::collection::vec((0usize..9121, any::<u8>()), 1..20),
    ) {
        let mut blob = RESV.to_vec();
        for (at, byte) in changes {
            blob[at] = byte;
        }
        if let Ok(fdt) = Fdt::new(&blob) {
            prop_assert!(fdt.memory().map_or(0, Iterator::count) <= blob.len());
            prop_assert!(fdt.reserved_memory().map_or(0, Iterator::count) <= blob.len());
            prop_assert!(fdt.memreserve().count() <= blob.len());
        }
    }
}
