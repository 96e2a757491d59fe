//! Allocation: finding a hole and reserving it.

use core::num::NonZero;

use super::Memblock;
use crate::tree::GapQuery;
use crate::{
    AllocError, AllocFailure, Attempt, Direction, NodeId, PhysRange, Region, RegionFlags, Request,
    SearchSettings, Shortage,
};

/// Reservations and regions to look at near the top of memory before asking the directory.
const STEPS_NEAR_THE_TOP: usize = 8;

/// There is more to search.
struct More;

/// How a search goes on.
enum Step {
    /// There is room here.
    Found(u64),
    /// Continue from here: the gap has nothing to offer.
    From(u64),
}

impl Memblock<'_> {
    /// Finds memory for a request and reserves it (`memblock_alloc_range_nid`, 6.12). The memory is not
    /// touched, so it is not zeroed.
    ///
    /// First fit by address, from the end that [`Memblock::set_bottom_up`] selects; where the request leaves
    /// a choice, in the order of [`Request::attempts`]. Free memory is memory that is not reserved, except
    /// NOMAP and driver-managed memory and, with `movable_node`, hot-pluggable memory.
    ///
    /// O(log n) for each search that finds memory in the first gap between reservations that is large enough.
    /// All gaps outside usable memory up to the next usable region together cost O(log n), and each region
    /// that may not be used costs O(1). With an alignment larger than most gaps, each gap that is large
    /// enough but holds no aligned address may cost a look.
    ///
    /// # Errors
    ///
    /// [`AllocError`] says what was in the way; nothing is changed. It costs O(memory + reserved regions).
    ///
    /// ```
    /// use memblock::{Memblock, NodeId, PhysRange, Region, Request};
    /// let mut memblock = Memblock::new();
    /// let node = NodeId::new(1);
    /// memblock.add(PhysRange::new(0x10_0000, 0x20_0000)?)?;
    /// memblock.add_node(Region { node, ..Region::plain(PhysRange::new(0x20_0000, 0x30_0000)?) })?;
    ///
    /// let page = Request { align: 0x1000, ..Request::new(0x1000) };
    /// assert_eq!(memblock.alloc(&page)?, PhysRange::new(0x2f_f000, 0x30_0000)?);
    /// assert_eq!(memblock.alloc(&page)?, PhysRange::new(0x2f_e000, 0x2f_f000)?);
    ///
    /// let huge = Request { node, exact_node: true, ..Request::new(0x10_0000) };
    /// let error = memblock.alloc(&huge).unwrap_err();
    /// assert!(error.to_string().contains("1048576 are of other nodes, 8192 are reserved"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn alloc(&mut self, request: &Request) -> Result<PhysRange, AllocError> {
        let mut node = request.node;
        let Some(start) = self.search(request, &mut node) else { return Err(self.explain(request)) };
        let found = PhysRange::trusted(start, start + request.size);
        let mut region = Region::plain(found);
        if self.kern_accounting {
            region.node = node;
            region.flags = RegionFlags::RSRV_KERN;
        }
        let reserved = match request.tag {
            Some(tag) => self.reserve_owned(region, tag),
            None => self.reserve_region(region),
        };
        match reserved {
            Ok(_) => Ok(found),
            Err(error) => Err(refused(request, error.into())),
        }
    }

    /// Finds what [`Memblock::alloc`] would return, without reserving it (`memblock_find_in_range`, 6.12).
    ///
    /// # Errors
    ///
    /// As [`Memblock::alloc`], except for a full table.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, Request};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x20_0000)?)?;
    /// let request = Request { max: Some(0x18_0000), ..Request::new(0x1000) };
    /// assert_eq!(memblock.find(&request)?, PhysRange::new(0x17_f000, 0x18_0000)?);
    /// assert!(memblock.reserved().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, request: &Request) -> Result<PhysRange, AllocError> {
        let start = self.search(request, &mut None).ok_or_else(|| self.explain(request))?;
        Ok(PhysRange::trusted(start, start + request.size))
    }

    /// Where a hole for a request starts. `node` is set to the node that was searched if that is not the
    /// request's.
    ///
    /// Searches return addresses, not ranges, because those fit in a register.
    #[inline]
    pub(super) fn search(&self, request: &Request, node: &mut Option<NodeId>) -> Option<u64> {
        if request.size == 0 || !request.align.is_power_of_two() {
            return None;
        }
        // The first search nearly always succeeds, and needs no list of searches.
        let settings = self.search_settings();
        let first = request.first_attempt(&settings);
        let found = first.and_then(|attempt| self.hole(&attempt, request.size, request.align));
        if found.is_some() { found } else { self.search_further(request, first.is_some(), node) }
    }

    /// The searches after the first.
    #[cold]
    fn search_further(
        &self,
        request: &Request,
        without_first: bool,
        node: &mut Option<NodeId>,
    ) -> Option<u64> {
        request.attempts(&self.search_settings()).skip(usize::from(without_first)).find_map(|attempt| {
            let found = self.hole(&attempt, request.size, request.align)?;
            *node = attempt.selection.node;
            Some(found)
        })
    }

    /// The settings that searches of this memblock currently use.
    ///
    /// ```
    /// use memblock::{Memblock, RegionFlags, Request};
    /// let mut memblock = Memblock::new();
    /// memblock.set_kho_scratch_only(true);
    /// assert_eq!(memblock.search_settings().prefer, RegionFlags::KHO_SCRATCH);
    /// assert_eq!(Request::new(1).attempts(&memblock.search_settings()).count(), 1);
    /// ```
    #[inline]
    pub const fn search_settings(&self) -> SearchSettings {
        let prefer = if self.kho_scratch_only {
            RegionFlags::KHO_SCRATCH
        } else if self.has_mirror {
            RegionFlags::MIRROR
        } else {
            RegionFlags::empty()
        };
        SearchSettings { page_size: self.page_size, current_limit: self.current_limit, prefer }
    }

    /// The first hole of one search.
    #[inline]
    pub(super) fn hole(&self, attempt: &Attempt, size: u64, align: u64) -> Option<u64> {
        if self.direction == Direction::TopDown
            && let Ok(found) = self.hole_near_the_top(attempt, size, align)
        {
            return found.map(NonZero::get);
        }
        self.hole_by_gaps(attempt, size, align)
    }

    /// The first hole, found by leaps: to the next gap between reservations that is large enough, to the next
    /// region that may be used, to the next gap, and so on.
    fn hole_by_gaps(&self, attempt: &Attempt, size: u64, align: u64) -> Option<u64> {
        let is_down = self.direction == Direction::TopDown;
        let wanted = GapQuery::new(size, align);
        let mut left = attempt.window;
        loop {
            let gap = if is_down {
                self.reserved.last_hole(left, &wanted)?
            } else {
                self.reserved.first_hole(left, &wanted)?
            };
            // The gap, and everything after it in the direction of the search.
            let rest = if is_down {
                PhysRange::trusted(left.start(), gap.end())
            } else {
                PhysRange::trusted(gap.start(), left.end())
            };
            let may_be_used = |region: &Region| attempt.selection.shows(region, self.movable_node);
            let regions = self.memory.overlapping(rest).filter(may_be_used);
            let step = |region: Region| {
                let region = region.range;
                let piece = region.intersect(gap);
                let found = piece.and_then(|piece| self.direction.fit(piece, size, align));
                let reaches_on =
                    if is_down { region.start() < gap.start() } else { region.end() > gap.end() };
                match found {
                    Some(found) => Some(Step::Found(found.start())),
                    None if reaches_on && is_down => Some(Step::From(gap.start().min(region.end()))),
                    None if reaches_on => Some(Step::From(gap.end().max(region.start()))),
                    None => None,
                }
            };
            let next = if is_down { regions.rev().find_map(step) } else { { regions }.find_map(step) };
            left = match (next?, self.direction) {
                (Step::Found(start), _) => return Some(start),
                (Step::From(address), Direction::TopDown) => PhysRange::new(left.start(), address).ok()?,
                (Step::From(address), Direction::BottomUp) => PhysRange::new(address, left.end()).ok()?,
            };
        }
    }

    /// The highest hole, found by walking down the last leaves of both tables in parallel.
    ///
    /// Small tables have only this leaf, so this is the whole search, as in Linux. In large tables it is a
    /// few steps, for the many allocations that find memory next to the previous one. Returns where the hole
    /// starts; page 0 is never handed out, so that is not 0.
    #[inline]
    fn hole_near_the_top(
        &self,
        attempt: &Attempt,
        size: u64,
        align: u64,
    ) -> Result<Option<NonZero<u64>>, More> {
        let fit = |start, end| {
            let found = Direction::TopDown.fit(PhysRange::new(start, end).ok()?, size, align)?;
            NonZero::new(found.start())
        };
        let Attempt { selection, window } = attempt;
        let (memory, reserved) = (self.memory.last_leaf(), self.reserved.last_leaf());
        let is_all = memory.len() == self.memory.len() && reserved.len() == self.reserved.len();
        let mut steps = if is_all { usize::MAX } else { STEPS_NEAR_THE_TOP };
        let mut above = reserved.iter().rev().peekable();
        for slot in memory.iter().rev() {
            let floor = slot.start.max(window.start());
            let mut ceiling = slot.end.min(window.end());
            if ceiling <= floor {
                if slot.end <= window.start() {
                    return Ok(None);
                }
            } else if selection.shows(&slot.region(), self.movable_node) {
                loop {
                    let Some(taken) = above.peek() else {
                        if reserved.len() < self.reserved.len() {
                            return Err(More);
                        }
                        let found = fit(floor, ceiling);
                        if found.is_some() {
                            return Ok(found);
                        }
                        break;
                    };
                    if taken.start < ceiling {
                        let found = fit(taken.end.max(floor), ceiling);
                        if found.is_some() {
                            return Ok(found);
                        }
                        if taken.start <= floor {
                            // It may overlap the next region too.
                            break;
                        }
                        ceiling = ceiling.min(taken.start);
                    }
                    above.next();
                    steps -= 1;
                    if steps == 0 {
                        return Err(More);
                    }
                }
            }
            steps -= 1;
            if steps == 0 {
                return Err(More);
            }
        }
        if is_all { Ok(None) } else { Err(More) }
    }

    /// Why nothing was found.
    #[cold]
    fn explain(&self, request: &Request) -> AllocError {
        let settings = self.search_settings();
        refused(
            request,
            if request.size == 0 {
                AllocFailure::ZeroSize
            } else if !request.align.is_power_of_two() {
                AllocFailure::Alignment
            } else if let Some(attempt) = request.attempts(&settings).last() {
                AllocFailure::NoSpace(self.shortage(&attempt, request))
            } else {
                let min = request.min.max(settings.page_size.bytes());
                AllocFailure::EmptyWindow { min, end: request.max.unwrap_or(settings.current_limit) }
            },
        )
    }

    /// Counts memory as seen by a search that found nothing.
    fn shortage(&self, attempt: &Attempt, request: &Request) -> Shortage {
        use crate::Skipped;

        let Attempt { selection, window } = attempt;
        let mut shortage = Shortage { memory: self.memory_size(), ..Shortage::default() };
        let mut inside = 0;
        let mut allowed = 0;
        for region in self.memory.overlapping(*window) {
            let size = region.range.intersect(*window).map_or(0, PhysRange::size);
            inside += size;
            match selection.skips(&region, self.movable_node) {
                None => allowed += size,
                Some(Skipped::OtherNode) => shortage.other_node += size,
                Some(Skipped::Hotplug) => shortage.hotplug += size,
                Some(Skipped::Nomap) => shortage.nomap += size,
                Some(Skipped::DriverManaged) => shortage.driver_managed += size,
                // The last search insists on scratch memory, never on mirrored memory.
                Some(Skipped::NotMirrored | Skipped::NotScratch) => shortage.not_scratch += size,
            }
        }
        shortage.outside = shortage.memory - inside;
        let mut free = 0;
        for piece in self.free_ranges(*selection).filter_map(|piece| piece.range.intersect(*window)) {
            free += piece.size();
            // What a smaller request could have: the piece from its first aligned address up.
            let Some(usable) = Direction::BottomUp.fit(piece, 1, request.align) else { continue };
            let usable = PhysRange::trusted(usable.start(), piece.end());
            if shortage.largest.is_none_or(|largest| usable.size() > largest.size()) {
                shortage.largest = Some(usable);
            }
        }
        shortage.reserved = allowed - free;
        let Some(largest) = shortage.largest else { return shortage };
        let neighbors = [Some(largest.end()), largest.start().checked_sub(1)].into_iter().flatten();
        for address in neighbors {
            if let Some((region, owner)) = self.reserved.owned_at(address) {
                shortage.blocked_by = Some(region.range);
                shortage.blocked_by_owner = self.owners.name(owner);
                break;
            }
        }
        shortage
    }

    /// Whether memory is allocated from its low end (`memblock_bottom_up`, 6.12); see
    /// [`Memblock::set_bottom_up`].
    pub const fn bottom_up(&self) -> bool {
        matches!(self.direction, Direction::BottomUp)
    }

    /// Allocates memory from its low end from now on, or from its high end, which is the default
    /// (`memblock_set_bottom_up`, 6.12).
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, Request};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x20_0000)?)?;
    /// memblock.set_bottom_up(true);
    /// assert_eq!(memblock.alloc(&Request::new(0x40))?.start(), 0x10_0000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn set_bottom_up(&mut self, on: bool) {
        self.direction = if on { Direction::BottomUp } else { Direction::TopDown };
    }

    /// The first address not allowed for requests without an end (`memblock_get_current_limit`, 6.12).
    pub const fn current_limit(&self) -> u64 {
        self.current_limit
    }

    /// Limits requests without an end of their own, for example to the memory mapped so far
    /// (`memblock_set_current_limit`, 6.12). `limit` is the first address not allowed. By default there is no
    /// limit.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, Request};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x20_0000)?)?;
    /// memblock.set_current_limit(0x18_0000);
    /// assert_eq!(memblock.find(&Request::new(0x1000))?.end(), 0x18_0000);
    /// assert_eq!(memblock.find(&Request { max: Some(u64::MAX), ..Request::new(0x1000) })?.end(), 0x20_0000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn set_current_limit(&mut self, limit: u64) {
        self.current_limit = limit;
    }

    /// Restricts allocations to kexec handover scratch memory, or lifts the restriction
    /// (`memblock_set_kho_scratch_only`, later than 6.12): other memory may hold what the previous kernel
    /// handed over. Meanwhile mirrored memory is not preferred.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, Request};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x20_0000)?)?;
    /// memblock.mark_kho_scratch(PhysRange::new(0x14_0000, 0x15_0000)?)?;
    /// memblock.set_kho_scratch_only(true);
    /// assert_eq!(memblock.alloc(&Request::new(0x1000))?.end(), 0x15_0000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn set_kho_scratch_only(&mut self, on: bool) {
        self.kho_scratch_only = on;
    }

    /// Marks every allocation as the kernel's own, with the requested node, like releases later than 6.12;
    /// [`Memblock::reserved_kern_size`] counts them. Off by default: then allocations have neither node nor
    /// attributes, and merge, as in 6.12.
    ///
    /// ```
    /// use memblock::{Memblock, NodeId, PhysRange, Request};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x20_0000)?)?;
    /// memblock.set_kern_accounting(true);
    /// memblock.alloc(&Request::new(0x1000))?;
    /// memblock.reserve(PhysRange::new(0, 0x1000)?)?;
    /// assert_eq!(memblock.reserved_kern_size(u64::MAX, None), 0x1000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn set_kern_accounting(&mut self, on: bool) {
        self.kern_accounting = on;
    }

    /// Bytes below `limit` that are reserved for the kernel itself (`RSRV_KERN`) on `node`, or on any node
    /// (`memblock_reserved_kern_size`, later than 6.12). O(reserved regions below `limit`).
    pub fn reserved_kern_size(&self, limit: u64, node: Option<NodeId>) -> u64 {
        let below = self.reserved.iter().map_while(|region| {
            let end = region.range.end().min(limit);
            Some((PhysRange::new(region.range.start(), end).ok()?, region))
        });
        let is_counted = |region: &Region| {
            region.flags.contains(RegionFlags::RSRV_KERN) && (node.is_none() || region.node == node)
        };
        below.filter(|(_, region)| is_counted(region)).map(|(range, _)| range.size()).sum()
    }
}

const fn refused(request: &Request, failure: AllocFailure) -> AllocError {
    AllocError { request: *request, failure }
}
