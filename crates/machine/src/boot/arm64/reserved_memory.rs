//! Reservations in the device tree: `/reserved-memory`, `/memreserve/`, and a crashed kernel's ELF core header.

use firmware::fdt::{Fdt, FdtError, ReservedMemory as Child};
use memblock::{PhysRange, Request};

use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::trace::Step;
use crate::command_line::BootParameters;
use crate::releases::RESERVED_MEMORY_IS_LISTED_LATE;

const SCAN: Step = Step {
    name: "early_init_fdt_scan_reserved_mem",
    source: "drivers/of/fdt.c:early_init_fdt_scan_reserved_mem (6.12)",
};
const STATIC: Step = Step {
    name: "fdt_scan_reserved_mem",
    source: "drivers/of/of_reserved_mem.c:__reserved_mem_reserve_reg (6.12)",
};
const DYNAMIC: Step = Step {
    name: "fdt_scan_reserved_mem",
    source: "drivers/of/of_reserved_mem.c:__reserved_mem_alloc_size (6.12)",
};
const PREPARE: Step = Step {
    name: "fdt_scan_reserved_mem_reg_nodes",
    source: "drivers/of/of_reserved_mem.c:fdt_scan_reserved_mem_reg_nodes (6.12)",
};

/// The kernel handles this many children without addresses (`MAX_RESERVED_REGIONS`).
const MOST_DYNAMIC: usize = 64;

/// The reservations found.
#[derive(Debug, Default)]
pub(super) struct ReservedMemory {
    /// Whether there is a valid `/reserved-memory`.
    pub(super) is_present: bool,
    /// The number of children handled.
    pub(super) count: u64,
    /// Children with addresses, whose drivers are called later.
    statics: Vec<Area>,
    /// Whether a child became the default CMA area.
    pub(super) has_default_cma: bool,
}

/// The area a child of `/reserved-memory` got.
#[derive(Clone, Copy, Debug)]
struct Area {
    range: PhysRange,
    is_nomap: bool,
    driver: Driver,
}

/// How the driver a child names handles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    /// Accepted: no special handling, or no early driver.
    Takes,
    /// A contiguous memory area: it must consist of whole pageblocks.
    Cma { is_default: bool },
    /// Invalid properties: the reservation is released.
    Refuses(&'static str),
}

