//! The end of early allocation.

use memblock::{FreeBlock, HandOver, MemblockError, RegionFlags, Selection};

use crate::grants::shown;
use crate::invariants::whole_pages;
use crate::machine::{Growth, Machine, hold};
use crate::model;

/// Hands over all free memory.
pub fn free_all(machine: &mut Machine<'_>, max_order: u32, end_pfn: u64) {
    let limits = HandOver { max_order, end_pfn: end_pfn / machine.memblock.page_size().bytes() };
    let largest = max_order.min(63);
    // Small pages make many blocks; checking all of them would only take time.
    let result: Result<Vec<FreeBlock>, MemblockError> =
        machine.memblock.free_all(limits).map(|blocks| blocks.take(0x1000).collect());
    let Some(blocks) = machine.settle(Growth::BeforeAnywhere, result, |tables| {
        for row in &mut tables.memory {
            let node = row.paint.0;
            model::change(&mut tables.reserved, row.range, |(_, flags, owner)| (node, flags, owner));
        }
        if let (Some(first), Some(last)) = (tables.memory.first(), tables.memory.last()) {
            let all = first.range.hull(last.range);
            model::change(&mut tables.memory, all, |(node, flags, owner)| {
                (node, flags.difference(RegionFlags::HOTPLUG), owner)
            });
        }
    }) else {
        return;
    };
    // From then on, free memory belongs to somebody else.
    machine.settings.may_grow = false;
    let free = model::minus(&shown(machine, Selection::ANY), &machine.before.reserved);
    let mut blocks = blocks.into_iter().peekable();
    let mut count = 0;
    for (start, end, row) in whole_pages(&machine.memblock, &free) {
        let (mut pfn, end) = (start, end.min(limits.end_pfn));
        while pfn < end {
            let Some(block) = blocks.next() else {
                hold!(machine, count == 0x1000, "pages from {pfn:#x} to {end:#x} were not handed over");
                return;
            };
            count += 1;
            hold!(
                machine,
                block.pfn == pfn && block.node == row.paint.0,
                "{block:x?} at {pfn:#x} of {row:x?}"
            );
            hold!(machine, block.order <= largest, "{block:x?} is larger than allowed");
            let pages = block.pages();
            hold!(machine, pfn % pages == 0 && pages <= end - pfn, "{block:x?} is misplaced before {end:#x}");
            // No larger block would fit.
            let twice = block.order < largest && pfn % (2 * pages) == 0 && 2 * pages <= end - pfn;
            hold!(machine, !twice, "{block:x?} is smaller than need be");
            pfn += pages;
        }
    }
    hold!(machine, blocks.next().is_none(), "{:x?} is not free", blocks.peek());
}
