//! Contiguous memory areas (CMA), which stay usable for movable pages.

use memblock::{NodeId, PhysRange, Request};

use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::numa;
use crate::boot::trace::Step;
use crate::command_line::BootParameters;
use crate::command_line::cma::HugetlbCma;
use crate::releases::{DEFAULT_CMA_COMES_FIRST, Target, is_known};

const GIB_4: u64 = 1 << 32;

/// The request for an area.
struct AreaRequest {
    size: u64,
    base: u64,
    /// The area must end here or below.
    limit: u64,
    align: u64,
    is_fixed: bool,
    node: Option<u32>,
}

/// The default area, with the size from `cma=` or the built-in size: below `end`, from the top.
pub(crate) fn reserve_default(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    end: u64,
) -> Result<(), Halt> {
    if !input.build.has_cma {
        return Ok(());
    }
    early.begin(Step {
        name: "dma_contiguous_reserve",
        source: "kernel/dma/contiguous.c:dma_contiguous_reserve (6.12)",
    });
    let wanted = match parameters.cma.default_area {
        Some(area) => AreaRequest {
            size: area.size,
            base: area.base,
            limit: if area.limit == 0 { end } else { area.limit.min(end) },
            align: 1,
            is_fixed: area.limit > 0 && area.base.checked_add(area.size) == Some(area.limit),
            node: None,
        },
        None => {
            AreaRequest { size: input.build.cma, base: 0, limit: end, align: 1, is_fixed: false, node: None }
        }
    };
    let target = Target::new(input.platform.architecture(), input.release.clone());
    let comes_first = is_known(DEFAULT_CMA_COMES_FIRST, &target);
    if !comes_first {
        reserve_on_nodes(early, input, parameters, false, None)?;
    }
    let mut default = None;
    if wanted.size > 0 {
        default = declare(early, input.build.page_block(), &wanted, "the default CMA area")?;
        if default.is_none() {
            return Ok(());
        }
    }
    if comes_first {
        reserve_on_nodes(early, input, parameters, true, default)?;
    }
    Ok(())
}

/// `numa_cma=` and `cma_pernuma=`: areas on nodes. `has_default` says whether the default area came first, `default`
/// what came of it: then a node has one area, and of the default area's size if the configuration says so and neither parameter is given.
fn reserve_on_nodes(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    has_default: bool,
    default: Option<PhysRange>,
) -> Result<(), Halt> {
    let asked = &parameters.cma;
    let nodes = numa::with_memory(early);
    let is_given = asked.per_numa.is_some() || !asked.numa.is_empty();
    let as_default = default.filter(|_| input.build.cma_on_each_node && !is_given && nodes.len() > 1);
    let on_each = as_default.map_or(asked.per_numa.unwrap_or(0), PhysRange::size);
    early.begin(Step {
        name: "dma_numa_cma_reserve",
        source: "kernel/dma/contiguous.c:dma_numa_cma_reserve (6.12, 7.3)",
    });
    for node in nodes {
        let of_node =
            asked.numa.iter().rev().find(|(asked, _)| *asked == u64::from(node)).map(|(_, size)| *size);
        let sizes = match (of_node.filter(|size| *size > 0), has_default) {
            (Some(size), true) => [size, 0],
            (None, _) => [on_each, 0],
            (Some(size), false) => [on_each, size],
        };
        for size in sizes.into_iter().filter(|size| *size > 0) {
            let wanted = AreaRequest { size, base: 0, limit: 0, align: 1, is_fixed: false, node: Some(node) };
            declare(early, input.build.page_block(), &wanted, "a CMA area of the node's own")?;
        }
    }
    Ok(())
}

/// At most this many areas for `crashkernel=,cma`, and the smallest that is tried (kernel/crash_reserve.c, 6.17).
const CRASH_AREAS: usize = 4;
const PAGE: u64 = 4096;

