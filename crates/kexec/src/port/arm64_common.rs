//! What the kernel, kexec-tools and physmem have in common on arm64 with an Image.

use firmware::e820::{E820Type, Entry};
use firmware::fdt::Fdt;
use images::{Arm64Header, KernelImage};
use machine::Machine;
use memblock::{PhysRange, ranges};
use rules::{Loader, Rules};

use crate::context::LoadContext;
use crate::error::{Arm64Error, PlanError};
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::steps::{Begun, Layout};
use crate::request::{Caller, Request};
use crate::segment::{Segment, SegmentKind};
use crate::tell::by_rules::told;
use crate::tell::chosen::{NextChosen, ToldBy, map_after_reboot};
use crate::tell::device_tree::{self, Chosen};
use crate::tell::e820::NextMap;
use crate::tell::tree_size::{self, Edits};

/// The alignment of a kernel, and of the device tree that kexec_file_load places.
pub(crate) const MIB_2: u64 = 0x20_0000;

/// The alignment of the header of a dump.
pub(crate) const KIB_64: u64 = 0x1_0000;

/// Who writes the next kernel's device tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// kexec_file_load.
    Kernel,
    /// A program that calls kexec_load.
    Program(Caller),
}

const TOOLS: Writer = Writer::Program(Caller::KexecTools);
const OWN: Writer = Writer::Program(Caller::Physmem);

impl Writer {
    const fn of(request: &Request<'_>) -> Self {
        match request.loader {
            Loader::KexecFileLoad => Self::Kernel,
            Loader::KexecLoad => Self::Program(request.caller),
        }
    }
}

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
    if Writer::of(context.request) == TOOLS {
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
    let (writer, usable_memory) = (Writer::of(request), usable_memory(context));
    let seeds = match writer {
        Writer::Kernel => machine.state.has_random_numbers.unwrap_or(true),
        TOOLS => tree.as_ref().map(renewed_seed).transpose()?.unwrap_or(false),
        OWN => true,
    };
    let device_tree = match &tree {
        Some(_) if writer == OWN => own_size(context, &usable_memory, initrd)?,
        Some(tree) => {
            let edits = Edits {
                loader: request.loader,
                command_line: request.command_line,
                has_initrd: initrd.is_some(),
                crash_areas: &usable_memory,
                seeds,
            };
            tree_size::size(tree, &edits)?
        }
        None => machine.state.loaded_device_trees.size(request.purpose).unwrap_or(UNSEEN_TREE),
    };
    let segments = place(&Parts { kernel: image(context)?, initrd, device_tree })?;
    let (memory, _) = memory(context, tree.as_ref())?;
    let header = SegmentKind::ElfCoreHeader;
    let elfcorehdr = match writer {
        // With all its room, so that the running kernel may make it longer.
        OWN => segments.iter().find(|segment| segment.kind == header).map(|segment| segment.range),
        Writer::Kernel | TOOLS => loaded(&segments, header),
    };
    let initrd = loaded(&segments, SegmentKind::Initrd);
    let reserved = match writer {
        Writer::Kernel => initrd.into_iter().chain(elfcorehdr).collect(),
        TOOLS => Vec::new(),
        OWN => own_reserved(context),
    };
    let chosen = Some(NextChosen { initrd, elfcorehdr, usable_memory, reserved, seeds, memory });
    Ok(Layout { segments, chosen })
}

/// Tables that a GICv3 goes on writing to, whatever kernel runs. With EFI, they are reserved already, and the next kernel
/// learns of them (drivers/irqchip/irq-gic-v3-its.c:gic_reserve_range, 6.12); without, it has to be told.
pub(crate) fn interrupt_tables(machine: &Machine) -> Vec<PhysRange> {
    let log = machine.evidence.log.read();
    let tables = log.iter().flat_map(|log| &log.quotes.interrupt_tables);
    let mut found: Vec<PhysRange> = tables.filter_map(evidence::log::InterruptTable::range).collect();
    found.sort_unstable();
    ranges::merged(found.into_iter()).collect()
}

/// What physmem adds to the memory reservation block: a crash kernel uses no memory but its own.
fn own_reserved(context: &LoadContext<'_>) -> Vec<PhysRange> {
    if context.crash.is_some() { Vec::new() } else { interrupt_tables(context.machine) }
}

