//! Bounce buffers: `swiotlb=[SLABS][,AREAS][,force|noforce]`.

use crate::command_line::values::memparse::number;
use crate::command_line::values::remark::Remarks;

const SOURCE: &str = "kernel/dma/swiotlb.c:setup_io_tlb_npages (6.12)";
/// Bytes per slab, `1 << IO_TLB_SHIFT`.
const SLAB: u64 = 2048;
/// Slabs per segment, `IO_TLB_SEGSIZE`.
const SEGMENT: u64 = 128;
/// Bytes if the command line gives no number, `IO_TLB_DEFAULT_SIZE`.
const DEFAULT: u64 = 64 << 20;

/// What the command line says about bounce buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swiotlb {
    /// Slabs of 2 KiB, rounded up to whole segments of 128 slabs.
    pub slabs: Option<u64>,
    /// Areas with their own locks.
    pub areas: Option<u64>,
    /// `force`: all DMA goes through bounce buffers.
    pub force: bool,
    /// `noforce`: there are no bounce buffers.
    pub noforce: bool,
}

impl Swiotlb {
    /// Requested bytes: 64 MiB if no number is given (`swiotlb_size_or_default`).
    ///
    /// ```
    /// use machine::command_line::swiotlb::Swiotlb;
    /// assert_eq!(Swiotlb::default().size(), 64 << 20);
    /// ```
    pub fn size(&self) -> u64 {
        self.slabs.map_or(DEFAULT, |slabs| slabs.saturating_mul(SLAB))
    }

    pub(super) fn parse(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let Some(value) = value else {
            // Observed on 6.12.117.
            return remarks.fatal("the kernel reads a value that is not there, and dies", SOURCE);
        };
        let is_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let mut rest = value;
        if is_digit(rest) {
            let slabs;
            (slabs, rest) = number(rest);
            self.slabs = Some(slabs.checked_next_multiple_of(SEGMENT).unwrap_or_default());
        }
        rest = rest.strip_prefix(',').unwrap_or(rest);
        if is_digit(rest) {
            let areas;
            (areas, rest) = number(rest);
            self.areas = Some(areas);
        }
        rest = rest.strip_prefix(',').unwrap_or(rest);
        match rest {
            "force" => self.force = true,
            "noforce" => self.noforce = true,
            "" => {}
            _ => remarks.say(format!("`{rest}` is ignored in silence"), SOURCE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_are_rounded_up_to_segments() {
        let parse = |value| {
            let (mut swiotlb, mut remarks) = (Swiotlb::default(), Remarks::default());
            swiotlb.parse(value, &mut remarks);
            (swiotlb, remarks.list)
        };
        let (swiotlb, _) = parse(Some("1000,4,force"));
        assert_eq!(swiotlb, Swiotlb { slabs: Some(1024), areas: Some(4), force: true, noforce: false });
        assert_eq!(swiotlb.size(), 2 << 20);
        assert!(parse(Some("noforce")).0.noforce);
        assert_eq!(parse(Some("abc")).1.len(), 1);
        assert!(parse(None).1[0].is_fatal);
    }
}
