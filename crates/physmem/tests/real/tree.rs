//! A flattened device tree from the facts in `tree.txt`.
//!
//! `memory BASE SIZE` is a node of memory, `reserve BASE SIZE` an entry of the reservation block,
//! `reserved NAME BASE SIZE [no-map|reusable]` a child of /reserved-memory, `pool NAME SIZE [no-map]` one that says
//! no address.

use serde_json::{Value, json};
use vm_fdt::{FdtReserveEntry, FdtWriter};

use crate::table::Sections;

fn hex(word: &str) -> u64 {
    u64::from_str_radix(word.strip_prefix("0x").unwrap(), 16).unwrap()
}

pub(crate) fn blob(text: &str) -> Vec<u8> {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let of = |kind: &'static str| lines.iter().filter(move |words| words[0] == kind);
    let entries: Vec<_> =
        of("reserve").map(|words| FdtReserveEntry::new(hex(words[1]), hex(words[2])).unwrap()).collect();
    let mut tree = FdtWriter::new_with_mem_reserv(&entries).unwrap();
    let root = tree.begin_node("").unwrap();
    tree.property_u32("#address-cells", 2).unwrap();
    tree.property_u32("#size-cells", 2).unwrap();
    for words in of("memory") {
        let node = tree.begin_node(&format!("memory@{}", &words[1][2..])).unwrap();
        tree.property_string("device_type", "memory").unwrap();
        tree.property_array_u64("reg", &[hex(words[1]), hex(words[2])]).unwrap();
        tree.end_node(node).unwrap();
    }
    let reserved = tree.begin_node("reserved-memory").unwrap();
    tree.property_u32("#address-cells", 2).unwrap();
    tree.property_u32("#size-cells", 2).unwrap();
    tree.property_null("ranges").unwrap();
    for words in lines.iter().filter(|words| matches!(words[0], "reserved" | "pool")) {
        let node = tree.begin_node(words[1]).unwrap();
        if words[0] == "reserved" {
            tree.property_array_u64("reg", &[hex(words[2]), hex(words[3])]).unwrap();
        } else {
            tree.property_string("compatible", "shared-dma-pool").unwrap();
            tree.property_array_u64("size", &[hex(words[2])]).unwrap();
        }
        for property in words.iter().filter(|word| matches!(**word, "no-map" | "reusable")) {
            tree.property_null(property).unwrap();
        }
        tree.end_node(node).unwrap();
    }
    tree.end_node(reserved).unwrap();
    tree.end_node(root).unwrap();
    tree.finish().unwrap()
}

/// What the tree says of memory, and of reserved memory that has addresses.
pub(crate) fn memory(text: &str) -> Sections {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let range = |base: u64, size: u64| [format!("{base:#x}"), format!("{:#x}", base + size)];
    let memory = lines.iter().filter(|words| words[0] == "memory");
    let memory: Vec<Value> =
        memory.map(|words| json!({ "range": range(hex(words[1]), hex(words[2])) })).collect();
    let reserved = lines.iter().filter(|words| words[0] == "reserved" && hex(words[3]) != 0);
    let reserved: Vec<Value> = reserved
        .map(|words| {
            let range = range(hex(words[2]), hex(words[3]));
            json!({ "name": words[1], "range": range, "no_map": words.contains(&"no-map") })
        })
        .collect();
    let sections = [("memory", memory), ("reserved-memory", reserved)];
    let filled = sections.into_iter().filter(|(_, rows)| !rows.is_empty());
    filled.map(|(name, rows)| (name.to_owned(), rows)).collect()
}
