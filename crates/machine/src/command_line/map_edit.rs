//! x86 edits to the firmware map, `mem=` and `memmap=`; and `mem=` on arm64.

use firmware::e820::E820Type;
use memblock::PhysRange;

use crate::command_line::values::memparse::{memparse, number};
use crate::command_line::values::remark::Remarks;

const MEM: &str = "arch/x86/kernel/e820.c:parse_memopt (6.12)";
const MEMMAP: &str = "arch/x86/kernel/e820.c:parse_memmap_one (6.12)";
const ARM64_MEM: &str = "arch/arm64/mm/init.c:early_mem (6.12)";

/// One change to the x86 e820 map. The kernel applies changes one by one while it parses, to a list whose entries may
/// overlap. It sorts the list only after the last change; where two entries overlap, the higher type number wins
/// (`e820__finish_early_params`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapEdit {
    /// `mem=N`, `memmap=N`: RAM from this address up is removed. An address, not an amount; entries of other types
    /// stay.
    LimitRam {
        /// The first removed address. 0 removes all RAM.
        from: u64,
    },
    /// `memmap=exactmap`: all entries of all types are removed.
    Exact,
    /// `memmap=N@S` (RAM), `N#S` (ACPI), `N$S` (reserved), `N!S` (persistent, type 12), `N%S+T` (type T): an entry is
    /// added. It does not replace existing entries: RAM added over a reserved range stays reserved.
    Add {
        /// Its addresses.
        range: PhysRange,
        /// Its type.
        kind: E820Type,
    },
    /// `memmap=N%S-F+T`: memory of one type in this range changes to another.
    Convert {
        /// The range.
        range: PhysRange,
        /// The old type.
        from: E820Type,
        /// The new type.
        to: E820Type,
    },
    /// `memmap=N%S-F`, `N%S`: entries in this range are removed.
    Remove {
        /// The range.
        range: PhysRange,
        /// Only this type; `None` for all types.
        kind: Option<E820Type>,
    },
}

/// How the command line changes the firmware map.
///
/// ```
/// use firmware::e820::E820Type;
/// use machine::command_line::{BootParameters, MapEdit};
/// use machine::{Architecture, Release};
///
/// let line = "memmap=64M$768M,32M#896M mem=2G";
/// let map = BootParameters::parse(line, Architecture::X86_64, &machine::releases::checked()).map;
/// let reserved = memblock::PhysRange::from_size(768 << 20, 64 << 20)?;
/// assert_eq!(map.edits[0], MapEdit::Add { range: reserved, kind: E820Type::Reserved });
/// assert_eq!(map.edits[2], MapEdit::LimitRam { from: 2 << 30 });
/// # Ok::<(), memblock::RangeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapEdits {
    /// x86: the changes, in the order in which they are applied.
    pub edits: Vec<MapEdit>,
    /// x86: the kernel sorts the map again and prints it as the `user-defined physical RAM map`. It does this even for
    /// `mem=0` and other values that change nothing.
    pub is_user_defined: bool,
    /// x86: the last `mem=`, in bytes. During boot, no memory is hot-added that ends above it.
    pub hot_add_limit: Option<u64>,
    /// arm64: the last `mem=`, in bytes as written; the kernel rounds it down to whole pages, and 0 means no limit. An
    /// amount of memory, not an address (`mm/memblock.c:memblock_mem_limit_remove_map`).
    pub arm64_limit: Option<u64>,
}

