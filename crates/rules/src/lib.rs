//! The rules: which memory may be used for what, and why.
//!
//! Memory has a [`Class`], determined once by who provided it. Each [`Use`] consults the same table, one row
//! per use and one column per class, and gets a [`Verdict`] with its reason. Nothing else in the project
//! decides.
//!
//! | class | how it comes | flag in memblock | kernel resource |
//! |---|---|---|---|
//! | boot | firmware map (e820, EFI, device tree) | NONE | `System RAM` |
//! | boot, hot-pluggable | firmware map, and marked hot-pluggable (ACPI SRAT, device tree) | HOTPLUG | `System RAM` |
//! | hot-added | announced by firmware after boot (ACPI DIMM) | NONE | `System RAM` |
//! | driver-managed | found and added by a driver, never in the firmware map | DRIVER_MANAGED | `System RAM (DRIVER)` |
//!
//! ```
//! use rules::{Class, KernelFacts, Loader, Memory, Rules, Use};
//!
//! let kernel = KernelFacts::default();
//! let virtio_mem = Memory::of(Class::DriverManaged);
//! assert!(!Rules::LINUX.verdict(Use::KexecImage(Loader::KexecFileLoad), &virtio_mem, &kernel).allowed);
//! assert!(!Rules::LINUX.verdict(Use::NextKernel(Loader::KexecLoad), &virtio_mem, &kernel).allowed);
//! assert!(Rules::LINUX.verdict(Use::Vmcore(Loader::KexecFileLoad), &virtio_mem, &kernel).allowed);
//! ```
//!
//! | use | boot | boot, hot-pluggable | hot-added | driver-managed |
//! |---|---|---|---|---|
//! | early allocation | yes | yes; no with `movable_node` | after boot: none | after boot: none |
//! | zone | by limits | Movable with `movable_node`, else as boot | online policy | online policy |
//! | kexec image may lie there | yes | yes (see [`Rules::AS_MEANT`]) | yes, even offline | **no** |
//! | next kernel is told | yes | **yes, it has to be** | depends on the loader | **no** |
//! | in the crash dump | yes | yes | yes | **yes** |
//! | after unplug | not possible | arm kexec again | arm kexec again | the dump's ranges change |
//!
//! NOMAP memory is never allocated, placed on or dumped, whatever its class. A kernel without a system call loads nothing
//! by it, and one without memory hot-remove unplugs nothing.
//!
//! A set of rules is a value. [`Rules::LINUX`] is what released kernels do, [`Rules::AS_MEANT`] what the
//! discussion that introduced the flag intended, and two more are alternatives that it considered; they
//! differ in only a few cells. (linux-mm, "memblock: add MEMBLOCK_DRIVER_MANAGED to mimic
//! IORESOURCE_SYSRAM_DRIVER_MANAGED", D. Hildenbrand and M. Rapoport, September and October 2021.)

#![no_std]
#![forbid(unsafe_code)]

mod any_class;
mod cells;

/// Who provided the memory, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// In the firmware's map (e820, EFI, device tree) at boot. Resource `System RAM`, no flag.
    Boot,
    /// In the firmware's map at boot, and marked hot-pluggable (ACPI SRAT; device tree `hotpluggable`).
    /// Resource `System RAM`, flag HOTPLUG for as long as memblock keeps it.
    BootHotpluggable,
    /// Announced by the firmware outside its map (an ACPI DIMM). Resource `System RAM`, no flag.
    HotAdded,
    /// Found and added by a driver (dax/kmem, virtio-mem), never in the firmware's map. Resource
    /// `System RAM (DRIVER)`, flag DRIVER_MANAGED.
    DriverManaged,
}

