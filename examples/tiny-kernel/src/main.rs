//! A kernel that boots on physmem.
//!
//! QEMU loads it through PVH. It asks the firmware which memory there is and which node it belongs to, stores
//! that in a [`Memblock`], allocates early memory from it, and hands the rest to a buddy allocator. `boot`
//! below does all this in order, and prints everything it finds out.
#![no_std]
#![no_main]

extern crate alloc;

mod acpi;
mod allocate;
mod entry;
mod exit;
mod failure;
mod growth;
mod hand_over;
mod heap;
mod image;
mod libc;
mod memory_map;
mod nodes;
mod physical;
mod port;
mod pvh;
mod read;
mod report;
mod reserve;
mod serial;
mod size;

use failure::Failure;
use memblock::Memblock;
use physical::Untouched;
use serial::say;

/// Which memory there is and who uses it: in static storage from the first instruction on.
static MEMBLOCK: spin::Mutex<Memblock<'static>> = spin::Mutex::new(Memblock::new());

/// The boot, from the start info at `start_info` to memory that anybody can allocate.
fn boot(memory: Untouched, start_info: u64) -> Result<(), Failure> {
    say!("tiny-kernel: image {}", image::range()?);

    // Read what the loader and the firmware provide.
    let start_info = pvh::StartInfo::read(&memory, start_info)?;
    say!("pvh: start info of version {}, command line {:?}", start_info.version(), start_info.command_line());
    let mut memblock = MEMBLOCK.lock();
    memory_map::enter(&mut memblock, &start_info)?;
    let tables = acpi::find(&memory, start_info.rsdp());
    nodes::enter(&mut memblock, tables.as_ref())?;

    // Reserve what must not be handed out.
    reserve::all(&mut memblock, &start_info, tables.as_ref())?;

    // From here on, memory belongs to the kernel: nothing above still borrows from it.
    let memory = memory.take_over(&mut memblock)?;
    growth::show(&mut memblock)?;
    allocate::early(&mut memblock)?;
    report::tables(&memblock);

    // The end of early allocation: from now on memblock can be queried, but not changed.
    hand_over::all(&mut memblock, memory)?;
    let memblock = &*memblock;
    heap::try_out(memblock)?;
    report::owners(memblock);
    Ok(())
}
