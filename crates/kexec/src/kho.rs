//! Kexec handover (KHO): the segment that lists its scratch areas.

use crate::error::PlanError;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::segment::SegmentKind;

/// Places the list of scratch areas, 16 bytes each, which the next kernel reads before anything else. It is
/// placed before all other segments.
pub(crate) fn place(placer: &mut SegmentPlacer<'_>, areas: u64) -> Result<(), PlanError> {
    let size = areas.saturating_mul(16);
    if size == 0 {
        return Ok(());
    }
    let list = SegmentNeeds::highest(SegmentKind::Handover, size, size);
    placer.place(SegmentNeeds { alignment: 0x1_0000, ..list })?;
    Ok(())
}