/// What the memory would be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// May memblock hand it out before the page allocator runs?
    EarlyAllocation,
    /// Does its class alone put it into ZONE_MOVABLE?
    ZoneMovable,
    /// May this loader place a segment of a kexec image there?
    KexecImage(Loader),
    /// Is the next kernel told that it is RAM, when this loader loads it?
    NextKernel(Loader),
    /// Does the crash dump contain it, when this loader loaded the crash kernel?
    Vmcore(Loader),
    /// Can it be unplugged, and what has to be done then?
    AfterUnplug,
}

/// The two ways to load a kexec image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loader {
    /// The system call kexec_load: user space (kexec-tools) places the segments and writes the map.
    KexecLoad,
    /// The system call kexec_file_load: the kernel does both.
    KexecFileLoad,
}

/// What the rules ask about a range of memory.
// Independent facts, as in `KernelFacts`.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// Who provided it.
    pub class: Class,
    /// Whether it is missing from the kernel's direct map: memblock's attribute NOMAP.
    pub nomap: bool,
    /// Whether the map the firmware gave at boot lists it as RAM. Usually follows from the class, but
    /// `memmap=` can make RAM that the firmware does not list, or hide listed RAM from this kernel.
    pub listed_by_firmware: bool,
    /// Whether memblock still had HOTPLUG set there when the zones were sized; `None` if unknown. Linux drops
    /// it from every node that the kernel occupies early on, with `numa=off`, and where only the device tree
    /// marked it.
    pub kept_hotplug: Option<bool>,
    /// Whether all of it is reserved in memblock, as far as that is shown.
    pub reserved: bool,
    /// Whether all of it lies below 1 MiB.
    pub below_1_mib: bool,
    /// Whether all of it lies inside the crash kernel's reservation.
    pub in_crash_kernel: bool,
    /// Whether all of it lies in an area of `crashkernel=,cma`.
    pub in_crash_cma: bool,
}

/// What the rules ask about the running kernel and the loader's port. Nothing here is derived from the
/// architecture's name: each is a separate fact.
// Independent facts, not states of one thing: an enum for each would only rename true and false.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KernelFacts {
    /// `movable_node` on the command line.
    pub movable_node: bool,
    /// How kexec_file_load searches for a place.
    pub walk: Walk,
    /// Whether HOTPLUG is still set in memblock when an image is loaded. Linux 6.12 clears it on all
    /// memory at the end of boot (mm/memblock.c:free_low_memory_core_early).
    pub hotplug_flag_survives_boot: bool,
    /// How the next kernel learns about its memory.
    pub map_handed_on: MapHandedOn,
    /// Whether the installed kexec-tools port takes only resources named exactly `System RAM` into the
    /// dump (arm64, riscv, loongarch), or every name that contains it (x86).
    pub kexec_tools_wants_exact_name: bool,
    /// Whether kexec_file_load leaves the first MiB out of the dump, as x86 does: it is always reserved there
    /// (arch/x86/kernel/crash.c:elf_header_exclude_ranges). kexec-tools keeps it with a backup.
    pub dump_skips_first_mib: bool,
    /// Whether no boot memory can be taken offline, whatever the firmware calls it: arm64 refuses
    /// (arch/arm64/mm/mmu.c:prevent_bootmem_remove_notifier).
    pub boot_memory_stays: bool,
    /// Whether it was built without the system call kexec_load (CONFIG_KEXEC off).
    pub lacks_kexec_load: bool,
    /// Whether it was built without the system call kexec_file_load (CONFIG_KEXEC_FILE off).
    pub lacks_kexec_file_load: bool,
    /// Whether it was built without a way to remove memory (CONFIG_MEMORY_HOTREMOVE off).
    pub lacks_hot_remove: bool,
}

impl KernelFacts {
    /// Why this kernel has no such system call; `None` if it has it.
    pub fn why_no(&self, loader: Loader) -> Option<&'static str> {
        let is_missing = match loader {
            Loader::KexecLoad => self.lacks_kexec_load,
            Loader::KexecFileLoad => self.lacks_kexec_file_load,
        };
        is_missing.then_some(any_class::why_no(loader))
    }

    /// Whether it can load no image at all.
    pub const fn loads_nothing(&self) -> bool {
        self.lacks_kexec_load && self.lacks_kexec_file_load
    }
}

