//! The default contiguous memory area (CMA).

use evidence::Evidence;
use memblock::PhysRange;

/// Pages of 4 KiB, as an order, to which an area aligns at most (CONFIG_CMA_ALIGNMENT's default, kernel/dma/Kconfig).
const USUAL_ALIGNMENT: u64 = 8;

/// The default contiguous memory area (`cma=`, CONFIG_CMA_SIZE_MBYTES, or a device tree's `linux,cma-default`), from
/// which dma_alloc_from_contiguous allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContiguousArea {
    /// The addresses, from the log, which lists it before all other areas (kernel/dma/contiguous.c:
    /// dma_contiguous_reserve is called first, 7.3).
    pub range: PhysRange,
    /// Pages of it that are allocated, from sysfs; `None` if that was not read.
    pub used: Option<u64>,
    /// The order of pages to which it aligns at most: CONFIG_CMA_ALIGNMENT.
    pub alignment_order: u64,
}

impl ContiguousArea {
    pub(crate) fn of(evidence: &Evidence) -> Option<Self> {
        let range = *evidence.log.read()?.boot.cma.first()?;
        let total = evidence.kexec.cma_total_pages.read().copied();
        let available = evidence.kexec.cma_available_pages.read().copied();
        // Where sysfs lists areas of crashkernel=,cma and no default one, the log's first area has another purpose.
        let is_shown = total.is_some() || evidence.kexec.crash_cma_ranges.read().is_none();
        let order = evidence.configuration.read().and_then(|config| config.number("CMA_ALIGNMENT"));
        is_shown.then_some(Self {
            range,
            used: total.zip(available).map(|(total, available)| total.saturating_sub(available)),
            alignment_order: order.unwrap_or(USUAL_ALIGNMENT),
        })
    }
}
