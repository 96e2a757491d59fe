//! The result of an architecture's boot, before it becomes a prediction.

use std::collections::BTreeMap;

use rules::Rules;

use crate::boot::crashkernel::Crashkernel;
use crate::boot::early::Early;
use crate::boot::input::BootInput;
use crate::boot::numa::fallback;
use crate::boot::numa::{self, Nodes};
use crate::boot::zones::movable;
use crate::boot::zones::{Layout, ZoneLimits, ZoneSpan, memory_pages, mirrored_pages};
use crate::command_line::BootParameters;
use crate::releases::{
    FALLBACK_SKIPS_EMPTY_NODES, MIRROR_NEEDS_MIRRORED_MEMORY, MIRROR_OVERLAPS_ZONES, Target, is_known,
};

/// The result of a boot.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) limits: ZoneLimits,
    pub(crate) zones: Vec<ZoneSpan>,
    /// First movable page frame by node.
    pub(crate) movable: BTreeMap<u32, u64>,
    pub(crate) fallback: Vec<(u32, Vec<u32>)>,
    pub(crate) crashkernel: Crashkernel,
}

impl Outcome {
    /// Sizes the zones of every node, and determines the fallback order (mm/mm_init.c:free_area_init, 6.12).
    pub(crate) fn new(
        early: &mut Early<'_>,
        input: &BootInput,
        parameters: &BootParameters,
        rules: &Rules,
        limits: &ZoneLimits,
        nodes: &Nodes,
        crashkernel: Crashkernel,
    ) -> Self {
        let wanted = &parameters.movable;
        let target = Target::new(input.platform.architecture(), input.release.clone());
        let mirror_needs_memory = is_known(MIRROR_NEEDS_MIRRORED_MEMORY, &target);
        let movable = movable::starts(
            early,
            limits,
            wanted,
            input.build.largest_block_pages,
            rules,
            mirror_needs_memory,
        );
        let is_mirrored = wanted.mirror
            && !wanted.movable_node
            && (early.memblock.has_mirror() || !mirror_needs_memory)
            && is_known(MIRROR_OVERLAPS_ZONES, &target);
        let layout = Layout {
            limits,
            memory: memory_pages(early),
            movable: &movable,
            mirrored: is_mirrored.then(|| mirrored_pages(early)),
            page_size: early.memblock.page_size().bytes(),
        };
        let zones = layout.zones();
        let with_memory = numa::with_memory(early);
        let mut all = nodes.parsed.clone();
        all.extend(&with_memory);
        let empty_nodes_lead = !is_known(FALLBACK_SKIPS_EMPTY_NODES, &target);
        let fallback =
            fallback::order(&all, &with_memory, empty_nodes_lead, |from, to| nodes.distance(from, to));
        Self { limits: limits.clone(), zones, movable, fallback, crashkernel }
    }
}
