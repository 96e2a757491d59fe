//! Memory that must not be handed out: the firmware's memory, the kernel, and data from the loader.

use memblock::{Memblock, PhysRange};

use crate::acpi::Tables;
use crate::failure::Failure;
use crate::image;
use crate::pvh::StartInfo;

/// The first MiB: firmware writes to parts of it that its own map calls usable, and Linux avoids it for that
/// reason. It holds the interrupt vectors, the BIOS data and the BIOS itself.
const LOW_MEMORY: u64 = 1 << 20;

/// Reserves all of it, each range with its owner.
pub(crate) fn all(
    memblock: &mut Memblock<'_>,
    start_info: &StartInfo<'_>,
    tables: Option<&Tables<'_>>,
) -> Result<(), Failure> {
    // The first reservation keeps its owner, so reserve small ranges before large ones that may contain them.
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
