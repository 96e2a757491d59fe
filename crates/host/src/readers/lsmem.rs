//! The memory blocks where only `lsmem` tells them: a report has its output in place of `/sys/devices/system/memory`.
//!
//! `lsmem -J` prints JSON, other calls a table. Without `-a`, neighbours that are alike share a row.

use std::collections::BTreeMap;

use evidence::snapshot::{BlockState, MemoryBlock, MemoryBlocks, stand_in};
use evidence::{Snapshot, Source};
use serde::Deserialize;

use crate::readers::nodes::BlockLinks;
use crate::readers::text::whole;
use crate::root::files;
use crate::root::source::{and_then, nonsense, quoted};
use crate::root::tree::{Tree, numbered};

/// More blocks than any machine has: 64 TiB in the smallest blocks are 524,288.
const MOST_BLOCKS: u64 = 1 << 22;

/// Fills the memory blocks from the output of `lsmem`, if `/sys/devices/system/memory` does not show them, and notes
/// where it is.
pub(crate) fn complete(snapshot: &mut Snapshot, tree: &dyn Tree) {
    let is_told = match &snapshot.memory_blocks {
        Source::Read(blocks) => blocks.block_size != 0,
        Source::Missing => false,
        Source::Unreadable { .. } => true,
    };
    if is_told {
        return;
    }
    let found = files::LSMEMS.iter().find_map(|path| match whole(tree, path) {
        Source::Missing => None,
        text => Some((path, and_then(text, |text| read(path, &text)))),
    });
    let Some((path, blocks)) = found else { return };
    match blocks {
        Source::Read(mut blocks) => {
            // lsmem shows one node for each block; the links show all.
            let links = BlockLinks::read(tree);
            for block in &mut blocks.blocks {
                let linked = links.of(block.number);
                if !linked.is_empty() {
                    block.nodes = linked;
                }
            }
            snapshot.memory_blocks = Source::Read(blocks);
            snapshot.stand_ins.insert(stand_in::MEMORY_BLOCKS.to_owned(), format!("`lsmem` ({path})"));
        }
        // Links without a block size are better than nothing.
        unreadable if snapshot.memory_blocks == Source::Missing => snapshot.memory_blocks = unreadable,
        _ => {}
    }
}

fn read(path: &str, text: &str) -> Source<MemoryBlocks> {
    let rows = if text.trim_start().starts_with('{') { of_json(text) } else { of_table(text) };
    match rows.and_then(|rows| blocks(&rows)) {
        Ok(blocks) => Source::Read(blocks),
        Err(what) => nonsense(format!("/{path}: {what}")),
    }
}

/// What one row says, as it was printed.
#[derive(Default)]
struct Row {
    range: String,
    block: String,
    state: Option<String>,
    node: Option<String>,
    zones: Option<String>,
}

/// `{"memory": [{"range": "0x0000000000000000-0x0000000007ffffff", "state": "online", "block": "0", ..}]}`. Some releases
/// quote the numbers.
fn of_json(text: &str) -> Result<Vec<Row>, String> {
    #[derive(Deserialize)]
    struct Document {
        memory: Vec<BTreeMap<String, serde_json::Value>>,
    }
    let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let row = |members: BTreeMap<String, serde_json::Value>| {
        let word = |name: &str| match members.get(name)? {
            serde_json::Value::String(word) => Some(word.clone()),
            serde_json::Value::Null => None,
            other => Some(other.to_string()),
        };
        let needed = |name: &str| word(name).ok_or_else(|| format!("a memory range without `{name}`"));
        Ok(Row {
            range: needed("range")?,
            block: needed("block")?,
            state: word("state"),
            node: word("node"),
            zones: word("zones"),
        })
    };
    document.memory.into_iter().map(row).collect()
}

