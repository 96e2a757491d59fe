//! EFI's runtime map: the ranges where EFI runtime services are mapped, which a load passes to the next kernel.

use evidence::Evidence;

use crate::boot::input::{BootInput, Platform};

/// Bytes per descriptor if the size is unknown: EFI_MEMORY_DESCRIPTOR (UEFI 2.10, 7.2.3) has 40, and firmware may use
/// more; 48 is common.
const DESCRIPTOR: u64 = 48;

/// EFI's runtime map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EfiRuntime {
    /// The number of ranges; 0 on a machine that did not boot via EFI.
    pub entries: u64,
    /// Bytes per descriptor, as chosen by the firmware.
    pub descriptor: u64,
}

impl EfiRuntime {
    /// The map, from `/sys/firmware/efi/runtime-map` or the log of a boot with `efi=debug`.
    ///
    /// It covers more than the runtime services: boot services ranges are mapped along with them
    /// (arch/x86/platform/efi/efi.c:efi_map_regions, 6.12). `None` if the machine booted via EFI, or possibly did, and
    /// nothing shows the map.
    pub(crate) fn of(evidence: &Evidence, boot: Option<&BootInput>) -> Option<Self> {
        let in_log = || Some(evidence.log.read()?.efi.runtime_entries).filter(|&entries| entries > 0);
        let entries = evidence.efi_runtime_entries.read().copied().map(u64::from).or_else(in_log);
        if let Some(entries) = entries {
            let shown = evidence.boot_params().and_then(|params| params.efi_descriptor_size());
            return Some(Self { entries, descriptor: shown.map_or(DESCRIPTOR, u64::from) });
        }
        match &boot?.platform {
            Platform::X86(platform) if platform.is_efi => None,
            Platform::X86(_) | Platform::Arm64(_) => Some(Self::default()),
        }
    }
}
