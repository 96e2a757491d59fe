//! setup_data, which kexec-tools puts into segments of its own on x86_64.

use firmware::e820::ZERO_PAGE_ENTRIES;

use crate::context::LoadContext;
use crate::error::PlanError;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::segment::SegmentKind;
use crate::tell::e820::NextMap;

/// The lowest start of setup_data.
const MIN_SETUP_DATA: u64 = 0x10_0000;

/// setup_data has a header of 16 bytes (Documentation/arch/x86/boot.rst, "setup_data").
const SETUP_DATA_HEADER: u64 = 16;
/// An e820 entry (Documentation/arch/x86/zero-page.rst).
const E820_ENTRY: u64 = 20;
/// EFI data: 16 + 96 bytes, only on a machine with EFI.
const EFI_SETUP_DATA: u64 = 0x70;
/// A seed for random numbers, 16 + 32 bytes.
const RANDOM_SEED: u64 = 0x30;
/// Bytes of a range of EFI's runtime map, as kexec-tools reads it from sysfs.
const EFI_RANGE: u64 = 40;

/// Bytes of EFI's runtime map that are handed on.
pub(crate) fn efi_map(context: &LoadContext<'_>) -> u64 {
    let entries = context.machine.state.efi_runtime.map_or(0, |map| map.entries);
    entries.saturating_mul(EFI_RANGE)
}

/// Each piece of setup_data is a segment of its own and takes at least a page. `efi_map` is the size of EFI's
/// runtime map in bytes.
pub(crate) fn place(placer: &mut SegmentPlacer<'_>, efi_map: u64, map: &NextMap) -> Result<(), PlanError> {
    let efi = (efi_map > 0).then_some([EFI_SETUP_DATA, efi_map]);
    let beyond = map.entries.len().saturating_sub(ZERO_PAGE_ENTRIES);
    let beyond = u64::try_from(beyond).ok().filter(|&entries| entries > 0);
    let more_map = beyond.map(|entries| entries.saturating_mul(E820_ENTRY).saturating_add(SETUP_DATA_HEADER));
    for size in efi.into_iter().flatten().chain(more_map).chain([RANDOM_SEED]) {
        let needs = SegmentNeeds::lowest(SegmentKind::SetupData, size, size);
        placer.place(SegmentNeeds { min: MIN_SETUP_DATA, ..needs })?;
    }
    Ok(())
}
