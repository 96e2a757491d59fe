//! Reads which memory the header of a dump lists.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use images::CoreHeader;
use images::elf::Machine;
use images::kdump_compressed::{KdumpCompressed, LONGEST_START, is_flattened, is_kdump_compressed};
use memblock::PhysRange;

use crate::failure::Failure;

/// The largest ELF header: 65,535 entries.
const LONGEST_HEADER: u64 = 4 << 20;
const CHUNK: u64 = 1 << 20;

/// What the header of a dump lists.
#[derive(Debug)]
pub(super) struct DumpFile {
    /// The processor of the kernel that crashed.
    pub(super) machine: Machine,
    /// Its memory, ascending.
    pub(super) lists: Vec<PhysRange>,
    /// What those are multiples of: 1 in an ELF header, else the size of a page.
    pub(super) granule: u64,
    /// `ELF`, `kdump-compressed`.
    pub(super) format: &'static str,
    /// Whether the file itself says that pages are missing which should be in it.
    pub(super) is_incomplete: bool,
}

impl DumpFile {
    /// Reads the header of a file that may be as large as the machine's memory.
    pub(super) fn read(option: &'static str, path: &Path) -> Result<Self, Failure> {
        let given = |source| Failure::Given { option, path: path.to_owned(), source };
        let damaged = |source| Failure::CoreHeader { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(given)?;
        let mut start = Vec::new();
        file.by_ref().take(LONGEST_START).read_to_end(&mut start).map_err(given)?;
        if is_flattened(&start) {
            return Err(Failure::FlattenedDump { path: path.to_owned() });
        }
        if is_kdump_compressed(&start) {
            let header = KdumpCompressed::new(&start).map_err(damaged)?;
            return compressed(&mut file, &header).map_err(given);
        }
        file.take(LONGEST_HEADER.saturating_sub(LONGEST_START)).read_to_end(&mut start).map_err(given)?;
        let header = CoreHeader::new(&start).map_err(damaged)?;
        let mut lists: Vec<PhysRange> = header.ram().collect();
        lists.sort_unstable();
        Ok(Self { machine: header.machine, lists, granule: 1, format: "ELF", is_incomplete: false })
    }
}

impl DumpFile {
    /// These differences without those of less than a page, which this format cannot show.
    pub(super) fn whole(&self, ranges: impl Iterator<Item = PhysRange>) -> Vec<PhysRange> {
        let whole = |range: PhysRange| {
            let start = range.start().checked_next_multiple_of(self.granule)?;
            let end = range.end().checked_div(self.granule)?.checked_mul(self.granule)?;
            PhysRange::new(start, end).ok()
        };
        ranges.filter_map(whole).collect()
    }
}

/// Reads the first bitmap, piece by piece.
fn compressed(file: &mut File, header: &KdumpCompressed) -> std::io::Result<DumpFile> {
    file.seek(SeekFrom::Start(header.bitmap))?;
    let mut lists: Vec<PhysRange> = Vec::new();
    let mut at = 0_u64;
    while at < header.bitmap_size {
        let size = header.bitmap_size.saturating_sub(at).min(CHUNK);
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        file.read_exact(&mut bytes)?;
        for range in header.memory(at, &bytes) {
            match lists.last_mut() {
                Some(last) if last.end() == range.start() => {
                    if let Ok(joined) = PhysRange::new(last.start(), range.end()) {
                        *last = joined;
                    }
                }
                _ => lists.push(range),
            }
        }
        at = at.saturating_add(size);
    }
    let (machine, granule) = (header.machine, header.page);
    Ok(DumpFile { machine, lists, granule, format: "kdump-compressed", is_incomplete: header.is_incomplete })
}
