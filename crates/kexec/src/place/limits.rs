//! The kernel's limits on all segments of a load together, wherever they lie.

use machine::Machine;

use crate::error::PlanError;
use crate::segment::{MOST_SEGMENTS, Segment};

/// The kernel's limits on all segments of a load together (kernel/kexec_core.c:sanity_check_segment_list,
/// 6.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    page: u64,
    /// Pages that the page allocator manages; `None` if /proc/zoneinfo was not shown.
    pages: Option<u64>,
}

impl Limits {
    pub(crate) fn of(machine: &Machine) -> Self {
        let managed = machine.zones().iter().try_fold(0_u64, |sum, zone| sum.checked_add(zone.managed));
        Self { page: machine.kernel.page_size, pages: managed.filter(|&pages| pages > 0) }
    }

    /// Checks whether a kernel would accept these segments.
    ///
    /// They are staged in as much memory as they cover before the jump: each, and all together, may take half
    /// of RAM.
    pub(crate) fn check(&self, segments: &[Segment]) -> Result<(), PlanError> {
        if segments.len() > MOST_SEGMENTS {
            return Err(PlanError::TooManySegments { segments: segments.len() });
        }
        let sizes = segments.iter().map(|segment| segment.range.size());
        let sum = sizes.fold(0_u64, u64::saturating_add);
        match self.pages {
            Some(pages) if sum.div_ceil(self.page) > pages / 2 => {
                Err(PlanError::HalfOfRam { size: sum, most: (pages / 2).saturating_mul(self.page) })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use memblock::PhysRange;

    use super::*;
    use crate::segment::SegmentKind;

    fn segment(pages: u64) -> Segment {
        Segment {
            kind: SegmentKind::Initrd,
            range: PhysRange::from_size(0x10_0000, pages * 0x1000).unwrap(),
            loaded: 1,
            alignment: 0x1000,
            wanted_alignment: 0x1000,
            reason: String::new(),
        }
    }

    #[test]
    fn all_segments_together_may_take_half_of_ram_and_no_page_more() {
        let limits = Limits { page: 0x1000, pages: Some(21) };
        assert_eq!(limits.check(&[segment(4), segment(6)]), Ok(()));
        let error = PlanError::HalfOfRam { size: 11 * 0x1000, most: 10 * 0x1000 };
        assert_eq!(limits.check(&[segment(5), segment(6)]), Err(error));
        assert_eq!(Limits { pages: None, ..limits }.check(&[segment(1000)]), Ok(()));
    }

    #[test]
    fn a_seventeenth_segment_is_one_too_many() {
        let limits = Limits { page: 0x1000, pages: None };
        assert_eq!(limits.check(&vec![segment(1); 16]), Ok(()));
        assert_eq!(limits.check(&vec![segment(1); 17]), Err(PlanError::TooManySegments { segments: 17 }));
    }
}
