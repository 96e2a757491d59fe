//! `/sys/devices/system/node`: the NUMA nodes and the memory blocks they link to.

use evidence::Source;
use evidence::snapshot::{Node, Nodes};

use crate::readers::text::value;
use crate::root::files;
use crate::root::source::{and_then, map, nonsense, quoted};
use crate::root::tree::{Entry, Kind, Tree, numbered};

/// The nodes' own files.
pub(crate) fn read(tree: &dyn Tree) -> Source<Nodes> {
    // Cheaper than to list thousands of blocks.
    let size = format!("{}/block_size_bytes", files::MEMORY_BLOCKS);
    let has_blocks = !matches!(tree.read(&size, 64), Source::Missing);
    map(tree.list(files::NODES), |entries| {
        let lists = entries
            .iter()
            .filter(|entry| entry.kind != Kind::Directory && files::is_node_list(&entry.name))
            .map(|entry| (entry.name.clone(), value(tree, &format!("{}/{}", files::NODES, entry.name))))
            .collect();
        let nodes = numbers(&entries)
            .into_iter()
            .map(|number| {
                let file = |name: &str| format!("{}/node{number}/{name}", files::NODES);
                Node {
                    number,
                    cpulist: value(tree, &file("cpulist")),
                    distance: and_then(value(tree, &file("distance")), |text| distances(&text, number)),
                    memory_total: if has_blocks {
                        Source::Missing
                    } else {
                        and_then(value(tree, &file("meminfo")), |text| total(&text, number))
                    },
                }
            })
            .collect();
        Nodes { lists, nodes }
    })
}

fn numbers(entries: &[Entry]) -> Vec<u32> {
    let mut numbers: Vec<u32> = entries
        .iter()
        .filter(|entry| entry.kind != Kind::Other)
        .filter_map(|entry| numbered(&entry.name, "node"))
        .collect();
    numbers.sort_unstable();
    numbers
}

fn distances(text: &str, node: u32) -> Source<Vec<u32>> {
    match text.split_whitespace().map(str::parse).collect() {
        Ok(distances) => Source::Read(distances),
        Err(_) => nonsense(format!(
            "/{}/node{node}/distance holds {}, expected numbers",
            files::NODES,
            quoted(text)
        )),
    }
}

/// `Node 0 MemTotal:       32913860 kB`, in bytes.
fn total(text: &str, node: u32) -> Source<u64> {
    let number = text.lines().find_map(|line| {
        let kib = line.split_once("MemTotal:")?.1.trim().strip_suffix("kB")?;
        kib.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    number.map_or_else(
        || {
            nonsense(format!(
                "/{}/node{node}/meminfo has no line such as `Node 0 MemTotal: 8 kB`",
                files::NODES
            ))
        },
        Source::Read,
    )
}

/// The nodes of each memory block, from the links in the nodes' directories.
///
/// # Invariants
/// The pairs are sorted and unique.
#[derive(Debug, Default)]
pub(crate) struct BlockLinks {
    pairs: Vec<(u64, u32)>,
}

impl BlockLinks {
    /// Collects the links `nodeN/memoryM`: one listing for each node, however many blocks there are.
    ///
    /// Empty if a node in `has_memory` has no such link: the links were not copied then, and a block on two nodes
    /// would seem to be on one.
    pub(crate) fn read(tree: &dyn Tree) -> Self {
        let Source::Read(entries) = tree.list(files::NODES) else { return Self::default() };
        let has_memory = value(tree, &format!("{}/has_memory", files::NODES));
        let has_memory = has_memory.read().map(String::as_str);
        let mut pairs = Vec::new();
        for node in numbers(&entries) {
            let before = pairs.len();
            if let Source::Read(links) = tree.list(&format!("{}/node{node}", files::NODES)) {
                let blocks = links.iter().filter_map(|link| numbered::<u64>(&link.name, "memory"));
                pairs.extend(blocks.map(|block| (block, node)));
            }
            if pairs.len() == before && has_memory.is_some_and(|list| is_in_list(list, node)) {
                return Self::default();
            }
        }
        pairs.sort_unstable();
        Self { pairs }
    }

    /// The blocks that any node links to, ascending.
    pub(crate) fn blocks(&self) -> Vec<u64> {
        let mut blocks: Vec<u64> = self.pairs.iter().map(|pair| pair.0).collect();
        blocks.dedup();
        blocks
    }

    /// The nodes of a block, ascending. `O(log n)`.
    pub(crate) fn of(&self, block: u64) -> Vec<u32> {
        let first = self.pairs.partition_point(|pair| pair.0 < block);
        let same = self.pairs.iter().skip(first).take_while(|pair| pair.0 == block);
        same.map(|pair| pair.1).collect()
    }
}

/// Whether a list such as `0-1,4` contains a number.
fn is_in_list(list: &str, number: u32) -> bool {
    list.split(',').any(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        match (low.trim().parse::<u32>(), high.trim().parse::<u32>()) {
            (Ok(low), Ok(high)) => (low..=high).contains(&number),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{self, Archive};

    fn file(archive: &mut Archive, path: &str, text: &str) {
        archive.insert(format!("{}/{path}", files::NODES), archive::Node::File(text.into()));
    }

    #[test]
    fn a_node_without_cpus_has_an_empty_list_not_a_missing_one() {
        let mut archive = Archive::default();
        file(&mut archive, "node0/cpulist", "0-3\n");
        file(&mut archive, "node0/distance", "10 20\n");
        file(&mut archive, "node10/cpulist", "\n");
        file(&mut archive, "node2/distance", "20 ten\n");
        file(&mut archive, "online", "0,2,10\n");
        file(&mut archive, "uevent", "");
        let nodes = read(&archive);
        let nodes = nodes.read().unwrap();
        assert_eq!(nodes.nodes.iter().map(|node| node.number).collect::<Vec<_>>(), [0, 2, 10]);
        assert_eq!(nodes.nodes[0].distance, Source::Read(vec![10, 20]));
        assert_eq!(nodes.nodes[2].cpulist, Source::Read(String::new()));
        assert_eq!(nodes.nodes[1].cpulist, Source::Missing);
        assert!(matches!(nodes.nodes[1].distance, Source::Unreadable { .. }));
        assert_eq!(nodes.lists.keys().collect::<Vec<_>>(), ["online"]);
    }

    #[test]
    fn links_are_ignored_if_a_node_with_memory_has_none() {
        let mut archive = Archive::default();
        file(&mut archive, "node0/memory3", "");
        file(&mut archive, "node1/cpulist", "1\n");
        assert_eq!(BlockLinks::read(&archive).of(3), [0]);
        file(&mut archive, "has_memory", "0-1\n");
        assert!(BlockLinks::read(&archive).of(3).is_empty());
        file(&mut archive, "node1/memory3", "");
        assert_eq!(BlockLinks::read(&archive).of(3), [0, 1]);
    }
}
