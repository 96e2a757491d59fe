//! Device tree: every reader on every accepted tree, and memory nodes compared with `dtoolkit`.
#![no_main]

use dtoolkit::standard::NodeStandard;
use dtoolkit::{Node, Property};
use firmware::fdt::{Fdt, FdtError};
use libfuzzer_sys::fuzz_target;
use memblock::PhysRange;

fuzz_target!(|data: &[u8]| {
    let fdt = match Fdt::new(data) {
        Ok(fdt) => fdt,
        Err(error) => return assert!(error.offset() <= data.len(), "{error}"),
    };
    let size = u32::from_be_bytes(data[4..8].try_into().unwrap()) as usize;
    let inside = |error: FdtError| assert!(error.offset() <= size, "{error}");

    let reservations: Vec<_> = fdt.memreserve().collect();
    assert!(reservations.len() <= size / 16 + 1);
    reservations.into_iter().filter_map(Result::err).for_each(inside);

    let nodes: Vec<_> = fdt.nodes().collect();
    assert!(nodes.len() <= size / 4);
    assert_eq!(nodes.iter().filter(|(depth, _)| *depth == 1).count(), fdt.root().children().count());
    for (_, node) in &nodes {
        for property in node.properties() {
            assert_eq!(property.cells().len(), property.value().len() / 4);
            assert!(node.property(property.name()).is_some());
        }
    }

    match fdt.memory() {
        Ok(memory) => {
            let items: Vec<_> = memory.clone().collect();
            assert_eq!(items, memory.collect::<Vec<_>>(), "reading twice gives the same");
            for item in &items {
                match item {
                    Ok(memory) => assert!(memory.offset < size),
                    Err(error) => inside(*error),
                }
            }
            compare(&data[..size], items.into_iter().map(|item| item.map(|memory| memory.range)).collect());
        }
        Err(error) => inside(error),
    }
    match fdt.reserved_memory() {
        Ok(nodes) => {
            for node in nodes {
                assert!(node.offset() < size);
                assert!(node.is_static() || node.ranges().next().is_none());
                node.ranges().chain(node.alloc_ranges()).filter_map(Result::err).for_each(inside);
                [node.size(), node.alignment()].into_iter().filter_map(Result::err).for_each(inside);
                let _ = (node.name(), node.no_map(), node.reusable(), node.enabled(), node.compatible());
            }
        }
        Err(error) => inside(error),
    }
    match fdt.chosen() {
        Ok(Some(chosen)) => {
            chosen.usable_memory_ranges().filter_map(Result::err).for_each(inside);
            let _ = chosen.bootargs();
            [chosen.elfcorehdr().err(), chosen.initrd().err(), chosen.uefi_memory_map().err()]
                .into_iter()
                .flatten()
                .for_each(inside);
        }
        Ok(None) => {}
        Err(error) => inside(error),
    }
});

/// Compares the ranges of all memory nodes with an independent reader of the same tree.
fn compare(blob: &[u8], ours: Vec<Result<PhysRange, FdtError>>) {
    let Ok(theirs) = dtoolkit::fdt::Fdt::new(blob) else { return };
    let root = theirs.root();
    // If a cell count is missing, the two use different defaults (the specification's and Linux's).
    if root.property("#address-cells").is_none() || root.property("#size-cells").is_none() {
        return;
    }
    let (Ok(address), Ok(size)) = (root.address_cells(), root.size_cells()) else { return };
    if !(1..=2).contains(&address) || size > 2 {
        return;
    }
    let pair = (address + size) as usize * 4;
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    let mut expected = Vec::new();
    for node in root.children() {
        let is_memory = node
            .property("device_type")
            .is_some_and(|property| property.value().split(|byte| *byte == 0).next() == Some(b"memory"));
        if !is_memory {
            continue;
        }
        let Some(reg) = node.property("linux,usable-memory").or_else(|| node.property("reg")) else {
            continue;
        };
        for chunk in reg.value().chunks_exact(pair) {
            let (base, len) = chunk.split_at(address as usize * 4);
            expected.extend(PhysRange::from_size(number(base), number(len)));
        }
    }
    assert_eq!(ours.into_iter().flatten().collect::<Vec<_>>(), expected);
}
