//! Setting and clearing attributes.
//!
//! All calls affect only the part of the range that the table holds, cut regions at the ends of the range,
//! and merge regions that have become alike. O(log n) for each region touched.

use super::{Memblock, MemblockError, TableKind};
use crate::{PhysRange, RegionFlags};

impl Memblock<'_> {
    fn set(&mut self, table: TableKind, range: PhysRange, flags: RegionFlags) -> Result<(), MemblockError> {
        self.relabel(table, |regions| regions.set_flags(range, flags))
    }

    fn clear(&mut self, range: PhysRange, flags: RegionFlags) -> Result<(), MemblockError> {
        self.relabel(TableKind::Memory, |memory| memory.clear_flags(range, flags))
    }

    /// Marks memory as hot-pluggable (`memblock_mark_hotplug`, 6.12).
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, Selection};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// memblock.mark_hotplug(PhysRange::new(0x4000, 0x9000)?)?;
    /// assert_eq!(memblock.memory_ranges(Selection::ANY).count(), 2);
    /// memblock.set_movable_node(true);
    /// assert_eq!(memblock.memory_ranges(Selection::ANY).count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mark_hotplug(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        self.set(TableKind::Memory, range, RegionFlags::HOTPLUG)
    }

    /// Undoes [`Memblock::mark_hotplug`] (`memblock_clear_hotplug`, 6.12).
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// let range = PhysRange::new(0x1000, 0x2000)?;
    /// memblock.mark_hotplug(range)?;
    /// memblock.clear_hotplug(range)?;
    /// assert_eq!(memblock.memory().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_hotplug(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        self.clear(range, RegionFlags::HOTPLUG)
    }

    /// Marks memory as mirrored (`memblock_mark_mirror`, 6.12). Without `kernelcore=mirror` this does
    /// nothing. Linux has no call that clears it.
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let (mut memblock, range) = (Memblock::new(), PhysRange::new(0, 0x8000)?);
    /// memblock.mark_mirror(range)?;
    /// assert!(!memblock.has_mirror());
    /// memblock.set_mirrored_kernelcore(true);
    /// memblock.mark_mirror(range)?;
    /// assert!(memblock.has_mirror());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mark_mirror(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        if !self.mirrored_kernelcore {
            return Ok(());
        }
        self.set(TableKind::Memory, range, RegionFlags::MIRROR)?;
        self.has_mirror = true;
        Ok(())
    }

    /// Marks memory as not to be mapped, allocated or dumped (`memblock_mark_nomap`, 6.12).
    ///
    /// # Errors
    ///
    /// [`MemblockError::InUse`] for memblock's own tables, any other [`MemblockError`] if the table has no
    /// room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, RegionFlags};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// let range = PhysRange::new(0x1000, 0x2000)?;
    /// memblock.mark_nomap(range)?;
    /// assert_eq!(memblock.memory().region_at(0x1000).unwrap().flags, RegionFlags::NOMAP);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mark_nomap(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        self.refuse_own(range)?;
        self.change(TableKind::Memory, |memory| memory.set_flags(range, RegionFlags::NOMAP))
    }

    /// Undoes [`Memblock::mark_nomap`] (`memblock_clear_nomap`, 6.12).
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// let range = PhysRange::new(0x1000, 0x2000)?;
    /// memblock.mark_nomap(range)?;
    /// memblock.clear_nomap(range)?;
    /// assert_eq!(memblock.memory().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_nomap(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        self.clear(range, RegionFlags::NOMAP)
    }

    /// Marks memory as kexec handover scratch memory (`memblock_mark_kho_scratch`, later than 6.12).
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, RegionFlags};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// let range = PhysRange::new(0x1000, 0x2000)?;
    /// memblock.mark_kho_scratch(range)?;
    /// assert_eq!(memblock.memory().region_at(0x1000).unwrap().flags, RegionFlags::KHO_SCRATCH);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mark_kho_scratch(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        self.set(TableKind::Memory, range, RegionFlags::KHO_SCRATCH)
    }

    /// Undoes [`Memblock::mark_kho_scratch`] (`memblock_clear_kho_scratch`, later than 6.12).
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0, 0x8000)?)?;
    /// let range = PhysRange::new(0x1000, 0x2000)?;
    /// memblock.mark_kho_scratch(range)?;
    /// memblock.clear_kho_scratch(range)?;
    /// assert_eq!(memblock.memory().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_kho_scratch(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        self.clear(range, RegionFlags::KHO_SCRATCH)
    }

    /// Marks reservations in a range as having no `struct page`s to initialize
    /// (`memblock_reserved_mark_noinit`, 6.12). Linux has no call that clears it.
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, RegionFlags};
    /// let mut memblock = Memblock::new();
    /// memblock.reserve(PhysRange::new(0, 0x8000)?)?;
    /// memblock.reserved_mark_noinit(PhysRange::new(0x1000, 0x2000)?)?;
    /// assert_eq!(memblock.reserved().region_at(0x1000).unwrap().flags, RegionFlags::RSRV_NOINIT);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserved_mark_noinit(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        self.set(TableKind::Reserved, range, RegionFlags::RSRV_NOINIT)
    }

    /// Marks reservations in a range as the kernel's own (`memblock_reserved_mark_kern`, later than 6.12).
    ///
    /// # Errors
    ///
    /// [`MemblockError`] if the table has no room and cannot grow; no region is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, RegionFlags};
    /// let mut memblock = Memblock::new();
    /// memblock.reserve(PhysRange::new(0, 0x8000)?)?;
    /// memblock.reserved_mark_kern(PhysRange::new(0x1000, 0x2000)?)?;
    /// assert_eq!(memblock.reserved().region_at(0x1000).unwrap().flags, RegionFlags::RSRV_KERN);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserved_mark_kern(&mut self, range: PhysRange) -> Result<(), MemblockError> {
        self.set(TableKind::Reserved, range, RegionFlags::RSRV_KERN)
    }
}
