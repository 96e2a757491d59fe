//! A plan of an arm64 Image, by either loader.

use firmware::e820::{E820Type, Entry};
use firmware::fdt::Fdt;
use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::arm64_error::Arm64Error;
use crate::arm64_file::{self, Parts};
use crate::arm64_tools;
use crate::candidates::told;
use crate::error::PlanError;
use crate::facts::Facts;
use crate::ground::Ground;
use crate::next_chosen::{NextChosen, ToldBy, map_after_reboot};
use crate::next_kernel::NextMap;
use crate::next_tree::{self, Edits};
use crate::plan::Layout;
use crate::request::{Purgatory, Request};
use images::Arm64Header;
use crate::segment::{Segment, SegmentKind};

/// Finds the segments' places, and what the next kernel is told.
pub(crate) fn lay(
    machine: &Machine,
    facts: &Facts,
    ground: &Ground,
    kernel: &Arm64Header,
    request: &Request<'_>,
    rules: &Rules,
) -> Result<Layout, PlanError> {
    let tree = facts.device_tree.as_deref().map(Fdt::new).transpose().map_err(Arm64Error::DeviceTree)?;
    let is_by_kernel = request.loader == Loader::KexecFileLoad;
    // The higher area, then the lower.
    let crash = ground.crash.as_ref().map(|crash| crash.kernel);
    let usable_memory: Vec<PhysRange> =
        crash.iter().flat_map(|crash| [Some(crash.area), crash.low]).flatten().collect();
    let seeds = if is_by_kernel {
        facts.has_random_numbers.unwrap_or(true)
    } else {
        tree.as_ref().map(renewed_seed).transpose()?.unwrap_or(false)
    };
    let initrd = request.initrd.filter(|&size| size > 0);
    let edits = Edits {
        loader: request.loader,
        command_line: request.command_line,
        has_initrd: initrd.is_some(),
        crash_areas: &usable_memory,
        seeds,
    };
    let device_tree = match &tree {
        Some(tree) => next_tree::size(tree, &edits)?,
        None => facts.loaded_device_trees.size(request.purpose).ok_or(Arm64Error::NoDeviceTree)?,
    };
    let parts = Parts { kernel: *kernel, initrd, device_tree };
    let segments = if is_by_kernel {
        arm64_file::place(ground, &parts)?
    } else {
        arm64_tools::place(ground, &parts, request.purgatory.unwrap_or(Purgatory::KEXEC_TOOLS_ARM64))?
    };
    let (memory, map) = match tree.as_ref() {
        _ if !usable_memory.is_empty() => (ToldBy::UsableMemoryRange, all_ram(usable_memory.iter().copied())),
        Some(tree) => map_after_reboot(tree, facts)?,
        None => (ToldBy::NotShown, Vec::new()),
    };
    ground.next_map(|| {
        let by_rules = || all_ram(told(machine, request.loader, rules));
        let entries = if memory == ToldBy::NotShown { by_rules() } else { map };
        Ok(NextMap { entries, dropped: Vec::new() })
    })?;
    let elfcorehdr = loaded(&segments, SegmentKind::ElfCoreHeader);
    let initrd = loaded(&segments, SegmentKind::Initrd);
    let reserved = initrd.into_iter().chain(elfcorehdr).filter(|_| is_by_kernel).collect();
    Ok(Layout {
        segments,
        command_line: request.command_line.to_owned(),
        chosen: Some(NextChosen { initrd, elfcorehdr, usable_memory, reserved, seeds, memory }),
    })
}

fn all_ram(ranges: impl IntoIterator<Item = PhysRange>) -> Vec<Entry> {
    ranges.into_iter().map(|range| Entry { range, kind: E820Type::Ram }).collect()
}

/// Whether kexec-tools finds a `kaslr-seed` to renew; it takes none that this kernel has not wiped, as it does not with
/// `nokaslr` (kexec-tools 2.0.25: setup_2nd_dtb).
fn renewed_seed(tree: &Fdt<'_>) -> Result<bool, Arm64Error> {
    let seed = next_tree::chosen(tree).and_then(|chosen| chosen.property(b"kaslr-seed"));
    match seed {
        Some(seed) if seed.value().iter().any(|&byte| byte != 0) => Err(Arm64Error::SeedNotWiped),
        seed => Ok(seed.is_some()),
    }
}

/// Where what is loaded of a segment lies, to the byte.
fn loaded(segments: &[Segment], kind: SegmentKind) -> Option<PhysRange> {
    let segment = segments.iter().find(|segment| segment.kind == kind)?;
    PhysRange::from_size(segment.range.start(), segment.loaded).ok()
}
