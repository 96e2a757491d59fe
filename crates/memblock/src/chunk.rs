//! The unit of storage: a run of up to 64 sorted slots.

use crate::gap::Capacity;
use crate::owner::Owner;
use crate::{NodeId, PhysRange, Region, RegionFlags};

/// Slots in a chunk. Tests use small chunks, so that few regions already make a deep tree.
pub(crate) const SLOTS: usize = if cfg!(test) { 8 } else { 64 };

/// The width of the quarters at which a search looks at each slot.
const FINEST: usize = if cfg!(test) { 2 } else { 1 };
const _: () = assert!(SLOTS / 4 == FINEST || SLOTS / 4 / 4 / 4 == FINEST);

/// "No chunk", where the number of a chunk stands.
pub(crate) const NONE: u32 = u32::MAX;

/// Bits of a region's attributes that a table keeps; its owner stands above them.
const FLAGS_BITS: u32 = 16;
const FLAGS_MASK: u32 = (1 << FLAGS_BITS) - 1;

/// One entry of a chunk: a region in a leaf; above the leaves, a child with the addresses it spans.
///
/// Both kinds have one layout, so chunks of both kinds come from one store and share the code that shifts,
/// splits and joins them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// First byte.
    pub(crate) start: u64,
    /// First byte behind.
    pub(crate) end: u64,
    /// Leaf: the node, packed. Above: the number of the child.
    node_or_child: u32,
    /// Leaf: the attributes, and above bit 16 the owner. Above: what the gaps inside the child can hold.
    flags_or_gaps: u32,
}

impl Slot {
    /// Not in use. Its end is behind every address that a search passes; see [`Chunk::first_ending_after`].
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

    /// The same region, of an owner.
    #[inline]
    pub(crate) const fn owned_by(self, owner: Owner) -> Self {
        let flags = self.flags_or_gaps & FLAGS_MASK;
        Self { flags_or_gaps: (owner.number() as u32) << FLAGS_BITS | flags, ..self }
    }

    /// Who a region belongs to.
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

    /// Whether `next` begins where this region ends, and is alike.
    #[inline]
    pub(crate) const fn merges_with(&self, next: &Self) -> bool {
        self.end == next.start && self.is_alike(next)
    }

    /// The same at other addresses.
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
/// Opaque: a caller only makes them and hands them over ([`RegionTable::grow`](crate::RegionTable::grow)).
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
/// Slots from `len` on are vacant.
#[derive(Clone, Copy)]
pub struct Chunk {
    len: u32,
    /// Leaf: the leaf before. Vacant: the next vacant chunk.
    pub(crate) prev: u32,
    /// Leaf: the leaf behind.
    pub(crate) next: u32,
    slots: [Slot; SLOTS],
}

const _: () = assert!(cfg!(test) || size_of::<Chunk>() == 1552, "24.25 bytes per region when full");

impl Chunk {
    /// A chunk that holds nothing.
    pub const EMPTY: Self = Self { len: 0, prev: NONE, next: NONE, slots: [Slot::VACANT; SLOTS] };

    /// Makes it hold nothing.
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

    /// Index of the first slot that ends behind `address`; `len` when none does.
    ///
    /// Compares at the quarters, then at their quarters, down to single slots: the looks of a round do not
    /// wait for each other, as the steps of a bisection do, and none is a branch to guess. Vacant slots end
    /// at the end of the address space, so that the length need not be looked at.
    #[inline]
    pub(crate) fn first_ending_after(&self, address: u64) -> usize {
        let is_passed = |at: usize| usize::from(self.slots[at % SLOTS].end <= address);
        let (mut at, mut quarter) = (0, SLOTS / 4);
        while quarter > FINEST {
            // The rounds after this one reach so far by themselves.
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

    /// Puts `slot` before the slot `at`. The chunk must not be full.
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

    /// Puts `parts`, one or more, in place of slot `at`. They must fit.
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

    /// Moves the upper half to a new chunk, which is returned without links.
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

    /// Puts `more` behind the slots in use. They must fit.
    pub(crate) fn append(&mut self, more: &[Slot]) {
        let len = self.len();
        if let Some(room) = self.slots.get_mut(len..len + more.len()) {
            room.copy_from_slice(more);
            #[allow(clippy::cast_possible_truncation)]
            let added = more.len() as u32;
            self.len += added;
        }
    }

    /// Whether all slots behind those in use are vacant.
    pub(crate) fn is_padded(&self) -> bool {
        self.slots.iter().skip(self.len()).all(|slot| *slot == Slot::VACANT)
    }

    /// What the gap below slot `at` in this chunk can hold; there is none below the first.
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

    /// The gaps between neighbouring slots: where each starts and ends.
    #[inline]
    fn gaps(&self) -> impl Iterator<Item = (u64, u64)> {
        let slots = self.slots();
        slots.iter().zip(slots.iter().skip(1)).map(|(below, above)| (below.end, above.start))
    }

    /// What the gaps between two regions below this chunk can hold, itself at `level` (0: a leaf).
    pub(crate) fn capacity(&self, level: usize) -> Capacity {
        let reach = self.gaps().filter(|(start, end)| start < end);
        let reach = reach.map(|(start, end)| start.wrapping_sub(1) ^ end.wrapping_sub(1)).max();
        let size = self.gaps().map(|(start, end)| end - start).max().unwrap_or(0);
        let between = reach.map_or(Capacity::NONE, |reach| Capacity::of_widest(size, reach));
        self.with_children(level, between)
    }

    /// As [`Chunk::capacity`], for a caller who knows an upper bound for it and believes its alignment.
    pub(crate) fn capacity_below(&self, level: usize, at_most: Capacity) -> Capacity {
        let size = self.gaps().map(|(start, end)| end - start).max().unwrap_or(0);
        self.with_children(level, Capacity::of_widest(size, 0)).with_align_of(at_most)
    }

    /// `between`, and above the leaves what the children have.
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
