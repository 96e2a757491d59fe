//! The crash header compared with the memory that exists: what it lists but is gone, and what it misses.
//!
//! x86 rebuilds the header when a memory block goes online or offline, from the System RAM in the resource
//! tree at that moment (arch/x86/kernel/crash.c:arch_crash_handle_hotplug_event, 6.12). Memory goes offline
//! before it is removed, and is added before it goes online, so changes to offline blocks reach no header.

use evidence::log::{LoadRecord, MemoryEvent};
use kexec::CrashKernel;
use kexec::dump::dumped;
use machine::State;
use memblock::{PhysRange, ranges};
use rules::Loader;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::subject::{Subject, sized};

/// Memory that was unplugged after the header's last rebuild.
pub(crate) fn stale(subject: &Subject<'_>, record: &LoadRecord) -> Option<Finding> {
    let gone = subject.gone(record.dumped.iter().copied());
    if !keeps_the_header(subject) {
        return listed_and_gone(
            &gone,
            record,
            Severity::Error,
            "this kernel never rebuilds a crash header (no crash_hotplug, no crash_elfcorehdr_size)",
        );
    }
    if record.events.is_empty() {
        return if subject.shows_hotplug() {
            listed_and_gone(
                &gone,
                record,
                Severity::Error,
                "the kernel log shows no memory event (crash hp) since the load, so the header was not rebuilt",
            )
        } else {
            listed_and_gone(
                &gone,
                record,
                Severity::Warning,
                "the kernel log shows no memory events at all (they are debug messages): had any memory gone \
                 online or offline after the removal, the header would be right again",
            )
        };
    }
    removed_after_last_rebuild(subject, record, &gone)
}

/// Whether this kernel rebuilds the headers of kexec_file_load (CONFIG_CRASH_HOTPLUG).
fn keeps_the_header(subject: &Subject<'_>) -> bool {
    subject.machine.state.crash_elfcorehdr_size.is_some() || subject.crash_hotplug().is_some()
}

fn listed_and_gone(
    gone: &[PhysRange],
    record: &LoadRecord,
    severity: Severity,
    why: &str,
) -> Option<Finding> {
    if gone.is_empty() {
        return None;
    }
    let mut evidence: Vec<String> = gone.iter().map(gone_of_load).collect();
    evidence.push(why.to_owned());
    evidence.push(format!("the kernel log: {}", record.end));
    let lists = if severity == Severity::Error { "lists" } else { "may still list" };
    Some(finding(severity, format!("the crash header {lists} memory that is gone: {}", list(gone)), evidence))
}

/// By counting events: blocks that went offline after the last one that went online, and are no longer
/// offline, were removed. The block that went offline last was removed after the last rebuild.
fn removed_after_last_rebuild(
    subject: &Subject<'_>,
    record: &LoadRecord,
    gone: &[PhysRange],
) -> Option<Finding> {
    let taken_offline =
        record.events.iter().rev().take_while(|event| **event == MemoryEvent::Offline).count();
    let offline_now = subject.offline_blocks()?;
    let removed = taken_offline.checked_sub(offline_now).filter(|&removed| removed > 0)?;
    // If it was rebuilt in between, the header may no longer list what is gone since the load.
    let rebuilt_between =
        record.events.windows(2).any(|pair| pair == [MemoryEvent::Offline, MemoryEvent::Online]);
    let blocks = if removed == 1 { "a memory block".to_owned() } else { format!("{removed} memory blocks") };
    let what = if rebuilt_between || gone.is_empty() {
        format!("the crash header lists {blocks} removed after it was last rebuilt")
    } else {
        format!("the crash header lists memory that was removed after it was last rebuilt: {}", list(gone))
    };
    let mut evidence = vec![format!(
        "the kernel log: {taken_offline} times `crash hp: hp_action 4` (a block went offline) since the last \
         `hp_action 3` or the load; {offline_now} blocks are offline now"
    )];
    if !rebuilt_between {
        evidence.extend(gone.iter().map(gone_of_load));
    }
    let severity = if offline_now == 0 {
        Severity::Error
    } else {
        evidence.push(
            "if one of the blocks that are offline now went offline after the removal, the header is right again"
                .to_owned(),
        );
        Severity::Warning
    };
    evidence.push(format!("the kernel log: {}", record.end));
    Some(finding(severity, what, evidence))
}

fn gone_of_load(gone: &PhysRange) -> String {
    format!("{} was in the header when it was loaded, and is no longer System RAM", sized(*gone))
}

