//! The memory blocks of a system: which there are, and what each shows.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use memblock::PhysRange;
use rustix::io::Errno;

use crate::block::{Block, state_of};
use crate::error::Error;
use crate::files::{Below, Files};
use crate::target::{Target, names};

const BLOCKS: &str = "sys/devices/system/memory";
const NODES: &str = "sys/devices/system/node";

/// The memory blocks below a root directory.
///
/// Nothing is kept but the block size: blocks come and go, so each question reads again.
pub struct Blocks {
    pub(crate) files: Box<dyn Files>,
    root: PathBuf,
    block_size: u64,
}

impl Blocks {
    /// The blocks of the running system.
    ///
    /// # Errors
    /// [`Error::NoBlocks`] if the kernel has none, [`Error::BlockSize`] or [`Error::Read`] if nothing shows their size.
    pub fn live() -> Result<Self, Error> {
        Self::at("/")
    }

    /// The blocks of the tree below `root`, laid out as a machine's root directory. **Words are written there, too**:
    /// a test keeps plain files in such a tree.
    ///
    /// # Errors
    /// As [`Blocks::live`].
    pub fn at(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        Self::over(Box::new(Below { root: root.clone() }), root)
    }

    pub(crate) fn over(files: Box<dyn Files>, root: PathBuf) -> Result<Self, Error> {
        let mut blocks = Self { files, root, block_size: 0 };
        let path = format!("{BLOCKS}/block_size_bytes");
        let found = match blocks.files.read(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoBlocks { directory: blocks.shown(BLOCKS) });
            }
            Err(source) => return Err(Error::Read { path: blocks.shown(&path), source }),
        };
        let digits = Some(&found).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let size = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).filter(|size| *size > 0);
        blocks.block_size = size.ok_or_else(|| Error::BlockSize { path: blocks.shown(&path), found })?;
        Ok(blocks)
    }

    /// How large each block is, in bytes.
    pub fn block_size(&self) -> u64 {
        self.block_size
    }

    /// The memory of a block; `None` beyond the last address.
    pub fn range_of(&self, number: u64) -> Option<PhysRange> {
        PhysRange::from_size(number.checked_mul(self.block_size)?, self.block_size).ok()
    }

    /// The path of a block's `state`, as messages name it.
    pub fn state_path(&self, number: u64) -> String {
        self.shown(&state(number))
    }

    /// The numbers of the blocks that the targets name, ascending, each once. The directory of blocks is listed at most
    /// once, and not at all for single blocks.
    ///
    /// # Errors
    /// [`Error::NoSuch`] if a target names nothing that exists, [`Error::Part`] if a range cuts a block.
    pub fn select(&self, targets: &[Target]) -> Result<Vec<u64>, Error> {
        let mut all = None;
        let mut found = BTreeSet::new();
        for target in targets {
            let before = found.len();
            let (first, last) = match *target {
                Target::Node(node) => {
                    found.extend(self.of_node(node)?);
                    continue;
                }
                Target::Blocks(first, last) => (first, last),
                Target::Address(address) => {
                    let number = address.checked_div(self.block_size).unwrap_or(0);
                    (number, number)
                }
                Target::Range(range) => self.whole_blocks(range)?,
            };
            if first == last {
                if self.exists(first) {
                    found.insert(first);
                    continue;
                }
            } else {
                let listed = match &all {
                    Some(listed) => listed,
                    None => all.insert(self.numbers()?),
                };
                let of_target = listed.iter().copied().filter(|number| (first..=last).contains(number));
                let mut any = false;
                found.extend(of_target.inspect(|_| any = true));
                if any {
                    continue;
                }
            }
            debug_assert_eq!(before, found.len());
            return Err(self.no_such(*target));
        }
        Ok(found.into_iter().collect())
    }

    /// The numbers of all blocks, ascending. Lists the directory.
    ///
    /// # Errors
    /// [`Error::NoBlocks`] or [`Error::Read`].
    pub fn numbers(&self) -> Result<Vec<u64>, Error> {
        self.numbered(BLOCKS, "memory").map_err(|error| match error {
            Error::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Error::NoBlocks { directory: self.shown(BLOCKS) }
            }
            error => error,
        })
    }

    /// A block as it is now; `None` if it does not exist, or no longer.
    pub fn block(&self, number: u64) -> Option<Block> {
        let nodes = self.numbered(&format!("{BLOCKS}/memory{number}"), "node").ok()?;
        // Its directory may vanish between two calls: then it has neither state nor zones.
        let state = self.files.read(&state(number));
        let zones = self.files.read(&format!("{BLOCKS}/memory{number}/valid_zones")).unwrap_or_default();
        Some(Block {
            number,
            state: state_of(&state.unwrap_or_default()),
            zones: zones.split_whitespace().map(str::to_owned).collect(),
            nodes: nodes.into_iter().filter_map(|node| u32::try_from(node).ok()).collect(),
        })
    }

    pub(crate) fn writable(&self, number: u64) -> Result<(), Errno> {
        self.files.writable(&state(number))
    }

    pub(crate) fn write(&self, number: u64, word: &str) -> Result<(), Errno> {
        self.files.write(&state(number), word)
    }

    fn exists(&self, number: u64) -> bool {
        self.files.names(&format!("{BLOCKS}/memory{number}")).is_ok()
    }

    fn of_node(&self, node: u32) -> Result<Vec<u64>, Error> {
        let numbers = match self.numbered(&format!("{NODES}/node{node}"), "memory") {
            Ok(numbers) => numbers,
            Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let nodes = self.numbered(NODES, "node").unwrap_or_default();
                let nodes: Vec<String> = nodes.iter().map(|node| format!("node{node}")).collect();
                let known = match nodes.as_slice() {
                    [] => format!("{} shows no nodes", self.shown(NODES)),
                    nodes => format!("it has {}", nodes.join(", ")),
                };
                return Err(Error::NoSuch { target: format!("node{node}"), known });
            }
            Err(error) => return Err(error),
        };
        if numbers.is_empty() {
            let known = "the node is there, but has no memory blocks".to_owned();
            return Err(Error::NoSuch { target: format!("memory of node{node}"), known });
        }
        Ok(numbers)
    }

    /// The first and the last block of a range of whole blocks.
    fn whole_blocks(&self, range: PhysRange) -> Result<(u64, u64), Error> {
        let block = |address: u64| address.checked_div(self.block_size).unwrap_or(0);
        let (first, last) = (block(range.start()), block(range.last()));
        let ends = self.range_of(first).zip(self.range_of(last));
        let whole = ends.and_then(|(first, last)| PhysRange::new(first.start(), last.end()).ok());
        if whole == Some(range) {
            return Ok((first, last));
        }
        let around = whole.map_or_else(String::new, |whole| format!(", {whole}"));
        Err(Error::Part {
            range: range.to_string(),
            block_size: self.block_size,
            blocks: format!("it touches {}{around}", Target::Blocks(first, last)),
        })
    }

    fn no_such(&self, target: Target) -> Error {
        let known = match self.numbers() {
            Ok(numbers) if numbers.is_empty() => "it has no memory blocks".to_owned(),
            Ok(numbers) => format!("it has {}", names(numbers)),
            Err(error) => error.to_string(),
        };
        Error::NoSuch { target: target.to_string(), known }
    }

    /// The numbers N of the entries `PREFIXN` of a directory, ascending.
    fn numbered(&self, directory: &str, prefix: &str) -> Result<Vec<u64>, Error> {
        let entries = self.files.names(directory);
        let entries = entries.map_err(|source| Error::Read { path: self.shown(directory), source })?;
        let number = |name: &String| {
            let digits = name.strip_prefix(prefix)?;
            Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
        };
        let mut numbers: Vec<u64> = entries.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn shown(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }
}

fn state(number: u64) -> String {
    format!("{BLOCKS}/memory{number}/state")
}

#[cfg(test)]
mod tests;
