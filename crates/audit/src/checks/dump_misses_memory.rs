//! Memory that a dump should contain and its header does not list.

use kexec::Purpose;
use kexec::dump::dumped;
use machine::State;
use memblock::{PhysRange, ranges};
use rules::Loader;

use crate::checks::dump_header_stale::header_unseen;
use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::loaded::Dump;
use crate::outcome::{Answer, Nothing, hidden, not_found};
use crate::subject::{Subject, list, sized};

/// Memory that was added after the load and never went online, so that the header was not rebuilt for it.
pub(crate) fn misses_added_memory(subject: &Subject<'_>, dump: &Dump<'_>) -> Answer {
    let record = match dump {
        Dump::Now { lists, shown_by } => return missed_now(subject, lists, shown_by),
        Dump::AtLoad => return Err(header_unseen()),
        Dump::Log(record) => *record,
    };
    if record.dumped.is_empty() {
        return Err(hidden(
            "the kernel log shows no PT_LOAD of the loaded crash kernel",
            "load it by kexec_file_load with KEXEC_FILE_DEBUG (kexec -s -d -p)",
        ));
    }
    let keeps = subject.keeps_the_header();
    if keeps && !record.events.is_empty() {
        return Err(not_found("the kernel log shows that the header was rebuilt (crash hp) since the load"));
    }
    let missing = not_dumped(subject, &record.dumped)?;
    // If it had gone online, the kernel would have rebuilt the header.
    let (missing, online): (Vec<PhysRange>, Vec<PhysRange>) =
        missing.into_iter().partition(|range| !keeps || is_offline(subject, range));
    let mut evidence: Vec<String> = missing
        .iter()
        .map(|range| {
            let state = if keeps { "is offline, and " } else { "" };
            format!("{} {state}is in no PT_LOAD that was loaded", sized(*range))
        })
        .collect();
    if evidence.is_empty() {
        return Err(not_found(format!(
            "all System RAM is in the loaded header, or came online since; the kernel log: {}",
            record.end
        )));
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
    Ok(Finding {
        code: Code::DumpMissesMemory,
        severity: Severity::Warning,
        what: format!("the dump {misses} memory that was added after the load: {}", list(&missing)),
        evidence,
        remedy: "bring the memory online, upon which the kernel rebuilds the header, or load the crash kernel again"
            .to_owned(),
    })
}

/// What the header itself lacks.
fn missed_now(subject: &Subject<'_>, lists: &[PhysRange], shown_by: &str) -> Answer {
    let missing = not_dumped(subject, lists)?;
    if missing.is_empty() {
        return Err(not_found(format!("all System RAM is in the crash header ({shown_by})")));
    }
    let is_online = |range: &PhysRange| !is_offline(subject, range);
    let severity = if missing.iter().any(is_online) { Severity::Error } else { Severity::Warning };
    let row = |range: &PhysRange| {
        let state = if is_online(range) { "" } else { "is offline, and " };
        format!("{} {state}is System RAM and not in the header", sized(*range))
    };
    let mut evidence: Vec<String> = missing.iter().map(row).collect();
    evidence.extend(subject.loaded_at());
    evidence.push(shown_by.to_owned());
    Ok(Finding {
        code: Code::DumpMissesMemory,
        severity,
        what: format!("the dump misses memory: {}", list(&missing)),
        evidence,
        remedy: "load the crash kernel again by kexec_file_load (physmem kdump load, or kexec -s -p), whose dump holds all \
                 System RAM"
            .to_owned(),
    })
}

/// Whether all blocks of the range are offline.
fn is_offline(subject: &Subject<'_>, range: &PhysRange) -> bool {
    let parts = subject.machine.parts();
    subject.machine.ranges_in(*range).all(|memory| {
        let part = memory.range.intersect(*range);
        part.is_some_and(|part| parts.of(memory, part).state == Some(State::Offline))
    })
}

/// What a complete dump contains and the planned one does not.
pub(crate) fn planned_dump_misses_memory(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    if image.purpose != Purpose::Crash {
        return Err(not_found("an image for a reboot dumps nothing"));
    }
    let missing = not_dumped(subject, &image.dumped)?;
    if missing.is_empty() {
        return Err(not_found("all System RAM is in a planned PT_LOAD"));
    }
    let of = rules::Use::Vmcore(image.loader);
    let evidence = missing.iter().map(|range| {
        let verdicts = subject.machine.ranges_in(*range).filter_map(|memory| {
            memory.verdict(subject.rules, of, &subject.machine.kernel).filter(|verdict| !verdict.allowed)
        });
        let why = verdicts.map(|verdict| format!(": {} (rule {})", verdict.reason, verdict.rule)).next();
        format!("{} is System RAM and in no planned PT_LOAD{}", sized(*range), why.unwrap_or_default())
    });
    Ok(Finding {
        code: Code::DumpMissesMemory,
        severity: Severity::Error,
        what: format!("the dump would miss memory: {}", list(&missing)),
        evidence: evidence.chain([image.known_from.clone()]).collect(),
        remedy: "load the crash kernel by kexec_file_load (kexec -s -p), whose dump holds it".to_owned(),
    })
}

/// What the rules put into the dump of kexec_file_load and `dumped_now` lacks. The kernel's own loader is the
/// reference: it takes all System RAM.
fn not_dumped(subject: &Subject<'_>, dumped_now: &[PhysRange]) -> Result<Vec<PhysRange>, Nothing> {
    let crash_kernel = subject.crash_kernel()?;
    let mut wanted = dumped(subject.machine, &crash_kernel, Loader::KexecFileLoad, subject.rules)
        .map_err(|error| hidden(error.to_string(), "a map of memory without that fault"))?;
    let mut held = dumped_now.to_vec();
    wanted.sort_unstable();
    held.sort_unstable();
    Ok(ranges::difference(wanted.into_iter(), held.into_iter()).collect())
}
