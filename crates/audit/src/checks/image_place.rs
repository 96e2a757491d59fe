//! What the checks of an image's place share.

use machine::MemoryRange;
use memblock::PhysRange;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::outcome::{Answer, not_found};
use crate::subject::Subject;

/// The parts of segments that lie in memory of this kind: segment, memory, part.
pub(crate) fn on_memory<'a>(
    subject: &'a Subject<'_>,
    image: &'a Image<'_>,
    is_meant: impl Fn(&MemoryRange) -> bool + Copy + 'a,
) -> impl Iterator<Item = (&'a str, &'a MemoryRange, PhysRange)> {
    image.segments.iter().flat_map(move |(name, range)| {
        let memories = subject.machine.ranges_in(*range).filter(move |memory| is_meant(memory));
        memories.filter_map(move |memory| Some((name.as_str(), memory, memory.range.intersect(*range)?)))
    })
}

/// The finding, where there is evidence.
pub(crate) fn finding(
    code: Code,
    severity: Severity,
    what: String,
    mut evidence: Vec<String>,
    image: &Image<'_>,
    remedy: &str,
) -> Answer {
    if evidence.is_empty() {
        return Err(not_found(format!("no segment of {} lies there ({})", image.words(), image.known_from)));
    }
    evidence.push(image.known_from.clone());
    Ok(Finding { code, severity, what, evidence, remedy: remedy.to_owned() })
}
