//! What the kernel and kexec-tools have in common on arm64 with an Image.

use firmware::e820::{E820Type, Entry};
use firmware::fdt::Fdt;
use images::{Arm64Header, KernelImage};
use machine::Machine;
use memblock::PhysRange;
use rules::Loader;

use crate::context::LoadContext;
use crate::error::{Arm64Error, PlanError};
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::steps::{Begun, Layout};
use crate::segment::{Segment, SegmentKind};
use crate::tell::by_rules::told;
use crate::tell::chosen::{NextChosen, ToldBy, map_after_reboot};
use crate::tell::e820::NextMap;
use crate::tell::tree_size::{self, Edits};

/// The alignment of a kernel, and of the device tree that kexec_file_load places.
pub(crate) const MIB_2: u64 = 0x20_0000;

/// What is placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) kernel: Arm64Header,
    /// Bytes of the initial ramdisk.
    pub(crate) initrd: Option<u64>,
    /// Bytes of the device tree.
    pub(crate) device_tree: u64,
}

/// The start of a load on arm64. Nothing is placed before the kernel, whose place may depend on the rest; the
/// memory of the next kernel does not.
pub(crate) fn begin<'c>(context: &'c LoadContext<'_>) -> Result<Begun<'c>, PlanError> {
    image(context)?;
    let tree = tree(context.machine)?;
    if context.request.loader == Loader::KexecLoad {
        tree.as_ref().map(renewed_seed).transpose()?;
    }
    let (_, entries) = memory(context, tree.as_ref())?;
    Ok(Begun {
        placer: SegmentPlacer::new(&context.space),
        map: NextMap::of_all(entries),
        command_line: context.request.command_line.to_owned(),
    })
}

/// Finds the segments' places with `place`, and what the device tree says.
pub(crate) fn complete(
    context: &LoadContext<'_>,
    initrd: Option<u64>,
    place: impl FnOnce(&Parts) -> Result<Vec<Segment>, PlanError>,
) -> Result<Layout, PlanError> {
    let (machine, request) = (context.machine, context.request);
    let tree = tree(machine)?;
    let is_by_kernel = request.loader == Loader::KexecFileLoad;
    let usable_memory = usable_memory(context);
    let seeds = if is_by_kernel {
        machine.state.has_random_numbers.unwrap_or(true)
    } else {
        tree.as_ref().map(renewed_seed).transpose()?.unwrap_or(false)
    };
    let edits = Edits {
        loader: request.loader,
        command_line: request.command_line,
        has_initrd: initrd.is_some(),
        crash_areas: &usable_memory,
        seeds,
    };
    let device_tree = match &tree {
        Some(tree) => tree_size::size(tree, &edits)?,
        None => machine.state.loaded_device_trees.size(request.purpose).unwrap_or(UNSEEN_TREE),
    };
    let segments = place(&Parts { kernel: image(context)?, initrd, device_tree })?;
    let (memory, _) = memory(context, tree.as_ref())?;
    let elfcorehdr = loaded(&segments, SegmentKind::ElfCoreHeader);
    let initrd = loaded(&segments, SegmentKind::Initrd);
    let reserved = initrd.into_iter().chain(elfcorehdr).filter(|_| is_by_kernel).collect();
    let chosen = Some(NextChosen { initrd, elfcorehdr, usable_memory, reserved, seeds, memory });
    Ok(Layout { segments, chosen })
}

/// The size in bytes assumed for the next kernel's device tree if neither the boot's tree nor that of an
/// earlier load is shown: larger than most machines' trees, and it does not change where anything begins.
pub(crate) const UNSEEN_TREE: u64 = 64 << 10;

fn image(context: &LoadContext<'_>) -> Result<Arm64Header, PlanError> {
    match context.request.kernel {
        KernelImage::Arm64(header) => Ok(header),
        other => Err(PlanError::OtherArchitecture { kernel: other.architecture() }),
    }
}

/// The boot device tree, if it is shown.
fn tree(machine: &Machine) -> Result<Option<Fdt<'_>>, PlanError> {
    let tree = machine.state.device_tree.as_deref().map(Fdt::new).transpose();
    Ok(tree.map_err(Arm64Error::DeviceTree)?)
}

