//! The System Resource Affinity Table: the proximity domains of memory and processors.
//!
//! Source: ACPI 6.5 section 5.2.16.

use memblock::PhysRange;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::acpi::{self, AcpiError, Layout, Structure, Table};

/// One Memory Affinity structure (type 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryAffinity {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// The proximity domain, which is the firmware's number for a node.
    pub domain: u32,
    /// The addresses, or `None` for a length of 0, which firmware uses for empty slots.
    pub range: Option<PhysRange>,
    /// Bit 0: the structure is in use. Otherwise Linux ignores it.
    pub enabled: bool,
    /// Bit 1: memory may be added to or removed from this range while the system runs.
    pub hot_pluggable: bool,
    /// Bit 2: the memory keeps its contents without power.
    pub non_volatile: bool,
}

/// How a structure identifies its processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Processor {
    /// Type 0: local APIC ID.
    Apic(u8),
    /// Type 2: local x2APIC ID.
    X2Apic(u32),
    /// Type 3: ACPI processor UID of a GIC CPU interface (Arm).
    GicC(u32),
    /// Type 7: ACPI processor UID of a RISC-V interrupt controller.
    RintC(u32),
}

/// One structure that assigns a processor to a proximity domain (types 0, 2, 3, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessorAffinity {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// The processor.
    pub processor: Processor,
    /// The proximity domain.
    pub domain: u32,
    /// Bit 0: the structure is in use.
    pub enabled: bool,
    /// The clock domain.
    pub clock_domain: u32,
}

/// The device of a Generic Initiator or Generic Port structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceHandle {
    /// Handle type 0: ACPI `_HID` and `_UID`.
    Acpi {
        /// The hardware ID.
        hid: [u8; 8],
        /// The unique ID.
        uid: u32,
    },
    /// Handle type 1: a PCI function.
    Pci {
        /// The segment group.
        segment: u16,
        /// Bus number in the high byte, device and function in the low byte.
        bdf: u16,
    },
    /// A handle type this reader does not know.
    Other {
        /// The handle type.
        kind: u8,
        /// The handle.
        bytes: [u8; 16],
    },
}

/// One Generic Initiator (type 5) or Generic Port (type 6) structure: a domain without memory of its own that
/// accesses the memory of others, or the port to a CXL host bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GenericAffinity {
    /// Offset of the structure in the table, in bytes.
    pub offset: usize,
    /// The proximity domain.
    pub domain: u32,
    /// The device.
    pub device: DeviceHandle,
    /// Bit 0: the structure is in use.
    pub enabled: bool,
}

/// One structure of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Types 0, 2, 3 and 7.
    Processor(ProcessorAffinity),
    /// Type 1.
    Memory(MemoryAffinity),
    /// Type 5.
    GenericInitiator(GenericAffinity),
    /// Type 6.
    GenericPort(GenericAffinity),
    /// Any other type.
    Other {
        /// Offset of the structure in the table, in bytes.
        offset: usize,
        /// Its type.
        kind: u8,
        /// Its length in bytes.
        len: u8,
    },
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireApic {
    _header: [u8; 2],
    domain_low: u8,
    apic_id: u8,
    flags: U32,
    _sapic_eid: u8,
    domain_high: [u8; 3],
    clock_domain: U32,
}
const _: () = assert!(size_of::<WireApic>() == 16);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireMemory {
    _header: [u8; 2],
    domain: U32,
    _reserved: U16,
    base: U64,
    length: U64,
    _reserved2: U32,
    flags: U32,
    _reserved3: U64,
}
const _: () = assert!(size_of::<WireMemory>() == 40);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireX2Apic {
    _header: [u8; 2],
    _reserved: U16,
    domain: U32,
    x2apic_id: U32,
    flags: U32,
    clock_domain: U32,
    _reserved2: U32,
}
const _: () = assert!(size_of::<WireX2Apic>() == 24);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireGicC {
    _header: [u8; 2],
    domain: U32,
    uid: U32,
    flags: U32,
    clock_domain: U32,
}
const _: () = assert!(size_of::<WireGicC>() == 18);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireGeneric {
    _header: [u8; 2],
    _reserved: u8,
    handle_kind: u8,
    domain: U32,
    handle: [u8; 16],
    flags: U32,
    _reserved2: U32,
}
const _: () = assert!(size_of::<WireGeneric>() == 32);

