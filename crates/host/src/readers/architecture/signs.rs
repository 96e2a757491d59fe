//! Words that only one architecture's kernel uses, for a machine whose architecture nothing names.
//!
//! Many words are of a family only: x86 prints the same with 32 and with 64 bits. Then a zone decides that only one of
//! them has (`HighMem`, `DMA32`), and a family is taken as 64-bit if nothing shows otherwise.

use evidence::resources::ResourceTree;
use evidence::zones::{self, Zone};

/// A family of architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    X86,
    Arm,
}

/// A word that was found, and what uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    family: Family,
    /// Whether only the kernel of one width uses it.
    is_64: Option<bool>,
    word: String,
}

impl Sign {
    /// Whether this is the word.
    pub(super) fn is(&self, word: &str) -> bool {
        self.word == word
    }
}

/// Beginnings of messages: of a log's, whose prefixes are gone.
const OF_LOG: [(&str, Family, Option<bool>); 22] = [
    ("BIOS-provided physical RAM map:", Family::X86, None),
    ("BIOS-e820: ", Family::X86, None),
    ("e820: ", Family::X86, None),
    ("BIOS-88: ", Family::X86, None),
    ("x86/", Family::X86, None),
    ("tsc: ", Family::X86, None),
    ("IOAPIC[", Family::X86, None),
    ("PnPBIOS: ", Family::X86, Some(false)),
    ("x86-64: ", Family::X86, Some(true)),
    ("HIGHMEM available.", Family::X86, Some(false)),
    ("LOWMEM available.", Family::X86, Some(false)),
    ("Booting Linux on physical CPU 0x", Family::Arm, None),
    ("psci: ", Family::Arm, None),
    ("GICv3: ", Family::Arm, None),
    ("GICv2m: ", Family::Arm, None),
    ("arch_timer: ", Family::Arm, None),
    ("CPU features: detected: ", Family::Arm, Some(true)),
    ("CPU: All CPU(s) started at EL", Family::Arm, Some(true)),
    ("Boot CPU: AArch64 ", Family::Arm, Some(true)),
    ("CPU: ARMv7 ", Family::Arm, Some(false)),
    ("CPU: ARMv6", Family::Arm, Some(false)),
    ("CPU: ARMv5", Family::Arm, Some(false)),
];

/// Beginnings of resources' names. `PCI ECAM` and `HPET` are left out: more than one family has them.
const OF_IOMEM: [(&str, Family, Option<bool>); 16] = [
    ("IOAPIC ", Family::X86, None),
    ("Local APIC", Family::X86, None),
    ("PCI MMCONFIG ", Family::X86, None),
    ("ACPI Tables", Family::X86, None),
    ("ACPI Non-volatile Storage", Family::X86, None),
    ("RAM buffer", Family::X86, None),
    ("System ROM", Family::X86, None),
    ("Video ROM", Family::X86, None),
    ("Adapter ROM", Family::X86, None),
    ("ARMH", Family::Arm, Some(true)),
    ("arm-smmu-v3", Family::Arm, Some(true)),
    ("GICD", Family::Arm, None),
    ("GICR", Family::Arm, None),
    ("arm-smmu", Family::Arm, None),
    ("pl011@", Family::Arm, None),
    ("pl061@", Family::Arm, None),
];

/// The lines by which a kernel's build configuration tells for which architecture it is.
const OF_CONFIG: [(&str, &str); 14] = [
    ("CONFIG_X86_64=y", "x86_64"),
    ("CONFIG_X86_32=y", "i686"),
    ("CONFIG_ARM64=y", "aarch64"),
    ("CONFIG_ARM=y", "armv7l"),
    ("CONFIG_S390=y", "s390x"),
    ("CONFIG_PPC64=y", "ppc64le"),
    ("CONFIG_LOONGARCH=y", "loongarch64"),
    ("CONFIG_ARCH_RV64I=y", "riscv64"),
    ("CONFIG_ARCH_RV32I=y", "riscv32"),
    ("CONFIG_SPARC64=y", "sparc64"),
    // The heading, where the options are cut off. `Linux/x86` alone may be either.
    ("# Linux/x86_64 ", "x86_64"),
    ("# Linux/i386 ", "i686"),
    ("# Linux/arm64 ", "aarch64"),
    ("# Linux/arm ", "armv7l"),
];

/// The architecture a build configuration is for, and the line that says it.
pub(super) fn of_config(config: &str) -> Option<(&'static str, &'static str)> {
    OF_CONFIG
        .into_iter()
        .find(|(start, _)| config.lines().any(|line| line.starts_with(start)))
        .map(|(start, name)| (name, start.trim_end()))
}

