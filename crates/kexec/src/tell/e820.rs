//! The e820 map that kexec_file_load hands to the next kernel.

use evidence::resources::Resource;
use firmware::e820::{E820Type, Entry, ZERO_PAGE_ENTRIES};
use machine::{KernelState, Machine};
use memblock::PhysRange;

use crate::dump::header::{CrashKernel, HeaderSize};
use crate::error::PlanError;

const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;

/// The map of the next kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextMap {
    /// The entries handed over, in the order in which the kernel writes them.
    pub entries: Vec<Entry>,
    /// Entries for which there was no room.
    pub dropped: Vec<Entry>,
}

impl NextMap {
    /// A map of which all entries are handed over.
    pub(crate) const fn of_all(entries: Vec<Entry>) -> Self {
        Self { entries, dropped: Vec::new() }
    }

    /// The first [`ZERO_PAGE_ENTRIES`] are handed over, and the rest is dropped silently
    /// (arch/x86/kernel/crash.c:add_e820_entry, arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries, 6.12).
    pub(crate) fn with_the_first(mut entries: Vec<Entry>) -> Self {
        let dropped = entries.split_off(entries.len().min(ZERO_PAGE_ENTRIES));
        Self { entries, dropped }
    }

    /// The map of a kernel started by a reboot: the firmware's map at boot. Memory added since is not in it,
    /// and neither `mem=` nor `memmap=` changed it (arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries,
    /// 6.12).
    ///
    /// # Errors
    ///
    /// [`PlanError::NoMap`] if nothing shows the firmware's map.
    pub fn after_reboot(state: &KernelState) -> Result<Self, PlanError> {
        state.firmware_map.clone().map(Self::with_the_first).ok_or(PlanError::NoMap)
    }

    /// The map of a crash kernel whose header lies at `header`: RAM of the first MiB, what the resource tree
    /// calls ACPI tables, ACPI storage and reserved, the low area, its own area without the header, and the areas of
    /// `crashkernel=,cma` (arch/x86/kernel/crash.c:crash_setup_memmap_entries, 6.12).
    ///
    /// # Errors
    ///
    /// [`PlanError::NoIomem`].
    pub fn after_crash(
        machine: &Machine,
        crash_kernel: &CrashKernel,
        header: PhysRange,
        size: HeaderSize,
    ) -> Result<Self, PlanError> {
        Self::all_after_crash(machine, crash_kernel, header, size).map(Self::with_the_first)
    }

    /// The same, however many entries there are.
    pub(crate) fn all_after_crash(
        machine: &Machine,
        crash_kernel: &CrashKernel,
        header: PhysRange,
        size: HeaderSize,
    ) -> Result<Vec<Entry>, PlanError> {
        let tree = machine.resources().ok_or(PlanError::NoIomem)?;
        let first_mib = PhysRange::new(0, MIB).ok();
        let low_ram =
            tree.system_ram_not_driver_managed().filter_map(|r| r.range().ok()?.intersect(first_mib?));
        let mut entries: Vec<Entry> = low_ram.map(|range| Entry { range, kind: E820Type::Ram }).collect();
        for kind in [E820Type::Acpi, E820Type::Nvs, E820Type::Reserved] {
            let called =
                tree.resources().iter().filter(|resource| E820Type::from_name(&resource.name) == Some(kind));
            entries.extend(called.filter_map(range).map(|range| Entry { range, kind }));
        }
        // Not rounded: the map may continue in the middle of a page.
        let header = PhysRange::from_size(header.start(), size.room).unwrap_or(header);
        let (below, above) = crash_kernel.area.subtract(header);
        let own = [below, above].into_iter().flatten().filter(|range| range.size() >= PAGE);
        let ram = crash_kernel.low.into_iter().chain(own).chain(machine.state.crash_cma.iter().copied());
        entries.extend(ram.map(|range| Entry { range, kind: E820Type::Ram }));
        Ok(entries)
    }
}

fn range(resource: &Resource) -> Option<PhysRange> {
    resource.range().ok()
}

#[cfg(test)]
mod tests {
    use evidence::Source;
    use machine::Snapshot;

    use super::*;

    fn r(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    #[test]
    fn acpi_and_reserved_memory_stand_behind_the_first_mib_and_the_crash_kernel_last() {
        let iomem = "00000000-00000fff : Reserved\n00001000-0009ffff : System RAM\n\
                     00100000-7fffffff : System RAM\n  10000000-1fffffff : Crash kernel\n\
                     80000000-80000fff : ACPI Non-volatile Storage\n80001000-80001fff : ACPI Tables\n\
                     100000000-17fffffff : System RAM\n  120000000-12fffffff : Crash kernel\n";
        let snapshot = Snapshot { iomem: Source::Read(iomem.into()), ..Snapshot::default() };
        let machine = Machine::of(&snapshot).unwrap();
        let crash_kernel = CrashKernel::of(&machine).unwrap();
        let header = r(0x1_2000_0000, 0x1_2000_2000);
        let size = HeaderSize { loaded: 0x1000, room: 0x10b0 };
        let map = NextMap::after_crash(&machine, &crash_kernel, header, size).unwrap();
        let entries: Vec<_> = map.entries.iter().map(|e| (e.range, e.kind.number())).collect();
        assert_eq!(
            entries,
            [
                (r(0x1000, 0xa_0000), 1),
                (r(0x8000_1000, 0x8000_2000), 3),
                (r(0x8000_0000, 0x8000_1000), 4),
                (r(0, 0x1000), 2),
                (r(0x1000_0000, 0x2000_0000), 1),
                (r(0x1_2000_10b0, 0x1_3000_0000), 1),
            ]
        );
    }

    #[test]
    fn less_than_a_page_behind_the_header_is_not_handed_over() {
        let iomem = "00100000-7fffffff : System RAM\n  10000000-10001fff : Crash kernel\n";
        let snapshot = Snapshot { iomem: Source::Read(iomem.into()), ..Snapshot::default() };
        let machine = Machine::of(&snapshot).unwrap();
        let crash_kernel = CrashKernel::of(&machine).unwrap();
        let handed_over = |room| {
            let size = HeaderSize { loaded: 0x1000, room };
            let header = r(0x1000_0000, 0x1000_2000);
            NextMap::after_crash(&machine, &crash_kernel, header, size).unwrap().entries.len()
        };
        assert_eq!((handed_over(0x1000), handed_over(0x1001)), (1, 0));
    }

    #[test]
    fn the_129th_entry_is_dropped_and_named() {
        let entry = |n: u64| Entry { range: r(n * PAGE, (n + 1) * PAGE), kind: E820Type::Ram };
        let state =
            KernelState { firmware_map: Some((0..130).map(entry).collect()), ..KernelState::default() };
        let map = NextMap::after_reboot(&state).unwrap();
        assert_eq!(NextMap::after_reboot(&KernelState::default()), Err(PlanError::NoMap));
        assert_eq!((map.entries.len(), map.dropped), (128, vec![entry(128), entry(129)]));
    }
}