/// How kexec_file_load searches for a segment's place (kernel/kexec_file.c:kexec_locate_mem_hole).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Walk {
    /// The kernel keeps memblock after boot (CONFIG_ARCH_KEEP_MEMBLOCK): memory minus reserved.
    Memblock,
    /// It does not: the resource tree's System RAM.
    Resources,
}

/// How the next kernel learns which memory it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapHandedOn {
    /// From an e820 map: kexec_file_load writes the boot map, kexec-tools the one in /sys/firmware/memmap, to
    /// which hot-added DIMMs are appended.
    E820,
    /// From the device tree or EFI map of this boot, passed on unchanged.
    BootFirmware,
}

/// The answer of the rules for one use of one range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Yes or no to the question of the [`Use`].
    pub allowed: bool,
    /// Why, as a sentence.
    pub reason: &'static str,
    /// The rule's name, stable across releases of this library.
    pub rule: &'static str,
    /// Where the rule comes from: `file:function (kernel release)`, or a document.
    pub source: &'static str,
    /// What an unplug makes necessary; [`Consequence::Nothing`] for every other use.
    pub consequence: Consequence,
}

/// What has to be done after memory was unplugged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consequence {
    /// Nothing.
    Nothing,
    /// A loaded image may lie on it, and was told about it: kexec has to be armed again. A loaded crash
    /// kernel's header lists it, too: the dump's ranges change.
    RearmKexec,
    /// No image lies on it, but a loaded crash kernel's header lists it.
    DumpRangesChange,
}

/// One set of rules: a row for each use, a cell for each class.
#[derive(Debug)]
pub struct Rules {
    /// A name for the command line, e.g. `linux`.
    pub name: &'static str,
    early_allocation: Row,
    zone_movable: Row,
    kexec_image: Row,
    next_kernel: Row,
    vmcore: Row,
    after_unplug: Row,
}

/// The cells of a row, in the order of [`Class`].
type Row = [&'static Rule; 4];

/// One cell: the first case whose condition holds decides.
#[derive(Debug)]
struct Rule {
    name: &'static str,
    source: &'static str,
    cases: &'static [Case],
    /// The answer if no case applies.
    otherwise: Answer,
}

#[derive(Debug)]
struct Case {
    when: fn(&Question) -> bool,
    answer: Answer,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    allowed: bool,
    reason: &'static str,
    consequence: Consequence,
}

/// What a condition may look at.
struct Question<'a> {
    memory: &'a Memory,
    kernel: &'a KernelFacts,
    loader: Option<Loader>,
}

// Compare each row with the table above. The cells are in cells.rs.
#[rustfmt::skip]
impl Rules {
    /// What released Linux does.
    pub const LINUX: Self = Self {
        name: "linux",
        //                  boot                      boot, hot-pluggable             hot-added                   driver-managed
        early_allocation: [&cells::EARLY_BOOT,       &cells::EARLY_HOTPLUGGABLE,     &cells::EARLY_OVER,         &cells::EARLY_OVER],
        zone_movable:     [&cells::ZONE_BY_LIMITS,   &cells::ZONE_MOVABLE_NODE,      &cells::ZONE_ONLINE_POLICY, &cells::ZONE_ONLINE_POLICY],
        kexec_image:      [&cells::IMAGE_BOOT,       &cells::IMAGE_HOTPLUGGABLE,     &cells::IMAGE_HOT_ADDED,    &cells::IMAGE_DRIVER_MANAGED],
        next_kernel:      [&cells::TOLD_BOOT,        &cells::TOLD_HOTPLUGGABLE,      &cells::TOLD_HOT_ADDED,     &cells::TOLD_DRIVER_MANAGED],
        vmcore:           [&cells::DUMPED,           &cells::DUMPED,                 &cells::DUMPED,             &cells::DUMPED_DRIVER_MANAGED],
        after_unplug:     [&cells::UNPLUG_NEVER,     &cells::UNPLUG_HOTPLUGGABLE,    &cells::UNPLUG_REARM,       &cells::UNPLUG_DUMP_CHANGES],
    };