impl MapEdits {
    pub(super) fn mem(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value {
            None => remarks.say("refused: it needs a value", MEM),
            Some("nopentium") => remarks.say("refused: known to 32-bit kernels only", MEM),
            Some(value) => {
                self.is_user_defined = true;
                match memparse(value) {
                    (0, _) => remarks.say("refused: the size is 0", MEM),
                    (from, rest) => {
                        self.edits.push(MapEdit::LimitRam { from });
                        self.hot_add_limit = Some(from);
                        if !rest.is_empty() {
                            remarks.say(format!("read as {from:#x}; `{rest}` is ignored"), MEM);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn memmap(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let Some(value) = value else {
            return remarks.say("ignored in silence: it has no value", MEMMAP);
        };
        for item in value.split(',') {
            self.memmap_item(item, remarks);
        }
    }

    /// The kernel reports no failures: edits made before a failure stay.
    fn memmap_item(&mut self, item: &str, remarks: &mut Remarks) {
        if item.starts_with("exactmap") {
            self.is_user_defined = true;
            return self.edits.push(MapEdit::Exact);
        }
        let (size, rest) = memparse(item);
        if rest.len() == item.len() {
            return remarks.say(format!("`{item}` is ignored in silence: expected a size"), MEMMAP);
        }
        self.is_user_defined = true;
        let mut letters = rest.chars();
        let kind = match letters.next() {
            Some('@') => E820Type::Ram,
            Some('#') => E820Type::Acpi,
            Some('$') => E820Type::Reserved,
            Some('!') => E820Type::Pram,
            Some('%') => return self.percent(size, letters.as_str(), remarks),
            _ => return self.plain(size, rest, remarks),
        };
        let (start, rest) = memparse(letters.as_str());
        if !rest.is_empty() {
            remarks.say(format!("read as {size:#x} bytes at {start:#x}; `{rest}` is ignored"), MEMMAP);
        }
        self.add(start, size, kind, remarks);
    }

    fn plain(&mut self, from: u64, rest: &str, remarks: &mut Remarks) {
        self.edits.push(MapEdit::LimitRam { from });
        if from == 0 {
            remarks.fatal("read as `memmap=0`, which removes all RAM", MEMMAP);
        } else if !rest.is_empty() {
            remarks.say(format!("read as `memmap={from:#x}`; `{rest}` is ignored"), MEMMAP);
        }
    }

    fn add(&mut self, start: u64, size: u64, kind: E820Type, remarks: &mut Remarks) {
        if size == 0 {
            return remarks.say("changes nothing: the size is 0", MEMMAP);
        }
        match PhysRange::from_size(start, size) {
            Ok(range) => self.edits.push(MapEdit::Add { range, kind }),
            Err(error) => remarks.fatal(format!("the kernel gives up: {error}"), MEMMAP),
        }
    }

    fn percent(&mut self, size: u64, text: &str, remarks: &mut Remarks) {
        let (start, rest) = memparse(text);
        let (from, rest) = rest.strip_prefix('-').map_or((0, rest), e820_type);
        let (to, rest) = rest.strip_prefix('+').map_or((0, rest), e820_type);
        if !rest.is_empty() {
            let what = format!("ignored in silence: expected N%S[-FROM][+TO], found `{rest}`");
            return remarks.say(what, MEMMAP);
        }
        if from == to && from != 0 {
            return remarks.fatal("the kernel gives up: a type is converted to itself", MEMMAP);
        }
        if from == 0 && to != 0 {
            return self.add(start, size, to.into(), remarks);
        }
        // Anything past the last address is cut off.
        let Ok(range) = PhysRange::new(start, start.saturating_add(size)) else {
            return remarks.say("changes nothing: the size is 0", MEMMAP);
        };
        self.edits.push(match (from, to) {
            (0, _) => MapEdit::Remove { range, kind: None },
            (from, 0) => MapEdit::Remove { range, kind: Some(from.into()) },
            (from, to) => MapEdit::Convert { range, from: from.into(), to: to.into() },
        });
    }

    pub(super) fn arm64_mem(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let Some(value) = value else {
            return remarks.say("refused: it needs a value", ARM64_MEM);
        };
        let (limit, rest) = memparse(value);
        self.arm64_limit = Some(limit);
        if limit == 0 {
            remarks.say("no limit: read as 0, though the kernel prints `Memory limited to 0MB`", ARM64_MEM);
        } else if !rest.is_empty() {
            remarks.say(format!("read as {limit:#x}; `{rest}` is ignored"), ARM64_MEM);
        }
    }
}

/// A type number, truncated to 32 bits; 0 means none.
fn e820_type(text: &str) -> (u32, &str) {
    let (number, rest) = number(text);
    let [a, b, c, d, ..] = number.to_le_bytes();
    (u32::from_le_bytes([a, b, c, d]), rest)
}

#[cfg(test)]
mod tests;
