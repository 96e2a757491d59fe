//! What tests of plans are made of.

use evidence::Source;
use machine::{KernelState, Machine, Snapshot};
use rules::Loader;

use crate::request::{Caller, Request};
use evidence::Purpose;
use images::{KernelImage, SetupHeader};

/// Debian's 6.12.117 for x86_64 (captures/x86/kernel-6.12.117.json).
pub(crate) const KERNEL: SetupHeader = SetupHeader {
    file_size: 0xb8_67c0,
    setup_sects: 39,
    pref_address: 0x100_0000,
    kernel_alignment: 0x20_0000,
    init_size: 0x37e_e000,
    cmdline_size: 2047,
    above_4g: true,
};

/// A reboot into it by kexec_file_load, with Debian's initial ramdisk.
pub(crate) const REQUEST: Request<'_> = Request {
    purpose: Purpose::Reboot,
    loader: Loader::KexecFileLoad,
    kernel: KernelImage::BzImage(KERNEL),
    initrd: Some(0x75_e1d8),
    command_line: "quiet",
    avoid_removable: false,
    without_cma: false,
    purgatory: None,
    tools: None,
    caller: Caller::KexecTools,
};

/// An x86 machine with this /proc/iomem, and with what a load finds in its kernel.
pub(crate) fn x86_with(iomem: &str, state: KernelState) -> Machine {
    Machine { state, ..x86(iomem) }
}

/// An x86 machine with this /proc/iomem.
pub(crate) fn x86(iomem: &str) -> Machine {
    let snapshot = Snapshot {
        iomem: Source::Read(iomem.into()),
        architecture: Source::Read("x86_64".into()),
        ..Snapshot::default()
    };
    Machine::of(&snapshot).unwrap()
}
