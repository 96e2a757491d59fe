//! One range of a machine's memory, with everything that is known of it.

use std::fmt;

use memblock::{PhysRange, RegionFlags};
use rules::{Class, Rules, Use, Verdict};

use crate::now::firmware_map::MapKind;
use crate::now::kernel::Kernel;
use evidence::State;

/// A range of System RAM of one class, one provider and one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRange {
    /// The addresses.
    pub range: PhysRange,
    /// The kernel's resource it is all or part of; `None` when /proc/iomem could not be read and the range
    /// was put together from memory blocks.
    pub resource: Option<ResourceOfRange>,
    /// Who provided it, as far as can be told.
    pub class: Option<Class>,
    /// What told the class, for people.
    pub evidence: String,
    /// Who gave it.
    pub provider: Provider,
    /// Its NUMA node.
    pub node: Option<u32>,
    /// The zones its online part lies in, by ascending address.
    pub zones: Vec<String>,
    /// The numbers of its memory blocks.
    pub blocks: Vec<u64>,
    /// Whether it is in use; `None` when neither memory blocks nor zones say.
    pub state: Option<State>,
    /// Its attributes in memblock, where the kernel keeps and shows memblock.
    pub flags: Option<RegionFlags>,
    /// Whether the map the firmware gave at boot lists it as RAM.
    pub listed_by_firmware: bool,
    /// Whether memblock still carried HOTPLUG there when the zones were sized; asked of hot-pluggable boot
    /// memory alone, and `None` where nothing tells.
    pub kept_hotplug: Option<bool>,
    /// Whether memblock holds all of it reserved, as a part of a range may be; false where memblock is not
    /// shown.
    pub reserved: bool,
    /// Whether all of it lies inside the crash kernel's reservation, as a part of a range may.
    pub in_crash_kernel: bool,
}

/// The resource a range comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceOfRange {
    /// The resource's addresses.
    pub range: PhysRange,
    /// Its name in /proc/iomem.
    pub name: String,
}

/// Who gave the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The firmware's map at boot, of this kind where it is known.
    Firmware(Option<MapKind>),
    /// `memmap=` on the kernel's command line.
    CommandLine,
    /// The kernel itself: it lies where no map lists RAM, as after a kexec into memory that was not told.
    KernelImage,
    /// The firmware, after boot, by this ACPI device. Where sysfs names none it may also have been another
    /// platform's hot-add, such as a hypervisor's balloon driver.
    AcpiHotAdd(Option<String>),
    /// A driver.
    Driver {
        /// Its name, from `System RAM (DRIVER)`.
        driver: String,
        /// The devices it lies on, the nearest first: `dax0.0`, `Persistent Memory`.
        over: Vec<String>,
    },
    /// Nothing tells.
    Unknown,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firmware(None) => f.write_str("firmware"),
            Self::Firmware(Some(kind)) => write!(f, "firmware ({})", kind.as_str()),
            Self::CommandLine => f.write_str("command line (memmap=)"),
            Self::KernelImage => f.write_str("kernel (its own image)"),
            Self::AcpiHotAdd(None) => f.write_str("ACPI hot-add (presumably: no device is named)"),
            Self::AcpiHotAdd(Some(device)) => write!(f, "ACPI hot-add ({device})"),
            Self::Driver { driver, over } => {
                f.write_str(driver)?;
                for device in over {
                    write!(f, " over {device}")?;
                }
                Ok(())
            }
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl MemoryRange {
    /// A range of which nothing is known yet.
    pub(crate) fn at(range: PhysRange) -> Self {
        Self {
            range,
            resource: None,
            class: None,
            evidence: String::new(),
            provider: Provider::Unknown,
            node: None,
            zones: Vec::new(),
            blocks: Vec::new(),
            state: None,
            flags: None,
            listed_by_firmware: false,
            kept_hotplug: None,
            reserved: false,
            in_crash_kernel: false,
        }
    }

    /// The verdict of `rules` for one use of this memory under `kernel`; `None` when its class is unknown.
    pub fn verdict(&self, rules: &Rules, of: Use, kernel: &Kernel) -> Option<Verdict> {
        let memory = rules::Memory {
            class: self.class?,
            nomap: self.flags.is_some_and(|flags| flags.contains(RegionFlags::NOMAP)),
            listed_by_firmware: self.listed_by_firmware,
            kept_hotplug: self.kept_hotplug,
            reserved: self.reserved,
            below_1_mib: self.range.end() <= 1 << 20,
            in_crash_kernel: self.in_crash_kernel,
        };
        Some(rules.verdict(of, &memory, &kernel.facts))
    }
}
