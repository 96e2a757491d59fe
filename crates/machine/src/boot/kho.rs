//! Kexec handover: the scratch areas that `kho=on` keeps for the next kernel, allocated last of all.
//!
//! Sources: Documentation/admin-guide/mm/kho.rst and core-api/kho (6.16, 7.3); sizes, order and alignment as seen on
//! 7.3.4 (captures/releases/7.3.4-kho).

use memblock::{NodeId, PhysRange, Region, RegionFlags, Request};

use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::later;
use crate::boot::numa;
use crate::boot::trace::Step;
use crate::command_line::kho::KhoScratch;
use crate::command_line::{BootParameters, Remark};
use crate::releases::{HUGE_PAGES_NEED_NO_SCRATCH, SCRATCH_IS_OF_LARGEST_BLOCKS, Target, is_known};
use evidence::Unknown;

const STEP: Step =
    Step { name: "kho_memory_init", source: "kernel/kexec_handover.c:kho_reserve_scratch (6.16)" };

/// Percent of the kernel's own reservations that an area has without `kho_scratch=`.
const SCALE: u32 = 200;
/// Bytes of an area's entry in the list of them.
const ENTRY: u64 = 16;
const GIB_4: u64 = 1 << 32;

/// The scratch areas of a boot with kexec handover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScratchAreas {
    /// The areas, in the kernel's order: low, global, one for each node. One of size 0 is left out.
    pub areas: Vec<ScratchArea>,
    /// Why there are none although handover is on.
    pub error: Option<String>,
}

/// One scratch area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScratchArea {
    /// What it is for.
    pub kind: ScratchKind,
    /// Its addresses.
    pub range: PhysRange,
}

/// What a scratch area is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScratchKind {
    /// Low memory: below 4 GiB, or where every device reaches.
    Low,
    /// Memory anywhere.
    Global,
    /// Memory of this node.
    Node(u32),
}

impl std::fmt::Display for ScratchKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Low => f.write_str("low"),
            Self::Global => f.write_str("global"),
            Self::Node(node) => write!(f, "node {node}"),
        }
    }
}

impl ScratchAreas {
    /// Whether an area contains all of a range.
    pub fn enclose(&self, range: PhysRange) -> bool {
        self.areas.iter().any(|area| area.range.encloses(range))
    }
}

/// Takes over the areas that an earlier kernel left: until the page allocator starts, only they are allocated from.
pub(crate) fn take_over(early: &mut Early<'_>, input: &BootInput) -> Result<(), Halt> {
    if input.scratch_left.is_empty() {
        return Ok(());
    }
    early.begin(Step { name: "kho_populate", source: "kernel/kexec_handover.c:kho_populate (6.16)" });
    for area in &input.scratch_left {
        early.add(*area, "a scratch area of the kernel before this one")?;
        early.memblock.mark_kho_scratch(*area)?;
        early.note(format!("memblock_mark_kho_scratch: [{area}]"), "early allocations stay in it");
    }
    for range in &input.handed_on {
        early.reserve(*range, "the kernel before this one put it there, such as the list of its areas")?;
    }
    early.memblock.set_kho_scratch_only(true);
    Ok(())
}

/// Whether a kernel boots with kexec handover: `kho=`, or else `CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT`. Without the
/// configuration, `kho=on` is taken at its word.
pub(crate) fn is_on(input: &BootInput, parameters: &BootParameters) -> bool {
    let target = Target::new(input.platform.architecture(), input.release.clone());
    let build = &input.build;
    is_known("kho", &target)
        && build.has_kho != Some(false)
        && parameters.kho.is_enabled.unwrap_or(build.kho_by_default)
}

/// That `kho=on` does nothing, where the kernel is built without handover.
pub(crate) fn remark(input: &BootInput, parameters: &BootParameters) -> Option<Remark> {
    let target = Target::new(input.platform.architecture(), input.release.clone());
    let is_asked_for = parameters.kho.is_enabled == Some(true) && is_known("kho", &target);
    (is_asked_for && input.build.has_kho == Some(false)).then(|| Remark {
        parameter: "kho=on".to_owned(),
        what: "ignored: this kernel is built without CONFIG_KEXEC_HANDOVER".to_owned(),
        source: "Documentation/admin-guide/mm/kho.rst (6.16)",
        is_fatal: false,
    })
}

