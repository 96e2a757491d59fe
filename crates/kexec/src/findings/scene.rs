//! What findings are drawn from.

use firmware::fdt::{Chosen, Fdt};
use machine::range_set::RangeSet;
use evidence::Source;
use evidence::snapshot::BlockState;
use machine::{Machine, Snapshot, State, command_line};
use rules::{MapHandedOn, Rules};
use memblock::{PhysRange, ranges};

use crate::load_log::LoadLog;

/// A machine, the rules, and the log of its loads.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) machine: &'a Machine,
    pub(super) rules: &'a Rules,
    pub(super) log: LoadLog,
    /// System RAM of all kinds, as /proc/iomem shows it now; `None` where it could not be read.
    pub(super) ram: Option<RangeSet>,
}

impl<'a> Scene<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, machine: &'a Machine, rules: &'a Rules) -> Self {
        let log = snapshot.kernel_log.read().map_or_else(LoadLog::default, |log| LoadLog::of(log));
        let tree = machine.resources.as_ref();
        let ram = tree.map(|tree| tree.system_ram().filter_map(|ram| ram.range().ok()).collect());
        Self { snapshot, machine, rules, log, ram }
    }

    /// The parts of `of` that are no System RAM now, ascending; none where System RAM is not known.
    pub(super) fn gone(&self, of: impl IntoIterator<Item = PhysRange>) -> Vec<PhysRange> {
        let of: RangeSet = of.into_iter().collect();
        self.ram.as_ref().map_or_else(Vec::new, |ram| ranges::difference(of.iter(), ram.iter()).collect())
    }

    /// Whether the next kernel gets an e820 map.
    pub(super) fn hands_over_e820(&self) -> bool {
        self.machine.kernel.facts.map_handed_on == MapHandedOn::E820
    }

    /// A value of sysfs or sysctl about kexec.
    pub(super) fn kexec_value(&self, name: &str) -> Option<&'a str> {
        self.snapshot.kexec.get(name)?.read().map(|value| value.trim())
    }

    /// `/sys/devices/system/memory/crash_hotplug`.
    pub(super) fn crash_hotplug(&self) -> Option<&'a str> {
        self.snapshot.memory_blocks.read()?.crash_hotplug.read().map(|value| value.trim())
    }

    /// Whether the running kernel was started by a crash.
    pub(super) fn is_crash_kernel(&self) -> bool {
        command_line::has(&self.machine.kernel.command_line, "elfcorehdr")
            || self.chosen(|chosen| chosen.elfcorehdr().is_ok_and(|header| header.is_some()))
    }

    /// Whether the machine was booted by a device tree that tells of no EFI; no where there is no device tree.
    pub(super) fn is_booted_without_efi(&self) -> bool {
        self.chosen(|chosen| chosen.uefi_system_table().is_ok_and(|table| table.is_none()))
    }

    /// Asks the node `/chosen` of the device tree; no where there is none.
    fn chosen(&self, ask: impl FnOnce(&Chosen<'_>) -> bool) -> bool {
        let Source::Read(bytes) = &self.snapshot.device_tree else { return false };
        Fdt::new(&bytes.0)
            .ok()
            .and_then(|tree| tree.chosen().ok().flatten().map(|c| ask(&c)))
            .unwrap_or(false)
    }

    /// How many memory blocks are offline; `None` where nothing tells.
    pub(super) fn offline_blocks(&self) -> Option<usize> {
        match self.snapshot.memory_blocks.read() {
            Some(all) => Some(all.blocks.iter().filter(|block| block.state == BlockState::Offline).count()),
            // Zones tell whether all memory is online, and not how large blocks are.
            None => self.machine.ranges.iter().all(|memory| memory.state == Some(State::Online)).then_some(0),
        }
    }

    /// Lines of the kernel log, of this boot, that hold one of these texts.
    pub(super) fn log_lines(&self, texts: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for (_, line) in
            firmware::log::lines(self.snapshot.kernel_log.read().map_or("", String::as_str).as_bytes())
        {
            let line = String::from_utf8_lossy(line);
            if line.starts_with("Linux version ") {
                found.clear();
            }
            if texts.iter().any(|text| line.contains(text)) {
                found.push(line.into_owned());
            }
        }
        found
    }
}

/// Bytes as people write them, with one digit behind the point where they are not whole.
pub(super) fn size(bytes: u64) -> String {
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
pub(super) fn sized(range: PhysRange) -> String {
    format!("{range} ({})", size(range.size()))
}
