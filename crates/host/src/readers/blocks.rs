//! `/sys/devices/system/memory`: the memory blocks.
//!
//! A large machine has tens of thousands of them, each a directory, so this takes most of the time. A block
//! costs six system calls (open, read and close of `state` and `valid_zones`). Its nodes come from one listing
//! of each node, and `firmware_node` is read once for each range if the ranges are known.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use evidence::Source;
use evidence::resources::ResourceTree;
use evidence::snapshot::{BlockState, MemoryBlock, MemoryBlocks};

use crate::readers::nodes::BlockLinks;
use crate::readers::text::value;
use crate::root::files;
use crate::root::source::{and_then, map, nonsense, quoted};
use crate::root::tree::{Entry, Kind, Tree, numbered};

/// Buffer size for an attribute: the longest, `valid_zones`, is a handful of words.
const ATTRIBUTE: usize = 256;
/// The number of blocks a thread takes at a time; up to this many are not worth a second thread.
const SHARE: usize = 1024;
/// More threads do not help: they contend for the process's file table.
const MOST_READERS: usize = 8;

/// All memory blocks. Without the block size their numbers mean nothing, so they are not read.
pub(crate) fn read(tree: &dyn Tree, iomem: &Source<String>) -> Source<MemoryBlocks> {
    // Listing the links of the nodes takes as long as listing the blocks, so do both at once.
    let (entries, links) = thread::scope(|scope| {
        let links = scope.spawn(|| BlockLinks::read(tree));
        (tree.list(files::MEMORY_BLOCKS), joined(links))
    });
    if entries == Source::Missing {
        return linked_only(tree, &links);
    }
    and_then(entries, |entries| {
        and_then(block_size(tree), |block_size| {
            map(tree.below(files::MEMORY_BLOCKS), |directory| MemoryBlocks {
                block_size,
                auto_online: value(&*directory, "auto_online_blocks"),
                crash_hotplug: value(&*directory, "crash_hotplug"),
                blocks: blocks(tree, &*directory, &entries, &links, first_blocks(iomem, block_size).as_ref()),
            })
        })
    })
}

/// Without `/sys/devices/system/memory`, as in copies of only the nodes: the blocks that nodes link to. A copy that
/// followed the links has their files below the node. Nothing shows their size.
fn linked_only(tree: &dyn Tree, links: &BlockLinks) -> Source<MemoryBlocks> {
    let numbers = links.blocks();
    if numbers.is_empty() {
        return Source::Missing;
    }
    let mut path = String::new();
    let block = |number| {
        let nodes = links.of(number);
        let below = nodes.first().map(|node| tree.below(&format!("{}/node{node}", files::NODES)));
        let unread = MemoryBlock {
            number,
            state: BlockState::Unknown,
            nodes: Vec::new(),
            valid_zones: Vec::new(),
            firmware_node: None,
        };
        let read = match below {
            Some(Source::Read(directory)) => block(&*directory, number, false, &mut path),
            _ => unread,
        };
        MemoryBlock { nodes, ..read }
    };
    Source::Read(MemoryBlocks { blocks: numbers.into_iter().map(block).collect(), ..MemoryBlocks::default() })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// `block_size_bytes`: hexadecimal digits without `0x`.
fn block_size(tree: &dyn Tree) -> Source<u64> {
    let path = format!("{}/block_size_bytes", files::MEMORY_BLOCKS);
    match value(tree, &path) {
        Source::Missing => {
            nonsense(format!("/{path} is missing: the numbers of the memory blocks say nothing"))
        }
        Source::Read(text) => match u64::from_str_radix(&text, 16) {
            Ok(size) if size > 0 && !text.starts_with('+') => Source::Read(size),
            _ => nonsense(format!("/{path} holds {}, expected a size in hexadecimal digits", quoted(&text))),
        },
        unreadable @ Source::Unreadable { .. } => map(unreadable, |_| 0),
    }
}

/// The blocks in which a System RAM resource begins: only for these is the firmware device read. Hot-added
/// memory has one resource for each device, so its first block is representative; reading it for every block
/// would take a fifth of the total time. `None` if the resources are not known.
fn first_blocks(iomem: &Source<String>, block_size: u64) -> Option<BTreeSet<u64>> {
    let tree = iomem.read().and_then(|text| ResourceTree::parse(text).ok())?;
    let starts = tree.system_ram().map(|resource| resource.start);
    Some(starts.filter_map(|start| start.checked_div(block_size)).collect())
}

fn blocks(
    tree: &dyn Tree,
    directory: &dyn Tree,
    entries: &[Entry],
    links: &BlockLinks,
    first: Option<&BTreeSet<u64>>,
) -> Vec<MemoryBlock> {
    let mut numbers: Vec<(u64, Kind)> = entries
        .iter()
        .filter(|entry| entry.kind != Kind::Other)
        .filter_map(|entry| Some((numbered(&entry.name, "memory")?, entry.kind)))
        .collect();
    numbers.sort_unstable_by_key(|(number, _)| *number);
    // Without /proc/iomem, which is hidden from most users, a run of blocks on the same nodes counts as one
    // range; if there are few blocks, read all.
    let asks_all = first.is_none() && numbers.len() < SHARE;
    let begins_a_range = |pair: &[(u64, Kind)]| match pair {
        [(before, _), (number, _)] => {
            before.checked_add(1) != Some(*number)
                || (first.is_none() && (asks_all || links.of(*before) != links.of(*number)))
        }
        _ => false,
    };
    let mut asked = first.cloned().unwrap_or_default();
    asked.extend(numbers.first().map(|(number, _)| *number));
    asked.extend(
        numbers.windows(2).filter(|pair| begins_a_range(pair)).filter_map(|pair| Some(pair.last()?.0)),
    );
    let first = &asked;
    let shares: Vec<&[(u64, Kind)]> = numbers.chunks(SHARE).collect();
    let next = AtomicUsize::new(0);
    // Takes one share after the other until none is left, so that whoever is faster takes more.
    let reader = |directory: &dyn Tree| {
        let mut done = Vec::new();
        while let Some(share) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.extend(read_share(directory, share, links, first));
        }
        done
    };
    let mut blocks = thread::scope(|scope| {
        let others: Vec<_> = (1..readers(shares.len()))
            .map(|_| {
                scope.spawn(|| match tree.below(files::MEMORY_BLOCKS) {
                    // Its own descriptor: for a shared one, the kernel updates a reference count at every call.
                    Source::Read(directory) => reader(&*directory),
                    // Then the others read its shares.
                    Source::Missing | Source::Unreadable { .. } => Vec::new(),
                })
            })
            .collect();
        let mut blocks = reader(directory);
        for other in others {
            blocks.extend(joined(other));
        }
        blocks
    });
    blocks.sort_by_key(|block| block.number);
    blocks
}

