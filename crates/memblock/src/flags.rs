//! The attributes of a region.

bitflags::bitflags! {
    /// Attributes of a region, with the bit values of Linux's `enum memblock_flags`
    /// (include/linux/memblock.h; the first five in 6.12, the last two in later releases).
    ///
    /// Bits without a name here are kept as they are: a newer kernel may set them. A
    /// [`RegionTable`](crate::RegionTable) keeps bits 0 to 15.
    ///
    /// ```
    /// use memblock::RegionFlags;
    /// assert_eq!(RegionFlags::DRIVER_MANAGED.bits(), 8);
    /// assert_eq!(RegionFlags::from_bits_retain(0x88).contains(RegionFlags::DRIVER_MANAGED), true);
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct RegionFlags: u32 {
        /// In the firmware's map, and marked hot-pluggable there (ACPI SRAT, device tree `hotpluggable`).
        const HOTPLUG = 0x01;
        /// Mirrored memory (EFI `MORE_RELIABLE`).
        const MIRROR = 0x02;
        /// Not in the kernel's direct map; never allocated, placed on or dumped.
        const NOMAP = 0x04;
        /// Never in the firmware's map: found and added by a driver (dax/kmem, virtio-mem).
        const DRIVER_MANAGED = 0x08;
        /// On a reserved region: `memblock_free_all` does not initialize its `struct page`s.
        const RSRV_NOINIT = 0x10;
        /// On a reserved region: reserved for the kernel's own use, not by firmware.
        const RSRV_KERN = 0x20;
        /// Kexec handover scratch memory: the only memory for early allocations in scratch-only mode.
        const KHO_SCRATCH = 0x40;
        const _ = !0;
    }
}

impl RegionFlags {
    /// Linux's short name for each flag, lowest bit first, as /sys/kernel/debug/memblock prints them
    /// (mm/memblock.c:flagname, 6.12).
    ///
    /// ```
    /// use memblock::RegionFlags;
    /// let name = |flag| RegionFlags::SHORT_NAMES.iter().find(|(of, _)| *of == flag).map(|(_, name)| *name);
    /// assert_eq!(name(RegionFlags::DRIVER_MANAGED), Some("DRV_MNG"));
    /// ```
    pub const SHORT_NAMES: [(Self, &'static str); 7] = [
        (Self::HOTPLUG, "HOTPLUG"),
        (Self::MIRROR, "MIRROR"),
        (Self::NOMAP, "NOMAP"),
        (Self::DRIVER_MANAGED, "DRV_MNG"),
        (Self::RSRV_NOINIT, "RSV_NIT"),
        (Self::RSRV_KERN, "RSV_KERN"),
        (Self::KHO_SCRATCH, "KHO_SCRATCH"),
    ];
}
