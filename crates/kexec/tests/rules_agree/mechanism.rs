//! What each loader does, written down from what it reads. Nothing here asks the rules.

use firmware::e820::{E820Type, Entry};
use firmware::fdt::Fdt;
use kexec::CrashKernel;
use machine::Machine;
use machine::range_set::RangeSet;
use memblock::{PhysRange, RegionFlags};
use rules::{Loader, MapHandedOn, Walk};

use crate::pages::minus;

const MIB: u64 = 1 << 20;

fn is_x86(machine: &Machine) -> bool {
    machine.kernel.facts.map_handed_on == MapHandedOn::E820
}

/// The resources of the tree that have this name.
fn named(machine: &Machine, is_meant: impl Fn(&str) -> bool) -> Option<RangeSet> {
    let resources = machine.resources()?.resources().iter();
    let meant = resources.filter(|resource| is_meant(&resource.name));
    Some(meant.filter_map(|resource| resource.range().ok()).collect())
}

/// Where a loader looks for a place, for an image that a reboot starts.
pub(crate) fn search(machine: &Machine, loader: Loader) -> Option<RangeSet> {
    match loader {
        Loader::KexecFileLoad => match machine.kernel.facts.walk {
            // locate_mem_hole_callback skips IORESOURCE_SYSRAM_DRIVER_MANAGED, which `System RAM (DRIVER)` carries.
            Walk::Resources => named(machine, |name| name == "System RAM"),
            Walk::Memblock => walk_memblock(machine),
        },
        // kexec-tools reads a map on x86, and exact names elsewhere.
        Loader::KexecLoad if is_x86(machine) => Some(ram(&map_of_tools(machine)?)),
        Loader::KexecLoad => {
            Some(minus(&named(machine, |name| name == "System RAM")?, &reserved_in_ram(machine)?))
        }
    }
}

/// What /proc/iomem calls `reserved` inside System RAM. kexec-tools keeps off it on arm64. The rules do not know it: they
/// speak of memory, and this is memory that is taken for the moment.
pub(crate) fn reserved_in_ram(machine: &Machine) -> Option<RangeSet> {
    let inside = machine.resources()?.resources().iter();
    let reserved = inside.filter(|resource| resource.name == "reserved" && resource.depth > 0);
    Some(reserved.filter_map(|resource| resource.range().ok()).collect())
}

/// What the rules are asked about: the search, and what is only taken for the moment.
pub(crate) fn may_lie(machine: &Machine, loader: Loader) -> Option<RangeSet> {
    let found = search(machine, loader)?;
    if loader == Loader::KexecFileLoad || is_x86(machine) {
        return Some(found);
    }
    let ram = named(machine, |name| name == "System RAM")?;
    let taken = reserved_in_ram(machine)?;
    let taken_ram: Vec<PhysRange> =
        ram.iter().flat_map(|range| taken.within(range).collect::<Vec<_>>()).collect();
    Some(found.iter().chain(taken_ram).collect())
}

/// for_each_free_mem_range with no flags asked for: NOMAP and DRIVER_MANAGED are skipped; HOTPLUG is cleared at the end
/// of boot.
fn walk_memblock(machine: &Machine) -> Option<RangeSet> {
    let memory = machine.evidence.memblock_memory.read()?;
    let skipped = RegionFlags::NOMAP | RegionFlags::DRIVER_MANAGED;
    let shown = memory.regions.iter().filter(|region| !region.flags.intersects(skipped));
    let reserved = machine.evidence.memblock_reserved.read()?;
    Some(minus(
        &shown.map(|region| region.range).collect(),
        &reserved.regions.iter().map(|region| region.range).collect(),
    ))
}

/// The RAM that the next kernel is told about, after a reboot.
pub(crate) fn told(machine: &Machine, loader: Loader) -> Option<RangeSet> {
    if !is_x86(machine) {
        return told_by_boot_firmware(machine);
    }
    match loader {
        // The map of boot, whatever was added since.
        Loader::KexecFileLoad => Some(ram(machine.state.firmware_map.as_ref()?)),
        Loader::KexecLoad => Some(ram(&map_of_tools(machine)?)),
    }
}

/// The device tree of boot is passed on, with its memory nodes; by EFI the map of boot.
fn told_by_boot_firmware(machine: &Machine) -> Option<RangeSet> {
    let tree = Fdt::new(machine.state.device_tree.as_deref()?).ok()?;
    let by_efi = tree.chosen().ok()?.is_some_and(|chosen| !matches!(chosen.uefi_memory_map(), Ok(None)));
    if by_efi {
        return None;
    }
    let nodes = tree.memory().ok()?.filter_map(Result::ok).filter(|memory| memory.enabled);
    Some(nodes.map(|memory| memory.range).collect())
}

/// What kexec-tools reads on x86: /sys/firmware/memmap, to which hot-added memory is appended.
fn map_of_tools(machine: &Machine) -> Option<Vec<Entry>> {
    let line = &machine.kernel.command_line;
    if line.split_whitespace().any(|word| word == "add_efi_memmap") {
        let ram = named(machine, |name| name == "System RAM")?;
        return Some(ram.iter().map(|range| Entry { range, kind: E820Type::Ram }).collect());
    }
    let map = machine.state.firmware_map_now.clone().filter(|map| !map.is_empty())?;
    (map.len() <= 2048).then_some(map)
}

fn ram(map: &[Entry]) -> RangeSet {
    map.iter().filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range).collect()
}

/// What a dump contains.
pub(crate) fn dumped(machine: &Machine, loader: Loader, crash: &CrashKernel) -> RangeSet {
    let exact = loader == Loader::KexecLoad && !is_x86(machine);
    let ram = named(machine, |name| {
        name == "System RAM" || (!exact && name.starts_with("System RAM (") && name.ends_with(')'))
    });
    let areas: RangeSet = crash.areas().collect();
    let rest = minus(&ram.unwrap_or_default(), &areas);
    if loader == Loader::KexecFileLoad && is_x86(machine) {
        return minus(&rest, &PhysRange::new(0, MIB).into_iter().collect());
    }
    rest
}
