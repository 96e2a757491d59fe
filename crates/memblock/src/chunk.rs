//! The unit of storage: a run of up to 64 sorted slots.

use crate::gap::Capacity;
use crate::owner::Owner;
use crate::{NodeId, PhysRange, Region, RegionFlags};

/// Slots in a chunk. Small in tests, so that a few regions make a deep tree.
pub(crate) const SLOTS: usize = if cfg!(test) { 8 } else { 64 };

/// The quarter width at which a search compares every slot.
const FINEST: usize = if cfg!(test) { 2 } else { 1 };
const _: () = assert!(SLOTS / 4 == FINEST || SLOTS / 4 / 4 / 4 == FINEST);

/// "No chunk", in place of a chunk number.
pub(crate) const NONE: u32 = u32::MAX;

/// Attribute bits that a table keeps. The owner is stored above them.
const FLAGS_BITS: u32 = 16;
const FLAGS_MASK: u32 = (1 << FLAGS_BITS) - 1;

/// One entry of a chunk: in a leaf, a region; above the leaves, a child and the addresses it spans.
///
/// Both kinds have the same layout, so they share storage and the code that shifts, splits and joins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// First byte.
    pub(crate) start: u64,
    /// First byte after it.
    pub(crate) end: u64,
    /// Leaf: the node, packed. Above: the number of the child.
    node_or_child: u32,
    /// Leaf: the attributes, with the owner from bit 16 up. Above: what the gaps inside the child can hold.
    flags_or_gaps: u32,
}

impl Slot {
    /// Not in use. It ends after every address a search can ask for; see [`Chunk::first_ending_after`].
    const VACANT: Self = Self { start: 0, end: u64::MAX, node_or_child: 0, flags_or_gaps: 0 };

    #[inline]
    pub(crate) const fn leaf(region: Region) -> Self {
        Self {
            start: region.range.start(),
            end: region.range.end(),
            node_or_child: NodeId::pack(region.node),
            flags_or_gaps: region.flags.bits() & FLAGS_MASK,
        }
    }

    /// The same region with an owner.
    #[inline]
    pub(crate) const fn owned_by(self, owner: Owner) -> Self {
        let flags = self.flags_or_gaps & FLAGS_MASK;
        Self { flags_or_gaps: (owner.number() as u32) << FLAGS_BITS | flags, ..self }
    }

    /// The region's owner.
    #[inline]
    pub(crate) const fn owner(&self) -> Owner {
        Owner::from_number((self.flags_or_gaps >> FLAGS_BITS) as u16)
    }

    pub(crate) const fn branch(start: u64, end: u64, child: u32, gaps: Capacity) -> Self {
        Self { start, end, node_or_child: child, flags_or_gaps: gaps.bits() }
    }

    #[inline]
    pub(crate) const fn region(&self) -> Region {
        Region {
            range: PhysRange::trusted(self.start, self.end),
            node: NodeId::unpack(self.node_or_child),
            flags: RegionFlags::from_bits_retain(self.flags_or_gaps & FLAGS_MASK),
        }
    }

    /// Whether `next` starts where this region ends and is alike.
    #[inline]
    pub(crate) const fn merges_with(&self, next: &Self) -> bool {
        self.end == next.start && self.is_alike(next)
    }

    /// The same slot at other addresses.
    pub(crate) const fn moved(self, start: u64, end: u64) -> Self {
        Self { start, end, ..self }
    }

    pub(crate) const fn child(&self) -> u32 {
        self.node_or_child
    }

    /// What the gaps inside the child can hold.
    pub(crate) const fn gaps(&self) -> Capacity {
        Capacity::from_bits(self.flags_or_gaps)
    }

    /// Whether two regions have the same node, attributes and owner.
    #[inline]
    pub(crate) const fn is_alike(&self, other: &Self) -> bool {
        self.node_or_child == other.node_or_child && self.flags_or_gaps == other.flags_or_gaps
    }
}

/// Room for 64 regions of a [`RegionTable`](crate::RegionTable), or for 64 entries of its directory.
///
/// Opaque: callers only create chunks and hand them over ([`RegionTable::grow`](crate::RegionTable::grow)).
///
/// ```
/// use memblock::{Chunk, RegionTable};
///
/// let mut chunks = [const { Chunk::EMPTY }; 8];
/// let mut table = RegionTable::new();
/// table.grow(&mut chunks)?;
/// assert!(table.room() > 63);
/// # Ok::<(), memblock::TooManySlabs>(())
/// ```
///
/// # Invariants
///
/// All slots from `len` up are vacant.
#[derive(Clone, Copy)]
pub struct Chunk {
    len: u32,
    /// Leaf: the previous leaf.
    pub(crate) prev: u32,
    /// Leaf: the next leaf. Vacant: the next vacant chunk.
    pub(crate) next: u32,
    slots: [Slot; SLOTS],
}

const _: () = assert!(cfg!(test) || size_of::<Chunk>() == 1552, "24.25 bytes per region when full");

impl Chunk {
    /// An empty chunk.
    pub const EMPTY: Self = Self { len: 0, prev: NONE, next: NONE, slots: [Slot::VACANT; SLOTS] };