/// `crashkernel=SIZE,cma`: an area, or where that does not fit, several that are half as large each time.
pub(crate) fn reserve_for_crash_kernel(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    memory_size: u64,
) -> Result<Vec<PhysRange>, Halt> {
    let Some(bytes) = parameters.crashkernel.request(memory_size).ok().and_then(|wanted| wanted.cma) else {
        return Ok(Vec::new());
    };
    early.begin(Step {
        name: "reserve_crashkernel_cma",
        source: "kernel/crash_reserve.c:reserve_crashkernel_cma (6.17)",
    });
    if !input.build.has_cma_areas {
        early.note("crashkernel CMA reservation not supported", "CONFIG_CMA is not set");
        return Ok(Vec::new());
    }
    let (mut size, mut left, mut areas) = (round_up(bytes, PAGE), bytes, Vec::new());
    while left > 0 && areas.len() < CRASH_AREAS {
        let wanted = AreaRequest { size, base: 0, limit: 0, align: 1, is_fixed: false, node: None };
        if let Some(area) = declare(early, input.build.page_block(), &wanted, "crashkernel=,cma")? {
            areas.push(area);
            left = left.saturating_sub(size);
        } else if size <= PAGE {
            break;
        } else {
            size = round_up(size / 2, PAGE);
        }
    }
    Ok(areas)
}

