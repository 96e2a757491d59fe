//! Maps that have more entries than kexec_file_load hands over.

use evidence::record::RecordedLoader;
use firmware::e820::{E820Type, Entry, ZERO_PAGE_ENTRIES};
use kexec::dump::dumped;
use kexec::{HeaderSize, NextMap, Purpose};
use memblock::PhysRange;
use rules::Loader;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::loaded::{Loaded, recorded};
use crate::outcome::{Answer, hidden, missing, not_found};
use crate::subject::{Subject, sized};

const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;

/// More lost entries than this are counted, not listed.
const MOST_LISTED: usize = 16;

/// Who gets the map of a reboot.
const AFTER_REBOOT: &str = "a kernel that a reboot starts is told";

/// Whether this finding is about the map of a kernel that a reboot starts, not about a crash kernel's.
pub fn is_of_reboot(finding: &Finding) -> bool {
    finding.code == Code::NextKernelMapOverflow && finding.what.starts_with(AFTER_REBOOT)
}

/// The crash kernel that is, or would be, loaded: its map is made from /proc/iomem, so the machine shows it
/// either way.
pub(crate) fn overflows_after_crash(subject: &Subject<'_>) -> Answer {
    let loaded = subject.loaded(Purpose::Crash);
    subject.e820()?;
    let by_kernel = match loaded {
        Loaded::ByKexecLoad => Some(false),
        Loaded::Armed(armed) => armed.by_kernel,
        Loaded::Recorded(record) => Some(record.loader == RecordedLoader::KexecFileLoad),
        _ => None,
    };
    if by_kernel == Some(false) {
        return Err(not_found("the crash kernel was loaded by kexec_load, which hands over all entries"));
    }
    let crash_kernel = subject.crash_kernel()?;
    let untold =
        |error: &dyn std::fmt::Display| hidden(error.to_string(), "a map of memory without that fault");
    let ranges = dumped(subject.machine, &crash_kernel, Loader::KexecFileLoad, subject.rules)
        .map_err(|error| untold(&error))?;
    // The header's size shifts where the last entry begins, not how many there are.
    let size = HeaderSize::of(&subject.machine.state, u64::try_from(ranges.len()).unwrap_or(u64::MAX))
        .unwrap_or(HeaderSize { loaded: PAGE, room: PAGE });
    let header =
        PhysRange::from_size(crash_kernel.area.start(), size.room).map_err(|error| untold(&error))?;
    let map =
        NextMap::after_crash(subject.machine, &crash_kernel, header, size).map_err(|error| untold(&error))?;
    let (who, source) = match &loaded {
        Loaded::Known(record) => {
            ("the loaded crash kernel is told", format!("the kernel log: {}", record.end))
        }
        Loaded::Armed(_) => (
            "the loaded crash kernel is told",
            "it was loaded by kexec_file_load; counted from /proc/iomem, as the kernel does at a load"
                .to_owned(),
        ),
        Loaded::Recorded(record) => ("the loaded crash kernel is told", recorded(record)),
        _ => (
            "a crash kernel would be told",
            "counted from /proc/iomem, as the kernel does at a load".to_owned(),
        ),
    };
    finding(who, &map.entries, &map.dropped, source)
}

/// A kernel started by a reboot: its map is the firmware's.
pub(crate) fn overflows_after_reboot(subject: &Subject<'_>) -> Answer {
    subject.e820()?;
    let map = NextMap::after_reboot(&subject.machine.state).map_err(|error| {
        missing(error.to_string(), "capture /sys/firmware/memmap, or the kernel log of the boot")
    })?;
    let source = "counted from the firmware's map, which is handed on".to_owned();
    finding(AFTER_REBOOT, &map.entries, &map.dropped, source)
}

/// A planned map.
pub(crate) fn overflows_in(_: &Subject<'_>, image: &Image<'_>) -> Answer {
    finding("the planned kernel would be told", &image.map, image.lacks, image.known_from.clone())
}

fn finding(who: &str, entries: &[Entry], dropped: &[Entry], source: String) -> Answer {
    if dropped.is_empty() {
        return Err(not_found(format!(
            "{who} {} entries, and there is room for {ZERO_PAGE_ENTRIES} ({source})",
            entries.len()
        )));
    }
    let total = entries.len().saturating_add(dropped.len());
    let mut evidence = vec![format!(
        "the map has {total} entries, of which {ZERO_PAGE_ENTRIES} are handed over: {} too many",
        dropped.len()
    )];
    evidence.extend(dropped.iter().take(MOST_LISTED).map(|e| format!("lost: {} {}", sized(e.range), e.kind)));
    if dropped.len() > MOST_LISTED {
        evidence.push(format!("and {} more", dropped.len().saturating_sub(MOST_LISTED)));
    }
    evidence.push(source);
    let is_ram = |entry: &&Entry| entry.kind == E820Type::Ram;
    let has_ram = entries.iter().filter(is_ram).any(|entry| entry.range.end() > MIB);
    let loses_ram = dropped.iter().any(|entry| is_ram(&entry));
    let result = match (loses_ram, has_ram) {
        (true, false) => ": no RAM above 1 MiB, so it cannot boot",
        (true, true) => ", without part of its RAM",
        (false, _) => ", without part of what is reserved",
    };
    Ok(Finding {
        code: Code::NextKernelMapOverflow,
        severity: if loses_ram { Severity::Error } else { Severity::Warning },
        what: format!("{who} {ZERO_PAGE_ENTRIES} of {total} entries of its memory map{result}"),
        evidence,
        remedy:
            "load it by kexec_load (kexec -c), which hands over all entries, or give fewer memmap= on this \
                 kernel's command line"
                .to_owned(),
    })
}

#[cfg(test)]
mod tests;