#[derive(FromBytes)]
#[repr(C)]
struct WireAcpiHandle {
    hid: [u8; 8],
    uid: U32,
    _reserved: [u8; 4],
}
const _: () = assert!(size_of::<WireAcpiHandle>() == 16);

#[derive(FromBytes)]
#[repr(C)]
struct WirePciHandle {
    segment: U16,
    bus: u8,
    device_function: u8,
    _reserved: [u8; 12],
}
const _: () = assert!(size_of::<WirePciHandle>() == 16);

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireRintC {
    _header: [u8; 2],
    _reserved: U16,
    domain: U32,
    uid: U32,
    flags: U32,
    clock_domain: U32,
}
const _: () = assert!(size_of::<WireRintC>() == 20);

/// The header, then 12 reserved bytes.
const FIRST_STRUCTURE: usize = 48;

/// One byte of type, one byte of length.
const LAYOUT: Layout = Layout { what: "SRAT structure", type_width: 1, length_at: 1, length_width: 1 };

/// A System Resource Affinity Table.
///
/// Holding one proves that the table is complete and, from [`Srat::new`], that its checksum is right.
///
/// ```
/// // bytes: /sys/firmware/acpi/tables/SRAT of a machine with room for more memory
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/x86-dimm-crashkernel-256M.SRAT"));
/// let srat = firmware::srat::Srat::new(bytes)?;
/// let mut seen = Vec::new();
/// for memory in srat.memory() {
///     let memory = memory?;
///     if let (true, Some(range)) = (memory.enabled, memory.range) {
///         seen.push((memory.domain, range.to_string(), memory.hot_pluggable));
///     }
/// }
/// assert_eq!(seen.last().unwrap(), &(1, "100000000-67fffffff".to_string(), true));
/// # Ok::<(), firmware::acpi::AcpiError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Srat<'a> {
    table: Table<'a>,
}

impl<'a> Srat<'a> {
    /// Checks the table at the start of `bytes`, checksum included.
    ///
    /// # Errors
    ///
    /// Those of [`Table::new`], and [`AcpiError::Length`] if the table ends before its first structure.
    pub fn new(bytes: &'a [u8]) -> Result<Self, AcpiError> {
        Self::from_table(Table::new(bytes, *b"SRAT")?)
    }

    /// The same for a table with an already checked header.
    ///
    /// # Errors
    ///
    /// [`AcpiError::Signature`] for a different table, [`AcpiError::Length`] if the table ends before its
    /// first structure.
    pub fn from_table(table: Table<'a>) -> Result<Self, AcpiError> {
        let table = table.expect_signature(*b"SRAT")?;
        Ok(Self { table: table.expect_length(FIRST_STRUCTURE, "SRAT", "at least 48 bytes")? })
    }

