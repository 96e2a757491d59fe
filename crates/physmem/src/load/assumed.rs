//! What a plan goes by that nothing shows.

use kexec::Facts;
use kexec::image::bz_image::Paging;
use machine::boot::BootInput;
use machine::since::{TABLE, Target};
use machine::{Machine, Release, Snapshot, Unknown};
use memblock::rules::Loader;

use super::kernel_file::KernelFile;
use crate::boot_input::CHECKED;

/// The page tables of the running kernel, as far as its log tells them.
pub(crate) fn paging(
    snapshot: &Snapshot,
    boot: Option<&BootInput>,
    kernel: &KernelFile,
    assumed: &mut Vec<Unknown>,
) -> Paging {
    let log = snapshot.kernel_log.read().map_or("", String::as_str);
    match boot.filter(|_| log.contains("max_arch_pfn = ")) {
        Some(boot) if boot.build.page_table_levels == 5 => Paging::FiveLevel,
        Some(_) => Paging::FourLevel,
        None => {
            if kernel.depends_on_paging() {
                assumed.push(Unknown::new(
                    "how many levels the running kernel's page tables have",
                    "the kernel log does not show max_arch_pfn",
                    "taken as four: under five, this kernel cannot be loaded (XLF_5LEVEL is not set)",
                ));
            }
            Paging::FourLevel
        }
    }
}

/// What the plan goes by that nothing shows, of the release, of EFI and of the kernel's configuration.
pub(crate) fn of(machine: &Machine, facts: &Facts, boot: Option<&BootInput>, loader: Loader) -> Vec<Unknown> {
    let mut assumed = Vec::new();
    if loader == Loader::KexecLoad {
        assumed.push(Unknown::new(
            "which version of kexec-tools loads",
            "kexec_load leaves the places to the program that calls it",
            "planned as kexec-tools 2.0.25 does it",
        ));
        return assumed;
    }
    let release = machine.kernel.release.as_deref();
    let parsed = release.and_then(|release| release.parse::<Release>().ok());
    if parsed.as_ref().map(Release::version) != Some(CHECKED) {
        let which =
            release.map_or_else(|| "this release of Linux".to_owned(), |release| format!("Linux {release}"));
        assumed.push(Unknown::new(
            &format!("what {which} does differently"),
            "plans were compared with loads of Linux 6.12",
            "the size of purgatory, which no file shows (--purgatory-size), and all else is as in 6.12",
        ));
    }
    let knows = |name: &str| {
        let (Some(release), Some(boot)) = (&parsed, boot) else { return false };
        let target = Target::new(boot.platform.architecture(), release.clone());
        TABLE.iter().any(|row| row.name == name && row.is_known(&target))
    };
    if knows(machine::since::SEGMENTS_IN_CMA) {
        assumed.push(Unknown::new(
            "which segments go into contiguous memory areas (CMA)",
            "this release tries those first, and nothing shows what is free there",
            "taken as none; kexec-tools can forbid it (--no-cma)",
        ));
    }
    if facts.efi_runtime.is_none() {
        assumed.push(Unknown::new(
            "the size of EFI's runtime map, which is handed on in the boot parameters",
            "neither /sys/firmware/efi/runtime-map nor the kernel log (efi=debug) shows it",
            "taken as 0: the boot parameters may be larger, and what is placed after them may lie lower",
        ));
    }
    assumed
}
