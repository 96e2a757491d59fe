//! What a kernel logs about its own boot, except for the maps and tables that `firmware::log` reads.
//!
//! Some of it is input to the kernel that appears nowhere else (the addresses of the ramdisk and the ACPI tables), some
//! is a property of the build or the processor, and some is the result of the boot.

use std::collections::BTreeMap;

use memblock::PhysRange;

use crate::log::values::{OLD_PAGE, bare, contiguous, dashed, mem, number, page_frames};
use crate::log::{arm64, x86_32};

/// Log lines about a boot, each kind in log order. Malformed lines are skipped: a log can be cut anywhere.
// Each bool is one line that is present or absent.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootLines {
    /// Whether the log starts at the beginning of the boot.
    pub has_beginning: bool,
    /// `RAMDISK: [mem …]`.
    pub ramdisk: Option<PhysRange>,
    /// The kernel's image: `#2 [0001000000 - 000201faa4]    TEXT DATA BSS`, as kernels before memblock list it.
    pub kernel_image: Option<PhysRange>,
    /// How many bytes from address 0 on the kernel takes out of the map: the most of the lines `e820: update [mem
    /// 0x00000000-0x0000ffff] usable ==> reserved`.
    pub low_cut: Option<u64>,
    /// `ACPI: Reserving … table memory at [mem …]`, except for copies of tables from the initial ramdisk: their
    /// addresses are a result of the boot.
    pub acpi_tables: Vec<PhysRange>,
    /// Total bytes of all tables in `ACPI table found in initrd` lines; `None` if there are none.
    pub acpi_upgrade: Option<u64>,
    /// The signature and size of each of these tables.
    upgraded: Vec<(String, u64)>,
    /// `e820: update [mem …] usable ==> usable`: setup_data from the boot loader.
    pub setup_data: Vec<PhysRange>,
    /// Bytes of `NODE_DATA(…) allocated [mem …]`.
    pub node_data: Option<u64>,
    /// `Using GB pages for direct mapping`.
    pub gib_pages: bool,
    /// `max_arch_pfn = …`.
    pub max_arch_pfn: Option<u64>,
    /// Bytes of `x86/mm: Memory block size: …MB`.
    pub block_size: Option<u64>,
    /// `Hypervisor detected: …`.
    pub has_hypervisor: bool,
    /// Physical address bits on processors with 52-bit virtual addresses: from `CPU features: detected: 52-bit Virtual
    /// Addressing (LPA2)`, or from `(LVA)`, which widens only virtual addresses.
    pub wide_addresses: Option<u32>,
    /// `efi: EFI v…`.
    pub is_efi: bool,
    /// `ACPI: RSDP …`, or any other sign that the kernel reads ACPI tables.
    pub reads_acpi: bool,
    /// The address in `ACPI: RSDP 0x…`.
    pub rsdp: Option<u64>,
    /// Bytes of `Freeing initrd memory: …K`.
    pub freed_initrd: Option<u64>,
    /// `Zone ranges:` by name; `None` for an empty zone.
    pub zones: BTreeMap<String, Option<PhysRange>>,
    /// `Movable zone start for each node`.
    pub movable: Option<BTreeMap<u32, u64>>,
    /// `crashkernel reserved: …`.
    pub crashkernel: Option<PhysRange>,
    /// `crashkernel low memory reserved: …`.
    pub crashkernel_low: Option<PhysRange>,
    /// Whether these two were printed in whole MiB, rounded down: `Reserving 192MB of memory at 1456MB for crashkernel`,
    /// as x86 does before 6.8 and arm64, s390 and others before they shared the code.
    pub crashkernel_in_mib: bool,
    /// The kernel's message when it cannot reserve memory for a crash kernel.
    pub crashkernel_error: Option<String>,
    /// `cma: Reserved … MiB at 0x…`: contiguous areas, but those of `crashkernel=,cma`. Areas of several ranges print no
    /// address.
    pub cma: Vec<PhysRange>,
    /// The areas of `crashkernel=,cma`, which precede `crashkernel CMA reserved: … MB in … ranges`.
    pub crash_cma: Vec<PhysRange>,
    /// `Fallback order for Node …`: the first one printed for each node.
    pub fallback: Vec<(u32, Vec<u32>)>,
    /// Whether a line shows that the kernel is one for arm64: the identification register of the processor that boots
    /// (`Booting Linux on physical CPU 0x0000000000 [0x410fd081]`), or ` aarch64 ` or `arm64` in the banner.
    pub names_arm64: bool,
    /// Half-open end of what a 32-bit x86 kernel addresses, if a line shows that it is one: 4 GiB, or 64 GiB with PAE.
    pub narrow_end: Option<u64>,
    /// Whether somebody left lines out: `[...]`.
    pub has_gaps: bool,
    /// `KHO: found kexec handover data`: an earlier kernel handed over.
    pub handed_over: bool,
    /// Whether `Early memory node ranges` was printed, so the log reaches as far as the zones.
    pub has_zones: bool,
}