fn finding(severity: Severity, what: String, evidence: Vec<String>) -> Finding {
    Finding {
        code: Code::DumpHeaderStale,
        severity,
        what,
        evidence,
        remedy: "load the crash kernel again (kexec_file_load -p) now, and after each unplug once the memory is gone \
                 from /proc/iomem; a udev rule that skips the reload where crash_hotplug is 1 leaves the header wrong"
            .to_owned(),
    }
}

/// Memory that was added after the load and never went online, so that the header was not rebuilt for it.
pub(crate) fn misses_added_memory(subject: &Subject<'_>, record: &LoadRecord) -> Option<Finding> {
    if record.dumped.is_empty() {
        return None;
    }
    let keeps = keeps_the_header(subject);
    if keeps && !record.events.is_empty() {
        return None;
    }
    let missing = not_dumped(subject, &record.dumped)?;
    let parts = subject.machine.parts();
    // If it had gone online, the kernel would have rebuilt the header.
    let never_online = |range: &PhysRange| {
        let states = subject.machine.ranges_in(*range).filter_map(|memory| {
            let part = memory.range.intersect(*range)?;
            Some(parts.of(memory, part).state)
        });
        states.into_iter().all(|state| state == Some(State::Offline))
    };
    let (missing, online): (Vec<PhysRange>, Vec<PhysRange>) =
        missing.into_iter().partition(|range| !keeps || never_online(range));
    let mut evidence: Vec<String> = missing
        .iter()
        .map(|range| {
            let state = if keeps { "is offline, and " } else { "" };
            format!("{} {state}is in no PT_LOAD that was loaded", sized(*range))
        })
        .collect();
    if evidence.is_empty() {
        return None;
    }
    evidence.push(match (keeps, subject.shows_hotplug()) {
        (true, true) => "the kernel log shows no memory event (crash hp) since the load".to_owned(),
        (true, false) => "the kernel log shows no memory events at all (they are debug messages): had other \
                          memory gone online or offline since, the header would hold it"
            .to_owned(),
        (false, _) => {
            "this kernel never rebuilds a crash header (no crash_hotplug, no crash_elfcorehdr_size)"
                .to_owned()
        }
    });
    evidence.extend(online.iter().map(|range| {
        format!("{} went online since: what was added before that is in the header", sized(*range))
    }));
    evidence.push(format!("the kernel log: {}", record.end));
    let misses = if keeps && !subject.shows_hotplug() { "may miss" } else { "misses" };
    Some(Finding {
        code: Code::DumpMissesMemory,
        severity: Severity::Warning,
        what: format!("the dump {misses} memory that was added after the load: {}", list(&missing)),
        evidence,
        remedy: "bring the memory online, upon which the kernel rebuilds the header, or load the crash kernel again"
            .to_owned(),
    })
}

/// What a complete dump contains and the planned one does not.
pub(crate) fn planned_dump_misses_memory(subject: &Subject<'_>, image: &Image<'_>) -> Option<Finding> {
    if image.is_loaded {
        return None;
    }
    let missing = not_dumped(subject, image.dumped).filter(|missing| !missing.is_empty())?;
    let of = rules::Use::Vmcore(image.loader);
    let evidence = missing.iter().map(|range| {
        let verdicts = subject.machine.ranges_in(*range).filter_map(|memory| {
            memory.verdict(subject.rules, of, &subject.machine.kernel).filter(|verdict| !verdict.allowed)
        });
        let why = verdicts.map(|verdict| format!(": {} (rule {})", verdict.reason, verdict.rule)).next();
        format!("{} is System RAM and in no planned PT_LOAD{}", sized(*range), why.unwrap_or_default())
    });
    Some(Finding {
        code: Code::DumpMissesMemory,
        severity: Severity::Error,
        what: format!("the dump would miss memory: {}", list(&missing)),
        evidence: evidence.chain([image.known_from.clone()]).collect(),
        remedy: "load the crash kernel by kexec_file_load (kexec -s -p), whose dump holds it".to_owned(),
    })
}

/// What the rules put into the dump of kexec_file_load and `dumped_now` lacks. The kernel's own loader is the
/// reference: it takes all System RAM.
fn not_dumped(subject: &Subject<'_>, dumped_now: &[PhysRange]) -> Option<Vec<PhysRange>> {
    let crash_kernel = CrashKernel::of(subject.machine).ok()?;
    let mut wanted = dumped(subject.machine, &crash_kernel, Loader::KexecFileLoad, subject.rules).ok()?;
    let mut held = dumped_now.to_vec();
    wanted.sort_unstable();
    held.sort_unstable();
    Some(ranges::difference(wanted.into_iter(), held.into_iter()).collect())
}

fn list(ranges: &[PhysRange]) -> String {
    ranges.iter().map(|range| sized(*range)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
