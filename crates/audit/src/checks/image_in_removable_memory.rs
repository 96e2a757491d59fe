//! An image in memory that may go.

use kexec::place::is_removable;
use machine::{MemoryRange, State};

use crate::checks::image_place::{finding, on_memory};
use crate::finding::{Code, Severity};
use crate::image::Image;
use crate::outcome::Answer;
use crate::subject::{Subject, sized};

/// An image in memory that may be unplugged, after which kexec has to be armed again.
pub(crate) fn in_removable_memory(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    subject.tree()?;
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
        "use --loader load --avoid-removable, or load the image again after an unplug of that memory"
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
