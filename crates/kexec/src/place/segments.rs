//! Places segments one after another, and records why they are there.

use memblock::PhysRange;

use crate::context::SearchSpace;
use crate::error::{ElfError, PlanError};
use crate::place::search::{Direction, Search};
use crate::segment::{Segment, SegmentKind};

/// Places segments one after another.
#[derive(Clone, Debug)]
pub(crate) struct SegmentPlacer<'a> {
    space: &'a SearchSpace,
    segments: Vec<Segment>,
}

/// What a segment needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentNeeds {
    pub(crate) kind: SegmentKind,
    pub(crate) loaded: u64,
    pub(crate) size: u64,
    pub(crate) alignment: u64,
    /// The lowest start.
    pub(crate) min: u64,
    /// The highest end.
    pub(crate) limit: u64,
    pub(crate) direction: Direction,
}

impl SegmentNeeds {
    /// At the highest page-aligned place.
    pub(crate) const fn highest(kind: SegmentKind, loaded: u64, size: u64) -> Self {
        let direction = Direction::TopDown;
        Self { kind, loaded, size, alignment: 0, min: 0, limit: u64::MAX, direction }
    }

    /// At the lowest page-aligned place.
    pub(crate) const fn lowest(kind: SegmentKind, loaded: u64, size: u64) -> Self {
        Self { direction: Direction::BottomUp, ..Self::highest(kind, loaded, size) }
    }
}

impl<'a> SegmentPlacer<'a> {
    pub(crate) const fn new(space: &'a SearchSpace) -> Self {
        Self { space, segments: Vec::new() }
    }

    /// Finds the next segment's place.
    pub(crate) fn place(&mut self, needs: SegmentNeeds) -> Result<PhysRange, PlanError> {
        let SegmentNeeds { kind, loaded, size, alignment, min, limit, direction } = needs;
        let search = Search::new(size, alignment, self.space.page, direction)
            .map_err(|source| PlanError::Segment { kind, source })?
            .at_or_above(min)
            .ending_by(limit)
            .skipping_the_last_page(self.space.skips_last_page);
        if loaded > search.size() {
            return Err(PlanError::TooSmall { kind, loaded, size: search.size() });
        }
        let taken: Vec<PhysRange> = self.segments.iter().map(|segment| segment.range).collect();
        if let Some(segment) = self.in_contiguous_area(&needs, &search, &taken) {
            let range = segment.range;
            self.segments.push(segment);
            return Ok(range);
        }
        let candidates = &self.space.ranges;
        let found = if search.size() > self.space.largest {
            None
        } else if self.space.in_order {
            search.find_in_order(candidates, &taken)
        } else {
            search.find(candidates, &taken)
        };
        let (range, candidate) = found.ok_or_else(|| PlanError::NoHole {
            kind,
            size: search.size(),
            alignment: search.alignment(),
            min,
            largest: self.space.largest,
        })?;
        let outermost = match direction {
            Direction::TopDown => "highest",
            Direction::BottomUp => "lowest",
        };
        let above = if min == 0 { String::new() } else { format!(", at or above {min:#x}") };
        let below = if limit == u64::MAX { String::new() } else { format!(", ending by {limit:#x}") };
        let beside = if taken.is_empty() { "" } else { " beside the earlier segments" };
        let reason = format!(
            "the {outermost} multiple of {:#x} that fits into {candidate}{above}{below}{beside}",
            search.alignment()
        );
        let alignment = search.alignment();
        self.segments.push(Segment { kind, range, loaded, alignment, wanted_alignment: alignment, reason });
        Ok(range)
    }

    /// A place in the contiguous area: its lowest free one, unless that is outside the segment's limits.
    fn in_contiguous_area(
        &self,
        needs: &SegmentNeeds,
        search: &Search,
        taken: &[PhysRange],
    ) -> Option<Segment> {
        let area = self.space.contiguous?;
        let alignment = search.alignment().min(area.alignment);
        let lowest = Search::new(needs.size, alignment, self.space.page, Direction::BottomUp).ok()?;
        let (range, _) = lowest.find(&[area.free], taken)?;
        if range.start() < needs.min || range.end() > needs.limit {
            return None;
        }
        let less = if alignment < search.alignment() {
            format!(
                ", which aligns to no more than {alignment:#x} where {:#x} is asked for",
                search.alignment()
            )
        } else {
            String::new()
        };
        let reason = format!(
            "the lowest multiple of {alignment:#x} that is free in the contiguous memory area (CMA) {}{less}",
            area.free
        );
        let (kind, loaded) = (needs.kind, needs.loaded);
        Some(Segment { kind, range, loaded, alignment, wanted_alignment: search.alignment(), reason })
    }

    /// Adds a segment of whole pages whose place is fixed.
    pub(crate) fn fix(
        &mut self,
        kind: SegmentKind,
        range: PhysRange,
        loaded: u64,
        reason: String,
    ) -> Result<(), PlanError> {
        if loaded > range.size() {
            return Err(PlanError::TooSmall { kind, loaded, size: range.size() });
        }
        if let Some(range) = self.segments.iter().find_map(|segment| segment.range.intersect(range)) {
            return Err(ElfError::Overlap { range }.into());
        }
        let alignment = self.space.page;
        self.segments.push(Segment { kind, range, loaded, alignment, wanted_alignment: alignment, reason });
        Ok(())
    }

    /// The segments, in the order in which they were placed.
    pub(crate) fn segments(self) -> Vec<Segment> {
        self.segments
    }
}
