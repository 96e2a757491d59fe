//! What a command line changes for memory that is added while the machine runs.

use crate::command_line::BootParameters;
use crate::command_line::hotplug::{MemmapOnMemory, OnlinePolicy, OnlineType};
use crate::hotplug;
use crate::life::Life;
use crate::what_if::change::{Change, Side, Subject};

/// One setting, as words, and the kernel function that reads it.
type Setting = (&'static str, fn(&BootParameters) -> String, &'static str);

/// Every setting that decides about memory added later.
const SETTINGS: [Setting; 7] = [
    ("state of added blocks", state, "mm/memory_hotplug.c:setup_memhp_default_state (6.12)"),
    ("online policy", policy, "mm/memory_hotplug.c:zone_for_pfn_range (6.12)"),
    ("auto-movable ratio", ratio, "mm/memory_hotplug.c:auto_movable_can_online_movable (6.12)"),
    ("auto-movable per node", numa_aware, "mm/memory_hotplug.c:auto_movable_zone_for_pfn (6.12)"),
    ("memmap on memory", memmap, "mm/memory_hotplug.c:mhp_supports_memmap_on_memory (6.12)"),
    ("ACPI memory devices", acpi, "drivers/acpi/acpi_memhotplug.c:acpi_memory_hotplug_init (6.12)"),
    ("highest address of added memory", limit, "mm/memory_hotplug.c:register_memory_resource (6.12)"),
];

/// The settings that are not the same on both sides.
pub(crate) fn changes(before: Side<'_>, after: Side<'_>) -> impl Iterator<Item = Change> {
    let [old, new] = [before, after].map(|side| side.parameters());
    SETTINGS.into_iter().filter_map(move |(what, of, source)| {
        let (before, after) = (of(&old), of(&new));
        (before != after).then(|| Change {
            subject: Subject::AddedLater,
            what: what.to_owned(),
            range: None,
            before: Some(before),
            after: Some(after),
            why: format!("the command line sets it ({source})"),
        })
    })
}

/// What becomes of the next ACPI memory device, where that changes: the settings alone do not say it.
pub fn next_dimm(before: &Life, after: &Life) -> Option<Change> {
    let [old, new] = [before, after].map(hotplug::next_dimm);
    (old.state != new.state).then(|| Change {
        subject: Subject::AddedLater,
        what: "the next DIMM".to_owned(),
        range: None,
        before: Some(old.state),
        after: Some(new.state),
        why: new
            .range
            .map_or_else(|| new.why.clone(), |range| format!("at {:#x}, {}", range.start(), new.why)),
    })
}

fn state(parameters: &BootParameters) -> String {
    match parameters.hotplug.default_state {
        None => "as the kernel was built",
        Some(OnlineType::Offline) => "offline",
        Some(OnlineType::Online) => "online",
        Some(OnlineType::OnlineKernel) => "online_kernel",
        Some(OnlineType::OnlineMovable) => "online_movable",
    }
    .to_owned()
}

fn policy(parameters: &BootParameters) -> String {
    match parameters.hotplug.online_policy {
        None | Some(OnlinePolicy::ContigZones) => "contig-zones",
        Some(OnlinePolicy::AutoMovable) => "auto-movable",
    }
    .to_owned()
}

fn ratio(parameters: &BootParameters) -> String {
    format!("{}%", parameters.hotplug.auto_movable_ratio.unwrap_or(301))
}

fn numa_aware(parameters: &BootParameters) -> String {
    yes_or_no(parameters.hotplug.auto_movable_numa_aware.unwrap_or(true))
}

fn memmap(parameters: &BootParameters) -> String {
    match parameters.hotplug.memmap_on_memory {
        None | Some(MemmapOnMemory::Off) => "off",
        Some(MemmapOnMemory::On) => "on",
        Some(MemmapOnMemory::Force) => "force",
    }
    .to_owned()
}

fn acpi(parameters: &BootParameters) -> String {
    if parameters.acpi.no_memhotplug { "not added" } else { "added" }.to_owned()
}

fn limit(parameters: &BootParameters) -> String {
    parameters.map.hot_add_limit.map_or_else(|| "no limit".to_owned(), |limit| format!("below {limit:#x}"))
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}
