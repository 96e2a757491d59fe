//! A next kernel that is told about memory that is gone.

use firmware::e820::E820Type;
use machine::range_set::RangeSet;
use memblock::{PhysRange, ranges};
use rules::Loader;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::outcome::{Answer, missing, not_found};
use crate::subject::{Subject, sized};

/// RAM in the map handed over that the firmware's map, from which the kernel takes out what is unplugged, has no more.
pub(crate) fn told_of_removed_memory(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    subject.e820()?;
    if image.map.is_empty() {
        return Err(missing(
            "the map that is handed over is not shown",
            "load by physmem kexec load, or by kexec_file_load with KEXEC_FILE_DEBUG (kexec -s -d)",
        ));
    }
    let now = subject.machine.state.firmware_map_now.as_deref().filter(|map| !map.is_empty());
    let now =
        now.ok_or_else(|| missing("/sys/firmware/memmap was not shown", "capture /sys/firmware/memmap"))?;
    let ram = |map: &[firmware::e820::Entry]| -> RangeSet {
        map.iter().filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range).collect()
    };
    let (told, there) = (ram(&image.map), ram(now));
    let gone: Vec<PhysRange> = ranges::difference(told.iter(), there.iter()).collect();
    if gone.is_empty() {
        return Err(not_found(format!(
            "all RAM of the map handed over is in /sys/firmware/memmap ({})",
            image.known_from
        )));
    }
    let line =
        |gone: &PhysRange| format!("{} is RAM in that map, and not in /sys/firmware/memmap", sized(*gone));
    let mut evidence: Vec<String> = gone.iter().map(line).collect();
    evidence.push(image.known_from.clone());
    let remedy = match image.loader {
        Loader::KexecLoad => {
            "load the image again; with --avoid-removable physmem tells the next kernel of nothing that can be unplugged"
        }
        // It hands on the map of boot, however often it loads.
        Loader::KexecFileLoad => "load it by kexec_load, which tells of the memory that is there now",
    };
    Ok(Finding {
        code: Code::MapListsRemovedMemory,
        severity: Severity::Error,
        what: format!(
            "{} tells the next kernel of memory that was unplugged, which dies when it uses it",
            image.words()
        ),
        evidence,
        remedy: remedy.to_owned(),
    })
}

#[cfg(test)]
mod tests;