/// Allocates the areas; `None` without handover, or where an earlier kernel's areas are taken over.
pub(crate) fn reserve(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    low_end: u64,
) -> Result<Option<ScratchAreas>, Halt> {
    if !is_on(input, parameters) || input.handed_over {
        return Ok(None);
    }
    let huge = later::allocate(early, input, parameters)?;
    early.begin(STEP);
    let target = Target::new(input.platform.architecture(), input.release.clone());
    let align = if is_known(SCRATCH_IS_OF_LARGEST_BLOCKS, &target) {
        input.build.page_size.saturating_mul(input.build.largest_block_pages)
    } else {
        input.build.page_block()
    };
    let huge = if is_known(HUGE_PAGES_NEED_NO_SCRATCH, &target) { huge } else { Vec::new() };
    let nodes = numa::with_memory(early);
    let count = u64::try_from(nodes.len()).unwrap_or(u64::MAX).saturating_add(2);
    let list = Request {
        align: input.build.page_size,
        min_is_optional: true,
        ..Request::new(count.saturating_mul(ENTRY))
    };
    early.try_alloc(&list, "the list of the scratch areas")?;
    let sizes = Sizes { asked: parameters.kho.scratch, align, huge, low_end };
    let (low, global) = (sizes.low(early), sizes.global(early));
    let mut wanted = vec![
        (ScratchKind::Low, low, Request { max: Some(low_end.saturating_sub(1)), ..Request::new(low) }),
        (ScratchKind::Global, global, Request::new(global)),
    ];
    wanted.extend(nodes.into_iter().map(|node| {
        let request = Request { node: NodeId::new(node), exact_node: true, ..Request::new(1) };
        (ScratchKind::Node(node), 0, request)
    }));
    let mut areas: Vec<ScratchArea> = Vec::new();
    for (kind, size, request) in wanted {
        let size = match kind {
            // Not before the other two are allocated.
            ScratchKind::Node(node) => sizes.of_node(early, node),
            ScratchKind::Low | ScratchKind::Global => size,
        };
        if size == 0 {
            continue;
        }
        let request = Request { size, align, ..request };
        let why = format!("kexec handover's scratch area ({kind}): the next kernel boots in it");
        let Some(range) = early.try_alloc(&request, &why)? else {
            for area in areas {
                early.free(area.range, "handover is off without all of its areas")?;
            }
            let error =
                format!("no room for the scratch area ({kind}), {size:#x} bytes: kexec handover stays off");
            return Ok(Some(ScratchAreas { areas: Vec::new(), error: Some(error) }));
        };
        areas.push(ScratchArea { kind, range });
    }
    Ok(Some(ScratchAreas { areas, error: None }))
}

/// How large the areas are.
struct Sizes {
    asked: Option<KhoScratch>,
    align: u64,
    /// Reservations that do not count.
    huge: Vec<PhysRange>,
    low_end: u64,
}

impl Sizes {
    fn low(&self, early: &Early<'_>) -> u64 {
        match self.asked {
            Some(KhoScratch::Sizes { low, .. }) => self.round(low),
            _ => self.round(self.scaled(early, self.low_end.saturating_sub(1), None)),
        }
    }

    /// What the low area does not cover.
    fn global(&self, early: &Early<'_>) -> u64 {
        match self.asked {
            Some(KhoScratch::Sizes { global, .. }) => self.round(global),
            _ => self.round(self.scaled(early, u64::MAX, None).saturating_sub(self.low(early))),
        }
    }

    fn of_node(&self, early: &Early<'_>, node: u32) -> u64 {
        match self.asked {
            Some(KhoScratch::Sizes { per_node, .. }) => self.round(per_node),
            _ => self.round(self.scaled(early, u64::MAX, NodeId::new(node))),
        }
    }

    fn round(&self, size: u64) -> u64 {
        size.checked_next_multiple_of(self.align.max(1)).unwrap_or(u64::MAX)
    }

    /// The kernel's own reservations below an address, of a node or of all, by the percentage.
    fn scaled(&self, early: &Early<'_>, end: u64, node: Option<NodeId>) -> u64 {
        let percent = match self.asked {
            Some(KhoScratch::Percent(percent)) => percent,
            _ => SCALE,
        };
        let of_node = |range: &PhysRange| {
            let mut reserved = early.memblock.reserved().iter();
            node.is_none() || reserved.any(|region| region.node == node && region.range.overlaps(*range))
        };
        let below = |range: &PhysRange| PhysRange::new(range.start(), range.end().min(end)).ok();
        let huge = self.huge.iter().filter(|range| of_node(range)).filter_map(below);
        let huge = huge.fold(0_u64, |sum, range| sum.saturating_add(range.size()));
        let bytes = early.memblock.reserved_kern_size(end, node).saturating_sub(huge);
        bytes.saturating_mul(u64::from(percent)) / 100
    }
}

