//! Trees of files and links, as copies of machines have them.

use super::*;
use crate::root::archive::{Archive, Node};

struct Machine(Archive);

impl Machine {
    fn new() -> Self {
        let mut machine = Self(Archive::default());
        machine.file("memory/block_size_bytes", "8000000\n");
        machine
    }

    fn file(&mut self, path: &str, text: &str) {
        self.0.insert(format!("sys/devices/system/{path}"), Node::File(text.into()));
    }

    fn link(&mut self, path: &str, target: &str) {
        self.0.insert(format!("sys/devices/system/{path}"), Node::Link(target.into()));
    }

    fn blocks(&self) -> Vec<MemoryBlock> {
        match read(&self.0, &Source::Missing) {
            Source::Read(blocks) => blocks.blocks,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn blocks_come_by_number_with_holes_and_without_block_zero() {
    let mut machine = Machine::new();
    for number in [40, 9, 100] {
        machine.file(&format!("memory/memory{number}/state"), "online\n");
    }
    machine.file("memory/power/control", "auto\n");
    assert_eq!(machine.blocks().iter().map(|block| block.number).collect::<Vec<_>>(), [9, 40, 100]);
}

#[test]
fn blocks_read_by_several_threads_are_all_there_in_order() {
    let mut machine = Machine::new();
    let count = 5 * SHARE + 7;
    for number in 0..count {
        let state = if number % 3 == 0 { "offline\n" } else { "online\n" };
        machine.file(&format!("memory/memory{number}/state"), state);
    }
    let blocks = machine.blocks();
    assert_eq!(blocks.len(), count);
    for (number, block) in blocks.iter().enumerate() {
        let state = if number % 3 == 0 { BlockState::Offline } else { BlockState::Online };
        assert_eq!((block.number, block.state), (number as u64, state));
    }
}

#[test]
fn a_state_that_is_no_known_word_is_unknown_and_the_block_is_kept() {
    let mut machine = Machine::new();
    machine.file("memory/memory0/state", "going-offline\n");
    machine.file("memory/memory1/state", "melting\n");
    machine.0.insert("sys/devices/system/memory/memory2".into(), Node::Directory);
    machine.file("memory/memory3/state", "offline\n");
    let states: Vec<_> = machine.blocks().iter().map(|block| block.state).collect();
    assert_eq!(
        states,
        [BlockState::GoingOffline, BlockState::Unknown, BlockState::Unknown, BlockState::Offline]
    );
}

#[test]
fn the_firmware_device_is_looked_for_where_a_range_begins() {
    let mut machine = Machine::new();
    for number in [32, 33, 34, 40] {
        machine.link(&format!("memory/memory{number}/firmware_node"), &format!("../PNP0C80:{number}"));
    }
    let iomem = "100000000-10fffffff : System RAM\n110000000-117ffffff : System RAM\n";
    let Source::Read(blocks) = read(&machine.0, &Source::Read(iomem.into())) else { panic!("no blocks") };
    let devices: Vec<_> = blocks.blocks.iter().map(|block| block.firmware_node.as_deref()).collect();
    assert_eq!(devices, [Some("PNP0C80:32"), None, Some("PNP0C80:34"), Some("PNP0C80:40")]);
}

#[test]
fn without_iomem_each_of_few_blocks_is_asked_for_its_device() {
    let mut machine = Machine::new();
    for number in 32..35 {
        machine.file(&format!("memory/memory{number}/state"), "online\n");
    }
    machine.link("memory/memory34/firmware_node", "../PNP0C80:01");
    let devices: Vec<_> = machine.blocks().into_iter().map(|block| block.firmware_node).collect();
    assert_eq!(devices, [None, None, Some("PNP0C80:01".to_owned())]);
}

#[test]
fn without_iomem_many_blocks_are_asked_where_the_node_changes() {
    let mut machine = Machine::new();
    for number in 0..SHARE {
        machine.file(&format!("memory/memory{number}/state"), "online\n");
        machine.link(&format!("memory/memory{number}/firmware_node"), &format!("../PNP0C80:{number}"));
        let node = usize::from(number >= 500);
        machine.link(&format!("node/node{node}/memory{number}"), &format!("../../memory/memory{number}"));
    }
    let asked = |iomem: &Source<String>| -> Vec<u64> {
        let Source::Read(blocks) = read(&machine.0, iomem) else { panic!("no blocks") };
        let asked = blocks.blocks.into_iter().filter(|block| block.firmware_node.is_some());
        asked.map(|block| block.number).collect()
    };
    assert_eq!(asked(&Source::Missing), [0, 500]);
    assert_eq!(asked(&Source::Read("00000000-1fffffffff : System RAM\n".into())), [0]);
}

#[test]
fn an_attribute_filled_up_to_a_page_is_understood() {
    let mut machine = Machine::new();
    let padding = "\0".repeat(4096);
    machine.file("memory/block_size_bytes", &format!("8000000\n{padding}"));
    machine.file("memory/memory0/state", &format!("online\n{padding}"));
    machine.file("memory/memory0/valid_zones", &format!("Normal Movable\n{padding}"));
    let blocks = machine.blocks();
    assert_eq!(blocks[0].state, BlockState::Online);
    assert_eq!(blocks[0].valid_zones, ["Normal", "Movable"]);
}

#[test]
fn without_a_state_the_file_online_says_it() {
    let mut machine = Machine::new();
    machine.file("memory/memory0/online", "1\n");
    machine.file("memory/memory1/online", "0\n");
    machine.file("memory/memory2/removable", "1\n");
    let states: Vec<_> = machine.blocks().into_iter().map(|block| block.state).collect();
    assert_eq!(states, [BlockState::Online, BlockState::Offline, BlockState::Unknown]);
}

#[test]
fn blocks_are_found_by_the_links_of_nodes_alone() {
    let mut archive = Archive::default();
    let node = |path: &str| format!("{}/{path}", files::NODES);
    for number in 0..4 {
        let link = node(&format!("node{}/memory{number}", number / 2));
        archive.insert(link, Node::Link(format!("../../memory/memory{number}").into()));
    }
    let Source::Read(found) = read(&archive, &Source::Missing) else { panic!("no blocks") };
    assert_eq!(found.block_size, 0);
    assert_eq!(found.blocks.iter().map(|block| block.nodes[0]).collect::<Vec<_>>(), [0, 0, 1, 1]);
    assert_eq!(found.blocks[3].state, BlockState::Unknown);
}

#[test]
fn zones_are_words_and_none_where_the_file_is_empty() {
    let mut machine = Machine::new();
    machine.file("memory/memory0/state", "offline\n");
    machine.file("memory/memory0/valid_zones", "Normal Movable\n");
    machine.file("memory/memory1/valid_zones", "\n");
    assert_eq!(machine.blocks()[0].valid_zones, ["Normal", "Movable"]);
    assert!(machine.blocks()[1].valid_zones.is_empty());
}

#[test]
fn a_block_on_two_nodes_lists_both_from_either_side() {
    let mut machine = Machine::new();
    machine.file("memory/memory5/state", "online\n");
    machine.link("memory/memory5/node0", "../../node/node0");
    machine.link("memory/memory5/node1", "../../node/node1");
    assert_eq!(machine.blocks()[0].nodes, [0, 1]);
    machine.link("node/node0/memory5", "../../memory/memory5");
    machine.link("node/node1/memory5", "../../memory/memory5");
    machine.file("node/has_memory", "0-1\n");
    assert_eq!(machine.blocks()[0].nodes, [0, 1]);
}

#[test]
fn the_device_of_a_block_is_the_last_part_of_its_link() {
    let mut machine = Machine::new();
    machine.file("memory/memory5/state", "online\n");
    machine.link("memory/memory5/firmware_node", "../../../LNXSYSTM:00/LNXSYBUS:00/PNP0C80:00");
    assert_eq!(machine.blocks()[0].firmware_node.as_deref(), Some("PNP0C80:00"));
}

#[test]
fn without_a_block_size_the_blocks_are_unreadable() {
    for size in ["", "0\n", "128M\n", "+8\n", "123456789abcdef01\n"] {
        let mut machine = Machine::new();
        machine.file("memory/block_size_bytes", size);
        assert!(matches!(read(&machine.0, &Source::Missing), Source::Unreadable { .. }), "{size:?}");
    }
    let mut archive = Archive::default();
    assert_eq!(read(&archive, &Source::Missing), Source::Missing);
    archive.insert("sys/devices/system/memory/memory0".into(), Node::Directory);
    assert!(matches!(read(&archive, &Source::Missing), Source::Unreadable { .. }));
}
