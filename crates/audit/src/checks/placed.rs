//! Where an image lies: in memory that is gone, that may go, or that the next kernel is not told about.

use firmware::e820::E820Type;
use kexec::place::is_removable;
use machine::range_set::RangeSet;
use machine::{MemoryRange, State};
use memblock::{PhysRange, ranges};
use rules::Use;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::subject::{Subject, sized};

/// A loaded image in memory that is no longer System RAM.
pub(crate) fn in_removed_memory(subject: &Subject<'_>, image: &Image<'_>) -> Option<Finding> {
    if !image.is_loaded {
        return None;
    }
    let of = |(name, range): &(String, PhysRange)| {
        let name = name.clone();
        let gone = subject.gone([*range]).into_iter();
        gone.map(move |gone| format!("{name} at {} is no longer System RAM", sized(gone))).collect::<Vec<_>>()
    };
    let evidence: Vec<String> = image.segments.iter().flat_map(of).collect();
    let what = "the loaded image lies in memory that was unplugged: kexec -e, or a reboot by kexec, jumps into nothing";
    finding(
        Code::ImageInRemovedMemory,
        Severity::Error,
        what.to_owned(),
        evidence,
        image,
        "load the image again",
    )
}

/// An image in memory that may be unplugged, after which kexec has to be armed again.
pub(crate) fn in_removable_memory(subject: &Subject<'_>, image: &Image<'_>) -> Option<Finding> {
    let parts = subject.machine.parts();
    let evidence = on_memory(subject, image, |memory| {
        is_removable(subject.machine, memory, subject.rules).unwrap_or(false)
    });
    let evidence = evidence.map(|(name, memory, part)| {
        let part = parts.of(memory, part);
        format!("{name} at {}: {}; {}", sized(part.range), memory.provider, how_it_can_go(&part))
    });
    let remedy = if image.is_loaded {
        "after an unplug of that memory load the image again; nothing in the kernel reports when that is needed"
    } else {
        "plan with --loader load --avoid-removable, or load the image again after an unplug of that memory"
    };
    let what = format!("{} lies in memory that may be unplugged", image.words());
    finding(Code::ImageInRemovableMemory, Severity::Warning, what, evidence.collect(), image, remedy)
}

/// How easily memory can be unplugged.
fn how_it_can_go(part: &MemoryRange) -> String {
    let kernel_zones: Vec<&str> =
        part.zones.iter().map(String::as_str).filter(|zone| *zone != "Movable").collect();
    match part.state {
        Some(State::Offline) => "offline: it can go at any time".to_owned(),
        _ if !kernel_zones.is_empty() => format!(
            "in {}, a kernel zone: it can go if nothing unmovable lies in its blocks",
            kernel_zones.join(", ")
        ),
        _ if !part.zones.is_empty() => "in ZONE_MOVABLE: it can go at any time".to_owned(),
        _ => "its zone is not known".to_owned(),
    }
}

/// An image in memory that the map handed over does not call RAM, or that, by the rules, the next kernel is
/// not told about.
pub(crate) fn in_untold_memory(subject: &Subject<'_>, image: &Image<'_>) -> Option<Finding> {
    let of = Use::NextKernel(image.loader);
    let evidence: Vec<String> = if image.map.is_empty() {
        let untold = |memory: &MemoryRange| {
            memory.verdict(subject.rules, of, &subject.machine.kernel).is_some_and(|verdict| !verdict.allowed)
        };
        let found = on_memory(subject, image, untold);
        found
            .map(|(name, memory, part)| format!("{name} at {}: {}", sized(part), reason(subject, memory, of)))
            .collect()
    } else {
        let ram = image.map.iter().filter(|entry| entry.kind == E820Type::Ram);
        let told: RangeSet = ram.map(|entry| entry.range).collect();
        let found = on_memory(subject, image, |_| true);
        found
            .flat_map(|(name, memory, part)| {
                let untold = ranges::difference([part].into_iter(), told.within(part)).collect::<Vec<_>>();
                untold.into_iter().map(move |untold| (name, memory, untold))
            })
            .map(|(name, memory, part)| {
                format!(
                    "{name} at {}: in no RAM entry of the map; {}",
                    sized(part),
                    reason(subject, memory, of)
                )
            })
            .collect()
    };
    let what = format!(
        "{} lies in memory that the next kernel is not told about: it runs there, and the rest of that memory is lost \
         to it",
        image.words()
    );
    let remedy = "load it by kexec_load (kexec -c) if that tells the next kernel about the memory; \
                  kexec_file_load puts it there however much other memory is free";
    finding(Code::ImageInUntoldMemory, Severity::Warning, what, evidence, image, remedy)
}

fn reason(subject: &Subject<'_>, memory: &MemoryRange, of: Use) -> String {
    match memory.verdict(subject.rules, of, &subject.machine.kernel) {
        Some(verdict) if !verdict.allowed => format!("{} (rule {})", verdict.reason, verdict.rule),
        _ => format!("provided by {}", memory.provider),
    }
}

/// The parts of segments that lie in memory of this kind: segment, memory, part.
fn on_memory<'a>(
    subject: &'a Subject<'_>,
    image: &'a Image<'_>,
    is_meant: impl Fn(&MemoryRange) -> bool + Copy + 'a,
) -> impl Iterator<Item = (&'a str, &'a MemoryRange, PhysRange)> {
    image.segments.iter().flat_map(move |(name, range)| {
        let memories = subject.machine.ranges_in(*range).filter(move |memory| is_meant(memory));
        memories.filter_map(move |memory| Some((name.as_str(), memory, memory.range.intersect(*range)?)))
    })
}

fn finding(
    code: Code,
    severity: Severity,
    what: String,
    mut evidence: Vec<String>,
    image: &Image<'_>,
    remedy: &str,
) -> Option<Finding> {
    if evidence.is_empty() {
        return None;
    }
    evidence.push(image.known_from.clone());
    Some(Finding { code, severity, what, evidence, remedy: remedy.to_owned() })
}

#[cfg(test)]
mod tests;