impl BootLines {
    /// Reads the log of one boot. O(bytes).
    pub fn of(log: &str) -> Self {
        let mut facts = Self::default();
        // The lines after `Zone ranges:` and `Movable zone start` can only be recognized by their position.
        let mut below = Below::Nothing;
        for (_, line) in firmware::log::lines(log.as_bytes()) {
            let line = String::from_utf8_lossy(line);
            below = facts.line(line.trim_end(), below);
        }
        facts
    }

    /// The kernel's message when it reserves no memory for a crash kernel though some was asked for.
    pub fn crashkernel_failure(&self) -> Option<&str> {
        let has_some = self.crashkernel.is_some() || self.crashkernel_low.is_some();
        let line = self.crashkernel_error.as_deref().filter(|_| !has_some)?;
        (!line.starts_with(CRASHKERNEL_OF_NOTHING)).then_some(line)
    }

    fn line(&mut self, line: &str, below: Below) -> Below {
        let words = line.trim_start();
        let is_heading = HEADINGS.iter().any(|heading| words.starts_with(heading));
        match (below, line.starts_with(' ') && !is_heading) {
            (Below::Zones, true) => {
                if let Some((name, rest)) = words.split_once(char::is_whitespace) {
                    self.zones.insert(name.to_owned(), mem(rest).or_else(|| page_frames(rest)));
                }
                return below;
            }
            (Below::Movable { is_in_pages }, true) => {
                if let Some((node, start)) = words.strip_prefix("Node ").and_then(|rest| rest.split_once(':'))
                    && let (Ok(node), Some(start)) = (node.trim().parse(), number(start.trim()))
                {
                    let start = if is_in_pages { start.saturating_mul(OLD_PAGE) } else { start };
                    self.movable.get_or_insert_default().insert(node, start);
                }
                return below;
            }
            _ => {}
        }
        match words {
            "Zone ranges:" | "Zone PFN ranges:" => return Below::Zones,
            "Movable zone start for each node" | "Movable zone start PFN for each node" => {
                self.movable.get_or_insert_default();
                return Below::Movable { is_in_pages: words.contains(" PFN ") };
            }
            "Early memory node ranges" | "Early memory PFN ranges" => self.has_zones = true,
            _ if words.starts_with("early_node_map[") => self.has_zones = true,
            "..." | "[...]" | "(...)" | "…" | "[…]" | "[snip]" | "<snip>" | "-- snip --" => {
                self.has_gaps = true;
            }
            "Using GB pages for direct mapping" => self.gib_pages = true,
            _ => self.other(words),
        }
        Below::Nothing
    }

