//! An image in memory that the next kernel is not told about.

use firmware::e820::E820Type;
use machine::MemoryRange;
use machine::range_set::RangeSet;
use memblock::ranges;
use rules::Use;

use crate::checks::image_place::{finding, on_memory};
use crate::finding::{Code, Severity};
use crate::image::Image;
use crate::outcome::Answer;
use crate::subject::{Subject, sized};

/// An image in memory that the map handed over does not call RAM, or that, by the rules, the next kernel is
/// not told about.
pub(crate) fn in_untold_memory(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    subject.tree()?;
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