/// A header such as `RANGE SIZE STATE REMOVABLE ZONES NODE BLOCK`, a row for each range, an empty line and a summary.
fn of_table(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| !line.trim_start().starts_with("RANGE"));
    let Some((_, header)) = lines.next() else { return Err("no line begins with RANGE".to_owned()) };
    let columns: Vec<&str> = header.split_whitespace().collect();
    if !columns.contains(&"BLOCK") {
        return Err("the table has no column BLOCK".to_owned());
    }
    let mut rows = Vec::new();
    for (index, line) in lines.take_while(|(_, line)| line.trim_start().starts_with("0x")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A column that is empty in this row would move the words behind it.
        if words.len() != columns.len() {
            let (line, found) = (index.saturating_add(1), quoted(line));
            return Err(format!("line {line}: expected {} columns, found {found}", columns.len()));
        }
        let mut row = Row::default();
        for (column, word) in columns.iter().zip(words) {
            match *column {
                "RANGE" => word.clone_into(&mut row.range),
                "BLOCK" => word.clone_into(&mut row.block),
                "STATE" => row.state = Some(word.to_owned()),
                "NODE" => row.node = Some(word.to_owned()),
                "ZONES" => row.zones = Some(word.to_owned()),
                _ => {}
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

fn blocks(rows: &[Row]) -> Result<MemoryBlocks, String> {
    let mut all = MemoryBlocks::default();
    let mut count: u64 = 0;
    for row in rows {
        let wrong =
            || format!("expected a range of memory and its blocks, found {} {}", row.range, row.block);
        let (start, last) = pair(&row.range, |word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok())
            .ok_or_else(wrong)?;
        let (first, end) = pair(&row.block, |word| numbered::<u64>(word, "")).ok_or_else(wrong)?;
        let blocks = end.checked_sub(first).and_then(|more| more.checked_add(1)).ok_or_else(wrong)?;
        count = count.saturating_add(blocks);
        if count > MOST_BLOCKS {
            return Err(format!("more than {MOST_BLOCKS} memory blocks"));
        }
        let size = last.checked_sub(start).and_then(|more| more.checked_add(1)).ok_or_else(wrong)?;
        let block_size = size / blocks;
        let is_whole = block_size.checked_mul(blocks) == Some(size)
            && block_size.checked_mul(first) == Some(start)
            && block_size != 0
            && (all.block_size == 0 || all.block_size == block_size);
        if !is_whole {
            return Err(wrong());
        }
        all.block_size = block_size;
        all.blocks.extend((first..=end).map(|number| MemoryBlock {
            number,
            state: row.state.as_deref().map_or(BlockState::Unknown, state),
            nodes: row.node.as_deref().and_then(|node| numbered(node, "")).into_iter().collect(),
            valid_zones: row.zones.as_deref().map(zones).unwrap_or_default(),
            firmware_node: None,
        }));
    }
    if all.blocks.is_empty() {
        return Err("no memory range".to_owned());
    }
    if !all.blocks.is_sorted_by(|a, b| a.number < b.number) {
        return Err("the memory ranges are not in order".to_owned());
    }
    Ok(all)
}

/// `A-B`, or `A` for both.
fn pair(word: &str, parse: impl Fn(&str) -> Option<u64>) -> Option<(u64, u64)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((parse(first)?, parse(last)?))
}

fn state(word: &str) -> BlockState {
    match word {
        "online" => BlockState::Online,
        "offline" => BlockState::Offline,
        "on->off" => BlockState::GoingOffline,
        _ => BlockState::Unknown,
    }
}

/// `Normal/Movable` is what the kernel writes as `Normal Movable`, and `None` is its `none`.
fn zones(word: &str) -> Vec<String> {
    word.split('/').map(|zone| if zone == "None" { "none" } else { zone }.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    const TABLE: &str = "RANGE                                 SIZE   STATE REMOVABLE          ZONES NODE BLOCK\n\
        0x0000000000000000-0x0000000007ffffff 128M  online       yes           None    0     0\n\
        0x0000000008000000-0x0000000017ffffff 256M  online       yes          DMA32    0   1-2\n\
        0x0000000100000000-0x0000000107ffffff 128M offline       yes Normal/Movable    1    32\n\
        \n\
        Memory block size:       128M\n\
        Total online memory:     384M\n";

    fn block(number: u64, state: BlockState, node: u32, zones: &[&str]) -> MemoryBlock {
        let valid_zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        MemoryBlock { number, state, nodes: vec![node], valid_zones, firmware_node: None }
    }

    fn expected() -> Vec<MemoryBlock> {
        vec![
            block(0, BlockState::Online, 0, &["none"]),
            block(1, BlockState::Online, 0, &["DMA32"]),
            block(2, BlockState::Online, 0, &["DMA32"]),
            block(32, BlockState::Offline, 1, &["Normal", "Movable"]),
        ]
    }

    fn completed(path: &str, text: &str) -> Snapshot {
        let mut tree = Archive::default();
        tree.insert(path.to_owned(), Node::File(text.into()));
        let mut snapshot = Snapshot::default();
        complete(&mut snapshot, &tree);
        snapshot
    }

    #[test]
    fn a_table_has_a_row_for_each_block_or_for_several_that_are_alike() {
        let path = "sos_commands/memory/lsmem_-a_-o_RANGE_SIZE_STATE_REMOVABLE_ZONES_NODE_BLOCK";
        let snapshot = completed(path, TABLE);
        let blocks = snapshot.memory_blocks.read().unwrap();
        assert_eq!((blocks.block_size, &blocks.blocks), (128 << 20, &expected()));
        assert_eq!(blocks.auto_online, Source::Missing);
        assert!(snapshot.stand_ins[stand_in::MEMORY_BLOCKS].contains(path));
    }

    #[test]
    fn json_says_the_same_with_numbers_quoted_or_not() {
        for quote in ["", "\""] {
            let row = |range: &str, state: &str, node: u32, block: &str, zones: &str| {
                format!(
                    r#"{{"range": "{range}", "size": 1, "state": "{state}", "removable": true, "block": "{block}",
                        "node": {quote}{node}{quote}, "zones": "{zones}"}}"#
                )
            };
            let rows = [
                row("0x0000000000000000-0x0000000007ffffff", "online", 0, "0", "None"),
                row("0x0000000008000000-0x0000000017ffffff", "online", 0, "1-2", "DMA32"),
                row("0x0000000100000000-0x0000000107ffffff", "offline", 1, "32", "Normal/Movable"),
            ];
            let text = format!("{{\n \"memory\": [{}]}}", rows.join(","));
            let snapshot = completed("extra/lsmem.json", &text);
            assert_eq!(snapshot.memory_blocks.read().unwrap().blocks, expected());
        }
    }

    #[test]
    fn what_the_machine_shows_itself_is_not_replaced() {
        let mut tree = Archive::default();
        tree.insert("extra/lsmem.json".to_owned(), Node::File(TABLE.into()));
        let shown = MemoryBlocks { block_size: 1 << 30, ..MemoryBlocks::default() };
        let mut snapshot = Snapshot { memory_blocks: Source::Read(shown.clone()), ..Snapshot::default() };
        complete(&mut snapshot, &tree);
        assert_eq!(snapshot.memory_blocks, Source::Read(shown));
        assert!(snapshot.stand_ins.is_empty());
    }

    #[test]
    fn a_block_on_two_nodes_keeps_both_if_the_nodes_link_to_it() {
        let mut tree = Archive::default();
        tree.insert("extra/lsmem.json".to_owned(), Node::File(TABLE.into()));
        for node in [0, 1] {
            tree.insert(format!("{}/node{node}/memory2", files::NODES), Node::File(Vec::new()));
        }
        let mut snapshot = Snapshot::default();
        complete(&mut snapshot, &tree);
        assert_eq!(snapshot.memory_blocks.read().unwrap().blocks[2].nodes, [0, 1]);
    }

    #[test]
    fn a_going_block_and_words_of_the_future_are_told_apart() {
        let text = TABLE.replace(" online", " on->off").replace("offline", "standby");
        let snapshot = completed("extra/lsmem.json", &text);
        let states = snapshot.memory_blocks.read().unwrap().blocks.iter().map(|block| block.state);
        let going = BlockState::GoingOffline;
        assert_eq!(states.collect::<Vec<_>>(), [going, going, going, BlockState::Unknown]);
    }

    #[test]
    fn a_damaged_listing_says_where_and_what_was_expected() {
        for (text, why) in [
            ("lsmem: cannot open /sys/devices/system/memory\n", "no line begins with RANGE"),
            ("RANGE SIZE STATE\n0x0-0x7ffffff 128M online\n", "no column BLOCK"),
            ("RANGE SIZE BLOCK\n0x0-0x7ffffff 0\n", "line 2: expected 3 columns"),
            ("RANGE BLOCK\n0x0-0x7ffffff 1\n", "found 0x0-0x7ffffff 1"),
            ("RANGE BLOCK\n0x0-0x7ffffff 0-4\n", "found 0x0-0x7ffffff 0-4"),
            ("RANGE BLOCK\n0x7ffffff-0x0 0\n", "found 0x7ffffff-0x0 0"),
            ("RANGE BLOCK\n0x0-0xffffffffffffffff 0-18446744073709551615\n", "found 0x0-"),
            ("RANGE BLOCK\n0x0-0xffffffff 0-4294967295\n", "more than 4194304 memory blocks"),
            ("RANGE BLOCK\n0x8000000-0xfffffff 1\n0x0-0x7ffffff 0\n", "not in order"),
            ("RANGE BLOCK\n0x0-0x7ffffff 0\n0x100000000-0x1ffffffff 1\n", "found 0x100000000-"),
            ("RANGE BLOCK\n", "no memory range"),
            ("{", "EOF"),
            (r#"{"memory": [{"range": "0x0-0x7ffffff"}]}"#, "without `block`"),
        ] {
            let snapshot = completed("extra/lsmem.json", text);
            match snapshot.memory_blocks {
                Source::Unreadable { why: found, .. } => assert!(found.contains(why), "{text}: {found}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
