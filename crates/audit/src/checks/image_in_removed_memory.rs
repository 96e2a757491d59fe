//! A loaded image in memory that is gone.

use memblock::PhysRange;

use crate::checks::image_place::finding;
use crate::finding::{Code, Severity};
use crate::image::Image;
use crate::outcome::{Answer, not_found};
use crate::subject::{Subject, sized};

/// A loaded image in memory that is no longer System RAM.
pub(crate) fn in_removed_memory(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    subject.tree()?;
    if !image.is_loaded {
        return Err(not_found("it is only planned"));
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
