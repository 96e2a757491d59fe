//! The running kernel, as far as rules and plans need to know it.

use evidence::snapshot::BlockState;
use evidence::zones::Zone;
use evidence::{Evidence, KernelVersion, ResourceTree, Unknown};
use rules::{KernelFacts, MapHandedOn, Walk};

use crate::arch::{Architecture, PageSizeOption};
use crate::command_line;
use crate::releases::{self, CHECKED_NAME, Target};

/// Facts about a kernel, each either read or recorded as unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The release, e.g. `6.12.117+deb12-amd64`.
    pub release: Option<String>,
    /// The architecture, if it is named anywhere and supported.
    pub architecture: Option<Architecture>,
    /// The command line.
    pub command_line: String,
    /// The input for the rules.
    pub facts: KernelFacts,
    /// Bytes per page.
    pub page_size: u64,
}

impl Kernel {
    /// Reads the facts, and adds to `unknown` those that could not be established.
    pub(crate) fn of(evidence: &Evidence, unknown: &mut Vec<Unknown>) -> Self {
        unknown.extend(Unknown::from_source(
            "/proc/cmdline",
            &evidence.command_line,
            "taken as empty: no movable_node, no memmap=, no mem=",
        ));
        let command_line = evidence.command_line.read().cloned().unwrap_or_default();
        let word = evidence.architecture.read().map(String::as_str);
        let architecture = word.and_then(Architecture::from_uname);
        if let Some(word) = word.filter(|_| architecture.is_none_or(|known| !known.facts().boots)) {
            let named = Architecture::described(word);
            unknown.push(Unknown::new(
                &format!("what kernels of {named} do differently"),
                "the rules were checked on x86_64 and aarch64",
                "what /proc and /sys show holds; verdicts are those of the nearest of these, and no boot is predicted",
            ));
        }
        let map_handed_on = map_handed_on(evidence, architecture, unknown);
        let row = architecture.map(Architecture::facts);
        // Nothing is known of a kernel whose configuration was not read: it is taken to have all of it.
        let is_off = |name| evidence.configuration.read().is_some_and(|options| options.is_off(name));
        let facts = KernelFacts {
            movable_node: command_line::has(&command_line, "movable_node"),
            walk: walk(evidence, map_handed_on, unknown),
            hotplug_flag_survives_boot: false,
            map_handed_on,
            kexec_tools_wants_exact_name: match (word, row) {
                (Some(_), row) => row.is_some_and(|row| row.kexec_tools_wants_exact_name),
                (None, _) => map_handed_on == MapHandedOn::BootFirmware,
            },
            boot_memory_stays: row.is_some_and(|row| row.boot_memory_stays),
            lacks_kexec_load: is_off("KEXEC"),
            lacks_kexec_file_load: is_off("KEXEC_FILE"),
            lacks_hot_remove: is_off("MEMORY_HOTPLUG") || is_off("MEMORY_HOTREMOVE"),
            // Only x86 has an e820 map, and only x86 permanently reserves its first MiB.
            dump_skips_first_mib: map_handed_on == MapHandedOn::E820,
        };
        unknown.extend(Unknown::from_source(
            "/proc/version",
            &evidence.version,
            &format!("the verdicts are those of Linux {CHECKED_NAME}, the release they were checked against"),
        ));
        let release = evidence.version.read().and_then(|version| version.release.clone());
        if let Some(other) = &release {
            let parsed = evidence.version.read().and_then(KernelVersion::parsed);
            let boots = architecture.or_else(|| Architecture::from_map(map_handed_on));
            let target = parsed.zip(boots).map(|(release, boots)| Target::new(boots, release));
            if target.as_ref().and_then(releases::boots_compared).is_none() {
                let nearest = target.as_ref().map_or_else(releases::checked, releases::nearest_compared);
                unknown.push(Unknown::new(
                    &format!("what Linux {other} does differently"),
                    &format!("the rules were compared with Linux {nearest}, the nearest release"),
                    &format!("the verdicts are those of {nearest}"),
                ));
            }
        }
        Self {
            release,
            architecture,
            page_size: page_size(evidence, map_handed_on, unknown),
            command_line,
            facts,
        }
    }
}

