//! Who made a reservation.

use super::{Memblock, MemblockError, TableKind};
use crate::owner::Owners;
use crate::table::OwnedRegions;
use crate::{PhysRange, Region, RegionFlags};

/// A reserved region, and who it was reserved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The reservation.
    pub region: Region,
    /// The tag of the request, if it had one.
    pub owner: Option<&'static str>,
}

/// The reserved regions with their owners, from [`Memblock::reserved_owners`].
#[derive(Clone)]
pub struct ReservedOwners<'a> {
    regions: OwnedRegions<'a>,
    owners: &'a Owners,
}

impl Iterator for ReservedOwners<'_> {
    type Item = Owned;

    fn next(&mut self) -> Option<Owned> {
        let (region, owner) = self.regions.next()?;
        Some(Owned { region, owner: self.owners.name(owner) })
    }
}

impl DoubleEndedIterator for ReservedOwners<'_> {
    fn next_back(&mut self) -> Option<Owned> {
        let (region, owner) = self.regions.next_back()?;
        Some(Owned { region, owner: self.owners.name(owner) })
    }
}

impl core::iter::FusedIterator for ReservedOwners<'_> {}

impl core::fmt::Debug for ReservedOwners<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl Memblock<'_> {
    /// Reserves a range for an owner. Otherwise like [`Memblock::reserve`].
    ///
    /// Parts that were already reserved keep their owner. Regions with different owners do not merge. Up to
    /// 125 different names are kept; all further owners are called `others`.
    ///
    /// # Errors
    ///
    /// As [`Memblock::reserve`].
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.reserve_for(PhysRange::new(0x1000, 0x3000)?, "kernel")?;
    /// memblock.reserve_for(PhysRange::new(0x3000, 0x4000)?, "initrd")?;
    /// let owners: Vec<_> = memblock.reserved_owners().map(|owned| owned.owner.unwrap()).collect();
    /// assert_eq!(owners, ["kernel", "initrd"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_for(&mut self, range: PhysRange, tag: &'static str) -> Result<u64, MemblockError> {
        self.reserve_owned(Region::plain(range), tag)
    }

    /// Reserves a region for an owner. If that fails, a new name is forgotten.
    pub(super) fn reserve_owned(&mut self, region: Region, tag: &'static str) -> Result<u64, MemblockError> {
        let known = self.owners.count();
        let owner = self.owners.number(tag);
        let reserved = self.change(TableKind::Reserved, |reserved| reserved.add_owned(region, owner));
        if reserved.is_err() {
            self.owners.truncate(known);
        }
        reserved
    }

    /// Reserves a range as the kernel's own (`memblock_reserve_kern`, later than 6.12). Otherwise like
    /// [`Memblock::reserve`].
    ///
    /// # Errors
    ///
    /// As [`Memblock::reserve`].
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.reserve_kern(PhysRange::new(0x1000, 0x3000)?)?;
    /// assert_eq!(memblock.reserved_kern_size(0x2000, None), 0x1000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_kern(&mut self, range: PhysRange) -> Result<u64, MemblockError> {
        self.reserve_region(Region { flags: RegionFlags::RSRV_KERN, ..Region::plain(range) })
    }

    /// The reservations with their owners, ascending. O(1) each.
    ///
    /// ```
    /// use memblock::{Memblock, Owned, PhysRange, Region, Request};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x20_0000)?)?;
    /// let range = memblock.alloc(&Request { tag: Some("page tables"), ..Request::new(0x1000) })?;
    /// let owned = Owned { region: Region::plain(range), owner: Some("page tables") };
    /// assert!(memblock.reserved_owners().eq([owned]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserved_owners(&self) -> ReservedOwners<'_> {
        ReservedOwners { regions: self.reserved.owned(), owners: &self.owners }
    }
}
