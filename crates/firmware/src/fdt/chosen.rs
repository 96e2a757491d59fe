//! `/chosen`: the choices of the boot loader or the previous kernel.
//!
//! Source: dt-schema `chosen.yaml`; Linux `Documentation/arch/arm/uefi.rst` for the `linux,uefi-…` properties.

use memblock::PhysRange;

use super::cells::{Cells, Ranges};
use super::error::FdtError;
use super::tree::Node;

/// Where the EFI memory map is, and how to read it with [`efi::MemoryMap`](crate::efi::MemoryMap).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UefiMemoryMap {
    /// The physical addresses of the map (`linux,uefi-mmap-start`, `-size`).
    pub range: PhysRange,
    /// Bytes from one descriptor to the next (`linux,uefi-mmap-desc-size`).
    pub desc_size: u32,
    /// Version of the descriptors (`linux,uefi-mmap-desc-ver`).
    pub desc_version: u32,
}

/// The `/chosen` node.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    node: Node<'a>,
    cells: Cells,
}

impl<'a> Chosen<'a> {
    pub(super) fn new(node: Node<'a>, cells: Cells) -> Self {
        Self { node, cells }
    }

    /// The kernel's command line, without its final NUL.
    pub fn bootargs(&self) -> Option<&'a [u8]> {
        self.node.property(b"bootargs").map(|property| property.text())
    }

    /// `linux,usable-memory-range`: the only memory a crash kernel may use; empty if there is no limit.
    pub fn usable_memory_ranges(&self) -> Ranges<'a> {
        const WHAT: &str = "linux,usable-memory-range";
        Ranges::new(self.node.property(WHAT.as_bytes()), self.cells, WHAT)
    }

    /// `linux,elfcorehdr`: where the ELF header of the crashed kernel's memory is.
    ///
    /// # Errors
    ///
    /// [`FdtError::Length`] if the property is not one address and size, [`FdtError::Range`] if these are not
    /// a range.
    pub fn elfcorehdr(&self) -> Result<Option<PhysRange>, FdtError> {
        const WHAT: &str = "linux,elfcorehdr";
        let Some(property) = self.node.property(WHAT.as_bytes()) else {
            return Ok(None);
        };
        if property.value.len() != self.cells.pair() {
            return Err(property.bad_length(WHAT, "one address and size"));
        }
        Ranges::new(Some(property), self.cells, WHAT).next().transpose()
    }

    /// `linux,initrd-start` and `linux,initrd-end` (exclusive), or `None` if the tree has neither.
    ///
    /// # Errors
    ///
    /// [`FdtError::Missing`] if it has only one of them, [`FdtError::Length`] if one is neither one nor two
    /// cells, [`FdtError::Range`] if they are not a range.
    pub fn initrd(&self) -> Result<Option<PhysRange>, FdtError> {
        const START: &str = "linux,initrd-start";
        const END: &str = "linux,initrd-end";
        let (start, end) = match (self.node.property(START.as_bytes()), self.node.property(END.as_bytes())) {
            (None, None) => return Ok(None),
            (Some(start), Some(end)) => (start, end),
            (Some(_), None) => return Err(self.missing(START, END)),
            (None, Some(_)) => return Err(self.missing(END, START)),
        };
        PhysRange::new(start.number(START)?, end.number(END)?).map(Some).map_err(|source| FdtError::Range {
            what: START,
            offset: start.offset,
            source,
        })
    }

    /// `linux,uefi-system-table`: physical address of the EFI system table.
    ///
    /// # Errors
    ///
    /// [`FdtError::Length`] if the property is neither one nor two cells.
    pub fn uefi_system_table(&self) -> Result<Option<u64>, FdtError> {
        const WHAT: &str = "linux,uefi-system-table";
        self.node.property(WHAT.as_bytes()).map(|property| property.number(WHAT)).transpose()
    }

    /// `linux,uefi-mmap-…`: the EFI memory map, or `None` if the tree has no `linux,uefi-mmap-start`.
    ///
    /// # Errors
    ///
    /// [`FdtError::Missing`] if one of the other three is missing, [`FdtError::Length`] if one has the wrong
    /// size, [`FdtError::Range`] if start and size are not a range.
    pub fn uefi_memory_map(&self) -> Result<Option<UefiMemoryMap>, FdtError> {
        const START: &str = "linux,uefi-mmap-start";
        const SIZE: &str = "linux,uefi-mmap-size";
        const DESC_SIZE: &str = "linux,uefi-mmap-desc-size";
        const DESC_VER: &str = "linux,uefi-mmap-desc-ver";
        let Some(start) = self.node.property(START.as_bytes()) else {
            return Ok(None);
        };
        let needed =
            |name: &'static str| self.node.property(name.as_bytes()).ok_or_else(|| self.missing(START, name));
        let size = needed(SIZE)?.number(SIZE)?;
        Ok(Some(UefiMemoryMap {
            range: PhysRange::from_size(start.number(START)?, size).map_err(|source| FdtError::Range {
                what: START,
                offset: start.offset,
                source,
            })?,
            desc_size: needed(DESC_SIZE)?.u32(DESC_SIZE)?,
            desc_version: needed(DESC_VER)?.u32(DESC_VER)?,
        }))
    }

    fn missing(&self, present: &'static str, missing: &'static str) -> FdtError {
        FdtError::Missing { offset: self.node.offset, present, missing }
    }
}
