//! Memory maps in text: a kernel log, an excerpt of one, or lines written by hand.

use std::fmt::Write;

use evidence::BootLog;
use evidence::log::{last_boot, unwrapped};
use evidence::{Snapshot, Source};
use firmware::e820::E820Type;
use firmware::log::{self, E820Map, EfiMap, LogError};
use machine::boot::efi_to_e820;

use crate::firmware_input::kind::Kind;

/// The line above the firmware's map; a log without it is one whose beginning was overwritten. It is put behind the
/// text: what stands before the banner of a boot is taken for that of an earlier one.
const HEADING: &str = "BIOS-provided physical RAM map:";

/// Adds a text to the machine; returns what it is, or `None` if it has no map.
pub(crate) fn read(machine: &mut Snapshot, text: &str) -> Result<Option<Kind>, LogError> {
    let text = &*unwrapped(text);
    // A log may hold several boots: release, command line and map are those of the last.
    let boot = last_boot(text);
    let of_bios = |text: &str| -> Result<usize, LogError> {
        log::e820(text.as_bytes()).try_fold(0, |count: usize, line| {
            // Only a map that stands for the firmware's, or a later one if an excerpt has no other.
            Ok(count.saturating_add(usize::from(line?.map != E820Map::SetupData)))
        })
    };
    let is_narrow = BootLog::of(text).boot.narrow_end.is_some();
    let x86 = if is_narrow { "i686" } else { "x86_64" };
    let (what, architecture, log) = if of_bios(text)? > 0 {
        ("text with an e820 map", x86, format!("{text}\n{HEADING}\n"))
    } else if let Some(named) = plain_lines(text) {
        // Line by line as in the file, so that an error names the line there.
        of_bios(&named)?;
        ("text with an e820 map", x86, format!("{named}\n{HEADING}\n"))
    } else {
        // All of the text, so that an error names the line in the file.
        log::efi(text.as_bytes()).try_for_each(|line| line.map(drop))?;
        let lines = log::efi(boot.as_bytes()).filter_map(Result::ok);
        let map: Vec<_> = lines.filter(|line| line.map == EfiMap::Firmware).map(|line| line.entry).collect();
        if map.is_empty() {
            return Ok(None);
        }
        if numbers_its_lines(text) {
            ("text with an EFI memory map", "x86_64", format!("{text}\n{}", e820_lines(&efi_to_e820(&map))))
        } else {
            ("text with an EFI memory map", "aarch64", text.to_owned())
        }
    };
    if let Some(banner) = after(boot, "Linux version ") {
        machine.version = Source::Read(format!("Linux version {banner}"));
    }
    if let Some(line) = after(boot, "Kernel command line: ").or_else(|| after(boot, "Command line: ")) {
        machine.command_line = Source::Read(line.to_owned());
    }
    machine.kernel_log = Source::Read(log);
    Ok(Some(Kind { what, architecture: Some(architecture) }))
}

/// Whether the EFI map's lines are numbered, `efi: mem00: [...`: only x86 does that.
fn numbers_its_lines(text: &str) -> bool {
    let number = ["efi: mem0", "efi: mem1", "EFI: mem0", "EFI: mem1"];
    number.iter().find_map(|begin| after(text, begin)).is_some_and(|rest| {
        rest.split_once(':').is_some_and(|(digits, _)| digits.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The rest of the first line that contains `marker`.
fn after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.split_once(marker)?.1.trim_end()))
}

/// Expands lines that begin with `[mem 0x…-0x…]` and a type to log lines.
fn plain_lines(text: &str) -> Option<String> {
    let mut named = String::new();
    let mut has_any = false;
    for line in text.lines().map(str::trim_start) {
        let is_plain = line.starts_with("[mem 0x");
        has_any |= is_plain;
        let prefix = if is_plain { "BIOS-e820: " } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(named, "{prefix}{line}");
    }
    has_any.then_some(named)
}

/// A map as the kernel prints it.
fn e820_lines(map: &[firmware::e820::Entry]) -> String {
    let mut text = format!("{HEADING}\n");
    for entry in map {
        let kind = match entry.kind {
            E820Type::Ram => "usable",
            E820Type::Acpi => "ACPI data",
            E820Type::Nvs => "ACPI NVS",
            E820Type::Unusable => "unusable",
            E820Type::Pmem => "persistent (type 7)",
            E820Type::SoftReserved => "soft reserved",
            _ => "reserved",
        };
        let (start, last) = (entry.range.start(), entry.range.last());
        let _ = writeln!(text, "BIOS-e820: [mem {start:#018x}-{last:#018x}] {kind}");
    }
    text
}
