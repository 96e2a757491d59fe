//! Predicts a boot: what Linux makes of a firmware map and a command line.

use firmware::fdt::{Fdt, FdtError};
use memblock::{Chunk, Memblock, MemblockError, NodeId, PageSize, PhysRange, TableKind};
use rules::{Class, Memory, Rules, Use};

use crate::boot::early::{Early, Halt};
use crate::boot::input::{BootInput, Platform};
use crate::boot::kho::{self, ScratchAreas};
use crate::boot::outcome::Outcome;
use crate::boot::prediction::Prediction;
use crate::boot::{arm64, x86};
use crate::command_line::BootParameters;
use crate::releases::{KERNEL_RESERVATIONS_ARE_MARKED, Target, is_known};

/// Why a boot could not be predicted to its end or to a kernel panic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootError {
    /// The prediction's tables are too small.
    #[error(transparent)]
    Memblock(#[from] MemblockError),
    /// There is no memory to boot with.
    #[error("the firmware's map has no RAM: expected at least one entry that is usable")]
    NoRam,
    /// The device tree has no memory, as most that are not from a running machine.
    #[error("the device tree has no memory: the boot loader fills it in before it starts the kernel")]
    NoRamInTree,
    /// The device tree cannot be parsed.
    #[error("the device tree: {0}")]
    DeviceTree(#[from] FdtError),
}

/// Predicts a boot under a rule set; use [`Rules::LINUX`] for released kernels.
///
/// # Errors
///
/// [`BootError`] if there is nothing to boot with. A kernel panic is not an error: the prediction reports it, and how
/// far the boot got.
pub fn predict(input: &BootInput, rules: &Rules) -> Result<Prediction, BootError> {
    let architecture = input.platform.architecture();
    if !input.platform.has_ram() {
        return Err(BootError::NoRam);
    }
    let parameters = BootParameters::parse(&input.command_line, architecture, &input.release);
    let page_size = PageSize::new(input.build.page_size).unwrap_or_default();
    let room = input.room(&parameters);
    let mut slabs = [vec![Chunk::EMPTY; room], vec![Chunk::EMPTY; room]];
    let mut memblock = Memblock::with_page_size(page_size);
    for (table, slab) in [TableKind::Memory, TableKind::Reserved].into_iter().zip(&mut slabs) {
        // A fresh table takes its first slab.
        let _ = memblock.grow(table, slab);
    }
    memblock.set_movable_node(spares_hotpluggable(rules, parameters.movable.movable_node));
    memblock.set_bottom_up(
        parameters.movable.movable_node && architecture.facts().movable_node_allocates_bottom_up,
    );
    let target = Target::new(architecture, input.release.clone());
    let marks_kernel = is_known(KERNEL_RESERVATIONS_ARE_MARKED, &target);
    memblock.set_kern_accounting(marks_kernel);
    memblock.set_mirrored_kernelcore(parameters.movable.mirror);
    let mut early = Early { marks_kernel, ..Early::new(memblock) };

    let ended = match (fatal(&parameters), &input.platform) {
        (Some(why), _) => Err(Halt::Panic(why)),
        (None, Platform::X86(platform)) => x86::boot(&mut early, input, platform, &parameters, rules),
        (None, Platform::Arm64(platform)) => {
            let tree = Fdt::new(&platform.device_tree.0)?;
            arm64::boot(&mut early, input, platform, &tree, &parameters, rules)
        }
    };
    let prediction = write_up(&early, input, &parameters);
    let ended = ended.and_then(|outcome| {
        let prediction = prediction.clone().with(&early, outcome);
        let first_zone = prediction.zone_limits.first().map(|(_, range)| range.end());
        let low_end = kho::low_end(input, first_zone);
        let scratch = kho::reserve(&mut early, input, &parameters, low_end)?;
        Ok(prediction.with_scratch(&early, input, &parameters, scratch))
    });
    match ended {
        Ok(prediction) => Ok(prediction),
        Err(Halt::Panic(why)) => Ok(Prediction { panic: Some(why), ..prediction }),
        Err(Halt::NoRam) if input.platform.memory_is_in_tree() => Err(BootError::NoRamInTree),
        Err(Halt::NoRam) => Err(BootError::NoRam),
        Err(Halt::Fault(fault)) => Err(BootError::Memblock(fault)),
    }
}

/// Why the kernel does not boot with a command line, as far as the line itself shows.
fn fatal(parameters: &BootParameters) -> Option<String> {
    let remark = parameters.remarks.iter().find(|remark| remark.is_fatal)?;
    Some(format!("{}: {}", remark.parameter, remark.what))
}

/// Whether early allocations avoid memory with HOTPLUG.
fn spares_hotpluggable(rules: &Rules, movable_node: bool) -> bool {
    let kernel = rules::KernelFacts { movable_node, ..rules::KernelFacts::default() };
    let memory = Memory { kept_hotplug: Some(true), ..Memory::of(Class::BootHotpluggable) };
    !rules.verdict(Use::EarlyAllocation, &memory, &kernel).allowed
}

fn write_up(early: &Early<'_>, input: &BootInput, parameters: &BootParameters) -> Prediction {
    let page = early.memblock.page_size().bytes();
    let early_node_ranges = early.memblock.memory_pfn_ranges(None).filter_map(|pages| {
        let range = PhysRange::new(pages.start.checked_mul(page)?, pages.end.checked_mul(page)?).ok()?;
        Some((pages.node.map_or(0, NodeId::get), range))
    });
    Prediction {
        memory: early.regions(TableKind::Memory),
        reserved: early.regions(TableKind::Reserved),
        dump: early.dumped.clone(),
        early_node_ranges: early_node_ranges.collect(),
        trace: early.trace.lines().to_vec(),
        remarks: parameters.remarks.iter().cloned().chain(kho::remark(input, parameters)).collect(),
        assumed: input.assumed.clone(),
        ends_with_nodes: !input.platform.architecture().facts().boots_to_zones,
        ..Prediction::default()
    }
}

impl Prediction {
    /// The areas are reserved after what the rest of a prediction shows.
    fn with_scratch(
        mut self,
        early: &Early<'_>,
        input: &BootInput,
        parameters: &BootParameters,
        scratch: Option<ScratchAreas>,
    ) -> Self {
        let Some(areas) = &scratch else { return self };
        self.reserved.extend(kho::regions(areas));
        self.reserved.sort_by_key(|region| region.range.start());
        self.trace = early.trace.lines().to_vec();
        self.assumed.extend(kho::assumed(input, parameters));
        Self { scratch, ..self }
    }

    fn with(self, early: &Early<'_>, outcome: Outcome) -> Self {
        let page = early.memblock.page_size().bytes();
        let limits = outcome.limits.zones.iter().filter_map(|&(kind, start, end)| {
            Some((kind, PhysRange::new(start.checked_mul(page)?, end.checked_mul(page)?).ok()?))
        });
        let movable = outcome.movable.iter().map(|(node, pfn)| (*node, pfn.saturating_mul(page)));
        Self {
            zone_limits: limits.collect(),
            movable_start: movable.collect(),
            zones: outcome.zones,
            fallback_order: outcome.fallback,
            crashkernel: outcome.crashkernel,
            ..self
        }
    }
}