/// Whether the kernel keeps memblock after boot: it then shows it in debugfs, and was built with
/// CONFIG_ARCH_KEEP_MEMBLOCK.
fn walk(evidence: &Evidence, map_handed_on: MapHandedOn, unknown: &mut Vec<Unknown>) -> Walk {
    let shown = evidence.memblock_memory.read().is_some() || evidence.memblock_reserved.read().is_some();
    if shown {
        return Walk::Memblock;
    }
    if let Some(config) = evidence.configuration.read() {
        return if config.has("ARCH_KEEP_MEMBLOCK") { Walk::Memblock } else { Walk::Resources };
    }
    let (assumed, words) = match map_handed_on {
        MapHandedOn::E820 => (Walk::Resources, "the resource tree"),
        MapHandedOn::BootFirmware => (Walk::Memblock, "memblock"),
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

/// Whether the next kernel gets an e820 map or the boot firmware's own tables: the same kind this kernel got.
fn map_handed_on(
    evidence: &Evidence,
    architecture: Option<Architecture>,
    unknown: &mut Vec<Unknown>,
) -> MapHandedOn {
    let e820 = evidence.boot_params.read().is_some()
        || evidence.firmware_memmap.read().is_some()
        || evidence.log.read().is_some_and(|log| log.has_e820_lines);
    let of_row = architecture.map(|architecture| architecture.facts().map_handed_on);
    if e820 || of_row == Some(MapHandedOn::E820) {
        return MapHandedOn::E820;
    }
    if evidence.device_tree.read().is_none() && evidence.architecture.read().is_none() {
        unknown.push(Unknown::new(
            "how this kernel got its memory map",
            "there is neither an e820 map (/sys/kernel/boot_params, /sys/firmware/memmap, the log) nor a \
             device tree (/sys/firmware/fdt), and nothing names the architecture",
            "kexec is taken to hand on the device tree or EFI map of boot",
        ));
    }
    MapHandedOn::BootFirmware
}

/// The page size. If the architecture has only one, that one; otherwise from the configuration, or the size at which
/// the pages in all zones add up to about as much memory as the online System RAM. The sizes differ by a factor of
/// four.
fn page_size(evidence: &Evidence, map_handed_on: MapHandedOn, unknown: &mut Vec<Unknown>) -> u64 {
    // An unknown architecture may have any of the known sizes.
    let sizes = Architecture::from_map(map_handed_on).map_or(&[][..], |usual| usual.facts().page_sizes);
    if let [PageSizeOption { bytes, .. }] = sizes {
        return *bytes;
    }
    if let Some(config) = evidence.configuration.read() {
        let given = |size: &&PageSizeOption| size.options.iter().any(|option| config.has(option));
        if let Some(size) = sizes.iter().find(given) {
            return size.bytes;
        }
    }
    let zones = evidence.zones.read().map_or(&[][..], Vec::as_slice);
    let pages = zones.iter().fold(0_u64, |sum, zone: &Zone| sum.saturating_add(zone.present));
    let ram = evidence.resources.read().map_or(0, |tree| online_bytes(tree, evidence));
    // The sizes differ by a factor of four, so half and double are the boundaries between them.
    match ram.checked_div(pages) {
        Some(0x800..0x2000) => 4 << 10,
        Some(0x2000..0x8000) => 16 << 10,
        Some(0x8000..0x2_0000) => 64 << 10,
        // Without both files, zones have no addresses anyway.
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

/// System RAM minus the memory blocks that are not online, in bytes.
fn online_bytes(tree: &ResourceTree, evidence: &Evidence) -> u64 {
    let ram = tree.system_ram().filter_map(|resource| resource.range().ok());
    let all = ram.fold(0_u64, |sum, range| sum.saturating_add(range.size()));
    let offline = evidence.blocks.read().map_or(0, |memory| {
        let offline = memory.blocks.iter().filter(|block| block.state == BlockState::Offline).count();
        memory.block_size.saturating_mul(offline as u64)
    });
    all.saturating_sub(offline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::snapshot::MemblockFiles;
    use evidence::{Snapshot, Source};

    fn of(snapshot: &Snapshot) -> (Kernel, Vec<Unknown>) {
        let mut unknown = Vec::new();
        (Kernel::of(&snapshot.into(), &mut unknown), unknown)
    }

    #[test]
    fn a_kernel_that_shows_memblock_keeps_it_on_any_architecture() {
        let memblock = MemblockFiles { memory: Source::Read(String::new()), ..MemblockFiles::default() };
        let x86 = Snapshot { architecture: Source::Read("x86_64".into()), memblock, ..Snapshot::default() };
        assert_eq!(of(&x86).0.facts.walk, rules::Walk::Memblock);
    }

    #[test]
    fn the_configuration_decides_if_debugfs_is_not_available() {
        let with = |config: &str| {
            let kernel_config = Source::Read(config.to_owned());
            of(&Snapshot { kernel_config, ..Snapshot::default() }).0.facts.walk
        };
        assert_eq!(with("CONFIG_ARCH_KEEP_MEMBLOCK=y\n"), rules::Walk::Memblock);
        assert_eq!(with("# CONFIG_ARCH_KEEP_MEMBLOCK is not set\n"), rules::Walk::Resources);
    }

    #[test]
    fn assumptions_are_reported() {
        let (_, unknown) = of(&Snapshot::default());
        assert!(unknown.iter().any(|u| u.what.contains("keeps memblock")), "{unknown:?}");
        assert!(unknown.iter().any(|u| u.what.contains("got its memory map")), "{unknown:?}");
    }

    #[test]
    fn the_page_size_makes_the_zones_as_large_as_ram() {
        let with = |present: u64| {
            let zoneinfo = format!("Node 0, zone Normal\n spanned 9\n present {present}\n start_pfn: 4\n");
            let snapshot = Snapshot {
                iomem: Source::Read("40000000-4fffffff : System RAM\n".into()),
                zoneinfo: Source::Read(zoneinfo),
                ..Snapshot::default()
            };
            of(&snapshot).0.page_size
        };
        // 256 MiB, slightly less, and with some NOMAP memory that /proc/iomem does not call System RAM.
        assert_eq!([0x1_0000, 0xfc00, 0x1_0400].map(with), [4 << 10; 3]);
        assert_eq!([0x4000, 0x3f00, 0x4100].map(with), [16 << 10; 3]);
        assert_eq!([0x1000, 0xfc0, 0x1040].map(with), [64 << 10; 3]);
    }

    #[test]
    fn the_page_size_of_x86_is_4_kib_however_much_ram_is_outside_zones() {
        // 256 MiB in zones, and 3 GiB of offline DIMMs without any memory blocks listed.
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
    fn a_release_that_was_not_compared_is_held_against_the_nearest_that_was() {
        let with = |architecture: &str, version: &str| {
            let architecture = Source::Read(architecture.to_owned());
            let version = Source::Read(format!("Linux version {version} (builder)"));
            let unknown = of(&Snapshot { architecture, version, ..Snapshot::default() }).1;
            unknown.into_iter().find(|u| u.what.contains("does differently")).map(|found| found.why)
        };
        for compared in ["6.1.0-57-amd64", "6.12.117+deb12-amd64", "6.18.44", "7.3.4"] {
            assert_eq!(with("x86_64", compared), None, "{compared}");
        }
        let nearest = |release: &str| {
            Some(format!("the rules were compared with Linux {release}, the nearest release"))
        };
        assert_eq!(with("x86_64", "6.120.1"), nearest("6.18"));
        assert_eq!(with("x86_64", "7.4.0"), nearest("7.3"));
        assert_eq!(with("aarch64", "7.3.4"), nearest("6.12"));
    }
}
