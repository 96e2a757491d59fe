//! Memory as described by the device tree.

use firmware::fdt::Fdt;
use memblock::PhysRange;

use crate::boot::early::{Early, Halt};
use crate::boot::trace::Step;

/// Adds the memory nodes' ranges, trimmed to whole pages; disabled nodes are ignored.
///
/// `hotpluggable` sets HOTPLUG here, but not for long: every source of nodes starts by clearing all HOTPLUG flags, and
/// the device tree's source does not set any. With `movable_node`, however, the page tables stay off that memory.
pub(super) fn add_memory(early: &mut Early<'_>, tree: &Fdt<'_>, page: u64) -> Result<(), Halt> {
    early.begin(Step {
        name: "early_init_dt_scan_memory",
        source: "drivers/of/fdt.c:early_init_dt_scan_memory, early_init_dt_add_memory_arch (6.12)",
    });
    let nodes = match tree.memory() {
        Ok(nodes) => nodes,
        Err(fault) => {
            early.note("no memory node can be read", fault.to_string());
            return Ok(());
        }
    };
    for memory in nodes {
        match memory {
            Ok(memory) if !memory.enabled => {
                early.note(format!("[{}] is not memory", memory.range), "its node's status is not okay");
            }
            Ok(memory) => {
                let Some(range) = inner_pages(memory.range, page) else {
                    early.note(format!("[{}] is not memory", memory.range), "it holds no whole page");
                    continue;
                };
                early.add(range, "a memory node of the device tree")?;
                if memory.hotpluggable {
                    early.mark_hotplug(memory.range, "the node is `hotpluggable`")?;
                }
            }
            Err(fault) if fault.is_empty_range() => {}
            Err(fault) => early.note("a range of a memory node is passed over", fault.to_string()),
        }
    }
    Ok(())
}

/// Crash kernels are limited to certain ranges: memory outside the first is removed, along with reservations there; the
/// other ranges are added.
pub(super) fn keep_usable(early: &mut Early<'_>, tree: &Fdt<'_>) -> Result<(), Halt> {
    let Ok(Some(chosen)) = tree.chosen() else { return Ok(()) };
    let mut ranges = chosen.usable_memory_ranges().filter_map(Result::ok);
    let Some(first) = ranges.next() else { return Ok(()) };
    early.begin(Step {
        name: "early_init_dt_check_for_usable_mem_range",
        source: "drivers/of/fdt.c:early_init_dt_check_for_usable_mem_range (6.12)",
    });
    early.memblock.cap_memory_range(first)?;
    early.note(format!("memblock_cap_memory_range: [{first}]"), "linux,usable-memory-range");
    // The kernel reads two: low memory may be separate from the crash kernel's.
    for range in ranges.take(1) {
        early.add(range, "linux,usable-memory-range, the second")?;
    }
    Ok(())
}

/// Whether the tree is a stub: the EFI stub creates one if the firmware provides none. Xen adds a node of its own
/// (arch/arm64/kernel/acpi.c:dt_is_stub, 6.12).
pub(super) fn is_stub(tree: &Fdt<'_>) -> bool {
    tree.root().children().all(|node| {
        let is_xen =
            node.name() == "hypervisor" && node.property(b"compatible").is_some_and(|c| c.lists(b"xen,xen"));
        node.name() == "chosen" || is_xen
    })
}

/// The whole pages inside a range.
pub(super) fn inner_pages(range: PhysRange, page: u64) -> Option<PhysRange> {
    let start = range.start().checked_next_multiple_of(page)?;
    PhysRange::new(start, range.end() & !page.saturating_sub(1)).ok()
}
