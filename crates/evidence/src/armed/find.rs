//! Finds the armed image in the crash kernel's memory.
//!
//! All of it is input: another program's bytes, what earlier loads left behind, and files of the initial ramdisk, which
//! may be kernels or dumps themselves. So an image counts only as a chain: a zero page that a loader filled in, whose
//! command line lies in this memory and names a dump's header (`elfcorehdr=`), which lies there too.
//!
//! Loaders place from the top, kexec_file_load the header at the bottom, so the search begins there and ends with the
//! first chain: usually after one MiB.

use firmware::e820::BootParams;
use images::core_header::{CoreHeader, FILE_HEADER, PROGRAM_HEADER};
use memblock::PhysRange;

use super::{CrashImage, Found, LOADER_KERNEL, TYPE_OF_LOADER};
use crate::bytes::Bytes;

/// Bytes that are read at most, whatever lies there: a reservation may be large, and memory that looks like headers
/// over and over must not keep the search busy.
pub const MOST_SEARCHED: u64 = 512 << 20;
/// Bytes of one read.
const CHUNK: u64 = 1 << 20;
const PAGE: u64 = 0x1000;
/// Zero pages are aligned so: kexec-tools asks for 16, the kernel for more.
const ALIGNMENT: usize = 16;
/// `boot_flag`, `HdrS`, `cmd_line_ptr`, its upper half and `setup_data` (Documentation/arch/x86/boot.rst, zero-page.rst).
const BOOT_FLAG: usize = 0x1fe;
const MAGIC: usize = 0x202;
const CMD_LINE_PTR: usize = 0x228;
const EXT_CMD_LINE_PTR: usize = 0xc8;
const SETUP_DATA: usize = 0x250;
/// The longest command line of x86 (arch/x86/include/asm/setup.h:COMMAND_LINE_SIZE, 6.12), and more than enough.
const LONGEST_LINE: u64 = 4096;
/// Nodes of setup_data that are followed, and the largest that is read: more than all entries of any map.
const MOST_NODES: usize = 32;
const LARGEST_NODE: u64 = 1 << 20;
const SETUP_E820_EXT: u32 = 1;

/// Physical memory that can be read.
pub trait Memory {
    /// Fills `into` from physical address `at`.
    ///
    /// # Errors
    /// A sentence that says why this memory cannot be read.
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), String>;
}

/// Why no armed image was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Memory that cannot be read.
    #[error("{0}")]
    Read(String),
    /// Nothing but zeros: the kernel hides the memory (arm64), or has no image there.
    #[error("the crash kernel's memory reads as zeros: this kernel hides it")]
    Zeros,
    /// Neither a zero page with a header nor a header alone.
    #[error("the {searched} MiB of the crash kernel's memory that were searched hold no dump header")]
    Nothing {
        /// MiB, rounded up.
        searched: u64,
    },
    /// Headers, and nothing that says which of them counts.
    #[error("{count} dump headers lie in the crash kernel's memory, and no zero page says which one counts")]
    Several {
        /// How many.
        count: usize,
    },
}

/// Looks for the armed image in the areas of the crash kernel's memory, ascending.
///
/// `never_by_kernel`: kexec_file_load did not load it, so what that call wrote is from an earlier load.
///
/// Where two loads left chains, the higher zero page is taken; loads by one program overwrite each other. O(bytes), at
/// most [`MOST_SEARCHED`].
///
/// # Errors
/// [`NotFound`].
pub fn find(
    areas: &[PhysRange],
    never_by_kernel: bool,
    memory: &mut impl Memory,
) -> Result<CrashImage, NotFound> {
    let mut search = Search { areas, never_by_kernel, memory, left: MOST_SEARCHED };
    let (mut alone, mut searched, mut is_zero) = (Vec::new(), 0_u64, true);
    // kexec_file_load's place for the header, whatever the limit.
    alone.extend(areas.iter().filter_map(|area| search.header(area.start())));
    let mut buffer = Vec::new();
    for area in areas.iter().rev() {
        let mut end = area.end();
        while end > area.start() && search.left > 0 {
            let start = end.saturating_sub(CHUNK).max(area.start());
            // What begins in this chunk may end in the one above.
            let with_next = end.saturating_add(PAGE).min(area.end());
            let length = usize::try_from(with_next.saturating_sub(start)).unwrap_or(0);
            buffer.resize(length, 0);
            search.memory.read(start, &mut buffer).map_err(NotFound::Read)?;
            search.left = search.left.saturating_sub(length as u64);
            if buffer.iter().any(|byte| *byte != 0) {
                is_zero = false;
                if let Some(found) = search.chain_in(start, &buffer) {
                    return Ok(found);
                }
                alone.extend(search.headers_in(start, &buffer));
            }
            searched = searched.saturating_add(end.saturating_sub(start));
            end = start;
        }
    }
    alone.sort_by_key(|header: &Found| header.at);
    alone.dedup();
    match alone.len() {
        0 if is_zero => Err(NotFound::Zeros),
        0 => Err(NotFound::Nothing { searched: searched.div_ceil(1 << 20) }),
        1 => Ok(CrashImage { header: alone.swap_remove(0), ..CrashImage::default() }),
        count => Err(NotFound::Several { count }),
    }
}

struct Search<'a, M> {
    areas: &'a [PhysRange],
    never_by_kernel: bool,
    memory: &'a mut M,
    /// Bytes that may still be read.
    left: u64,
}

