//! EFI's runtime map: the ranges that EFI's services are mapped in, which a load hands on to the next kernel.

use evidence::Evidence;

use crate::boot::input::{BootInput, Platform};

/// Bytes of a descriptor where nothing shows them: EFI_MEMORY_DESCRIPTOR (UEFI 2.10, 7.2.3) has 40, and firmware
/// may use more; 48 is common.
const DESCRIPTOR: u64 = 48;

/// EFI's runtime map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EfiRuntime {
    /// The number of its ranges; 0 on a machine that did not boot by EFI.
    pub entries: u64,
    /// Bytes of a descriptor, as the firmware made them.
    pub descriptor: u64,
}

impl EfiRuntime {
    /// The map, as far as it is shown: by `/sys/firmware/efi/runtime-map`, or by the log of a boot with `efi=debug`.
    ///
    /// It has more ranges than the runtime services have: those of boot services are mapped with them
    /// (arch/x86/platform/efi/efi.c:efi_map_regions, 6.12). `None` where the machine booted by EFI, or may have,
    /// and nothing shows the map.
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
