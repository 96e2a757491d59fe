//! Lines by which a log is told to be of a 32-bit kernel of x86.

use crate::log::values::{OLD_PAGE, number};

/// Half-open end of what such a kernel addresses with PAE, and without.
const PAE: u64 = 64 << 30;
const NO_PAE: u64 = 4 << 30;

/// The half-open end of what the kernel addresses if this line, or one before it (`known`), is only printed with 32 bits;
/// otherwise `None`.
///
/// The line with the highest page frame is printed with 64 bits too, where it is at least 2^34 (2^28 is Xen's for 32
/// bits).
pub(super) fn narrow_end(line: &str, known: Option<u64>) -> Option<u64> {
    let highest = || line.split_once("max_arch_pfn = ").and_then(|(_, pfn)| number(pfn.trim()));
    let warned = line.strip_prefix("Warning only ").and_then(|rest| rest.strip_suffix("B will be used."));
    if let Some(end) = warned.and_then(amount) {
        return Some(end);
    }
    if line.contains("cannot be enabled: non-PAE kernel") {
        return Some(NO_PAE);
    }
    if let Some(pfn) = highest().filter(|pfn| *pfn <= 1 << 28) {
        return Some(pfn.saturating_mul(OLD_PAGE).min(PAE));
    }
    let is_narrow = line.ends_with("MB HIGHMEM available.")
        || line.ends_with("MB LOWMEM available.")
        || line.starts_with("Initializing HighMem")
        || line.starts_with("Reserving virtual address space above 0x")
        || line.strip_prefix("Linux version ").is_some_and(is_i686);
    known.or_else(|| is_narrow.then_some(PAE))
}

/// Whether the release in a banner names a 32-bit kernel: `2.6.18-8.el5PAE`, `3.2.0-4-686-pae`, `4.4.6.i686`.
fn is_i686(banner: &str) -> bool {
    let release = banner.split_whitespace().next().unwrap_or_default();
    let mut words = release.split(['.', '-', '+', '_']).skip(1);
    release.ends_with("PAE")
        || release.ends_with("-pae")
        || words.any(|word| matches!(word, "i386" | "i486" | "i586" | "i686" | "686"))
}

/// `4G`, `896M`.
fn amount(text: &str) -> Option<u64> {
    let in_gib = text.strip_suffix('G').map(|number| (number, 30));
    let (number, shift) = in_gib.or_else(|| Some((text.strip_suffix('M')?, 20)))?;
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_32_bit_kernel_are_recognized() {
        let end = |log: &str| {
            let messages = log.lines().map(|line| line.rsplit("] ").next().unwrap_or_default());
            messages.fold(None, |known, line| narrow_end(line, known))
        };
        let (pae, no_pae) = (Some(64 << 30), Some(4 << 30));
        assert_eq!(end("Linux version 3.2.0-4-686-pae (a)"), pae);
        assert_eq!(end("Linux version 2.6.18-8.el5PAE (a)"), pae);
        assert_eq!(end("[    0.0] 2183MB HIGHMEM available.\n[    0.0] 887MB LOWMEM available."), pae);
        assert_eq!(end("last_pfn = 0x2f800 max_arch_pfn = 0x10000000"), pae);
        assert_eq!(end("last_pfn = 0x3fff0 max_arch_pfn = 0x100000\n0MB HIGHMEM available."), no_pae);
        assert_eq!(end("Notice: NX (Execute Disable) protection cannot be enabled: non-PAE kernel!"), no_pae);
        assert_eq!(end("Linux version 4.4.6.i686 (a)\nlast_pfn = 0x1 max_arch_pfn = 0x1000000"), pae);
        assert_eq!(end("Linux version 5.10.1 (a)\nlast_pfn = 0x1 max_arch_pfn = 0x400000000"), None);
        assert_eq!(end("Linux version 6.1.0-686 (a)"), pae);
        assert_eq!(end("Warning only 4GB will be used.\n3200MB HIGHMEM available."), no_pae);
        assert_eq!(end("Warning only 896MB will be used."), Some(896 << 20));
    }
}
