//! Mirrored memory, as shown by EFI's map.

use firmware::efi::{Entry, MemoryAttribute};

use crate::boot::early::{Early, Halt};
use crate::boot::trace::Step;

/// Marks the memory EFI calls more reliable, if mirrored memory is wanted (`kernelcore=mirror`).
pub(crate) fn efi_find_mirror(early: &mut Early<'_>, map: &[Entry], wanted: bool) -> Result<(), Halt> {
    if !wanted {
        return Ok(());
    }
    early.begin(Step {
        name: "efi_find_mirror",
        source: "drivers/firmware/efi/memmap.c:efi_find_mirror, mm/memblock.c:memblock_mark_mirror (6.12)",
    });
    for entry in map.iter().filter(|entry| entry.attributes.contains(MemoryAttribute::MORE_RELIABLE)) {
        early.memblock.mark_mirror(entry.range)?;
        early.note(format!("memblock_mark_mirror: [{}]", entry.range), "EFI calls it more reliable");
    }
    Ok(())
}