    /// What the discussion of 2021 intended where Linux 6.12 differs: with `movable_node`, hot-pluggable
    /// memory is spared by early allocations, movable, and free of kexec images, whether or not the flag is
    /// still set.
    pub const AS_MEANT: Self = Self {
        name: "as-meant",
        early_allocation: [&cells::EARLY_BOOT,       &cells::EARLY_HOTPLUGGABLE_MEANT, &cells::EARLY_OVER,       &cells::EARLY_OVER],
        zone_movable:     [&cells::ZONE_BY_LIMITS,   &cells::ZONE_MOVABLE_NODE_MEANT, &cells::ZONE_ONLINE_POLICY, &cells::ZONE_ONLINE_POLICY],
        kexec_image:      [&cells::IMAGE_BOOT,       &cells::IMAGE_HOTPLUGGABLE_MEANT, &cells::IMAGE_HOT_ADDED,  &cells::IMAGE_DRIVER_MANAGED],
        ..Self::LINUX
    };

    /// An alternative that was considered: HOTPLUG for all hot-added memory, no DRIVER_MANAGED; early
    /// allocations and kexec images avoid such memory, with or without `movable_node`.
    pub const HOTPLUG_FOR_ALL: Self = Self {
        name: "hotplug-for-all",
        early_allocation: [&cells::EARLY_BOOT,       &cells::EARLY_NEVER_HOTPLUG,    &cells::EARLY_OVER,         &cells::EARLY_OVER],
        kexec_image:      [&cells::IMAGE_BOOT,       &cells::IMAGE_NEVER_HOTPLUG,    &cells::IMAGE_NEVER_HOTPLUG, &cells::IMAGE_NEVER_HOTPLUG],
        after_unplug:     [&cells::UNPLUG_NEVER,     &cells::UNPLUG_HOTPLUGGABLE,    &cells::UNPLUG_DUMP_CHANGES, &cells::UNPLUG_DUMP_CHANGES],
        ..Self::LINUX
    };

    /// An alternative that was considered: without the check of `movable_node` in should_skip_region, so that
    /// hot-pluggable memory is avoided even without it.
    pub const NO_MOVABLE_NODE_CHECK: Self = Self {
        name: "no-movable-node-check",
        early_allocation: [&cells::EARLY_BOOT,       &cells::EARLY_NEVER_HOTPLUG,    &cells::EARLY_OVER,         &cells::EARLY_OVER],
        kexec_image:      [&cells::IMAGE_BOOT,       &cells::IMAGE_NO_CHECK,         &cells::IMAGE_HOT_ADDED,    &cells::IMAGE_DRIVER_MANAGED],
        ..Self::LINUX
    };

    /// All sets, the one of released Linux first.
    pub const ALL: [&'static Self; 4] =
        [&Self::LINUX, &Self::AS_MEANT, &Self::HOTPLUG_FOR_ALL, &Self::NO_MOVABLE_NODE_CHECK];
}

impl Rules {
    /// Whether every cell for a use is that of [`Rules::LINUX`]: a loader that does by itself what released Linux does
    /// then needs no correction. O(1).
    ///
    /// ```
    /// use rules::{Loader, Rules, Use};
    /// assert!(Rules::LINUX.is_as_linux(Use::EarlyAllocation));
    /// assert!(!Rules::HOTPLUG_FOR_ALL.is_as_linux(Use::KexecImage(Loader::KexecLoad)));
    /// ```
    pub fn is_as_linux(&self, of: Use) -> bool {
        let (own, linux) = (self.row(of), Self::LINUX.row(of));
        own.iter().zip(linux).all(|(own, linux)| core::ptr::eq(*own, *linux))
    }