/// The crash kernel's higher area, then the lower, then, where the kernel writes the tree, the areas of
/// `crashkernel=,cma` (7.3); empty for a reboot.
fn usable_memory(context: &LoadContext<'_>) -> Vec<PhysRange> {
    let crash = context.crash.as_ref().map(|crash| crash.kernel);
    let by_kernel = crash.is_some() && context.request.loader == Loader::KexecFileLoad;
    let cma = by_kernel.then_some(&context.machine.state.crash_cma).into_iter().flatten().copied();
    crash.iter().flat_map(|crash| [Some(crash.area), crash.low]).flatten().chain(cma).collect()
}

/// How the next kernel learns about its memory, and that memory.
fn memory(context: &LoadContext<'_>, tree: Option<&Fdt<'_>>) -> Result<(ToldBy, Vec<Entry>), PlanError> {
    let machine = context.machine;
    let usable_memory = usable_memory(context);
    if !usable_memory.is_empty() {
        return Ok((ToldBy::UsableMemoryRange, all_ram(usable_memory)));
    }
    let shown = tree.map(|tree| map_after_reboot(tree, &machine.state)).transpose()?;
    Ok(match shown {
        Some((by, entries)) if by != ToldBy::NotShown => (by, entries),
        _ => (ToldBy::NotShown, all_ram(told(machine, context.request.loader, context.rules))),
    })
}

/// The kernel's segment as it is searched for: with the bytes before its text.
pub(crate) fn kernel_needs(kernel: &Arm64Header, page: u64) -> Result<SegmentNeeds, PlanError> {
    let &Arm64Header { file_size, text_offset, image_size } = kernel;
    if image_size == 0 {
        return Err(Arm64Error::NoImageSize.into());
    }
    let size = image_size.checked_add(text_offset).and_then(|size| size.checked_next_multiple_of(page));
    let size = size.ok_or(Arm64Error::ImageSize { text_offset, image_size })?;
    if !text_offset.is_multiple_of(page) {
        return Err(Arm64Error::TextOffset { text_offset, page }.into());
    }
    let own = size.saturating_sub(text_offset);
    if file_size > own {
        return Err(PlanError::TooSmall { kind: SegmentKind::Kernel, loaded: file_size, size: own });
    }
    Ok(SegmentNeeds { alignment: MIB_2, ..SegmentNeeds::lowest(SegmentKind::Kernel, file_size, size) })
}

/// Makes the kernel's segment, the first, begin with its text.
pub(crate) fn begin_with_text(mut segments: Vec<Segment>, text_offset: u64) -> Vec<Segment> {
    if let Some(kernel) = segments.first_mut().filter(|_| text_offset > 0) {
        let start = kernel.range.start().saturating_add(text_offset);
        kernel.range = PhysRange::new(start, kernel.range.end()).unwrap_or(kernel.range);
        kernel.reason = format!("{text_offset:#x} above {}", kernel.reason);
    }
    segments
}

fn all_ram(ranges: impl IntoIterator<Item = PhysRange>) -> Vec<Entry> {
    ranges.into_iter().map(|range| Entry { range, kind: E820Type::Ram }).collect()
}

/// Whether kexec-tools finds a `kaslr-seed` to renew; it refuses one that this kernel has not wiped, as with
/// `nokaslr` (kexec-tools 2.0.25: setup_2nd_dtb).
fn renewed_seed(tree: &Fdt<'_>) -> Result<bool, Arm64Error> {
    let seed = tree_size::chosen(tree).and_then(|chosen| chosen.property(b"kaslr-seed"));
    match seed {
        Some(seed) if seed.value().iter().any(|&byte| byte != 0) => Err(Arm64Error::SeedNotWiped),
        seed => Ok(seed.is_some()),
    }
}

/// Where the loaded bytes of a segment lie.
fn loaded(segments: &[Segment], kind: SegmentKind) -> Option<PhysRange> {
    let segment = segments.iter().find(|segment| segment.kind == kind)?;
    PhysRange::from_size(segment.range.start(), segment.loaded).ok()
}