impl<M: Memory> Search<'_, M> {
    /// The first image whose zero page begins in these bytes, the highest first.
    fn chain_in(&mut self, start: u64, bytes: &[u8]) -> Option<CrashImage> {
        let count = bytes.len() / ALIGNMENT;
        (0..count).rev().find_map(|index| {
            let offset = index.saturating_mul(ALIGNMENT);
            let magic = offset.saturating_add(MAGIC);
            if bytes.get(magic..magic.saturating_add(4)) != Some(b"HdrS".as_slice()) {
                return None;
            }
            let page = bytes.get(offset..offset.saturating_add(0x1000))?;
            self.chain(start.saturating_add(offset as u64), page)
        })
    }

    /// The image that this zero page belongs to, if it is one.
    fn chain(&mut self, at: u64, page: &[u8]) -> Option<CrashImage> {
        let loader = *page.get(TYPE_OF_LOADER)?;
        // In the file of a kernel, no loader has filled in its type, nor the map.
        let is_filled = loader != 0 && !(self.never_by_kernel && loader == LOADER_KERNEL);
        let is_page = page.get(BOOT_FLAG..BOOT_FLAG + 2) == Some([0x55, 0xaa].as_slice());
        if !is_filled || !is_page || BootParams::new(page).ok()?.entries().next().is_none() {
            return None;
        }
        let low = u64::from(u32_at(page, CMD_LINE_PTR)?);
        let high = u64::from(u32_at(page, EXT_CMD_LINE_PTR)?);
        let command_line = self.line(high << 32 | low)?;
        let header = self.header(elfcorehdr(&command_line)?)?;
        let more_e820 = self.more_e820(u64_at(page, SETUP_DATA)?);
        let zero_page = Some(Found { at, bytes: Bytes(page.to_vec()) });
        Some(CrashImage { header, zero_page, more_e820, command_line: Some(command_line) })
    }

    /// Headers at the beginnings of pages.
    fn headers_in(&mut self, start: u64, bytes: &[u8]) -> Vec<Found> {
        let starts = bytes.chunks_exact(0x1000).zip((start..).step_by(0x1000));
        let starts = starts.filter(|(page, _)| page.starts_with(b"\x7fELF"));
        starts.filter_map(|(_, at)| self.header(at)).collect()
    }

    /// The dump's header at this address.
    fn header(&mut self, at: u64) -> Option<Found> {
        let first = self.read(at, FILE_HEADER.into())?;
        // ET_CORE, e_phoff and e_phnum; Linux and kexec-tools put the program headers right behind.
        let count = u16::from_le_bytes(first.get(0x38..0x3a)?.try_into().ok()?);
        let is_core = first.starts_with(b"\x7fELF") && first.get(0x10..0x12) == Some([4, 0].as_slice());
        if !is_core || u64_at(&first, 0x20)? != u64::from(FILE_HEADER) {
            return None;
        }
        let size = u64::from(count).saturating_mul(PROGRAM_HEADER.into()).saturating_add(FILE_HEADER.into());
        let bytes = self.read(at, size)?;
        let header = CoreHeader::new(&bytes).ok()?;
        (!header.loads.is_empty() && !header.notes.is_empty()).then_some(Found { at, bytes: Bytes(bytes) })
    }

    fn line(&mut self, at: u64) -> Option<String> {
        let area = self.areas.iter().find(|area| area.contains(at))?;
        let bytes = self.read(at, LONGEST_LINE.min(area.end().saturating_sub(at)))?;
        let end = bytes.iter().position(|byte| *byte == 0)?;
        bytes.get(..end).map(|line| String::from_utf8_lossy(line).into_owned())
    }

    /// The entries in setup_data, whose list begins at this address.
    fn more_e820(&mut self, first: u64) -> Option<Bytes> {
        let mut at = first;
        for _ in 0..MOST_NODES {
            let node = self.read(at, 16)?;
            let size = u64::from(u32_at(&node, 12)?);
            if u32_at(&node, 8)? == SETUP_E820_EXT && size <= LARGEST_NODE {
                return self.read(at.checked_add(16)?, size).map(Bytes);
            }
            at = u64_at(&node, 0)?;
        }
        None
    }

    /// Bytes that lie in one area.
    fn read(&mut self, at: u64, size: u64) -> Option<Vec<u8>> {
        let range = PhysRange::from_size(at, size).ok()?;
        self.areas.iter().find(|area| area.start() <= range.start() && range.end() <= area.end())?;
        self.left = self.left.checked_sub(size)?;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        self.memory.read(at, &mut bytes).ok()?;
        Some(bytes)
    }
}

/// `elfcorehdr=[SIZE@]ADDRESS` (Documentation/admin-guide/kernel-parameters.txt); the last counts.
fn elfcorehdr(line: &str) -> Option<u64> {
    let value = line.split_ascii_whitespace().rev().find_map(|word| word.strip_prefix("elfcorehdr="))?;
    let address = value.rsplit('@').next()?;
    // kexec-tools: elfcorehdr=0x7df5d000 or elfcorehdr=2061684K.
    let (digits, shift) = match address.as_bytes().last()? {
        b'k' | b'K' => (address.get(..address.len().checked_sub(1)?)?, 10),
        b'm' | b'M' => (address.get(..address.len().checked_sub(1)?)?, 20),
        b'g' | b'G' => (address.get(..address.len().checked_sub(1)?)?, 30),
        _ => (address, 0),
    };
    let number = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    number.checked_mul(1 << shift)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
