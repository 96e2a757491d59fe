//! What could not be known, and which findings that leaves open.

use evidence::{Source, Unknown};
use kexec::Purpose;

use crate::checks::{image_over_interrupt_tables, load_limit_spent};
use crate::loaded::Loaded;
use crate::outcome::{Nothing, hidden, missing, not_found, unread};
use crate::subject::Subject;

/// What could not be known, and which findings that leaves open.
pub(crate) fn of(subject: &Subject<'_>) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    for (purpose, what, open) in [
        (
            Purpose::Crash,
            "what is loaded as the crash kernel",
            "dump-header-stale, dump-misses-memory and kdump-onlines-dumped-memory cannot be checked",
        ),
        (
            Purpose::Reboot,
            "what is loaded for a reboot",
            "image-in-removed-memory, image-in-removable-memory, image-in-untold-memory, \
             image-over-interrupt-tables, image-in-misaligned-cma, map-lists-removed-memory and \
             soft-reserved-not-carried cannot be checked for it",
        ),
    ] {
        let is_in_no_log = matches!(subject.loaded(purpose), Loaded::Untold | Loaded::ByKexecLoad);
        let remedy = "load by kexec_file_load with KEXEC_FILE_DEBUG (kexec -s -d), and keep the kernel log";
        unknown.extend(why_unknown(subject, purpose).map(|why| Unknown {
            what: what.to_owned(),
            why,
            effect: match subject.loaded(purpose) {
                Loaded::Unseen if purpose == Purpose::Crash => format!("kdump-not-armed, {open}"),
                _ => open.to_owned(),
            },
            remedy: is_in_no_log.then(|| remedy.to_owned()),
        }));
    }
    let is_file_load = subject.crash_hotplug().is_some() || !subject.hands_over_e820();
    if matches!(subject.loaded(Purpose::Crash), Loaded::Known(_)) && !is_file_load {
        unknown.push(Unknown::new(
            "whether the crash kernel was loaded by kexec_file_load",
            "/sys/devices/system/memory/crash_hotplug, which is 0 after kexec_load, was not shown",
            "the last load in the kernel log is assumed to be what is loaded",
        ));
    }
    if matches!(subject.loaded(Purpose::Reboot), Loaded::Known(_)) {
        unknown.push(Unknown::new(
            "whether kexec_load has loaded another image for a reboot since",
            "it leaves nothing in the kernel log, and nothing else shows it",
            "the last load in the log is assumed to be what is loaded",
        ));
    }
    unknown.extend(Unknown::from_source(
        "/proc/iomem",
        &subject.machine.evidence.resources,
        "only kdump-not-armed and load-limit-spent can be checked, and crashkernel-not-reserved in part",
    ));
    let limits = load_limit_spent::unseen(subject);
    if !limits.is_empty() {
        unknown.push(Unknown::new(
            &format!("whether loads are still allowed: {}", limits.join(", ")),
            "not there below /proc/sys/kernel, or not captured",
            "load-limit-spent cannot be checked",
        ));
    }
    if image_over_interrupt_tables::are_in_doubt(subject) {
        unknown.push(Unknown::new(
            "whether the interrupt controller's tables are reserved",
            "/sys/kernel/debug/memblock/reserved was not shown",
            "image-over-interrupt-tables cannot be checked",
        ));
    }
    unknown
}

/// Why no image is known that could be checked.
pub(crate) fn nothing_known(subject: &Subject<'_>, purpose: Purpose) -> Nothing {
    let path = format!("/sys/kernel/{}", file(purpose));
    let remedy = "load by kexec_file_load with KEXEC_FILE_DEBUG (kexec -s -d), and keep the kernel log";
    let why = why_unknown(subject, purpose).unwrap_or_default();
    match subject.loaded(purpose) {
        Loaded::Nothing | Loaded::Known(_) | Loaded::Armed(_) | Loaded::Recorded(_) => {
            not_found(format!("{path} is 0: nothing is loaded"))
        }
        // What kexec_load loaded is shown nowhere.
        Loaded::ByKexecLoad => hidden(why, remedy),
        Loaded::Untold if subject.loads().is_some() => hidden(why, remedy),
        Loaded::Untold => missing(why, "capture the kernel log"),
        Loaded::Unseen => unread(&path, subject.is_loaded(purpose)),
    }
}

fn why_unknown(subject: &Subject<'_>, purpose: Purpose) -> Option<String> {
    let path = format!("/sys/kernel/{}", file(purpose));
    match subject.loaded(purpose) {
        Loaded::Nothing | Loaded::Known(_) | Loaded::Armed(_) | Loaded::Recorded(_) => None,
        Loaded::ByKexecLoad => Some(format!(
            "{path} is 1 and crash_hotplug is 0: it was loaded by kexec_load, which leaves nothing in the log"
        )),
        Loaded::Untold => Some(match &subject.machine.evidence.log {
            Source::Read(_) => format!("{path} is 1, and the kernel log does not show the load"),
            Source::Missing => format!("{path} is 1, and there is no kernel log"),
            Source::Unreadable { why, .. } => format!("{path} is 1, and {why}"),
        }),
        Loaded::Unseen => Some(match subject.is_loaded(purpose) {
            Source::Unreadable { why, .. } => why.clone(),
            _ => format!("{path} is not there"),
        }),
    }
}

/// The sysfs file that says whether an image is loaded, as it is named in a snapshot.
const fn file(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Reboot => "kexec_loaded",
        Purpose::Crash => "kexec_crash_loaded",
    }
}