/// `hugetlb_cma=`: an area for gigantic pages on each node, with their alignment.
pub(crate) fn reserve_for_huge_pages(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<(), Halt> {
    let Some(asked) = parameters.cma.hugetlb.as_ref().filter(|_| input.build.has_cma_areas) else {
        return Ok(());
    };
    early.begin(Step { name: "hugetlb_cma_reserve", source: "mm/hugetlb.c:hugetlb_cma_reserve (6.12)" });
    let page = gigantic_page(input.build.page_size);
    let nodes = numa::with_memory(early);
    let parts: Vec<(u32, u64)> = match asked {
        HugetlbCma::Nodes(parts) => {
            let part = |&(node, bytes): &(u64, u64)| Some((u32::try_from(node).ok()?, bytes));
            parts.iter().filter_map(part).filter(|(node, _)| nodes.contains(node)).collect()
        }
        HugetlbCma::Total(bytes) if *bytes >= page => {
            let count = u64::try_from(nodes.len()).unwrap_or(u64::MAX).max(1);
            let each = round_up(bytes.div_ceil(count), page);
            let mut left = *bytes;
            let mut part = |node: &u32| {
                let size = each.min(left);
                left = left.saturating_sub(round_up(size, page));
                (*node, size)
            };
            nodes.iter().map(&mut part).collect()
        }
        HugetlbCma::Total(_) => Vec::new(),
    };
    for (node, bytes) in parts.into_iter().filter(|(_, bytes)| *bytes > 0) {
        if bytes < page {
            early.note(
                format!("hugetlb_cma: cma area of node {node} should be at least {} MiB", page >> 20),
                "one gigantic page has to fit",
            );
            continue;
        }
        let size = round_up(bytes, page);
        let wanted =
            AreaRequest { size, base: 0, limit: u64::MAX, align: page, is_fixed: false, node: Some(node) };
        declare(early, input.build.page_block(), &wanted, "an area for gigantic pages")?;
    }
    Ok(())
}

/// The largest user page: 1 GiB with 4 and 16 KiB pages, 16 GiB with 64 KiB pages.
const fn gigantic_page(page: u64) -> u64 {
    match page >> 10 {
        4 | 16 => 1 << 30,
        _ => 16 << 30,
    }
}

fn round_up(size: u64, align: u64) -> u64 {
    size.checked_next_multiple_of(align.max(1)).unwrap_or(u64::MAX)
}

/// Reserves an area of whole pageblocks: at the exact address, or, if memory reaches beyond 4 GiB, from 4 GiB upwards
/// to spare low memory, or from the top.
fn declare(
    early: &mut Early<'_>,
    page_block: u64,
    wanted: &AreaRequest,
    why: &str,
) -> Result<Option<PhysRange>, Halt> {
    early.begin(Step {
        name: "cma_declare_contiguous_nid",
        source: "mm/cma.c:__cma_declare_contiguous_nid (6.12)",
    });
    let align = wanted.align.max(page_block);
    let memory_end = early.memblock.end_of_dram().unwrap_or(0);
    let limit = (wanted.limit & !align.saturating_sub(1)).min(memory_end);
    let limit = if limit == 0 { memory_end } else { limit };
    let size = round_up(wanted.size, align);
    if wanted.is_fixed && !wanted.base.is_multiple_of(align.max(1)) {
        early.note(format!("Region at {:#x} must be aligned to {align:#x} bytes", wanted.base), why);
        return Ok(None);
    }
    let base = round_up(wanted.base, align);
    if base.checked_add(size).is_none_or(|end| end > limit) {
        early.note(format!("{size:#x} bytes from {base:#x} exceed limit ({limit:#x})"), why);
        return Ok(None);
    }
    if wanted.is_fixed {
        let Ok(range) = PhysRange::from_size(base, size) else { return Ok(None) };
        if early.memblock.reserved().overlaps(range) {
            early.note(format!("[{range}]: nothing is reserved"), "some of it is reserved already");
            return Ok(None);
        }
        early.reserve(range, why)?;
        return Ok(Some(range));
    }
    let request = Request {
        align,
        min: base,
        max: Some(limit),
        node: wanted.node.and_then(NodeId::new),
        exact_node: true,
        ..Request::new(size)
    };
    let reaches_far = memory_end >= GIB_4.saturating_add(size);
    if reaches_far && !early.memblock.bottom_up() {
        early.memblock.set_bottom_up(true);
        let found = early.try_alloc(&Request { min: GIB_4, ..request }, why);
        early.memblock.set_bottom_up(false);
        if let Some(range) = found? {
            return Ok(Some(range));
        }
    }
    early.try_alloc(&request, why)
}

#[cfg(test)]
mod tests {
    use memblock::Memblock;

    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    /// 3 GiB below 4 GiB, and `high` bytes above.
    fn machine(high: u64) -> Early<'static> {
        let mut memblock = Memblock::new();
        memblock.add(PhysRange::new(GIB, GIB_4).unwrap()).unwrap();
        if high > 0 {
            memblock.add(PhysRange::from_size(GIB_4, high).unwrap()).unwrap();
        }
        Early::new(memblock)
    }

    fn declared(early: &mut Early<'_>, wanted: &AreaRequest) -> Option<PhysRange> {
        declare(early, 2 * MIB, wanted, "a test").unwrap()
    }

    const ANYWHERE: AreaRequest =
        AreaRequest { size: 64 * MIB, base: 0, limit: u64::MAX, align: 1, is_fixed: false, node: None };

    #[test]
    fn an_area_spares_low_memory_if_there_is_enough_above() {
        let at = |high| declared(&mut machine(high), &ANYWHERE).map(PhysRange::start);
        assert_eq!(at(GIB), Some(GIB_4));
        assert_eq!(at(32 * MIB), Some(GIB_4 - 64 * MIB + 32 * MIB));
        assert_eq!(at(0), Some(GIB_4 - 64 * MIB));
    }

    #[test]
    fn a_fixed_area_is_reserved_there_or_not_at_all() {
        let fixed = |base| AreaRequest { base, limit: base + 64 * MIB, is_fixed: true, ..ANYWHERE };
        let mut early = machine(0);
        assert_eq!(declared(&mut early, &fixed(2 * GIB + MIB)), None, "not aligned");
        assert_eq!(declared(&mut early, &fixed(2 * GIB)), PhysRange::from_size(2 * GIB, 64 * MIB).ok());
        assert_eq!(declared(&mut early, &fixed(2 * GIB)), None, "taken");
    }

    #[test]
    fn an_area_that_does_not_fit_below_its_limit_is_skipped() {
        assert_eq!(declared(&mut machine(0), &AreaRequest { limit: 32 * MIB, ..ANYWHERE }), None);
    }
}
