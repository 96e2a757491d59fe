//! The crash header compared with the memory that exists: what it lists but is gone, and what it misses.
//!
//! x86 rebuilds the header when a memory block goes online or offline, from the System RAM in the resource
//! tree at that moment (arch/x86/kernel/crash.c:arch_crash_handle_hotplug_event, 6.12). Memory goes offline
//! before it is removed, and is added before it goes online, so changes to offline blocks reach no header.

use evidence::log::{LoadRecord, MemoryEvent};
use memblock::PhysRange;

use crate::finding::{Code, Finding, Severity};
use crate::loaded::Dump;
use crate::outcome::{Answer, Nothing, missing, not_found, unread};
use crate::subject::{Subject, list, sized};

/// Memory that was unplugged after the header's last rebuild.
pub(crate) fn stale(subject: &Subject<'_>, dump: &Dump<'_>) -> Answer {
    subject.tree()?;
    let record = match dump {
        Dump::Now { lists, shown_by } => return listed_now(subject, lists, shown_by),
        Dump::AtLoad => return Err(header_unseen()),
        Dump::Log(record) => *record,
    };
    let gone = subject.gone(record.dumped.iter().copied());
    if !subject.keeps_the_header() {
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

/// What the header itself lists.
fn listed_now(subject: &Subject<'_>, lists: &[PhysRange], shown_by: &str) -> Answer {
    let gone = subject.gone(lists.iter().copied());
    if gone.is_empty() {
        return Err(not_found(format!("all that the crash header lists is System RAM ({shown_by})")));
    }
    let listed = |gone: &PhysRange| format!("{} is in the header, and is not System RAM", sized(*gone));
    let mut evidence: Vec<String> = gone.iter().map(listed).collect();
    evidence.extend(subject.loaded_at());
    evidence.push(shown_by.to_owned());
    let what = format!("the crash header lists memory that is gone: {}", list(&gone));
    Ok(finding(Severity::Error, what, evidence))
}

/// The kernel may have rebuilt the header since it was loaded, and nothing shows it now.
pub(crate) fn header_unseen() -> Nothing {
    missing(
        "this kernel rebuilds the crash header itself, and what it lists now was not read",
        "run as root: on x86 it can be read where it lies (/proc/kcore), unless the kernel is locked down for \
         confidentiality",
    )
}

fn listed_and_gone(gone: &[PhysRange], record: &LoadRecord, severity: Severity, why: &str) -> Answer {
    if gone.is_empty() {
        return Err(not_found(format!(
            "all that was loaded for the dump is System RAM now; the kernel log: {}",
            record.end
        )));
    }
    let mut evidence: Vec<String> = gone.iter().map(gone_of_load).collect();
    evidence.push(why.to_owned());
    evidence.push(format!("the kernel log: {}", record.end));
    let lists = if severity == Severity::Error { "lists" } else { "may still list" };
    Ok(finding(severity, format!("the crash header {lists} memory that is gone: {}", list(gone)), evidence))
}

/// By counting events: blocks that went offline after the last one that went online, and are no longer
/// offline, were removed. The block that went offline last was removed after the last rebuild.
fn removed_after_last_rebuild(subject: &Subject<'_>, record: &LoadRecord, gone: &[PhysRange]) -> Answer {
    let taken_offline =
        record.events.iter().rev().take_while(|event| **event == MemoryEvent::Offline).count();
    let offline_now = subject
        .offline_blocks()
        .ok_or_else(|| unread("/sys/devices/system/memory", &subject.machine.evidence.blocks))?;
    let removed = taken_offline.checked_sub(offline_now).filter(|&removed| removed > 0).ok_or_else(|| not_found("no memory block was removed since the header was last rebuilt (crash hp events in the kernel log)"))?;
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
    Ok(finding(severity, what, evidence))
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
        remedy: "load the crash kernel again (physmem kdump load, or kexec -s -p) now, and after each unplug once the \
                 memory is gone from /proc/iomem, as `physmem watch` does; a udev rule that skips the reload where \
                 crash_hotplug is 1 leaves the header wrong"
            .to_owned(),
    }
}