/// The signs in a log.
pub(super) fn of_log(log: &str) -> Vec<Sign> {
    let mut signs = Vec::new();
    for (_, line) in firmware::log::lines(log.as_bytes()) {
        let line = String::from_utf8_lossy(line);
        let text = line.trim_start();
        // `1200MB HIGHMEM available.`
        let text = text.split_once("MB ").filter(|(size, _)| is_number(size)).map_or(text, |(_, rest)| rest);
        let known = OF_LOG.iter().find(|(word, ..)| text.starts_with(word));
        if let Some((word, family, is_64)) = known {
            let is_64 = is_64.or_else(|| (*family == Family::Arm).then(|| is_wide_cpu(text)).flatten());
            signs.push(Sign { family: *family, is_64, word: word.trim_end_matches([' ', '[', ':']).into() });
        }
    }
    signs
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `Booting Linux on physical CPU 0x0000000000 [0x410fd081]`: arm64 prints at least ten digits, arm as many as it needs
/// and no second number.
fn is_wide_cpu(line: &str) -> Option<bool> {
    let (_, number) = line.split_once("physical CPU 0x")?;
    Some(number.bytes().take_while(u8::is_ascii_hexdigit).count() >= 10)
}

/// The signs in `/proc/iomem`.
pub(super) fn of_iomem(iomem: &str) -> Vec<Sign> {
    let Ok(tree) = ResourceTree::parse(iomem) else { return Vec::new() };
    let sign = |name: &str| {
        // `9000000.pl011 pl011@9000000`, `ARMH0011:00 ARMH0011:00`
        let known = OF_IOMEM.iter().find(|(word, ..)| {
            name.starts_with(word) || name.split([' ', '.']).any(|part| part.starts_with(word.trim_end()))
        });
        known.map(|(_, family, is_64)| Sign { family: *family, is_64: *is_64, word: name.to_owned() })
    };
    tree.resources().iter().filter_map(|resource| sign(&resource.name)).collect()
}

/// The signs in `/proc/zoneinfo`: x86's zone DMA ends at 16 MiB, arm64's where 30 or 32 bits end.
pub(super) fn of_zones(zoneinfo: &str) -> Vec<Sign> {
    let zones = zones::parse(zoneinfo).unwrap_or_default();
    let dma = zones.iter().find(|zone| zone.name == "DMA" && zone.spanned > 0);
    let Some(end) = dma.and_then(|dma| dma.start_pfn.checked_add(dma.spanned)) else { return Vec::new() };
    let is_64 = width_of_zones(&zones);
    // With the pages of 4 KiB that x86 has.
    let family = match (end, is_64) {
        (..=4096, Some(_)) => Family::X86,
        (_, Some(true)) => Family::Arm,
        _ => return Vec::new(),
    };
    let of = if is_64 == Some(true) { "DMA32" } else { "HighMem" };
    vec![Sign { family, is_64, word: format!("zone DMA to page {end}, and {of}") }]
}

/// Whether the kernel has 64 bits: `HighMem` is a zone of 32-bit kernels, `DMA32` one of 64-bit kernels.
fn width_of_zones(zones: &[Zone]) -> Option<bool> {
    let has = |name: &str| zones.iter().any(|zone| zone.name == name);
    if has("HighMem") { Some(false) } else { has("DMA32").then_some(true) }
}

/// Whether `/proc/zoneinfo` or a log's list of zones shows how wide the kernel is.
pub(super) fn width(zoneinfo: Option<&str>, log: Option<&str>) -> Option<bool> {
    let zones = zones::parse(zoneinfo.unwrap_or_default()).unwrap_or_default();
    width_of_zones(&zones).or_else(|| {
        // `  DMA32    [mem 0x...-0x...]`, in old kernels `  HighMem  0x... -> 0x...`
        let has = |name: &str| {
            firmware::log::lines(log.unwrap_or_default().as_bytes()).any(|(_, line)| {
                let line = String::from_utf8_lossy(line);
                let rest = line.trim_start().strip_prefix(name).map(str::trim_start);
                rest.is_some_and(|rest| {
                    rest.starts_with("[mem ") || rest.starts_with("0x") || rest == "empty"
                })
            })
        };
        if has("HighMem") { Some(false) } else { has("DMA32").then_some(true) }
    })
}

/// What the signs say, as `uname -m` prints it, and the sign that says it; `None` if they are of two families.
pub(super) fn agreed(signs: &[Sign], width: Option<bool>) -> Option<(&'static str, &str)> {
    let first = signs.first()?;
    if signs.iter().any(|sign| sign.family != first.family) {
        return None;
    }
    let telling = signs.iter().find(|sign| sign.is_64.is_some());
    let is_64 = telling.and_then(|sign| sign.is_64).or(width).unwrap_or(true);
    let name = match (first.family, is_64) {
        (Family::X86, true) => "x86_64",
        (Family::X86, false) => "i686",
        (Family::Arm, true) => "aarch64",
        (Family::Arm, false) => "armv7l",
    };
    Some((name, telling.unwrap_or(first).word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(iomem: &str, zoneinfo: &str, log: &str) -> Option<&'static str> {
        let mut signs = of_log(log);
        signs.extend(of_iomem(iomem));
        signs.extend(of_zones(zoneinfo));
        agreed(&signs, width(Some(zoneinfo), Some(log))).map(|(name, _)| name)
    }

    fn zone(name: &str, start: u64, spanned: u64) -> String {
        format!("Node 0, zone {name:>8}\n  spanned {spanned}\n  start_pfn: {start}\n")
    }

    #[test]
    fn a_name_that_only_one_family_uses_tells_it_and_a_zone_tells_its_width() {
        let apic = "fec00000-fec003ff : IOAPIC 0\nfee00000-fee00fff : Local APIC\n";
        let uart = "09000000-09000fff : 9000000.pl011 pl011@9000000\n";
        let low = zone("DMA", 1, 4095);
        let dma32 = zone("DMA32", 4096, 1 << 20);
        let highmem = zone("HighMem", 0x38000, 0x10000);
        for (iomem, zoneinfo, log, name) in [
            (apic, "", "", Some("x86_64")),
            (apic, &*highmem, "", Some("i686")),
            (apic, "", "[ 0.0]   HighMem  [mem 0x38000000-0x3fffffff]\n", Some("i686")),
            ("", &*format!("{low}{dma32}"), "", Some("x86_64")),
            ("", &*format!("{low}{highmem}"), "", Some("i686")),
            ("", &*format!("{}{}", zone("DMA", 0, 1 << 18), zone("DMA32", 1 << 18, 9)), "", Some("aarch64")),
            // 64 KiB pages, DRAM from 1 GiB, no memory in DMA32.
            ("", &*format!("{}{}", zone("DMA", 0x4000, 0xc000), zone("DMA32", 0, 0)), "", Some("aarch64")),
            ("", &*zone("DMA", 0, 1 << 19), "", None),
            ("", &*dma32, "", None),
            (uart, "", "", Some("aarch64")),
            (uart, &*highmem, "", Some("armv7l")),
            ("3f000000-3f00ffff : ARMH0011:00 ARMH0011:00\n", "", "", Some("aarch64")),
            ("b0000000-bfffffff : PCI ECAM 0000 [bus 00-ff]\nfed00000-fed003ff : HPET 0\n", "", "", None),
            ("", "", "[ 0.0] e820: update [mem 0x0-0xfff] usable ==> reserved\n", Some("x86_64")),
            ("", "", "<4>[ 0.0] 1200MB HIGHMEM available.\n", Some("i686")),
            ("", "", "PnPBIOS: 16 nodes reported by PnP BIOS; 16 recorded by driver\n", Some("i686")),
            ("", "", "[ 0.0] Booting Linux on physical CPU 0x0000000000 [0x410fd081]\n", Some("aarch64")),
            ("", "", "[ 0.0] Booting Linux on physical CPU 0x0\n", Some("armv7l")),
            ("", "", "[ 0.0] psci: probing for conduit method from DT.\n", Some("aarch64")),
            ("", "", "[ 9.0] a driver says e820: and psci: too\n", None),
            (apic, "", "[ 0.0] psci: probing\n", None),
            ("00100000-7fffffff : System RAM\n", "", "", None),
        ] {
            assert_eq!(of(iomem, zoneinfo, log), name, "{iomem}{zoneinfo}{log}");
        }
    }

    #[test]
    fn a_build_configuration_says_what_it_is_for() {
        let head = "#\n# Automatically generated file; DO NOT EDIT.\n";
        for (line, name) in [
            ("# Linux/x86_64 6.1.0 Kernel Configuration", Some("x86_64")),
            ("# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_64BIT=y\nCONFIG_X86_64=y", Some("x86_64")),
            ("# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_X86_32=y", Some("i686")),
            ("# Linux/x86 6.1.0 Kernel Configuration", None),
            ("# Linux/arm64 6.1.0 Kernel Configuration", Some("aarch64")),
            ("CONFIG_ARM64=y", Some("aarch64")),
            ("CONFIG_ARM64_PAGE_SHIFT=12", None),
        ] {
            assert_eq!(of_config(&format!("{head}{line}\n")).map(|(name, _)| name), name, "{line}");
        }
    }
}
