//! From the loader's memory map to the memory table.

use firmware::e820::E820Type;
use memblock::{Memblock, PhysRange};

use crate::failure::Failure;
use crate::physical;
use crate::pvh::StartInfo;
use crate::serial::say;
use crate::size::Size;

/// Adds the RAM in the map as memory, whole pages only.
///
/// Addresses that the map lists both as RAM and as something else are left out: firmware that contradicts
/// itself may be using them.
pub(crate) fn enter(memblock: &mut Memblock<'_>, start_info: &StartInfo<'_>) -> Result<(), Failure> {
    for entry in start_info.memory_map() {
        match entry {
            Ok(entry) => say!("pvh: {} {}, {}", entry.range, entry.kind, Size(entry.range.size())),
            Err(fault) => say!("pvh: an entry is no range, and left out: {fault}"),
        }
    }
    let entries = || start_info.memory_map().flatten();
    for entry in entries().filter(|entry| entry.kind == E820Type::Ram) {
        memblock.add(entry.range)?;
    }
    for entry in entries().filter(|entry| entry.kind != E820Type::Ram) {
        // Nothing is reserved yet, so nothing in use is removed.
        let _ = memblock.remove(entry.range)?;
    }
    if let Some(above) = memblock.end_of_dram().and_then(|end| PhysRange::new(physical::END, end).ok()) {
        let removed = memblock.remove(above)?;
        say!("memory: {} above {:#x} are not mapped, and left out", Size(removed.size), physical::END);
    }
    let trimmed = memblock.trim_memory(memblock.page_size().bytes());
    if memblock.memory().is_empty() {
        return Err(Failure::NoMemory);
    }
    say!(
        "memory: {} in whole pages, {} in parts of pages left out",
        Size(memblock.memory_size()),
        Size(trimmed)
    );
    Ok(())
}