    /// Empties the chunk.
    pub(crate) const fn clear(&mut self) {
        *self = Self::EMPTY;
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(crate) const fn is_full(&self) -> bool {
        self.len() == SLOTS
    }

    /// The slots in use, ascending.
    #[inline]
    pub(crate) fn slots(&self) -> &[Slot] {
        self.slots.get(..self.len()).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&Slot> {
        self.slots().get(at)
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<&Slot> {
        self.slots().first()
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<&Slot> {
        self.slots().last()
    }

    #[inline]
    pub(crate) fn last_mut(&mut self) -> Option<&mut Slot> {
        let last = self.len().checked_sub(1)?;
        self.slots.get_mut(last)
    }

    /// Index of the first slot that ends after `address`; `len` if there is none.
    ///
    /// Compares at the quarters, then at their quarters, down to single slots. Unlike the steps of a
    /// bisection, the comparisons of one round do not depend on each other, and none is a branch to
    /// mispredict. Vacant slots end at the end of the address space, so the length need not be checked.
    #[inline]
    pub(crate) fn first_ending_after(&self, address: u64) -> usize {
        let is_passed = |at: usize| usize::from(self.slots[at % SLOTS].end <= address);
        let (mut at, mut quarter) = (0, SLOTS / 4);
        while quarter > FINEST {
            // A shorter chunk is covered by the later rounds.
            if self.len() > quarter {
                at += quarter * (1..4).map(|nth| is_passed(at + nth * quarter - 1)).sum::<usize>();
            }
            quarter /= 4;
        }
        at += (0..4 * FINEST).map(|nth| is_passed(at + nth)).sum::<usize>();
        at.min(self.len())
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    /// Inserts `slot` before index `at`. The chunk must not be full.
    #[inline]
    pub(crate) fn insert(&mut self, at: usize, slot: Slot) {
        let len = self.len();
        debug_assert!(len < SLOTS && at <= len);
        if len < SLOTS && at <= len {
            self.slots.copy_within(at..len, at + 1);
            self.set(at, slot);
            self.len += 1;
        }
    }

    pub(crate) fn remove(&mut self, at: usize) {
        let len = self.len().min(SLOTS);
        debug_assert!(at < len);
        if at < len {
            self.slots.copy_within(at + 1..len, at);
            self.len -= 1;
            self.set(len - 1, Slot::VACANT);
        }
    }

    /// Replaces slot `at` with one or more `parts`. They must fit.
    pub(crate) fn splice(&mut self, at: usize, parts: &[Slot]) {
        let (len, added) = (self.len().min(SLOTS), parts.len().saturating_sub(1));
        let fits = at < len && added <= SLOTS - len;
        debug_assert!(fits);
        if fits {
            self.slots.copy_within(at + 1..len, at + 1 + added);
            #[allow(clippy::cast_possible_truncation)]
            let added = added as u32;
            self.len += added;
            self.slots.iter_mut().skip(at).zip(parts).for_each(|(place, part)| *place = *part);
        }
    }

    /// Moves the upper half to a new chunk, returned without links.
    pub(crate) fn split_half(&mut self) -> Self {
        let mut upper = Self::EMPTY;
        let keep = self.len() / 2;
        upper.append(self.slots().get(keep..).unwrap_or_default());
        self.slots.iter_mut().skip(keep).for_each(|slot| *slot = Slot::VACANT);
        #[allow(clippy::cast_possible_truncation)]
        let keep = keep as u32;
        self.len = keep;
        upper
    }

    /// Appends `more` to the slots in use. They must fit.
    pub(crate) fn append(&mut self, more: &[Slot]) {
        let len = self.len();
        if let Some(room) = self.slots.get_mut(len..len + more.len()) {
            room.copy_from_slice(more);
            #[allow(clippy::cast_possible_truncation)]
            let added = more.len() as u32;
            self.len += added;
        }
    }

    /// Whether all slots after those in use are vacant.
    pub(crate) fn is_padded(&self) -> bool {
        self.slots.iter().skip(self.len()).all(|slot| *slot == Slot::VACANT)
    }

    /// What the gap below slot `at` in this chunk can hold; the first slot has none.
    #[inline]
    pub(crate) fn gap_below(&self, at: usize) -> Capacity {
        match (at.checked_sub(1).and_then(|below| self.get(below)), self.get(at)) {
            (Some(below), Some(slot)) => Capacity::of_gap(below.end, slot.start),
            _ => Capacity::NONE,
        }
    }

    /// What the gaps on both sides of slot `at` in this chunk can hold.
    #[inline]
    pub(crate) fn gaps_around(&self, at: usize) -> Capacity {
        self.gap_below(at).and(self.gap_below(at + 1))
    }

    /// Start and end of each gap between neighboring slots.
    #[inline]
    fn gaps(&self) -> impl Iterator<Item = (u64, u64)> {
        let slots = self.slots();
        slots.iter().zip(slots.iter().skip(1)).map(|(below, above)| (below.end, above.start))
    }

    /// What the gaps between regions under this chunk, which is at `level` (0: a leaf), can hold.
    pub(crate) fn capacity(&self, level: usize) -> Capacity {
        let reach = self.gaps().filter(|(start, end)| start < end);
        let reach = reach.map(|(start, end)| start.wrapping_sub(1) ^ end.wrapping_sub(1)).max();
        let size = self.gaps().map(|(start, end)| end - start).max().unwrap_or(0);
        let between = reach.map_or(Capacity::NONE, |reach| Capacity::of_widest(size, reach));
        self.with_children(level, between)
    }

    /// Like [`Chunk::capacity`], for a caller who has an upper bound and accepts its alignment.
    pub(crate) fn capacity_below(&self, level: usize, at_most: Capacity) -> Capacity {
        let size = self.gaps().map(|(start, end)| end - start).max().unwrap_or(0);
        self.with_children(level, Capacity::of_widest(size, 0)).with_align_of(at_most)
    }

    /// `between`, combined above the leaves with what the children have.
    #[inline]
    fn with_children(&self, level: usize, between: Capacity) -> Capacity {
        if level == 0 { between } else { self.slots().iter().map(Slot::gaps).fold(between, Capacity::and) }
    }
}

impl core::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Chunk").field("len", &self.len).finish_non_exhaustive()
    }
}
