//! Memory that the command line made Soft Reserved: it is RAM to the next kernel, unless that kernel's
//! command line does the same.
//!
//! If the firmware itself calls the memory specific purpose, its map says so to the next kernel.

use firmware::e820::{E820Type, Entry};
use machine::Architecture;
use machine::command_line::{self, BootParameters, MapEdit};
use machine::range_set::RangeSet;
use memblock::{PhysRange, ranges};
use rules::MapHandedOn;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::outcome::{Answer, hidden, missing, not_found};
use crate::subject::{Subject, sized};

/// In Linux until 6.10. It marks EFI memory as specific purpose where EFI does not.
const EFI_FAKE_MEM: &str = "efi_fake_mem";

/// An image, loaded or planned.
pub(crate) fn not_carried_by(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    subject.tree()?;
    let line = image.command_line.ok_or_else(|| {
        hidden(
            "the kernel log does not show the image's command line",
            "load it with KEXEC_FILE_DEBUG (kexec -s -d)",
        )
    })?;
    let lost = lost(subject, &image.map, line);
    let (what, from) = (image.words().to_owned(), format!("its command line: {line}"));
    finding(subject, &lost, &what, vec![from, image.known_from.clone()])
}

/// Any image loaded next, as far as the machine shows.
pub(crate) fn not_carried_by_a_load(subject: &Subject<'_>) -> Answer {
    subject.e820()?;
    subject.tree()?;
    let map = subject.machine.state.firmware_map.as_deref().ok_or_else(|| {
        missing(
            "the firmware's map was not shown",
            "capture /sys/firmware/memmap, or the kernel log of the boot",
        )
    })?;
    let lost = lost(subject, map, "");
    finding(subject, &lost, "a kernel that is loaded without it on its command line", Vec::new())
}

/// What is Soft Reserved here and RAM in the map, and is not made Soft Reserved by the next command line.
fn lost(subject: &Subject<'_>, map: &[Entry], next_line: &str) -> Vec<PhysRange> {
    let fake = |line| command_line::values(line, EFI_FAKE_MEM).collect::<Vec<_>>();
    let (here, there) = (fake(&subject.machine.kernel.command_line), fake(next_line));
    if !here.is_empty() && here == there {
        return Vec::new();
    }
    let Some(tree) = subject.machine.resources() else { return Vec::new() };
    let soft = tree.resources().iter().filter(|resource| resource.name == "Soft Reserved");
    let soft: RangeSet = soft.filter_map(|resource| resource.range().ok()).collect();
    let ram = map.iter().filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range);
    let ram: RangeSet = ram.collect();
    let made = made_by(subject, next_line);
    let told_as_ram = ranges::intersection(soft.iter(), ram.iter());
    ranges::difference(told_as_ram, made.iter()).collect()
}

/// What a command line makes Soft Reserved.
fn made_by(subject: &Subject<'_>, line: &str) -> RangeSet {
    let release = subject.machine.kernel.release.as_deref().and_then(|release| release.parse().ok());
    let release = release.unwrap_or_else(machine::releases::checked);
    let Some(architecture) = Architecture::from_map(MapHandedOn::E820) else { return RangeSet::default() };
    let edits = BootParameters::parse(line, architecture, &release).map.edits;
    let made = edits.into_iter().filter_map(|edit| match edit {
        MapEdit::Convert { range, to: E820Type::SoftReserved, .. }
        | MapEdit::Add { range, kind: E820Type::SoftReserved } => Some(range),
        _ => None,
    });
    made.collect()
}

fn finding(subject: &Subject<'_>, lost: &[PhysRange], who: &str, more: Vec<String>) -> Answer {
    if lost.is_empty() {
        return Err(not_found(
            "nothing that is Soft Reserved in /proc/iomem is RAM in the map that is handed on",
        ));
    }
    let line = &subject.machine.kernel.command_line;
    let parameters: Vec<String> = command_line::parameters(line)
        .filter(|(name, _)| ["memmap", EFI_FAKE_MEM].contains(name))
        .map(|(name, value)| format!("{name}={}", value.unwrap_or_default()))
        .collect();
    let mut evidence: Vec<String> = lost
        .iter()
        .map(|range| {
            format!("{}: Soft Reserved in /proc/iomem, RAM in the map that is handed on", sized(*range))
        })
        .collect();
    evidence.extend(
        (!parameters.is_empty()).then(|| format!("this kernel's command line: {}", parameters.join(" "))),
    );
    evidence.extend(more);
    Ok(Finding {
        code: Code::SoftReservedNotCarried,
        severity: Severity::Warning,
        what: format!("{who} treats memory as ordinary RAM that is Soft Reserved now"),
        evidence,
        remedy: if parameters.is_empty() {
            "make it Soft Reserved on the next kernel's command line: memmap=SIZE%START-1+0xefffffff"
                .to_owned()
        } else {
            format!("repeat it on the next kernel's command line: {}", parameters.join(" "))
        },
    })
}

#[cfg(test)]
mod tests;
