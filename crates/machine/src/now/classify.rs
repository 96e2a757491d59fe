//! Turns evidence into ranges with a class, provider, node, zones and state.

use memblock::PhysRange;
use rules::Class;

use crate::command_line;
use crate::now::firmware_map::FirmwareMap;
use crate::now::hotpluggable::Hotpluggable;
use crate::now::kernel::Kernel;
use crate::now::memory_range::{MemoryRange, Provider, ResourceOfRange};
use crate::now::node_map::NodeMap;
use crate::now::range_details::RangeDetails;
use crate::range_set::RangeSet;
use evidence::resources::{Resource, ResourceFlags};
use evidence::snapshot::BlockState;
use evidence::{Evidence, ResourceTree, State, Unknown};

/// The inputs of the classification.
pub(crate) struct Classifier<'a> {
    pub(crate) evidence: &'a Evidence,
    pub(crate) details: RangeDetails<'a>,
    pub(crate) kernel: &'a Kernel,
    pub(crate) firmware: &'a FirmwareMap,
    pub(crate) hotpluggable: &'a Hotpluggable,
    /// The boot memory by node, as the kernel printed it; `None` if the log does not reach back that far.
    pub(crate) early: Option<RangeSet>,
    /// The HOTPLUG ranges in memblock when the zones were sized; `None` if the log has no such dump.
    pub(crate) hotplug_when_zones_were_sized: Option<RangeSet>,
    pub(crate) nodes: NodeMap,
}

/// The conclusions about one whole resource.
struct Origin {
    class: Option<Class>,
    evidence: String,
    inferred: bool,
}