    fn other(&mut self, line: &str) {
        self.narrow_end = x86_32::narrow_end(line, self.narrow_end);
        self.names_arm64 |= arm64::is_own_line(line);
        if line.starts_with("Linux version ") {
            self.has_beginning = true;
        } else if let Some(rest) = line.strip_prefix("RAMDISK: ") {
            self.ramdisk = mem(rest).or_else(|| bare(rest));
        } else if line.starts_with('#') && line.contains("] ") && line.contains(" TEXT DATA BSS") {
            self.kernel_image = line.split_once('[').and_then(|(_, rest)| bare(rest.split_once(']')?.0));
        } else if let Some(table) = line.strip_prefix("ACPI: Reserving ") {
            let signature = table.split_whitespace().next().unwrap_or_default();
            let is_copy = |range: &PhysRange| {
                self.upgraded.iter().any(|(name, size)| name == signature && *size == range.size())
            };
            let range = mem(line).filter(|range| !is_copy(range));
            self.acpi_tables.extend(range);
        } else if line.contains(" ACPI table found in initrd [") {
            let size = line.rsplit_once('[').and_then(|(_, size)| number(size.trim_end_matches(']')));
            let signature = line.strip_prefix("ACPI: ").and_then(|rest| rest.split_whitespace().next());
            self.upgraded.extend(signature.map(str::to_owned).zip(size));
            let all = self.acpi_upgrade.unwrap_or(0).saturating_add(size.unwrap_or(0));
            self.acpi_upgrade = Some(all);
        } else if line.starts_with("e820: update ") && line.ends_with("usable ==> usable") {
            self.setup_data.extend(mem(line));
        } else if let Some(cut) = low_cut(line) {
            self.low_cut = self.low_cut.max(Some(cut));
        } else if line.starts_with("NODE_DATA(") && line.contains(" allocated ") {
            self.node_data = mem(line).map(PhysRange::size);
        } else if let Some((_, pfn)) = line.split_once("max_arch_pfn = ") {
            self.max_arch_pfn = number(pfn.trim());
        } else if let Some(size) = line.strip_prefix("x86/mm: Memory block size: ") {
            let mib = size.split("MB").next().and_then(|mib| mib.trim().parse::<u64>().ok());
            self.block_size = mib.and_then(|mib| mib.checked_mul(1 << 20));
        } else if line.starts_with("Hypervisor detected: ") {
            self.has_hypervisor = true;
        } else if line.contains("detected: 52-bit Virtual Addressing (LPA2)") {
            self.wide_addresses = Some(52);
        } else if line.contains("detected: 52-bit Virtual Addressing (LVA)") {
            self.wide_addresses.get_or_insert(48);
        } else if line.starts_with("KHO: found kexec handover data") {
            self.handed_over = true;
        } else if line.starts_with("efi: EFI v") {
            self.is_efi = true;
        } else if let Some(rest) = line.strip_prefix("ACPI: RSDP ") {
            self.reads_acpi = true;
            self.rsdp = self.rsdp.or_else(|| number(rest.split_whitespace().next()?));
        } else if let Some(rest) = line.strip_prefix("Freeing initrd memory: ") {
            let kib = rest.split_once('K').and_then(|(kib, _)| kib.trim().parse::<u64>().ok());
            self.freed_initrd = kib.and_then(|kib| kib.checked_mul(1024));
        } else if let Some(rest) = line.strip_prefix("crashkernel low memory reserved: ") {
            self.crashkernel_low = dashed(rest);
        } else if let Some(rest) = line.strip_prefix("crashkernel reserved: ") {
            self.crashkernel = dashed(rest);
        } else if let Some((is_low, range)) = reserving(line) {
            let found = if is_low { &mut self.crashkernel_low } else { &mut self.crashkernel };
            *found = Some(range);
            self.crashkernel_in_mib = true;
        } else if CRASHKERNEL_ERRORS.iter().any(|begin| line.starts_with(begin)) {
            self.crashkernel_error = Some(line.to_owned());
        } else if let Some(rest) = line.strip_prefix("cma: Reserved ") {
            self.cma.extend(contiguous(rest));
        } else if let Some((_, rest)) =
            line.strip_prefix("crashkernel CMA reserved: ").and_then(|rest| rest.split_once(" in "))
        {
            let areas = rest.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
            self.crash_cma = self.cma.split_off(self.cma.len().saturating_sub(areas));
        } else if let Some(rest) = line.strip_prefix("Fallback order for Node ") {
            self.fallback_order(rest);
        }
    }

    fn fallback_order(&mut self, line: &str) {
        let Some((node, order)) = line.split_once(':') else { return };
        let Ok(node) = node.trim().parse() else { return };
        let order: Option<Vec<u32>> = order.split_whitespace().map(|n| n.parse().ok()).collect();
        // Later memory hotplug makes the kernel print the fallback orders again.
        if let Some(order) = order.filter(|_| self.fallback.iter().all(|(of, _)| *of != node)) {
            self.fallback.push((node, order));
        }
    }
}

/// What the kernel says of `crashkernel=RANGE:SIZE` on a machine of a size for which that asks for nothing.
const CRASHKERNEL_OF_NOTHING: &str = "crashkernel size resulted in zero bytes";

/// How the messages start that say there is no crash kernel; the last one contains the kernel's own typo.
const CRASHKERNEL_ERRORS: [&str; 12] = [
    "Crash kernel reservation failed",
    "Crash kernel location must be",
    "cannot reserve crashkernel",
    "Cannot reserve ",
    "Failed to reserve memory for crashkernel",
    "Failed to reserve crashkernel",
    "Memory for crashkernel is not",
    "cannot allocate crashkernel",
    "crashkernel reservation failed",
    CRASHKERNEL_OF_NOTHING,
    "crashkernel: ",
    "crahskernel: ",
];

