//! What was done when an image was loaded, in the words of a plan.

use evidence::log::{LoadLog, LoadRecord};
use memblock::PhysRange;

/// One load.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Start, `memsz` and `bufsz` of each segment.
    pub(crate) segments: Vec<[u64; 3]>,
    /// The command line with all that was added to it.
    pub(crate) command_line: String,
    /// The map handed over: ranges and the number of their type.
    pub(crate) map: Vec<(PhysRange, u32)>,
    /// The ranges of the dump.
    pub(crate) dumped: Vec<PhysRange>,
}

impl Record {
    /// All loads of a kernel's log, in order.
    pub(crate) fn all(log: &str) -> Vec<Self> {
        LoadLog::of(log).records.iter().map(Self::of).collect()
    }

    fn of(record: &LoadRecord) -> Self {
        let segments =
            record.segments.iter().map(|one| [one.range.start(), one.range.size(), one.loaded]).collect();
        Self {
            segments,
            command_line: record.command_line.clone().unwrap_or_default(),
            map: record.map.iter().map(|entry| (entry.range, entry.kind.number())).collect(),
            dumped: record.dumped.clone(),
        }
    }
}

/// `0000000000000000-000000000009fbff (1)`.
pub(crate) fn entry(text: &str) -> Option<(PhysRange, u32)> {
    let (range, kind) = text.split_once(" (")?;
    let (start, last) = range.split_once('-')?;
    let address = |digits| u64::from_str_radix(digits, 16).ok();
    let range = PhysRange::from_inclusive(address(start)?, address(last)?).ok()?;
    Some((range, kind.strip_suffix(')')?.parse().ok()?))
}
