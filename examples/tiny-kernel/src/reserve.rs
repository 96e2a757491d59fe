//! What must not be handed out: the firmware's memory, the kernel, and what the loader left for it.

use memblock::{Memblock, PhysRange};

use crate::acpi::Tables;
use crate::failure::Failure;
use crate::image;
use crate::pvh::StartInfo;

/// The first MiB: firmware scribbles over parts of it that its own map calls usable, and Linux keeps off it
/// for that reason. It holds the interrupt vectors, the BIOS data and the BIOS itself.
const LOW_MEMORY: u64 = 1 << 20;

/// Reserves all of it, each range in the name of its owner.
pub(crate) fn all(
    memblock: &mut Memblock<'_>,
    start_info: &StartInfo<'_>,
    tables: Option<&Tables<'_>>,
) -> Result<(), Failure> {
    // What is reserved first keeps its owner: the small ranges before the large ones that may hold them.
    for (owner, range) in start_info.filled() {
        memblock.reserve_for(range, owner)?;
    }
    if let Some(tables) = tables {
        memblock.reserve_for(tables.rsdp(), "ACPI RSDP")?;
        for found in core::iter::once(tables.root()).chain(tables.iter().flatten()) {
            memblock.reserve_for(found.range, "ACPI table")?;
        }
    }
    memblock.reserve_for(image::range()?, "kernel")?;
    memblock.reserve_for(PhysRange::new(0, LOW_MEMORY)?, "low memory")?;
    Ok(())
}
