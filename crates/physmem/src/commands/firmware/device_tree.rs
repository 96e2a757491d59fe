//! A flattened device tree.

use firmware::fdt::{Fdt, FdtError, ReservedMemory};

use super::decoded::{Cell, Decoded, Row};

const KIND: &str = "device tree";

pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let tree = match Fdt::new(bytes) {
        Ok(tree) => tree,
        Err(error) => return Decoded::faulty(KIND, error),
    };
    let mut decoded = Decoded::new(KIND);
    decoded.facts.push(("version", Cell::number(tree.version())));
    let chosen = match tree.chosen() {
        Ok(chosen) => chosen,
        Err(error) => {
            decoded.fault(error);
            None
        }
    };
    let is_efi = chosen.and_then(|chosen| chosen.uefi_memory_map().ok().flatten()).is_some();
    if let Some(line) = chosen.and_then(|chosen| chosen.bootargs()) {
        decoded.facts.push(("bootargs", Cell::text(format!("`{}`", String::from_utf8_lossy(line)))));
    }
    memory(&tree, is_efi, &mut decoded);
    let reserved = tree.memreserve().filter_map(|range| said(range, &mut decoded));
    let reserved = reserved.map(|range| vec![("range", Cell::Range(Some(range)))]).collect();
    decoded.section("memreserve", reserved);
    match tree.reserved_memory() {
        Ok(nodes) => {
            let rows = nodes.flat_map(|node| reserved_rows(&node, &mut decoded)).collect();
            decoded.section("reserved-memory", rows);
        }
        Err(error) => decoded.fault(error),
    }
    decoded
}

fn memory(tree: &Fdt<'_>, is_efi: bool, decoded: &mut Decoded) {
    let nodes = match tree.memory() {
        Ok(nodes) => nodes,
        Err(error) => return decoded.fault(error),
    };
    let rows: Vec<Row> = nodes
        .filter_map(|memory| said(memory, decoded))
        .map(|memory| {
            vec![
                ("range", Cell::Range(Some(memory.range))),
                ("node", Cell::Text(memory.node.map(|node| node.to_string()))),
                ("hotpluggable", Cell::Flag(memory.hotpluggable)),
                ("enabled", Cell::Flag(memory.enabled)),
            ]
        })
        .collect();
    if rows.is_empty() {
        decoded.note(if is_efi {
            "it has no memory: the machine booted by EFI, and its memory is in EFI's map"
        } else {
            "it has no memory: the boot loader fills it in; /sys/firmware/fdt of the running machine has it"
        });
    }
    decoded.section("memory", rows);
}

fn reserved_rows(node: &ReservedMemory<'_>, decoded: &mut Decoded) -> Vec<Row> {
    let size = node.size().unwrap_or_else(|error| {
        decoded.fault(error);
        None
    });
    let row = |range, size| {
        vec![
            ("range", Cell::Range(range)),
            ("asked", Cell::Size(size)),
            ("name", Cell::text(node.name())),
            ("no_map", Cell::Flag(node.no_map())),
            ("reusable", Cell::Flag(node.reusable())),
        ]
    };
    if !node.is_static() {
        return vec![row(None, size)];
    }
    node.ranges().filter_map(|range| said(range, decoded)).map(|range| row(Some(range), None)).collect()
}

/// The value; an error becomes a fault, but one that Linux ignores a note.
fn said<T>(value: Result<T, FdtError>, decoded: &mut Decoded) -> Option<T> {
    match value {
        Ok(value) => return Some(value),
        Err(error) if error.is_empty_range() => decoded.note(format!("{error}; Linux ignores it")),
        Err(error) => decoded.fault(error),
    }
    None
}
