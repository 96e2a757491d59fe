//! Memory, as the device tree describes it.

use firmware::fdt::Fdt;
use memblock::PhysRange;

use crate::boot::early::{Early, Halt};
use crate::boot::trace::Step;

/// Adds what the memory nodes list, cut to whole pages; nodes that are not in use do not count.
///
/// `hotpluggable` marks a range here and now. It does not last: every source of nodes begins by taking all
/// marks away, and the device tree's sets none again. But with `movable_node` the page tables keep off it.
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

/// Crash kernels are told to keep to ranges: memory outside of the first goes, and what is reserved there; the
/// others are added.
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
    // The kernel looks at two: low memory may lie apart from the crash kernel's.
    for range in ranges.take(1) {
        early.add(range, "linux,usable-memory-range, the second")?;
    }
    Ok(())
}

/// Whether the tree says nothing: EFI's stub makes such a one where the firmware has none. Xen adds a node of
/// its own (arch/arm64/kernel/acpi.c:dt_is_stub, 6.12).
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