/// Reserves, in this order: the ELF core header, children with addresses, children without addresses, and the
/// reservation block.
pub(super) fn reserve(
    early: &mut Early<'_>,
    tree: &Fdt<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<ReservedMemory, Halt> {
    early.begin(SCAN);
    if let Ok(Some(chosen)) = tree.chosen()
        && let Ok(Some(header)) = chosen.elfcorehdr()
    {
        if early.memblock.is_region_reserved(header) {
            early.note(format!("elfcorehdr [{header}] is not reserved"), "it overlaps what is reserved");
        } else {
            early.reserve(header, "the crashed kernel's ELF core header")?;
        }
    }
    let reserved = children(early, tree, input, parameters)?;
    early.begin(SCAN);
    for range in tree.memreserve().map_while(Result::ok) {
        early.reserve(range, "the device tree's reservation block")?;
    }
    Ok(reserved)
}

fn children(
    early: &mut Early<'_>,
    tree: &Fdt<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<ReservedMemory, Halt> {
    let mut reserved = ReservedMemory::default();
    let nodes = match tree.reserved_memory() {
        Ok(nodes) if !nodes.is_present() => return Ok(reserved),
        Ok(nodes) => nodes,
        Err(fault) => {
            early.note("Reserved memory: unsupported node format, ignoring", fault.to_string());
            return Ok(reserved);
        }
    };
    if !nodes.is_like_root() {
        early.note(
            "Reserved memory: unsupported node format, ignoring",
            "its cells are not the root's, or it has no `ranges`",
        );
        return Ok(reserved);
    }
    reserved.is_present = true;
    let has_cma_parameter = parameters.cma.default_area.is_some();
    let mut dynamic = Vec::new();
    early.begin(STATIC);
    for child in nodes {
        if !child.enabled() {
            early.note(format!("{}: passed over", child.name()), "its status is not okay");
        } else if child.is_static() {
            reserve_static(early, &child, has_cma_parameter, &mut reserved)?;
        } else if child.node().property(b"size").is_some() && dynamic.len() < MOST_DYNAMIC {
            dynamic.push(child);
        }
    }
    early.begin(DYNAMIC);
    let mut placed = Vec::new();
    for child in &dynamic {
        let driver = driver_of(child, has_cma_parameter);
        reserved.count = reserved.count.saturating_add(1);
        let Some(range) = place(early, child, driver, input, &placed)? else {
            early.note(format!("{}: nothing is reserved", child.name()), "it asks for what there is not");
            continue;
        };
        placed.push(range);
        let area = Area { range, is_nomap: child.no_map(), driver };
        reserved.has_default_cma |= ask_driver(early, &area, input)?;
    }
    Ok(reserved)
}

/// All ranges of a child are reserved; drivers see only the first.
fn reserve_static(
    early: &mut Early<'_>,
    child: &Child<'_>,
    has_cma_parameter: bool,
    reserved: &mut ReservedMemory,
) -> Result<(), Halt> {
    if child.ranges().any(|range| matches!(range, Err(FdtError::Length { .. }))) {
        early.note(format!("invalid reg property in '{}', skipping node.", child.name()), "its length");
        return Ok(());
    }
    for range in child.ranges().filter_map(Result::ok) {
        if !child.no_map() {
            early.reserve(range, child.name())?;
        } else if early.memblock.memory().overlaps(range) && early.memblock.is_region_reserved(range) {
            early.note(format!("[{range}] is mapped all the same"), "it was reserved before");
        } else {
            early.mark_nomap(range, child.name())?;
        }
    }
    reserved.count = reserved.count.saturating_add(1);
    if let Some(Ok(range)) = child.ranges().next() {
        let driver = driver_of(child, has_cma_parameter);
        reserved.statics.push(Area { range, is_nomap: child.no_map(), driver });
    }
    Ok(())
}

/// Finds a place for a child without addresses: from the top, inside its `alloc-ranges` if it has any, tried in order.
fn place(
    early: &mut Early<'_>,
    child: &Child<'_>,
    driver: Driver,
    input: &BootInput,
    placed: &[PhysRange],
) -> Result<Option<PhysRange>, Halt> {
    let (Ok(Some(size)), Ok(align)) = (child.size(), child.alignment()) else { return Ok(None) };
    if size == 0 {
        return Ok(None);
    }
    let mut align = align.filter(|align| *align > 0).unwrap_or(Request::CACHE_LINE);
    if matches!(driver, Driver::Cma { .. }) || (child.reusable() && !child.no_map() && is_pool(child)) {
        align = align.max(input.build.page_block());
    }
    let anywhere = PhysRange::new(0, u64::MAX).ok();
    let windows: Vec<PhysRange> = if child.node().property(b"alloc-ranges").is_some() {
        child.alloc_ranges().filter_map(Result::ok).collect()
    } else {
        anywhere.into_iter().collect()
    };
    for window in windows {
        let request = Request { align, min: window.start(), max: Some(window.end()), ..Request::new(size) };
        let was_bottom_up = early.memblock.bottom_up();
        if let Some(bottom_up) = grows_up(window, placed) {
            early.memblock.set_bottom_up(bottom_up);
        }
        let found = early.try_alloc(&request, child.name())?;
        early.memblock.set_bottom_up(was_bottom_up);
        if let Some(range) = found {
            if child.no_map() {
                early.mark_nomap(range, child.name())?;
            }
            return Ok(Some(range));
        }
    }
    Ok(None)
}

/// Places areas next to earlier ones to avoid fragmentation: upwards from a window's start, or downwards from its end,
/// if exactly one of the two touches an earlier area.
fn grows_up(window: PhysRange, placed: &[PhysRange]) -> Option<bool> {
    let touches = |at: u64| placed.iter().any(|range| (range.start()..=range.end()).contains(&at));
    let (bottom, top) = (touches(window.start()), touches(window.end()));
    (bottom != top).then_some(bottom)
}

fn is_pool(child: &Child<'_>) -> bool {
    child.node().property(b"compatible").is_some_and(|names| names.lists(b"shared-dma-pool"))
}

/// What a child's driver does, based on its properties (kernel/dma/contiguous.c:rmem_cma_setup,
/// kernel/dma/coherent.c:rmem_dma_setup, kernel/dma/swiotlb.c:rmem_swiotlb_setup, 6.12).
fn driver_of(child: &Child<'_>, has_cma_parameter: bool) -> Driver {
    let has = |name: &[u8]| child.node().property(name).is_some();
    let lists = |name: &[u8]| child.node().property(b"compatible").is_some_and(|names| names.lists(name));
    if is_pool(child) && child.reusable() {
        return if child.no_map() {
            Driver::Refuses("a reusable pool has to be mapped")
        } else if has_cma_parameter && child.cma_default() {
            Driver::Refuses("cma= on the command line counts instead")
        } else {
            Driver::Cma { is_default: child.cma_default() }
        };
    }
    let is_other = child.reusable() || child.cma_default() || has(b"linux,dma-default") || child.no_map();
    if lists(b"restricted-dma-pool") && is_other {
        return Driver::Refuses("a restricted pool is mapped and for nothing else");
    }
    Driver::Takes
}

/// Whether the area becomes the default CMA area. An area its driver refuses is released.
fn ask_driver(early: &mut Early<'_>, area: &Area, input: &BootInput) -> Result<bool, Halt> {
    let Area { range, is_nomap, driver } = *area;
    let why = match driver {
        Driver::Takes => return Ok(false),
        Driver::Cma { is_default }
            if (range.start() | range.size()) % input.build.page_block().max(1) == 0 =>
        {
            early.note(format!("CMA memory pool at [{range}]"), "a reusable shared-dma-pool");
            return Ok(is_default);
        }
        Driver::Cma { .. } => "incorrect alignment of CMA region",
        Driver::Refuses(why) => why,
    };
    let back = if is_nomap { early.clear_nomap(range, why) } else { early.free(range, why) };
    back?;
    Ok(false)
}

/// Once memory is mapped: allocates the list of all handled children, and calls the drivers of those with addresses.
/// Returns whether there is a default CMA area now.
pub(super) fn prepare(
    early: &mut Early<'_>,
    input: &BootInput,
    reserved: &ReservedMemory,
) -> Result<bool, Halt> {
    if !reserved.is_present {
        return Ok(false);
    }
    early.begin(PREPARE);
    let bytes = reserved.count.saturating_mul(input.build.arm64.reserved_mem);
    if bytes > 0 && crate::boot::arm64::has_behavior(input, RESERVED_MEMORY_IS_LISTED_LATE) {
        early.try_alloc(&Request::new(bytes), "a list of all reserved memory")?;
    }
    let mut has_default_cma = reserved.has_default_cma;
    for area in &reserved.statics {
        has_default_cma |= ask_driver(early, area, input)?;
    }
    Ok(has_default_cma)
}
