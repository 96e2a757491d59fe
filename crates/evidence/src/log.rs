//! The kernel log of one boot, parsed once.

mod arm64;
mod boot_lines;
mod efi_lines;
mod last_boot;
mod late_calls;
mod loads;
mod memblock_debug;
mod possible_cpus;
mod quotes;
mod unwrapped;
mod values;
mod x86_32;

use firmware::e820::Entry;
use firmware::log::{EarlyNodeRange, SratLine};

pub use boot_lines::BootLines;
pub use efi_lines::EfiLines;
pub use last_boot::last_boot;
pub use late_calls::LateCall;
pub use loads::{LoadLog, LoadRecord, LoadedSegment, MemoryEvent, Purpose};
pub use memblock_debug::{LoggedCall, MemblockDebug};
pub use quotes::{InterruptTable, Quotes};
pub use unwrapped::unwrapped;

/// What the kernel log says about the last boot it covers.
///
/// Lines that are cut off or malformed are skipped: a ring buffer loses its beginning, and a log can be cut anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootLog {
    /// What the kernel prints about its own boot.
    pub boot: BootLines,
    /// The firmware's e820 map; `None` unless the log has the heading `BIOS-provided physical RAM map:` (or Xen's), or
    /// the map starts with memory in the first MiB, as in an excerpt by `grep e820`. Otherwise the log may hold only
    /// the end of the map.
    pub e820: Option<Vec<Entry>>,
    /// Whether there are any e820 map lines.
    pub has_e820_lines: bool,
    /// EFI tables and memory maps.
    pub efi: EfiLines,
    /// The memory entries in the SRAT.
    pub srat: Vec<SratLine>,
    /// The lines below `Early memory node ranges`, or only the last of them if the heading is gone
    /// ([`BootLines::has_zones`]).
    pub early_node_ranges: Vec<EarlyNodeRange>,
    /// The output of `memblock=debug`.
    pub memblock: MemblockDebug,
    /// The number of possible CPUs, as printed when the kernel set up its CPUs.
    pub possible_cpus: Option<u64>,
    /// Whether the kernel had enough entropy for random numbers. `None` if the log does not say and does not reach back
    /// to the start of the boot.
    pub has_random_numbers: Option<bool>,
    /// Loads by kexec_file_load.
    pub loads: LoadLog,
    /// Lines that findings quote.
    pub quotes: Quotes,
}

impl BootLog {
    /// Reads a log in any format that [`firmware::log::lines`] accepts. If the log covers several boots, only the last
    /// counts: what an earlier kernel printed does not apply to this one. O(bytes).
    ///
    /// ```
    /// use evidence::BootLog;
    ///
    /// let boots = "[    0.0] Linux version 6.1.0 (builder)\n[    0.0] efi: EFI v2.7 by EDK II\n\
    ///              [    0.0] Linux version 6.12.0 (builder)\n";
    /// assert!(!BootLog::of(boots).boot.is_efi);
    /// ```
    pub fn of(log: &str) -> Self {
        let above = log;
        let log = last_boot(log);
        let bytes = log.as_bytes();
        let mut boot = BootLines::of(log);
        // arm64 prints this line above its banner.
        boot.names_arm64 |= BootLines::of(above).names_arm64;
        let map: Vec<Entry> = firmware::log::e820_of_firmware(bytes).collect();
        let has_map = log.contains("-provided physical RAM map:")
            || map.first().is_some_and(|entry| entry.range.start() < 1 << 20);
        let is_random = log.contains("random: crng init done");
        Self {
            has_e820_lines: !map.is_empty(),
            e820: has_map.then_some(map),
            efi: EfiLines::of(log),
            srat: firmware::log::srat(bytes).filter_map(Result::ok).collect(),
            early_node_ranges: firmware::log::early_node_ranges(bytes).filter_map(Result::ok).collect(),
            memblock: MemblockDebug::of(bytes),
            possible_cpus: possible_cpus::set_up(log),
            has_random_numbers: (is_random || boot.has_beginning).then_some(is_random),
            loads: LoadLog::of(log),
            quotes: Quotes::of(log),
            boot,
        }
    }
}

#[cfg(test)]
mod tests;