impl Classifier<'_> {
    /// The machine's ranges, ascending. Every byte of every System RAM resource is in exactly one.
    pub(crate) fn ranges(&self, unknown: &mut Vec<Unknown>) -> Vec<MemoryRange> {
        let mut ranges: Vec<MemoryRange> = match self.evidence.resources.read() {
            Some(tree) => {
                tree.system_ram().flat_map(|resource| self.of_resource(tree, resource, unknown)).collect()
            }
            None => self.of_blocks_only(),
        };
        ranges.sort_by_key(|range| range.range);
        ranges.into_iter().flat_map(|range| self.split_by_state(range)).collect()
    }

    /// Splits a range where the state of its memory blocks changes, as lsmem does. Blocks that show no state stay with
    /// their neighbors.
    fn split_by_state(&self, memory: MemoryRange) -> Vec<MemoryRange> {
        let Some(blocks) = self.evidence.blocks.read().filter(|_| memory.state == Some(State::Mixed)) else {
            return vec![memory];
        };
        let mut runs: Vec<(PhysRange, BlockState)> = Vec::new();
        for block in blocks.overlapping(memory.range) {
            let Some(part) = blocks.range_of(block).and_then(|range| range.intersect(memory.range)) else {
                continue;
            };
            match runs.last_mut() {
                Some((last, state)) if *state == block.state || block.state == BlockState::Unknown => {
                    *last = last.hull(part);
                }
                Some((last, state)) if *state == BlockState::Unknown => {
                    *last = last.hull(part);
                    *state = block.state;
                }
                _ => runs.push((part, block.state)),
            }
        }
        // What lies in no block belongs to the run below it, or to the first.
        let starts = runs.iter().skip(1).map(|(run, _)| run.start());
        let mut rest = Some(memory.range);
        let mut parts = Vec::new();
        for start in starts {
            let Some(left) = rest else { break };
            let below = PhysRange::new(left.start(), start).ok();
            parts.extend(below);
            rest = PhysRange::new(start, left.end()).ok();
        }
        parts.extend(rest);
        parts
            .into_iter()
            .map(|range| self.details.fill(MemoryRange { range, ..memory.clone() }))
            .map(|part| MemoryRange { kept_hotplug: memory.kept_hotplug, ..part })
            .collect()
    }

    fn of_resource(
        &self,
        tree: &ResourceTree,
        resource: &Resource,
        unknown: &mut Vec<Unknown>,
    ) -> Vec<MemoryRange> {
        let Ok(range) = resource.range() else {
            unknown.push(Unknown::new(
                &format!("the resource {:#x}-{:#x} : {}", resource.start, resource.last, resource.name),
                "it is no range of addresses",
                "it is not shown",
            ));
            return Vec::new();
        };
        let origin = self.origin(tree, resource, range);
        if origin.inferred {
            unknown.push(Unknown::new(
                &format!("who provided {range}"),
                if self.firmware.ram.is_some() {
                    "/sys/firmware/memmap does not tell what was added after boot, and the kernel's list of boot memory could not be read"
                } else {
                    "neither the firmware's map nor the kernel's list of boot memory could be read"
                },
                &format!("taken as {}: {}", origin.class.map_or("unknown", Class::as_str), origin.evidence),
            ));
        }
        let named = ResourceOfRange { range, name: resource.name.clone() };
        let mut out = Vec::new();
        for (piece, node) in self.split_by_node(range, origin.class) {
            for (piece, hotpluggable) in self.cut_hotpluggable(piece, origin.class) {
                for (piece, listed) in self.cut_listed(piece, origin.class) {
                    let class = match origin.class {
                        Some(Class::Boot) if hotpluggable => Some(Class::BootHotpluggable),
                        class => class,
                    };
                    let evidence = if class == Some(Class::BootHotpluggable) {
                        format!(
                            "{}; marked hot-pluggable by the {}",
                            origin.evidence, self.hotpluggable.source
                        )
                    } else {
                        origin.evidence.clone()
                    };
                    let provider = self.provider(tree, resource, piece, class, listed);
                    let of_piece = Piece { range: piece, node, class, evidence, provider, listed };
                    out.push(self.complete(of_piece, Some(named.clone())));
                }
            }
        }
        out
    }

    /// Hot-added memory goes to a single node: if only part of it is online, and so in a zone, that part's node applies
    /// to all of it. Boot memory is split at node boundaries.
    fn split_by_node(&self, range: PhysRange, class: Option<Class>) -> Vec<(PhysRange, Option<u32>)> {
        let pieces = self.nodes.split(range);
        let mut known = pieces.iter().filter_map(|&(_, node)| node);
        match (class, known.next()) {
            (Some(Class::HotAdded | Class::DriverManaged), Some(node))
                if known.all(|other| other == node) =>
            {
                vec![(range, Some(node))]
            }
            _ => pieces,
        }
    }

    /// Whether this resource existed at boot, was hot-added, or was added by a driver.
    fn origin(&self, tree: &ResourceTree, resource: &Resource, range: PhysRange) -> Origin {
        let known = |class, evidence: &str| Origin {
            class: Some(class),
            evidence: evidence.to_owned(),
            inferred: false,
        };
        if resource.flags.contains(ResourceFlags::SYSRAM_DRIVER_MANAGED) {
            return known(
                Class::DriverManaged,
                "the resource's name: only a driver adds System RAM of such a name",
            );
        }
        if let Some(early) = &self.early {
            return if early.overlaps(range) {
                known(Class::Boot, "among the early memory node ranges of the kernel log")
            } else if range.shrink_to_multiples(self.kernel.page_size).is_none() {
                // The boot drops partial pages; kexec-tools leaves the last KiB of a crash kernel's area as one.
                known(Class::Boot, "less than a page, and memory that is added later comes in whole blocks")
            } else {
                known(Class::HotAdded, "not among the early memory node ranges of the kernel log")
            };
        }
        let holds_the_kernel =
            tree.inside(range, resource).any(|r| matches!(r.name.as_str(), "Kernel code" | "Crash kernel"));
        if holds_the_kernel {
            return known(Class::Boot, "it holds what the kernel reserved while booting");
        }
        if let Some(ram) = &self.firmware.ram {
            if self.firmware.appended.overlaps(range) {
                return known(Class::HotAdded, "appended to /sys/firmware/memmap after boot");
            }
            if ram.overlaps(range)
                && !(self.firmware.may_hold_appended && self.looks_hot_added(tree, resource, range))
            {
                return known(Class::Boot, "the firmware's map of boot lists it as RAM");
            }
            if !ram.overlaps(range) && !command_line::has(&self.kernel.command_line, "memmap") {
                return known(Class::HotAdded, "the firmware's map of boot does not list it");
            }
        }
        let (class, evidence) = if self.looks_hot_added(tree, resource, range) {
            (Class::HotAdded, "whole memory blocks, and nothing of the boot lies inside")
        } else {
            (Class::Boot, "it is not made of whole memory blocks, or something of the boot lies inside")
        };
        Origin { class: Some(class), evidence: evidence.to_owned(), inferred: true }
    }

    /// Hot-added memory comes in whole blocks (mm/memory_hotplug.c:check_hotplug_memory_range, 6.12), contains no boot
    /// reservations, and goes to Normal or Movable, not to the DMA zones whose spans were set at boot. Boot memory with
    /// these properties is rare: each node holds its own struct pages, which appear as a reservation if the kernel
    /// shows reservations at all.
    fn looks_hot_added(&self, tree: &ResourceTree, resource: &Resource, range: PhysRange) -> bool {
        let Some(blocks) = self.evidence.blocks.read() else { return false };
        let announced = blocks.overlapping(range).next().is_some_and(|block| block.firmware_node.is_some());
        let shows_reservations = self.evidence.memblock_reserved.read().is_some();
        let in_a_dma_zone = blocks
            .overlapping(range)
            .any(|block| block.valid_zones.iter().any(|zone| zone.starts_with("DMA")));
        blocks.is_whole(range)
            && !in_a_dma_zone
            && tree.inside(range, resource).next().is_none()
            && blocks.overlapping(range).next().is_some()
            && (announced || shows_reservations)
    }

    /// Splits boot memory by whether the firmware marks it as hot-pluggable. The firmware says nothing about memory
    /// added later.
    fn cut_hotpluggable(&self, piece: PhysRange, class: Option<Class>) -> Vec<(PhysRange, bool)> {
        match class {
            Some(Class::Boot) => self.cut(piece, &self.hotpluggable.ranges),
            _ => vec![(piece, false)],
        }
    }

    /// Splits a piece where `set` starts and ends.
    fn cut(&self, piece: PhysRange, set: &RangeSet) -> Vec<(PhysRange, bool)> {
        let page = self.kernel.page_size;
        let mut out = Vec::new();
        let mut rest = Some(piece);
        for part in set.within(piece) {
            let Some(left) = rest else { break };
            let (below, above) = left.subtract(part);
            out.extend(below.map(|below| (below, false)));
            out.push((part, true));
            rest = above;
        }
        out.extend(rest.map(|rest| (rest, false)));
        // The kernel works in pages: less than a page at an edge is not a separate piece.
        out.into_iter().fold(Vec::new(), |mut merged: Vec<(PhysRange, bool)>, (part, inside)| {
            match merged.last_mut() {
                Some((last, _)) if part.size() < page => *last = last.hull(part),
                Some((last, last_inside)) if last.size() < page => {
                    *last = last.hull(part);
                    *last_inside = inside;
                }
                _ => merged.push((part, inside)),
            }
            merged
        })
    }

    /// Splits a piece by whether the firmware's map lists it as RAM.
    fn cut_listed(&self, piece: PhysRange, class: Option<Class>) -> Vec<(PhysRange, bool)> {
        match &self.firmware.ram {
            // An apparent boot entry may be the one appended for this memory.
            Some(_) if class == Some(Class::HotAdded) && self.firmware.may_hold_appended => {
                vec![(piece, false)]
            }
            Some(ram) => self.cut(piece, ram),
            None => vec![(piece, class == Some(Class::Boot))],
        }
    }

    fn provider(
        &self,
        tree: &ResourceTree,
        resource: &Resource,
        piece: PhysRange,
        class: Option<Class>,
        listed: bool,
    ) -> Provider {
        match class {
            Some(Class::DriverManaged) => {
                let over = tree.ancestors(resource).map(|r| r.name.clone()).collect();
                Provider::Driver { driver: resource.driver().unwrap_or_default().to_owned(), over }
            }
            Some(Class::HotAdded) => Provider::AcpiHotAdd(self.firmware_device(piece)),
            Some(Class::Boot | Class::BootHotpluggable) if listed => Provider::Firmware(self.firmware.kind),
            Some(Class::Boot | Class::BootHotpluggable) => {
                let holds_the_kernel = tree.inside(piece, resource).any(|r| r.name == "Kernel code");
                if command_line::has(&self.kernel.command_line, "memmap") {
                    Provider::CommandLine
                } else if holds_the_kernel {
                    Provider::KernelImage
                } else {
                    Provider::Unknown
                }
            }
            None => Provider::Unknown,
        }
    }

    fn firmware_device(&self, piece: PhysRange) -> Option<String> {
        self.evidence.blocks.read()?.overlapping(piece).find_map(|block| block.firmware_node.clone())
    }

    /// Adds what blocks, zones and memblock say about a piece.
    fn complete(&self, piece: Piece, resource: Option<ResourceOfRange>) -> MemoryRange {
        let Piece { range, node, class, evidence, provider, listed } = piece;
        let memory = self.details.fill(MemoryRange {
            resource,
            class,
            evidence,
            provider,
            node,
            listed_by_firmware: listed,
            ..MemoryRange::at(range)
        });
        MemoryRange { kept_hotplug: self.kept_hotplug(class, range, &memory.zones), ..memory }
    }

    /// Whether HOTPLUG survived until the zones were sized: shown by memblock's dump from that moment, or, with
    /// `movable_node`, by the resulting zones.
    fn kept_hotplug(&self, class: Option<Class>, range: PhysRange, zones: &[String]) -> Option<bool> {
        if class != Some(Class::BootHotpluggable) {
            return None;
        }
        if let Some(carried) = &self.hotplug_when_zones_were_sized {
            return Some(carried.overlaps(range));
        }
        let told_by_zones = self.kernel.facts.movable_node && !zones.is_empty();
        told_by_zones.then(|| zones.iter().any(|zone| zone == "Movable"))
    }

    /// Without /proc/iomem: individual memory blocks, with similar neighbors joined. The driver that added a block
    /// stays unknown, and so does the class, unless the firmware's map lists the whole block.
    fn of_blocks_only(&self) -> Vec<MemoryRange> {
        let Some(blocks) = self.evidence.blocks.read() else { return Vec::new() };
        let mut runs: Vec<(PhysRange, Origin, bool)> = Vec::new();
        for range in blocks.blocks.iter().filter_map(|block| blocks.range_of(block)) {
            let (origin, listed) = self.origin_of_block(range);
            match runs.last_mut() {
                Some((last, of_last, of_listed))
                    if last.end() == range.start()
                        && of_last.class == origin.class
                        && *of_listed == listed =>
                {
                    *last = last.hull(range);
                }
                _ => runs.push((range, origin, listed)),
            }
        }
        let mut out = Vec::new();
        for (run, origin, listed) in runs {
            for (piece, node) in self.nodes.split(run) {
                for (range, hotpluggable) in self.cut_hotpluggable(piece, origin.class) {
                    let class = if hotpluggable { Some(Class::BootHotpluggable) } else { origin.class };
                    let provider = match class {
                        Some(Class::Boot | Class::BootHotpluggable) => Provider::Firmware(self.firmware.kind),
                        Some(Class::HotAdded) => Provider::AcpiHotAdd(self.firmware_device(range)),
                        Some(Class::DriverManaged) | None => Provider::Unknown,
                    };
                    let evidence = origin.evidence.clone();
                    out.push(self.complete(Piece { range, node, class, evidence, provider, listed }, None));
                }
            }
        }
        out
    }

    /// A block may contain a hole of the firmware's map, such as the one below 1 MiB. It counts as listed if at least
    /// half of it is listed and none of it was appended later.
    fn origin_of_block(&self, block: PhysRange) -> (Origin, bool) {
        let origin = |class, evidence: &str| Origin { class, evidence: evidence.to_owned(), inferred: false };
        let listed =
            self.firmware.ram.as_ref().is_some_and(|ram| ram.bytes_within(block) >= block.size() / 2);
        if self.firmware.appended.overlaps(block) {
            (origin(Some(Class::HotAdded), "appended to /sys/firmware/memmap after boot"), false)
        } else if self.early.as_ref().is_some_and(|early| early.overlaps(block)) {
            (origin(Some(Class::Boot), "among the early memory node ranges of the kernel log"), listed)
        } else if listed {
            (origin(Some(Class::Boot), "the firmware's map of boot lists it as RAM"), true)
        } else {
            (origin(None, "/proc/iomem, which names the driver, could not be read"), false)
        }
    }
}

struct Piece {
    range: PhysRange,
    node: Option<u32>,
    class: Option<Class>,
    evidence: String,
    provider: Provider,
    listed: bool,
}
