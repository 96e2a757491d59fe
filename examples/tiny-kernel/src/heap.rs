//! The buddy allocator: memory for everybody after the boot.

use alloc::boxed::Box;
use alloc::vec::Vec;

use buddy_system_allocator::LockedHeap;
use memblock::{Memblock, PhysRange};

use crate::failure::Failure;
use crate::serial::say;
use crate::size::Size;

/// The largest block has `1 << (ORDERS - 1)` bytes, 4 GiB: freed blocks merge up to that size.
const ORDERS: usize = 33;

/// Empty until the hand-over; earlier allocations fail.
#[global_allocator]
pub(crate) static HEAP: LockedHeap<ORDERS> = LockedHeap::new();

/// Fills half of the largest block of the hand-over.
const NUMBERS: u64 = (2 << 20) / 8;

/// Checks that the heap has the memory memblock handed over, and that its memory can be used and freed.
pub(crate) fn try_out(memblock: &Memblock<'_>) -> Result<(), Failure> {
    let has = HEAP.lock().stats_total_bytes() as u64;
    let (memory, pages) = (memblock.memory_size(), memblock.free_pfn_ranges_in_zone(None, 0, u64::MAX));
    let free = pages.map(|(start, end)| end - start).sum::<u64>() * memblock.page_size().bytes();
    if has != free {
        return Err(Failure::Wrong("what the heap has is not what memblock had left"));
    }
    say!("buddy: has {} of {} of memory, {} stay reserved", Size(has), Size(memory), Size(memory - has));

    let mut numbers = Vec::new();
    numbers.try_reserve_exact(usize::try_from(NUMBERS).unwrap_or(usize::MAX))?;
    numbers.extend(0..NUMBERS);
    let numbers: Box<[u64]> = numbers.into_boxed_slice();
    let place = PhysRange::from_size(numbers.as_ptr().addr() as u64, size_of_val(&*numbers) as u64)?;
    let node = memblock.memory().region_at(place.start()).and_then(|region| region.node);
    let node = node.ok_or(Failure::Wrong("the heap gives what is no memory"))?;
    if memblock.is_region_reserved(place) {
        return Err(Failure::Wrong("the heap gives memory that is reserved"));
    }
    if numbers.iter().sum::<u64>() != NUMBERS * (NUMBERS - 1) / 2 {
        return Err(Failure::Wrong("the heap gives memory that does not keep what is written"));
    }
    say!("heap: {NUMBERS} numbers at {place} on node {node} sum up as they should");

    drop(numbers);
    match HEAP.lock().stats_alloc_actual() {
        0 => say!("heap: all of it is given back"),
        _ => return Err(Failure::Wrong("the heap misses memory that was given back")),
    }
    Ok(())
}
