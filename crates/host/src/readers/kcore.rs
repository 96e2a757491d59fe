//! Physical memory through `/proc/kcore`, an ELF core file of the running kernel's address space.
//!
//! A segment of the direct map has its physical address in `p_paddr`; one without has all ones there
//! (fs/proc/kcore.c, 6.12). Before Linux 4.11 every segment had 0 there, which this reader takes for no place at all.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use evidence::armed::Memory;
use memblock::PhysRange;

const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const PT_LOAD: u32 = 1;

/// The open file and where it shows physical memory.
pub(crate) struct Kcore {
    file: File,
    /// Physical memory, and where the file has its first byte.
    segments: Vec<(PhysRange, u64)>,
}

impl Kcore {
    /// Opens the file and reads its program headers.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut head = [0; FILE_HEADER];
        file.read_exact_at(&mut head, 0)?;
        let at = |at| number::<8>(&head, at).map(u64::from_le_bytes);
        let half = |at| number::<2>(&head, at).map(u16::from_le_bytes);
        let is_elf64 = head.starts_with(b"\x7fELF\x02\x01");
        let (Some(start), Some(size), Some(count)) = (at(0x20), half(0x36), half(0x38)) else {
            return Err(io::Error::other("not a whole ELF header"));
        };
        if !is_elf64 || usize::from(size) != PROGRAM_HEADER {
            return Err(io::Error::other("not an ELF file of 64 bits, little endian"));
        }
        let mut headers = vec![0; usize::from(count).saturating_mul(PROGRAM_HEADER)];
        file.read_exact_at(&mut headers, start)?;
        Ok(Self { file, segments: headers.chunks_exact(PROGRAM_HEADER).filter_map(segment).collect() })
    }
}

/// A segment that says where its memory lies.
fn segment(header: &[u8]) -> Option<(PhysRange, u64)> {
    let at = |at| number::<8>(header, at).map(u64::from_le_bytes);
    let kind = u32::from_le_bytes(number::<4>(header, 0)?);
    let (offset, physical, size) = (at(0x08)?, at(0x18)?, at(0x28)?);
    let range = PhysRange::from_size(physical, size).ok()?;
    (kind == PT_LOAD && physical != 0).then_some((range, offset))
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

impl Memory for Kcore {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), String> {
        let none = || format!("/proc/kcore does not show the memory at {at:#x}");
        let wanted = PhysRange::from_size(at, into.len() as u64).map_err(|_| none())?;
        let (range, offset) =
            self.segments.iter().find(|(range, _)| range.encloses(wanted)).ok_or_else(none)?;
        let offset =
            at.checked_sub(range.start()).and_then(|into| offset.checked_add(into)).ok_or_else(none)?;
        self.file
            .read_exact_at(into, offset)
            .map_err(|error| format!("/proc/kcore: the memory at {at:#x} cannot be read: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one segment for each physical address, which lies at these offsets.
    fn written(name: &str, segments: &[(u64, u64, u64)], size: usize) -> std::path::PathBuf {
        let mut bytes = vec![0_u8; size];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[0x20] = 64;
        bytes[0x36] = 56;
        bytes[0x38] = u8::try_from(segments.len()).unwrap();
        for (index, (physical, offset, length)) in segments.iter().enumerate() {
            let header = &mut bytes[64 + 56 * index..][..56];
            header[0] = 1;
            header[0x08..0x10].copy_from_slice(&offset.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&physical.to_le_bytes());
            header[0x28..0x30].copy_from_slice(&length.to_le_bytes());
        }
        let path = std::env::temp_dir().join(format!("physmem-kcore-{name}-{}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn memory_is_found_by_its_physical_address_and_segments_without_one_are_passed_over() {
        let segments = [(u64::MAX, 0x100, 0x1000), (0, 0x100, 1 << 40), (0x6000_0000, 0x800, 0x800)];
        let path = written("place", &segments, 0x1000);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0x810..0x814].copy_from_slice(b"here");
        std::fs::write(&path, bytes).unwrap();
        let mut kcore = Kcore::open(&path).unwrap();
        let mut into = [0; 4];
        kcore.read(0x6000_0010, &mut into).unwrap();
        assert_eq!(&into, b"here");
        assert!(kcore.read(0x6000_07fe, &mut into).unwrap_err().contains("0x600007fe"));
        assert!(kcore.read(0x1000, &mut into).is_err());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_none_or_ends_early_is_an_error() {
        let path = written("short", &[(0x6000_0000, 0x2000, 0x800)], 0x100);
        let mut kcore = Kcore::open(&path).unwrap();
        assert!(kcore.read(0x6000_0000, &mut [0; 4]).unwrap_err().contains("cannot be read"));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0x38] = 200;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Kcore::open(&path).is_err());
        bytes[0] = 0;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Kcore::open(&path).is_err());
        std::fs::remove_file(path).unwrap();
    }
}
