//! What is known of the running kernel that the rules ask about.


use crate::snapshot::{BlockState, Snapshot};
use crate::unknown::Unknown;
use crate::{command_line, resources::ResourceTree, zones::Zone};

/// The facts about a kernel, each read from the snapshot or marked unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The release, e.g. `6.12.117+deb12-amd64`.
    pub release: Option<String>,
    /// The command line.
    pub command_line: String,
    /// What the rules take as input.
    pub facts: rules::KernelFacts,
    /// Bytes in a page.
    pub page_size: u64,
}

impl Kernel {
    /// Reads the facts, and adds to `unknown` what could not be established.
    pub(crate) fn of(
        snapshot: &Snapshot,
        tree: Option<&ResourceTree>,
        zones: &[Zone],
        unknown: &mut Vec<Unknown>,
    ) -> Self {
        unknown.extend(Unknown::from_source(
            "/proc/cmdline",
            &snapshot.command_line,
            "taken as empty: no movable_node, no memmap=, no mem=",
        ));
        let command_line = snapshot.command_line.read().cloned().unwrap_or_default();
        let architecture = snapshot.architecture.read().map(String::as_str);
        let map_handed_on = map_handed_on(snapshot, architecture, unknown);
        let facts = rules::KernelFacts {
            movable_node: command_line::has(&command_line, "movable_node"),
            walk: walk(snapshot, map_handed_on, unknown),
            hotplug_flag_survives_boot: false,
            map_handed_on,
            kexec_tools_wants_exact_name: kexec_tools_wants_exact_name(architecture, map_handed_on),
            boot_memory_stays: architecture == Some("aarch64"),
            // Only x86 has an e820 map, and only x86 reserves its first MiB for good.
            dump_skips_first_mib: map_handed_on == rules::MapHandedOn::E820,
        };
        unknown.extend(Unknown::from_source(
            "/proc/version",
            &snapshot.version,
            "the verdicts are those of Linux 6.12, the release they were checked against",
        ));
        let release = snapshot.version.read().and_then(|v| release(v));
        if let Some(other) = release.as_ref().filter(|release| !is_checked(release)) {
            unknown.push(Unknown::new(
                &format!("what Linux {other} does differently"),
                "the rules were checked against Linux 6.12",
                "the verdicts are those of 6.12; from 6.16 on, kexec handover (kho=) confines kexec_file_load to its scratch areas",
            ));
        }
        Self {
            release,
            page_size: page_size(map_handed_on, snapshot, tree, zones, unknown),
            command_line,
            facts,
        }
    }
}

/// The release in `/proc/version`: `Linux version RELEASE (builder) ...`.
fn release(version: &str) -> Option<String> {
    version.strip_prefix("Linux version ")?.split_whitespace().next().map(str::to_owned)
}

