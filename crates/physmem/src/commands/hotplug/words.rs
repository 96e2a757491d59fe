//! Whether blocks can go offline, in words.

use machine::hotplug::{Answer, OfflineAnswer};

/// `can, because ...`.
pub(crate) fn sentence(blocks: &OfflineAnswer) -> String {
    match blocks.answer {
        Answer::Already => "already".to_owned(),
        answer => format!("{}, because {}", answer.words(), blocks.because),
    }
}

/// `valid zones: Normal Movable`.
pub(crate) fn zones(blocks: &OfflineAnswer) -> String {
    let zones = if blocks.valid_zones.is_empty() { "none".to_owned() } else { blocks.valid_zones.join(" ") };
    format!("valid zones: {zones}")
}

/// `memory40`, `memory40-memory47`; with the count if numbers are missing in between.
pub(crate) fn run(blocks: &OfflineAnswer) -> String {
    let (first, last) = (blocks.first, blocks.last);
    if first == last {
        return format!("memory{first}");
    }
    let all = last.saturating_sub(first).saturating_add(1);
    let of = if blocks.count < all { format!(" ({} blocks)", blocks.count) } else { String::new() };
    format!("memory{first}-memory{last}{of}")
}