    /// The table's header.
    pub const fn table(&self) -> &Table<'a> {
        &self.table
    }

    /// All structures, in the table's order. A known structure that is too short for its type, or has a range
    /// that wraps, is an error in its place. After a structure with an unusable length, the iterator ends.
    pub const fn entries(&self) -> Entries<'a> {
        self.table.entries(FIRST_STRUCTURE, LAYOUT, read)
    }

    /// Only the memory affinity structures, including disabled ones, and every error, since any bad structure
    /// might have been memory.
    pub fn memory(&self) -> impl Iterator<Item = Result<MemoryAffinity, AcpiError>> + 'a {
        self.entries().filter_map(|entry| match entry {
            Ok(Entry::Memory(memory)) => Some(Ok(memory)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// Iterator over the structures of an SRAT, from [`Srat::entries`].
pub type Entries<'a> = acpi::Entries<'a, Entry>;

/// In revision 1, proximity domains have 8 bits; the bytes above are reserved and may contain anything.
const fn has_wide_domains(structure: &Structure<'_>) -> bool {
    structure.revision >= 2
}

fn read(structure: &Structure<'_>) -> Result<Entry, AcpiError> {
    let offset = structure.offset;
    let processor = |processor, domain: u32, flags: U32, clock_domain: U32| {
        Entry::Processor(ProcessorAffinity {
            offset,
            processor,
            domain,
            enabled: flags.get() & 1 != 0,
            clock_domain: clock_domain.get(),
        })
    };
    Ok(match structure.kind {
        0 => {
            let wire: &WireApic = structure.read("SRAT processor affinity", "16")?;
            let [b1, b2, b3] = if has_wide_domains(structure) { wire.domain_high } else { [0; 3] };
            let domain = u32::from_le_bytes([wire.domain_low, b1, b2, b3]);
            processor(Processor::Apic(wire.apic_id), domain, wire.flags, wire.clock_domain)
        }
        1 => Entry::Memory(memory(structure)?),
        2 => {
            let wire: &WireX2Apic = structure.read("SRAT x2APIC affinity", "24")?;
            let id = Processor::X2Apic(wire.x2apic_id.get());
            processor(id, wire.domain.get(), wire.flags, wire.clock_domain)
        }
        3 => {
            let wire: &WireGicC = structure.read("SRAT GICC affinity", "18")?;
            let id = Processor::GicC(wire.uid.get());
            processor(id, wire.domain.get(), wire.flags, wire.clock_domain)
        }
        5 => Entry::GenericInitiator(generic(structure)?),
        6 => Entry::GenericPort(generic(structure)?),
        7 => {
            let wire: &WireRintC = structure.read("SRAT RINTC affinity", "20")?;
            let id = Processor::RintC(wire.uid.get());
            processor(id, wire.domain.get(), wire.flags, wire.clock_domain)
        }
        // Type and length have one byte each, so neither conversion loses anything.
        kind => Entry::Other {
            offset,
            kind: u8::try_from(kind).unwrap_or(u8::MAX),
            len: u8::try_from(structure.bytes.len()).unwrap_or(u8::MAX),
        },
    })
}

fn memory(structure: &Structure<'_>) -> Result<MemoryAffinity, AcpiError> {
    const WHAT: &str = "SRAT memory affinity";
    let wire: &WireMemory = structure.read(WHAT, "40")?;
    let offset = structure.offset;
    let range = match wire.length.get() {
        0 => None,
        length => Some(PhysRange::from_size(wire.base.get(), length).map_err(|source| AcpiError::Range {
            what: WHAT,
            offset,
            source,
        })?),
    };
    let domain = wire.domain.get();
    let flags = wire.flags.get();
    Ok(MemoryAffinity {
        offset,
        domain: if has_wide_domains(structure) { domain } else { domain & 0xff },
        range,
        enabled: flags & 1 != 0,
        hot_pluggable: flags & 2 != 0,
        non_volatile: flags & 4 != 0,
    })
}

fn generic(structure: &Structure<'_>) -> Result<GenericAffinity, AcpiError> {
    let wire: &WireGeneric = structure.read("SRAT generic affinity", "32")?;
    let device = match wire.handle_kind {
        0 => {
            let handle: WireAcpiHandle = zerocopy::transmute!(wire.handle);
            DeviceHandle::Acpi { hid: handle.hid, uid: handle.uid.get() }
        }
        1 => {
            let handle: WirePciHandle = zerocopy::transmute!(wire.handle);
            let bdf = u16::from_be_bytes([handle.bus, handle.device_function]);
            DeviceHandle::Pci { segment: handle.segment.get(), bdf }
        }
        kind => DeviceHandle::Other { kind, bytes: wire.handle },
    };
    Ok(GenericAffinity {
        offset: structure.offset,
        domain: wire.domain.get(),
        device,
        enabled: wire.flags.get() & 1 != 0,
    })
}

#[cfg(test)]
mod tests;