/// Whether the rules were checked against this release: 6.12 and its stable updates.
fn is_checked(release: &str) -> bool {
    release.strip_prefix("6.12").is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether the kernel keeps memblock: it then shows it in debugfs, and was built with
/// CONFIG_ARCH_KEEP_MEMBLOCK.
fn walk(
    snapshot: &Snapshot,
    map_handed_on: rules::MapHandedOn,
    unknown: &mut Vec<Unknown>,
) -> rules::Walk {
    let shown = snapshot.memblock.memory.read().is_some() || snapshot.memblock.reserved.read().is_some();
    if shown {
        return rules::Walk::Memblock;
    }
    if let Some(config) = snapshot.kernel_config.read() {
        return if config.lines().any(|line| line.trim() == "CONFIG_ARCH_KEEP_MEMBLOCK=y") {
            rules::Walk::Memblock
        } else {
            rules::Walk::Resources
        };
    }
    let (assumed, words) = match map_handed_on {
        rules::MapHandedOn::E820 => (rules::Walk::Resources, "the resource tree"),
        rules::MapHandedOn::BootFirmware => (rules::Walk::Memblock, "memblock"),
    };
    unknown.push(Unknown {
        what: "whether this kernel keeps memblock (CONFIG_ARCH_KEEP_MEMBLOCK)".into(),
        why: "neither /sys/kernel/debug/memblock nor the kernel's configuration could be read".into(),
        effect: format!(
            "kexec_file_load is taken to search {words}, as distributions' kernels do that get such a memory \
             map; released kernels give the same verdicts either way, for other reasons"
        ),
        remedy: Some(
            "run as root with debugfs mounted, or with /boot/config-RELEASE or /proc/config.gz readable"
                .into(),
        ),
    });
    assumed
}

/// Whether the next kernel gets an e820 map or the boot firmware's own tables: told by which of them this
/// kernel was given.
fn map_handed_on(snapshot: &Snapshot, architecture: Option<&str>, unknown: &mut Vec<Unknown>) -> rules::MapHandedOn {
    let e820 = snapshot.boot_params.read().is_some()
        || snapshot.firmware_memmap.read().is_some()
        || snapshot.kernel_log.read().is_some_and(|log| log.contains(" BIOS-e820: [mem "));
    if e820 || matches!(architecture, Some("x86_64" | "i686" | "i386")) {
        return rules::MapHandedOn::E820;
    }
    if snapshot.device_tree.read().is_none() && architecture.is_none() {
        unknown.push(Unknown::new(
            "how this kernel got its memory map",
            "there is neither an e820 map (/sys/kernel/boot_params, /sys/firmware/memmap, the log) nor a \
             device tree (/sys/firmware/fdt), and nothing names the architecture",
            "kexec is taken to hand on the device tree or EFI map of boot",
        ));
    }
    rules::MapHandedOn::BootFirmware
}

/// The ports of kexec-tools differ by architecture in which resource names they dump: x86 takes every
/// name that contains `System RAM`, arm64, riscv and loongarch only the exact one
/// (kexec-tools 2.0.32: kexec/arch/*/crashdump-*.c).
fn kexec_tools_wants_exact_name(architecture: Option<&str>, map_handed_on: rules::MapHandedOn) -> bool {
    match architecture {
        Some("aarch64" | "riscv64" | "loongarch64") => true,
        Some(_) => false,
        None => map_handed_on == rules::MapHandedOn::BootFirmware,
    }
}

/// The size of a page: always 4 KiB on x86, as only x86 has an e820 map; elsewhere said by the configuration, or else
/// the one size under which the pages of all zones make about as much memory as System RAM has online. The sizes
/// there are differ by a factor of four.
fn page_size(
    map_handed_on: rules::MapHandedOn,
    snapshot: &Snapshot,
    tree: Option<&ResourceTree>,
    zones: &[Zone],
    unknown: &mut Vec<Unknown>,
) -> u64 {
    const SIZES: [(u64, [&str; 2]); 3] = [
        (4 << 10, ["CONFIG_PAGE_SIZE_4KB=y", "CONFIG_ARM64_4K_PAGES=y"]),
        (16 << 10, ["CONFIG_PAGE_SIZE_16KB=y", "CONFIG_ARM64_16K_PAGES=y"]),
        (64 << 10, ["CONFIG_PAGE_SIZE_64KB=y", "CONFIG_ARM64_64K_PAGES=y"]),
    ];
    if map_handed_on == rules::MapHandedOn::E820 {
        return 4 << 10;
    }
    if let Some(config) = snapshot.kernel_config.read() {
        let given = |options: &[&str; 2]| config.lines().any(|line| options.contains(&line.trim()));
        if let Some((size, _)) = SIZES.iter().find(|(_, options)| given(options)) {
            return *size;
        }
    }
    let pages = zones.iter().fold(0_u64, |sum, zone| sum.saturating_add(zone.present));
    let ram = tree.map_or(0, |tree| online_bytes(tree, snapshot));
    // The sizes are a factor of four apart: half and double are where one ends and the next begins.
    match ram.checked_div(pages) {
        Some(0x800..0x2000) => 4 << 10,
        Some(0x2000..0x8000) => 16 << 10,
        Some(0x8000..0x2_0000) => 64 << 10,
        // Zones cannot be placed without both files anyway.
        _ if pages == 0 || ram == 0 => 4 << 10,
        _ => {
            unknown.push(Unknown::new(
                "the size of a page",
                "no page size makes the pages of /proc/zoneinfo as much memory as /proc/iomem has",
                "taken as 4096 bytes: zones may be wrong",
            ));
            4 << 10
        }
    }
}

/// System RAM less the memory blocks that are not online, in bytes.
fn online_bytes(tree: &ResourceTree, snapshot: &Snapshot) -> u64 {
    let ram = tree.system_ram().filter_map(|resource| resource.range().ok());
    let all = ram.fold(0_u64, |sum, range| sum.saturating_add(range.size()));
    let offline = snapshot.memory_blocks.read().map_or(0, |memory| {
        let offline = memory.blocks.iter().filter(|block| block.state == BlockState::Offline).count();
        memory.block_size.saturating_mul(offline as u64)
    });
    all.saturating_sub(offline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{MemblockFiles, Source};

    fn of(snapshot: &Snapshot) -> (Kernel, Vec<Unknown>) {
        let mut unknown = Vec::new();
        let tree = snapshot.iomem.read().map(|text| ResourceTree::parse(text).unwrap());
        let zones = snapshot.zoneinfo.read().map_or_else(Vec::new, |text| crate::zones::parse(text).unwrap());
        (Kernel::of(snapshot, tree.as_ref(), &zones, &mut unknown), unknown)
    }

    #[test]
    fn a_kernel_that_shows_memblock_keeps_it_whatever_its_architecture() {
        let memblock = MemblockFiles { memory: Source::Read(String::new()), ..MemblockFiles::default() };
        let x86 = Snapshot { architecture: Source::Read("x86_64".into()), memblock, ..Snapshot::default() };
        assert_eq!(of(&x86).0.facts.walk, rules::Walk::Memblock);
    }

    #[test]
    fn the_configuration_decides_where_debugfs_is_hidden() {
        let with = |config: &str| {
            let kernel_config = Source::Read(config.to_owned());
            of(&Snapshot { kernel_config, ..Snapshot::default() }).0.facts.walk
        };
        assert_eq!(with("CONFIG_ARCH_KEEP_MEMBLOCK=y\n"), rules::Walk::Memblock);
        assert_eq!(with("# CONFIG_ARCH_KEEP_MEMBLOCK is not set\n"), rules::Walk::Resources);
    }

    #[test]
    fn what_was_assumed_is_said() {
        let (_, unknown) = of(&Snapshot::default());
        assert!(unknown.iter().any(|u| u.what.contains("keeps memblock")), "{unknown:?}");
        assert!(unknown.iter().any(|u| u.what.contains("got its memory map")), "{unknown:?}");
    }

    #[test]
    fn the_page_size_is_the_one_that_makes_the_zones_as_large_as_ram() {
        let with = |present: u64| {
            let zoneinfo = format!("Node 0, zone Normal\n spanned 9\n present {present}\n start_pfn: 4\n");
            let snapshot = Snapshot {
                iomem: Source::Read("40000000-4fffffff : System RAM\n".into()),
                zoneinfo: Source::Read(zoneinfo),
                ..Snapshot::default()
            };
            of(&snapshot).0.page_size
        };
        // 256 MiB, a little less, and with some NOMAP memory that /proc/iomem does not call System RAM.
        assert_eq!([0x1_0000, 0xfc00, 0x1_0400].map(with), [4 << 10; 3]);
        assert_eq!([0x4000, 0x3f00, 0x4100].map(with), [16 << 10; 3]);
        assert_eq!([0x1000, 0xfc0, 0x1040].map(with), [64 << 10; 3]);
    }

    #[test]
    fn the_page_of_x86_is_4_kib_however_much_of_ram_is_in_no_zone() {
        // 256 MiB in zones, and DIMMs of 3 GiB that are offline, of which no memory block tells.
        let snapshot = Snapshot {
            architecture: Source::Read("x86_64".into()),
            iomem: Source::Read("40000000-4fffffff : System RAM\n100000000-1bfffffff : System RAM\n".into()),
            zoneinfo: Source::Read("Node 0, zone Normal\n spanned 9\n present 65536\n start_pfn: 4\n".into()),
            ..Snapshot::default()
        };
        let (kernel, unknown) = of(&snapshot);
        assert_eq!(kernel.page_size, 4 << 10);
        assert!(!unknown.iter().any(|unknown| unknown.what.contains("page")), "{unknown:?}");
    }

    #[test]
    fn a_release_that_was_not_checked_is_named() {
        let with = |version: &str| {
            let version = Source::Read(version.to_owned());
            of(&Snapshot { version, ..Snapshot::default() }).1
        };
        let names_it = |unknown: &[Unknown]| unknown.iter().any(|u| u.what.contains("does differently"));
        assert!(!names_it(&with("Linux version 6.12.117+deb12-amd64 (debian)")));
        assert!(names_it(&with("Linux version 6.18.44 (builder)")));
        assert!(names_it(&with("Linux version 6.120.1 (builder)")));
    }

    #[test]
    fn the_release_is_the_third_word_of_proc_version() {
        assert_eq!(release("Linux version 6.12.117-mblab #1 SMP"), Some("6.12.117-mblab".into()));
        assert_eq!(release("FreeBSD"), None);
    }
}
