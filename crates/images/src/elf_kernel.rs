//! What an ELF kernel's headers say about how it is loaded.

use memblock::PhysRange;

use crate::ElfImage;
use crate::elf::Machine;

/// What the headers of an x86_64 ELF kernel say about how it is loaded: where each of its parts has to lie.
///
/// The parts are not checked: they may overlap, or begin inside a page. A plan refuses what kexec-tools
/// refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElfKernel {
    /// Its parts, in the order of the file's program headers.
    pub segments: Vec<ElfSegment>,
}

/// A part of an ELF kernel: a program header of type `PT_LOAD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElfSegment {
    /// Where it lies: `p_paddr` and `p_memsz`.
    pub memory: PhysRange,
    /// Bytes of the file that are loaded, `p_filesz`; the rest is zeroed.
    pub loaded: u64,
}

impl ElfKernel {
    /// What parsed headers say; `None` for processors other than x86_64. Segments that take no memory are
    /// left out.
    pub fn of(image: &ElfImage) -> Option<Self> {
        if image.machine != Machine::X86_64 {
            return None;
        }
        let mut parts: Vec<_> = image.segments.iter().collect();
        parts.sort_by_key(|part| part.header_offset);
        let segment = |part: &crate::elf::Segment| {
            Some(ElfSegment { memory: part.memory, loaded: u64::try_from(part.file.len()).ok()? })
        };
        Some(Self { segments: parts.into_iter().map(segment).collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;

    /// An ELF file for this processor, with parts of one byte at these addresses.
    fn file(machine: u16, addresses: &[u64]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
        bytes.extend(machine.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend([addresses[0], 64, 0].map(u64::to_le_bytes).concat());
        bytes.extend(
            [0, 0, 64, 56, u16::try_from(addresses.len()).unwrap(), 0, 0, 0].map(u16::to_le_bytes).concat(),
        );
        for &address in addresses {
            bytes.extend([1_u32, 5].map(u32::to_le_bytes).concat());
            bytes.extend([0, address, address, 1, 0x1000, 0x1000].map(u64::to_le_bytes).concat());
        }
        bytes
    }

    fn of(bytes: &[u8]) -> Option<ElfKernel> {
        match Image::new(bytes).unwrap() {
            Image::Elf(image) => ElfKernel::of(&image),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn parts_are_in_the_order_of_the_file() {
        let part = |start| ElfSegment { memory: PhysRange::from_size(start, 0x1000).unwrap(), loaded: 1 };
        let segments = vec![part(0x200_0000), part(0x100_0000)];
        assert_eq!(of(&file(62, &[0x200_0000, 0x100_0000])), Some(ElfKernel { segments }));
    }

    #[test]
    fn a_kernel_for_arm64_is_none_of_these() {
        assert_eq!(of(&file(183, &[0x100_0000])), None);
    }
}