/// Bytes of the tree that physmem writes, which depend on no address in it.
fn own_size(
    context: &LoadContext<'_>,
    usable_memory: &[PhysRange],
    initrd: Option<u64>,
) -> Result<u64, PlanError> {
    let somewhere = PhysRange::from_size(0, 1).ok();
    let chosen = Chosen {
        command_line: context.request.command_line,
        initrd: initrd.and(somewhere),
        elfcorehdr: usable_memory.first().copied(),
        usable_memory,
        reserved: &own_reserved(context),
        kaslr_seed: [0; 8],
        rng_seed: [0; 32],
    };
    let tree = context.machine.state.device_tree.as_deref().unwrap_or_default();
    Ok(u64::try_from(device_tree::write(tree, &chosen)?.len()).unwrap_or(u64::MAX))
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

/// The crash kernel's higher area, then the lower, then, unless kexec-tools writes the tree, the areas of
/// `crashkernel=,cma` (7.3); empty for a reboot.
fn usable_memory(context: &LoadContext<'_>) -> Vec<PhysRange> {
    let crash = context.crash.as_ref().map(|crash| crash.kernel);
    let with_cma = crash.is_some() && Writer::of(context.request) != TOOLS;
    let cma = with_cma.then_some(&context.machine.state.crash_cma).into_iter().flatten().copied();
    crash.iter().flat_map(|crash| [Some(crash.area), crash.low]).flatten().chain(cma).collect()
}

/// How the next kernel learns about its memory, and that memory.
fn memory(context: &LoadContext<'_>, tree: Option<&Fdt<'_>>) -> Result<(ToldBy, Vec<Entry>), PlanError> {
    let usable_memory = usable_memory(context);
    if !usable_memory.is_empty() {
        return Ok((ToldBy::UsableMemoryRange, all_ram(usable_memory)));
    }
    memory_after_reboot(context.machine, context.request.loader, context.rules, tree)
}

fn memory_after_reboot(
    machine: &Machine,
    loader: Loader,
    rules: &Rules,
    tree: Option<&Fdt<'_>>,
) -> Result<(ToldBy, Vec<Entry>), PlanError> {
    let shown = tree.map(|tree| map_after_reboot(tree, &machine.state)).transpose()?;
    Ok(match shown {
        Some((by, entries)) if by != ToldBy::NotShown => (by, entries),
        _ => (ToldBy::NotShown, all_ram(told(machine, loader, rules))),
    })
}

/// What a kernel that physmem starts by a reboot is told about.
pub(crate) fn told_after_reboot(machine: &Machine, rules: &Rules) -> Result<Vec<Entry>, PlanError> {
    let tree = tree(machine)?;
    memory_after_reboot(machine, Loader::KexecLoad, rules, tree.as_ref()).map(|(_, entries)| entries)
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

/// What found no room beside the kernel, and whether moving the kernel up cannot help.
pub(crate) struct Failure {
    pub(crate) source: PlanError,
    pub(crate) is_final: bool,
}

/// Places the kernel as low as the rest finds places, which `place_others` looks for. `placer` has what comes before it.
///
/// Each place of the kernel costs one search of the candidates for each segment. There are at most as many places as
/// kernels that fit into memory, and more than a few only if memory is nearly full.
pub(crate) fn with_lowest_kernel<'s>(
    placer: &SegmentPlacer<'s>,
    kernel: SegmentNeeds,
    place_others: impl Fn(&mut SegmentPlacer<'s>, PhysRange) -> Result<(), Failure>,
) -> Result<(Vec<Segment>, u64), PlanError> {
    let mut lowest: Option<(PhysRange, PlanError)> = None;
    let (mut min, mut tries) = (0, 0_u64);
    loop {
        let mut placer = placer.clone();
        let at = match placer.place(SegmentNeeds { min, ..kernel }) {
            Ok(at) => at,
            Err(error) => return Err(lowest.map_or(error, |lowest| no_location(lowest, tries))),
        };
        tries = tries.saturating_add(1);
        let Err(Failure { source, is_final }) = place_others(&mut placer, at) else {
            return Ok((placer.segments(), tries));
        };
        if !matches!(source, PlanError::NoHole { .. }) {
            return Err(source);
        }
        // The first failure says most: the lowest place leaves the most room above it.
        let failed = lowest.unwrap_or((at, source));
        if is_final {
            return Err(no_location(failed, tries));
        }
        lowest = Some(failed);
        min = at.end();
    }
}

fn no_location((kernel, source): (PhysRange, PlanError), tries: u64) -> PlanError {
    PlanError::NoKernelLocation { kernel, tries, source: Box::new(source) }
}

/// Places the initial ramdisk where the kernel at `kernel` reaches it: from the multiple of 1 GiB at or below it on, 32 GiB
/// (Documentation/arch/arm64/booting.rst, "Call the kernel image").
///
/// A higher kernel has another window. Only a ramdisk that is too large for any window, or finds no room even without
/// one, never fits.
pub(crate) fn place_initrd(
    placer: &mut SegmentPlacer<'_>,
    kernel: PhysRange,
    needs: SegmentNeeds,
) -> Result<(), Failure> {
    const GIB: u64 = 1 << 30;
    const WINDOW: u64 = 32 << 30;
    let start = kernel.start() - kernel.start() % GIB;
    let within = SegmentNeeds { min: needs.min.max(start), limit: start.saturating_add(WINDOW), ..needs };
    let Err(source) = placer.place(within) else { return Ok(()) };
    let fits_a_window = needs.size <= WINDOW.saturating_sub(kernel.size());
    let is_final = !fits_a_window || placer.clone().place(needs).is_err();
    Err(Failure { source, is_final })
}

/// Says in the kernel's segment how many lower places were tried.
pub(crate) fn finished(segments: Vec<Segment>, text_offset: u64, tries: u64) -> Vec<Segment> {
    let mut segments = begin_with_text(segments, text_offset);
    if let (Some(kernel), Some(lower @ 1..)) = (segments.first_mut(), tries.checked_sub(1)) {
        kernel.reason = format!("{}; {lower} lower places leave no room for the rest", kernel.reason);
    }
    segments
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
