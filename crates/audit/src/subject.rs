//! The machine that is audited, and what several checks ask about it.

use evidence::ResourceTree;
use evidence::log::LoadLog;
use evidence::snapshot::BlockState;
use firmware::fdt::{Chosen, Fdt};
use kexec::{CrashKernel, PlanError};
use machine::range_set::RangeSet;
use machine::{Machine, State, command_line};
use memblock::{PhysRange, ranges};
use rules::{MapHandedOn, Rules};

use crate::outcome::{Nothing, missing, not_found, unread};

/// What would name the architecture.
pub(crate) const NAMES_ARCHITECTURE: &str = "capture /proc/sys/kernel/arch or /proc/version";

/// A machine and the rules.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) rules: &'a Rules,
    /// System RAM of all kinds, as /proc/iomem shows it now; `None` if it could not be read.
    pub(crate) ram: Option<RangeSet>,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(machine: &'a Machine, rules: &'a Rules) -> Self {
        let tree = machine.resources();
        let ram = tree.map(|tree| tree.system_ram().filter_map(|ram| ram.range().ok()).collect());
        Self { machine, rules, ram }
    }

    /// The parts of `of` that are not System RAM now, ascending; empty if System RAM is unknown.
    pub(crate) fn gone(&self, of: impl IntoIterator<Item = PhysRange>) -> Vec<PhysRange> {
        let of: RangeSet = of.into_iter().collect();
        self.ram.as_ref().map_or_else(Vec::new, |ram| ranges::difference(of.iter(), ram.iter()).collect())
    }

    /// Whether the next kernel gets an e820 map.
    pub(crate) fn hands_over_e820(&self) -> bool {
        self.machine.kernel.facts.map_handed_on == MapHandedOn::E820
    }

    /// That the next kernel gets an e820 map; otherwise why there is none, or why it cannot be told.
    pub(crate) fn e820(&self) -> Result<(), Nothing> {
        match self.machine.kernel.architecture {
            _ if self.hands_over_e820() => Ok(()),
            Some(_) => Err(not_found("this architecture hands over no e820 map")),
            None => Err(missing("the architecture is not named", NAMES_ARCHITECTURE)),
        }
    }

    /// /proc/iomem; otherwise why it was not read.
    pub(crate) fn tree(&self) -> Result<&'a ResourceTree, Nothing> {
        let machine: &'a Machine = self.machine;
        machine.resources().ok_or_else(|| unread("/proc/iomem", &machine.evidence.resources))
    }

    /// The crash kernel's memory; otherwise why there is none, or why it cannot be told.
    pub(crate) fn crash_kernel(&self) -> Result<CrashKernel, Nothing> {
        self.tree()?;
        CrashKernel::of(self.machine).map_err(|error| match error {
            PlanError::NoCrashKernel => not_found("/proc/iomem has no `Crash kernel`: nothing is reserved"),
            error => missing(error.to_string(), "a whole /proc/iomem"),
        })
    }

    /// The loads that the kernel log shows; `None` without a log.
    pub(crate) fn loads(&self) -> Option<&'a LoadLog> {
        self.machine.evidence.log.read().map(|log| &log.loads)
    }

    /// Whether the log shows events of memory hotplug that reached a crash kernel.
    pub(crate) fn shows_hotplug(&self) -> bool {
        self.loads().is_some_and(|loads| loads.shows_hotplug)
    }

    /// `/sys/devices/system/memory/crash_hotplug`.
    pub(crate) fn crash_hotplug(&self) -> Option<bool> {
        self.machine.evidence.hotplug.crash_hotplug.read().copied()
    }

    /// Whether this kernel rebuilds the headers of kexec_file_load (CONFIG_CRASH_HOTPLUG).
    pub(crate) fn keeps_the_header(&self) -> bool {
        self.machine.state.crash_elfcorehdr_size.is_some() || self.crash_hotplug().is_some()
    }

    /// `/sys/kernel/kexec_crash_size`.
    pub(crate) fn crash_size(&self) -> Option<u64> {
        self.machine.evidence.kexec.crash_size.read().copied()
    }

    /// Whether the running kernel was started by a crash.
    pub(crate) fn is_crash_kernel(&self) -> bool {
        command_line::has(&self.machine.kernel.command_line, "elfcorehdr")
            || self.chosen(|chosen| chosen.elfcorehdr().is_ok_and(|header| header.is_some()))
    }

    /// Whether the machine was booted with a device tree that does not mention EFI; false without a device
    /// tree.
    pub(crate) fn is_booted_without_efi(&self) -> bool {
        self.chosen(|chosen| chosen.uefi_system_table().is_ok_and(|table| table.is_none()))
    }

    /// Asks `/chosen` of the device tree; false if there is none.
    fn chosen(&self, ask: impl FnOnce(&Chosen<'_>) -> bool) -> bool {
        let Some(bytes) = self.machine.state.device_tree.as_deref() else { return false };
        Fdt::new(bytes).ok().and_then(|tree| tree.chosen().ok().flatten().map(|c| ask(&c))).unwrap_or(false)
    }

    /// The number of memory blocks that are offline; `None` if unknown.
    pub(crate) fn offline_blocks(&self) -> Option<usize> {
        match self.machine.evidence.blocks.read() {
            Some(all) => Some(all.blocks.iter().filter(|block| block.state == BlockState::Offline).count()),
            // Zones show whether all memory is online, but not how large blocks are.
            None => self.machine.ranges.iter().all(|memory| memory.state == Some(State::Online)).then_some(0),
        }
    }
}

/// A size with one decimal if it is not whole, even if that is `.0`. Unlike in physmem's tables it is truncated, not
/// rounded; the text is part of the JSON output.
pub(crate) fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] {
        let whole = bytes >> shift;
        if whole > 0 {
            let tenths = ((bytes >> (shift - 10)) & 0x3ff) * 10 / 1024;
            return if bytes.is_multiple_of(1 << shift) {
                format!("{whole}{unit}")
            } else {
                format!("{whole}.{tenths}{unit}")
            };
        }
    }
    format!("{bytes} bytes")
}

/// A range with its size.
pub(crate) fn sized(range: PhysRange) -> String {
    format!("{range} ({})", size(range.size()))
}

/// Ranges with their sizes, separated by commas.
pub(crate) fn list(ranges: &[PhysRange]) -> String {
    ranges.iter().map(|range| sized(*range)).collect::<Vec<_>>().join(", ")
}