/// Headings, which blanks stand before if the whole log is indented.
const HEADINGS: [&str; 4] = ["Zone ", "Movable zone start ", "Early memory ", "early_node_map["];

/// The heading above the current line.
#[derive(Clone, Copy)]
enum Below {
    Nothing,
    Zones,
    Movable { is_in_pages: bool },
}

/// `Reserving 192MB of memory at 1456MB for crashkernel (System RAM: 2047MB)`; with `low memory`, the part beside a crash
/// kernel above.
fn reserving(line: &str) -> Option<(bool, PhysRange)> {
    let (size, rest) = line.strip_prefix("Reserving ")?.split_once("MB of ")?;
    let (is_low, rest) = match rest.strip_prefix("low memory at ") {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix("memory at ")?),
    };
    let (start, _) = rest.split_once("MB for crashkernel")?;
    let bytes = |mib: &str| mib.trim().parse::<u64>().ok()?.checked_mul(1 << 20);
    Some((is_low, PhysRange::from_size(bytes(start)?, bytes(size)?).ok()?))
}

/// Bytes that `e820: update [mem 0x00000000-0x0000ffff] usable ==> reserved` takes away at address 0, or before 3.5
/// `e820 update range: 0000000000000000 - 0000000000010000 (usable) ==> (reserved)`.
fn low_cut(line: &str) -> Option<u64> {
    let range = if let Some(rest) = line.strip_prefix("e820: update ") {
        rest.ends_with("usable ==> reserved").then(|| mem(rest)).flatten()
    } else {
        let rest = line.strip_prefix("e820 update range: ")?;
        bare(rest.strip_suffix(" (usable) ==> (reserved)")?)
    };
    range.filter(|range| range.start() == 0).map(PhysRange::size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
<5>[    0.000000] Linux version 6.12.117 (builder)
<6>[    0.000000] RAMDISK: [mem 0xbf8d9000-0xbffdffff]
<6>[    0.000000] ACPI: SRAT ACPI table found in initrd [kernel/firmware/acpi/SRAT.aml][0x128]
<6>[    0.000000] crashkernel low memory reserved: 0xb7000000 - 0xbf000000 (128 MB)
<6>[    0.000000] crashkernel reserved: 0x000000016b000000 - 0x000000017b000000 (256 MB)
<6>[    0.000000] Zone ranges:
<6>[    0.000000]   DMA      [mem 0x0000000000001000-0x0000000000ffffff]
<6>[    0.000000]   Normal   empty
<6>[    0.000000] Movable zone start for each node
<6>[    0.000000]   Node 1: 0x0000000100000000
<6>[    0.000000] Early memory node ranges
<6>[    0.000000]   node   0: [mem 0x0000000000001000-0x000000000009efff]
<6>[    0.000000] Fallback order for Node 0: 0 1 
<6>[    9.000000] Fallback order for Node 0: 1 0 
";

    #[test]
    fn lines_below_a_heading_are_recognized_by_position() {
        let facts = BootLines::of(LOG);
        let dma = PhysRange::new(0x1000, 0x100_0000).ok();
        assert_eq!(facts.zones, BTreeMap::from([("DMA".into(), dma), ("Normal".into(), None)]));
        assert_eq!(facts.movable, Some(BTreeMap::from([(1, 1 << 32)])));
        assert!(facts.has_zones);
    }

    #[test]
    fn inputs_and_results_of_the_boot_are_read() {
        let facts = BootLines::of(LOG);
        assert_eq!(facts.ramdisk, PhysRange::new(0xbf8d_9000, 0xbffe_0000).ok());
        assert_eq!(facts.acpi_upgrade, Some(0x128));
        assert_eq!(facts.crashkernel, PhysRange::new(0x1_6b00_0000, 0x1_7b00_0000).ok());
        assert_eq!(facts.crashkernel_low, PhysRange::new(0xb700_0000, 0xbf00_0000).ok());
        assert_eq!(facts.fallback, [(0, vec![0, 1])], "the order of boot, not a later one");
    }

    #[test]
    fn the_wording_before_6_8_names_whole_mib() {
        let facts = BootLines::of(
            "Reserving 256MB of low memory at 2704MB for crashkernel (System low RAM: 3071MB)\n\
             Reserving 512MB of memory at 16384MB for crashkernel (System RAM: 65535MB)\n",
        );
        assert!(facts.crashkernel_in_mib);
        assert_eq!(facts.crashkernel, PhysRange::from_size(16 << 30, 512 << 20).ok());
        assert_eq!(facts.crashkernel_low, PhysRange::from_size(2704 << 20, 256 << 20).ok());
    }

    #[test]
    fn old_kernels_print_zones_in_page_frames() {
        let facts = BootLines::of(
            "Zone PFN ranges:\n  DMA      0x00000010 -> 0x00001000\n  DMA32        4096 ->  1048576\n  Normal   empty\n\
             Movable zone start PFN for each node\n    Node 1: 0x00100000\nearly_node_map[2] active PFN ranges\n",
        );
        assert_eq!(facts.zones["DMA"], PhysRange::new(0x1_0000, 0x100_0000).ok());
        assert_eq!(facts.zones["DMA32"], PhysRange::new(0x100_0000, 1 << 32).ok());
        assert_eq!((facts.movable, facts.has_zones), (Some(BTreeMap::from([(1, 1 << 32)])), true));
    }

    #[test]
    fn a_table_copied_from_the_ramdisk_is_not_a_firmware_table() {
        let facts = BootLines::of(
            "ACPI: SSDT ACPI table found in initrd [kernel/firmware/acpi/a.aml][0xf0]\n\
             ACPI: Reserving SSDT table memory at [mem 0xbf8d8000-0xbf8d80ef]\n\
             ACPI: Reserving SSDT table memory at [mem 0xbffe0000-0xbffe003f]\n",
        );
        assert_eq!(facts.acpi_tables, [PhysRange::new(0xbffe_0000, 0xbffe_0040).unwrap()]);
    }

    #[test]
    fn the_area_of_crashkernel_cma_is_none_of_the_others() {
        let facts = BootLines::of(
            "cma: Reserved 96 MiB at 0x0000000100000000\ncma: Reserved 100 MiB at 0x000000010c000000\n\
             crashkernel CMA reserved: 100 MB in 1 ranges\ncma: Reserved 1024 MiB in 1 range\n\
             cma: Reserved 64 MiB at 0x00000000f8000000 on node -1\n",
        );
        let area = |start, mib: u64| PhysRange::from_size(start, mib << 20).unwrap();
        assert_eq!(facts.cma, [area(1 << 32, 96), area(0xf800_0000, 64)]);
        assert_eq!(facts.crash_cma, [area(0x1_0c00_0000, 100)]);
    }

    #[test]
    fn what_old_kernels_print_of_image_ramdisk_and_low_memory_is_read() {
        let facts = BootLines::of(
            "e820 update range: 0000000000000000 - 0000000000010000 (usable) ==> (reserved)\n\
             e820 update range: 0000000000000000 - 0000000000001000 (usable) ==> (reserved)\n\
             e820 update range: 00000000bf800000 - 0000000100000000 (usable) ==> (reserved)\n\
             RAMDISK: 365b0000 - 372d0000\n  #2 [0001000000 - 000201faa4]    TEXT DATA BSS ==> [0001000000 - 000201faa4]\n",
        );
        assert_eq!(facts.low_cut, Some(0x1_0000));
        assert_eq!(facts.ramdisk, PhysRange::new(0x365b_0000, 0x372d_0000).ok());
        assert_eq!(facts.kernel_image, PhysRange::new(0x100_0000, 0x201_faa4).ok());
        let newer = BootLines::of("e820: update [mem 0x00000000-0x0000ffff] usable ==> reserved\n");
        assert_eq!(newer.low_cut, Some(0x1_0000));
        assert_eq!(BootLines::of("e820: update [mem 0x1000-0x1fff] usable ==> reserved").low_cut, None);
    }

    #[test]
    fn the_block_size_and_the_hypervisor_are_read() {
        let facts = BootLines::of("Hypervisor detected: KVM\nx86/mm: Memory block size: 2048MB\n");
        assert_eq!((facts.block_size, facts.has_hypervisor), (Some(2 << 30), true));
        let none = BootLines::of("x86/mm: Memory block size: manyMB\n");
        assert_eq!((none.block_size, none.has_hypervisor), (None, false));
    }

    #[test]
    fn a_truncated_line_is_skipped() {
        assert_eq!(BootLines::of("RAMDISK: [mem 0xbf8d9000-0xbff").ramdisk, None);
        assert_eq!(BootLines::of("crashkernel reserved: 0x1000 - ").crashkernel, None);
    }
}
