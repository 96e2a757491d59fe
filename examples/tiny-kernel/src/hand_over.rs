//! The end of early allocation: free memory goes to the buddy allocator.
#![allow(unsafe_code)]

use memblock::{FreeBlock, FreeBlocks, HandOver, Memblock, NodeId, PageSize, PhysRange};

use crate::failure::Failure;
use crate::heap::HEAP;
use crate::nodes;
use crate::physical::Ours;
use crate::serial::say;
use crate::size::Size;

/// Hands over all free memory, once: `memory` is consumed. Memblock does not record what it handed over, so
/// nobody may allocate from it again.
#[allow(clippy::needless_pass_by_value)]
pub(crate) fn all(memblock: &mut Memblock<'_>, memory: Ours) -> Result<(), Failure> {
    let page_size = memblock.page_size();
    let blocks = memblock.free_all(HandOver::default())?;

    let mut last = None;
    while let Some(node) = nodes::after(blocks.clone().filter_map(|block| block.node), last) {
        say_node(&blocks, node, page_size);
        last = Some(node);
    }

    let mut heap = HEAP.lock();
    for block in blocks {
        let range = range(&block, page_size)?;
        let start = memory.pointer(range).ok_or(Failure::Wrong("free memory lies where none is mapped"))?;
        let start = start.as_ptr().expose_provenance();
        // The size of a block in mapped memory fits a `usize`.
        let size = usize::try_from(range.size()).unwrap_or(0);
        // SAFETY:
        // 1. `memory` proves that the block is mapped, and may be written if it is free.
        // 2. It is free: memblock returned it, once, and blocks do not overlap.
        // 3. It stays free: nobody allocates from memblock after this function.
        unsafe { heap.add_to_heap(start, start + size) };
    }
    Ok(())
}

fn say_node(blocks: &FreeBlocks<'_>, node: NodeId, page_size: PageSize) {
    let blocks = blocks.clone().filter(|block| block.node == Some(node));
    let (count, pages) = blocks.fold((0, 0), |(count, pages), block| (count + 1, pages + block.pages()));
    say!("buddy: node {node} gives {pages} pages in {count} blocks, {}", Size(pages * page_size.bytes()));
}

fn range(block: &FreeBlock, page_size: PageSize) -> Result<PhysRange, Failure> {
    Ok(PhysRange::from_size(block.pfn * page_size.bytes(), block.pages() * page_size.bytes())?)
}
