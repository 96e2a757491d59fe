//! The types of memory that an e820 map knows.

use core::fmt;

/// The type of an e820 entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum E820Type {
    /// 1: memory the system may use (`AddressRangeMemory`).
    Ram,
    /// 2: not to be used.
    Reserved,
    /// 3: ACPI tables; usable once they have been read.
    Acpi,
    /// 4: ACPI non-volatile storage, kept across sleep states.
    Nvs,
    /// 5: memory with detected errors.
    Unusable,
    /// 7: persistent memory (ACPI 6).
    Pmem,
    /// 12: persistent memory, in firmware from before ACPI 6 assigned a number to it.
    Pram,
    /// `0xefff_ffff`: Linux's own number for EFI special-purpose memory, set aside for device-dax.
    SoftReserved,
    /// Any other number. Linux treats these as reserved.
    Other(u32),
}

impl E820Type {
    /// The number used in the table.
    pub const fn number(self) -> u32 {
        match self {
            Self::Ram => 1,
            Self::Reserved => 2,
            Self::Acpi => 3,
            Self::Nvs => 4,
            Self::Unusable => 5,
            Self::Pmem => 7,
            Self::Pram => 12,
            Self::SoftReserved => 0xefff_ffff,
            Self::Other(number) => number,
        }
    }

    /// The type that a kernel names so in /proc/iomem and /sys/firmware/memmap
    /// (`arch/x86/kernel/e820.c:e820_type_to_string`, 6.12); `None` for any other name.
    ///
    /// ```
    /// use firmware::e820::E820Type;
    /// assert_eq!(E820Type::from_name("ACPI Tables"), Some(E820Type::Acpi));
    /// assert_eq!(E820Type::from_name("PCI Bus 0000:00"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "System RAM" => Self::Ram,
            "Reserved" => Self::Reserved,
            "ACPI Tables" => Self::Acpi,
            "ACPI Non-volatile Storage" => Self::Nvs,
            "Unusable memory" => Self::Unusable,
            "Persistent Memory" => Self::Pmem,
            "Persistent Memory (legacy)" => Self::Pram,
            "Soft Reserved" => Self::SoftReserved,
            _ => return None,
        })
    }
}

impl E820Type {
    /// The name in /proc/iomem and /sys/firmware/memmap, the inverse of [`from_name`](Self::from_name).
    ///
    /// ```
    /// use firmware::e820::E820Type;
    /// assert_eq!(E820Type::Acpi.resource_name(), "ACPI Tables");
    /// assert_eq!(E820Type::Other(42).resource_name(), "Unknown E820 type");
    /// ```
    pub const fn resource_name(self) -> &'static str {
        match self {
            Self::Ram => "System RAM",
            Self::Reserved => "Reserved",
            Self::Acpi => "ACPI Tables",
            Self::Nvs => "ACPI Non-volatile Storage",
            Self::Unusable => "Unusable memory",
            Self::Pmem => "Persistent Memory",
            Self::Pram => "Persistent Memory (legacy)",
            Self::SoftReserved => "Soft Reserved",
            Self::Other(_) => "Unknown E820 type",
        }
    }
}

impl From<u32> for E820Type {
    fn from(number: u32) -> Self {
        match number {
            1 => Self::Ram,
            2 => Self::Reserved,
            3 => Self::Acpi,
            4 => Self::Nvs,
            5 => Self::Unusable,
            7 => Self::Pmem,
            12 => Self::Pram,
            0xefff_ffff => Self::SoftReserved,
            other => Self::Other(other),
        }
    }
}

/// The wording of the kernel log (`arch/x86/kernel/e820.c:e820_print_type`, 6.12).
impl fmt::Display for E820Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ram => f.write_str("usable"),
            Self::Reserved => f.write_str("reserved"),
            Self::Acpi => f.write_str("ACPI data"),
            Self::Nvs => f.write_str("ACPI NVS"),
            Self::Unusable => f.write_str("unusable"),
            Self::Pmem | Self::Pram => write!(f, "persistent (type {})", self.number()),
            Self::SoftReserved => f.write_str("soft reserved"),
            Self::Other(number) => write!(f, "type {number}"),
        }
    }
}
