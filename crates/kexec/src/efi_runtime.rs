//! EFI's runtime map: the ranges that EFI's services are mapped in, which kexec_file_load hands on to the next kernel.

use firmware::e820::BootParams;
use firmware::log::EfiMap;
use machine::Snapshot;
use machine::boot::{BootInput, Platform};
use rules::Loader;

/// Bytes of a descriptor where nothing shows them: EFI_MEMORY_DESCRIPTOR (UEFI 2.10, 7.2.3) has 40, firmware makes it
/// 48, as it may.
const DESCRIPTOR: u64 = 48;

/// EFI's runtime map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EfiRuntime {
    /// How many ranges it has; 0 on a machine that did not boot by EFI.
    pub entries: u64,
    /// Bytes of a descriptor, as the firmware made them.
    pub descriptor: u64,
}

impl EfiRuntime {
    /// Bytes that a loader hands on: the kernel the descriptors as they are, kexec-tools 2.0.25 what it reads of each in
    /// sysfs.
    pub(crate) const fn handed_on(self, loader: Loader) -> u64 {
        let bytes = match loader {
            Loader::KexecFileLoad => self.descriptor,
            Loader::KexecLoad => 40,
        };
        self.entries.saturating_mul(bytes)
    }
}

/// The map, as far as it is shown.
///
/// The number of its ranges is that of `/sys/firmware/efi/runtime-map`; booted with `efi=debug`, the kernel log shows them as well.
/// It has more than the runtime services' own ranges: those of boot services are mapped beside them
/// (arch/x86/platform/efi/efi.c:efi_map_regions, 6.12). `None` where it did, or
/// may have done, and nothing shows the map.
pub(crate) fn of(snapshot: &Snapshot, boot: Option<&BootInput>) -> Option<EfiRuntime> {
    let params = snapshot.boot_params.read().and_then(|bytes| BootParams::new(&bytes.0).ok());
    let entries = snapshot.efi_runtime_entries.read().copied().map(u64::from).or_else(|| in_log(snapshot));
    if let Some(entries) = entries {
        let descriptor = params.and_then(|params| params.efi_descriptor_size()).map_or(DESCRIPTOR, u64::from);
        return Some(EfiRuntime { entries, descriptor });
    }
    match &boot?.platform {
        Platform::X86(x86) if x86.is_efi => None,
        Platform::X86(_) | Platform::Arm64(_) => Some(EfiRuntime::default()),
    }
}

/// The number of lines below `EFI runtime memory map:`.
fn in_log(snapshot: &Snapshot) -> Option<u64> {
    let log = snapshot.kernel_log.read()?;
    let lines = firmware::log::efi(log.as_bytes()).filter_map(Result::ok);
    let count = lines.filter(|line| line.map == EfiMap::Runtime).count();
    u64::try_from(count).ok().filter(|&count| count > 0)
}
