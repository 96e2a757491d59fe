//! The firmware's map of a log that has no e820 lines: the EFI map, or lines in brackets without a name.

use evidence::snapshot::stand_in;
use evidence::{BootLog, Snapshot, Source};

use crate::firmware_input;

/// Where nothing but the kernel log can show the firmware's map, and has no e820 lines, reads the log as `--firmware`
/// reads a text: an EFI map of x86 is put into the e820 lines that its kernel makes of it.
pub(crate) fn complete(snapshot: &mut Snapshot) {
    let is_shown = snapshot.boot_params.read().is_some()
        || snapshot.firmware_memmap.read().is_some()
        || snapshot.device_tree.read().is_some();
    let Source::Read(log) = &snapshot.kernel_log else { return };
    if is_shown || BootLog::of(log).has_e820_lines {
        return;
    }
    let mut read = Snapshot::default();
    let Ok(Some(kind)) = firmware_input::text::read(&mut read, log) else { return };
    let Some(architecture) = kind.architecture else { return };
    match &snapshot.architecture {
        Source::Read(known) if known != architecture => {}
        Source::Read(_) => snapshot.kernel_log = read.kernel_log,
        _ => {
            snapshot.kernel_log = read.kernel_log;
            snapshot.architecture = Source::Read(architecture.to_owned());
            let from = format!("the kernel log: it is a {}, as such kernels print it", kind.what);
            snapshot.stand_ins.insert(stand_in::ARCHITECTURE.to_owned(), from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(log: &str) -> Snapshot {
        let mut snapshot = Snapshot { kernel_log: Source::Read(log.to_owned()), ..Snapshot::default() };
        complete(&mut snapshot);
        snapshot
    }

    #[test]
    fn an_efi_map_alone_is_a_map() {
        let x86 =
            of("efi: mem00: [Conventional Memory|  |  |WB|WT|WC|UC] range=[0x100000-0x8000000) (127MB)\n");
        assert_eq!(x86.architecture, Source::Read("x86_64".into()));
        assert!(x86.kernel_log.read().is_some_and(|log| log.contains("BIOS-e820: ")), "{x86:?}");
        let arm64 =
            of("efi:   0x000000080000-0x00003965ffff [Conventional Memory|   |  |  |  |WB|WT|WC|UC]\n");
        assert_eq!(arm64.architecture, Source::Read("aarch64".into()));
    }

    #[test]
    fn a_log_with_a_map_or_with_none_stays_as_it_is() {
        for log in
            ["BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable\n", "usb 1-1: new device\n"]
        {
            assert_eq!(of(log).kernel_log, Source::Read(log.into()));
            assert_eq!(of(log).architecture, Source::Missing);
        }
    }
}