/// The number of threads worth having. Most of the time is spent on name lookups in a large cold cache, which
/// the kernel does in parallel on several CPUs.
fn readers(shares: usize) -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    shares.clamp(1, processors.min(MOST_READERS))
}

fn read_share(
    directory: &dyn Tree,
    share: &[(u64, Kind)],
    links: &BlockLinks,
    first: &BTreeSet<u64>,
) -> Vec<MemoryBlock> {
    let mut path = String::new();
    let mut blocks = Vec::with_capacity(share.len());
    for (number, kind) in share {
        // Not if the block is itself a link, which may lead out of the tree.
        let asks_firmware = *kind == Kind::Directory && first.contains(number);
        let mut block = block(directory, *number, asks_firmware, &mut path);
        block.nodes = links.of(*number);
        if block.nodes.is_empty() {
            block.nodes = own_links(directory, *number);
        }
        blocks.push(block);
    }
    blocks
}

/// One block, without its nodes. `path` is a buffer reused for every block: there may be a hundred thousand.
fn block(directory: &dyn Tree, number: u64, asks_firmware: bool, path: &mut String) -> MemoryBlock {
    path.clear();
    // Writing to a string cannot fail.
    let _ = write!(path, "memory{number}/");
    let mut buffer = [0; ATTRIBUTE];
    let mut read = attribute(directory, path, "state", &mut buffer).map_or(BlockState::Unknown, state);
    if read == BlockState::Unknown {
        // The file of every device that can be taken offline says the same in another form.
        read = match attribute(directory, path, "online", &mut buffer).map(<[u8]>::trim_ascii) {
            Some(b"1") => BlockState::Online,
            Some(b"0") => BlockState::Offline,
            _ => BlockState::Unknown,
        };
    }
    let state = read;
    let zones = attribute(directory, path, "valid_zones", &mut buffer).unwrap_or_default();
    let valid_zones = String::from_utf8_lossy(zones).split_whitespace().map(str::to_owned).collect();
    let firmware_node = if asks_firmware { firmware_node(directory, path) } else { None };
    MemoryBlock { number, state, nodes: Vec::new(), valid_zones, firmware_node }
}

fn firmware_node(directory: &dyn Tree, path: &mut String) -> Option<String> {
    match with_file(path, "firmware_node", |path| directory.link(path)) {
        Source::Read(target) => target.rsplit('/').next().map(str::to_owned),
        Source::Missing | Source::Unreadable { .. } => None,
    }
}

fn attribute<'a>(
    directory: &dyn Tree,
    path: &mut String,
    file: &str,
    buffer: &'a mut [u8; ATTRIBUTE],
) -> Option<&'a [u8]> {
    match with_file(path, file, |path| directory.read_small(path, buffer)) {
        Source::Read(count) => buffer.get(..count),
        Source::Missing | Source::Unreadable { .. } => None,
    }
}

/// Calls `visit` with the path of a file in the directory `path`, then restores `path`.
fn with_file<T>(path: &mut String, file: &str, visit: impl FnOnce(&str) -> T) -> T {
    let directory = path.len();
    path.push_str(file);
    let result = visit(path);
    path.truncate(directory);
    result
}

fn state(text: &[u8]) -> BlockState {
    match text.trim_ascii() {
        b"online" => BlockState::Online,
        b"offline" => BlockState::Offline,
        b"going-offline" => BlockState::GoingOffline,
        _ => BlockState::Unknown,
    }
}

/// The `nodeN` links in the block's directory.
fn own_links(directory: &dyn Tree, number: u64) -> Vec<u32> {
    let Source::Read(entries) = directory.list(&format!("memory{number}")) else { return Vec::new() };
    let mut nodes: Vec<u32> = entries.iter().filter_map(|entry| numbered(&entry.name, "node")).collect();
    nodes.sort_unstable();
    nodes
}

#[cfg(test)]
mod tests;