/// Where low memory ends.
pub(crate) fn low_end(input: &BootInput, first_zone_end: Option<u64>) -> u64 {
    let ends_with_zone = input.platform.architecture().facts().low_ends_with_first_zone;
    first_zone_end.filter(|_| ends_with_zone).unwrap_or(GIB_4)
}

/// The areas as reserved regions.
pub(crate) fn regions(scratch: &ScratchAreas) -> impl Iterator<Item = Region> + '_ {
    scratch.areas.iter().map(|area| {
        let node = match area.kind {
            ScratchKind::Node(node) => NodeId::new(node),
            ScratchKind::Low | ScratchKind::Global => None,
        };
        Region { range: area.range, node, flags: RegionFlags::RSRV_KERN }
    })
}

/// What a prediction of scratch areas rests on.
pub(crate) fn assumed(input: &BootInput, parameters: &BootParameters) -> Vec<Unknown> {
    let mut assumed = Vec::new();
    if input.build.has_kho.is_none() {
        assumed.push(Unknown::new(
            "whether this kernel has kexec handover (CONFIG_KEXEC_HANDOVER)",
            "its configuration was not shown",
            "taken to have it, as kho= asks for it",
        ));
    }
    let is_fixed = matches!(parameters.kho.scratch, Some(KhoScratch::Sizes { .. }));
    if input.later.is_empty() && !input.handed_over {
        let effect = if is_fixed {
            "estimated: the scratch areas may lie some MiB elsewhere"
        } else {
            "estimated: the scratch areas may be some MiB larger or smaller, and lie elsewhere"
        };
        assumed.push(Unknown::new(
            "what the kernel allocates after its zones",
            "only a log with memblock=debug shows it",
            effect,
        ));
    }
    assumed
}

#[cfg(test)]
mod tests {
    use memblock::Memblock;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn sizes(asked: Option<KhoScratch>, huge: Vec<PhysRange>) -> Sizes {
        Sizes { asked, align: 4 * MIB, huge, low_end: GIB_4 }
    }

    /// 1 GiB below 4 GiB and 1 GiB above, of which the kernel has 5 and 6 MiB, and firmware 64 MiB.
    fn early() -> Early<'static> {
        let mut memblock = Memblock::new();
        memblock.set_kern_accounting(true);
        let range = |start, size| PhysRange::from_size(start, size).unwrap();
        memblock.add(range(3 << 30, 1 << 30)).unwrap();
        memblock.add(range(GIB_4, 1 << 30)).unwrap();
        memblock.reserve(range(3 << 30, 64 * MIB)).unwrap();
        memblock.reserve_kern(range(GIB_4 - 5 * MIB, 5 * MIB)).unwrap();
        memblock.reserve_kern(range(GIB_4 + 512 * MIB, 6 * MIB)).unwrap();
        Early::new(memblock)
    }

    #[test]
    fn without_a_size_the_areas_are_twice_what_the_kernel_has_in_whole_blocks() {
        let sizes = sizes(None, Vec::new());
        // 10 MiB, and of 22 MiB what the low area does not cover.
        assert_eq!((sizes.low(&early()), sizes.global(&early())), (12 * MIB, 12 * MIB));
    }

    #[test]
    fn nothing_is_left_for_the_global_area_if_all_is_low() {
        let mut early = early();
        early.free(PhysRange::from_size(GIB_4 + 512 * MIB, 6 * MIB).unwrap(), "a test").unwrap();
        assert_eq!(sizes(None, Vec::new()).global(&early), 0);
    }

    #[test]
    fn sizes_of_the_command_line_are_rounded_up_and_percentages_apply_to_each() {
        let fixed = KhoScratch::Sizes { low: MIB, global: 0, per_node: 9 * MIB };
        let fixed = sizes(Some(fixed), Vec::new());
        assert_eq!((fixed.low(&early()), fixed.global(&early())), (4 * MIB, 0));
        assert_eq!(fixed.of_node(&early(), 0), 12 * MIB);
        assert_eq!(sizes(Some(KhoScratch::Percent(100)), Vec::new()).low(&early()), 8 * MIB);
    }

    #[test]
    fn gigantic_pages_do_not_count() {
        let huge = PhysRange::from_size(GIB_4 + 512 * MIB, 6 * MIB).unwrap();
        assert_eq!(sizes(None, vec![huge]).global(&early()), 0);
    }
}