    const fn row(&self, of: Use) -> &Row {
        match of {
            Use::EarlyAllocation => &self.early_allocation,
            Use::ZoneMovable => &self.zone_movable,
            Use::KexecImage(_) => &self.kexec_image,
            Use::NextKernel(_) => &self.next_kernel,
            Use::Vmcore(_) => &self.vmcore,
            Use::AfterUnplug => &self.after_unplug,
        }
    }

    /// The verdict for one use of one range of memory under one kernel. O(1).
    pub fn verdict(&self, of: Use, memory: &Memory, kernel: &KernelFacts) -> Verdict {
        let row = self.row(of);
        let loader = match of {
            Use::KexecImage(loader) | Use::NextKernel(loader) | Use::Vmcore(loader) => Some(loader),
            Use::EarlyAllocation | Use::ZoneMovable | Use::AfterUnplug => None,
        };
        let of_class = match memory.class {
            Class::Boot => row[0],
            Class::BootHotpluggable => row[1],
            Class::HotAdded => row[2],
            Class::DriverManaged => row[3],
        };
        let excluded =
            matches!(of, Use::EarlyAllocation | Use::ZoneMovable | Use::KexecImage(_) | Use::Vmcore(_));
        let rule = if loader.is_some_and(|loader| kernel.why_no(loader).is_some()) {
            &any_class::NO_SYSTEM_CALL
        } else if of == Use::AfterUnplug && kernel.lacks_hot_remove {
            &any_class::NO_HOT_REMOVE
        } else if excluded && memory.nomap {
            &any_class::NEVER_NOMAP
        } else {
            of_class
        };

        let question = Question { memory, kernel, loader };
        let answer =
            rule.cases.iter().find(|case| (case.when)(&question)).map_or(&rule.otherwise, |c| &c.answer);
        Verdict {
            allowed: answer.allowed,
            reason: answer.reason,
            rule: rule.name,
            source: rule.source,
            consequence: answer.consequence,
        }
    }
}

impl Class {
    /// All classes, in the order of the table's columns.
    pub const ALL: [Self; 4] = [Self::Boot, Self::BootHotpluggable, Self::HotAdded, Self::DriverManaged];

    /// The word for tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::BootHotpluggable => "boot-hotpluggable",
            Self::HotAdded => "hot-added",
            Self::DriverManaged => "driver-managed",
        }
    }
}

impl Loader {
    /// Both loaders.
    pub const ALL: [Self; 2] = [Self::KexecLoad, Self::KexecFileLoad];

    /// The name of the system call.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KexecLoad => "kexec_load",
            Self::KexecFileLoad => "kexec_file_load",
        }
    }
}

impl Memory {
    /// Memory of this class with no attributes, listed by the firmware if its class says so.
    pub const fn of(class: Class) -> Self {
        let listed_by_firmware = matches!(class, Class::Boot | Class::BootHotpluggable);
        Self {
            class,
            nomap: false,
            listed_by_firmware,
            kept_hotplug: None,
            reserved: false,
            below_1_mib: false,
            in_crash_kernel: false,
            in_crash_cma: false,
        }
    }
}

/// An x86 kernel as distributions ship it: no `movable_node`, memblock gone after boot, an e820 map.
impl Default for KernelFacts {
    fn default() -> Self {
        Self {
            movable_node: false,
            walk: Walk::Resources,
            hotplug_flag_survives_boot: false,
            map_handed_on: MapHandedOn::E820,
            kexec_tools_wants_exact_name: false,
            dump_skips_first_mib: true,
            boot_memory_stays: false,
            lacks_kexec_load: false,
            lacks_kexec_file_load: false,
            lacks_hot_remove: false,
        }
    }
}

#[cfg(test)]
mod tests;
