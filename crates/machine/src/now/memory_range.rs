//! One memory range, with everything known about it.

use std::fmt;

use memblock::{PhysRange, RegionFlags};
use rules::{Class, Rules, Use, Verdict};

use crate::now::firmware_map::MapKind;
use crate::now::kernel::Kernel;
use evidence::State;

/// A range of System RAM with one class, one provider and one node.
// Independent facts, as in `rules::Memory`.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRange {
    /// The addresses.
    pub range: PhysRange,
    /// The kernel resource it is all or part of; `None` if /proc/iomem could not be read and the range was assembled
    /// from memory blocks.
    pub resource: Option<ResourceOfRange>,
    /// Its class, if it could be determined.
    pub class: Option<Class>,
    /// The evidence for the class, for people.
    pub evidence: String,
    /// Who provided it.
    pub provider: Provider,
    /// Its NUMA node.
    pub node: Option<u32>,
    /// The zones that contain its online part, by ascending address.
    pub zones: Vec<String>,
    /// The numbers of its memory blocks.
    pub blocks: Vec<u64>,
    /// Its state; `None` if neither memory blocks nor zones show it.
    pub state: Option<State>,
    /// Its memblock flags, if the kernel keeps and shows memblock.
    pub flags: Option<RegionFlags>,
    /// Whether the firmware's boot-time map lists it as RAM.
    pub listed_by_firmware: bool,
    /// Whether memblock still had HOTPLUG there when the zones were sized. Only determined for hot-pluggable boot
    /// memory; `None` if nothing shows it.
    pub kept_hotplug: Option<bool>,
    /// Whether all of it is reserved in memblock, as part of a range may be; false if memblock is not available.
    pub reserved: bool,
    /// Whether all of it lies inside the crash kernel reservation, as part of a range may.
    pub in_crash_kernel: bool,
    /// Whether all of it lies in an area of `crashkernel=,cma`, as part of a range may.
    pub in_crash_cma: bool,
}

/// The resource a range comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceOfRange {
    /// The resource's addresses.
    pub range: PhysRange,
    /// Its name in /proc/iomem.
    pub name: String,
}

/// Who provided the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The firmware's boot-time map, of this kind if known.
    Firmware(Option<MapKind>),
    /// `memmap=` on the kernel's command line.
    CommandLine,
    /// The kernel itself: it lies where no map lists RAM, as after a kexec into memory the kernel was not told about.
    KernelImage,
    /// The firmware, after boot, through this ACPI device. If sysfs names none, it may also have been another
    /// platform's hot-add, such as a hypervisor's balloon driver.
    AcpiHotAdd(Option<String>),
    /// A driver.
    Driver {
        /// Its name, from `System RAM (DRIVER)`.
        driver: String,
        /// The devices it lies on, nearest first: `dax0.0`, `Persistent Memory`.
        over: Vec<String>,
    },
    /// Unknown.
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
    /// A range about which nothing else is known yet.
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
            in_crash_cma: false,
        }
    }

    /// The `rules` verdict for one use of this memory under `kernel`; `None` if its class is unknown.
    pub fn verdict(&self, rules: &Rules, of: Use, kernel: &Kernel) -> Option<Verdict> {
        let memory = rules::Memory {
            class: self.class?,
            nomap: self.flags.is_some_and(|flags| flags.contains(RegionFlags::NOMAP)),
            listed_by_firmware: self.listed_by_firmware,
            kept_hotplug: self.kept_hotplug,
            reserved: self.reserved,
            below_1_mib: self.range.end() <= 1 << 20,
            in_crash_kernel: self.in_crash_kernel,
            in_crash_cma: self.in_crash_cma,
        };
        Some(rules.verdict(of, &memory, &kernel.facts))
    }
}
