//! Every capture of a real kernel, held against what was concluded from it.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod given;
mod kexec;

use std::collections::BTreeSet;

use evidence::resources::ResourceTree;
use evidence::snapshot::BlockState;
use evidence::{Snapshot, Source};
use machine::{Machine, MemoryRange};
use memblock::PhysRange;
use rules::{Class, Loader, Rules, Use};

use crate::cases::{Case, cases, for_every_capture};

#[test]
fn the_ranges_are_exactly_the_kernels_system_ram() {
    for_every_capture(|_, snapshot, machine| {
        let tree = ResourceTree::parse(snapshot.iomem.read().unwrap()).unwrap();
        let kernels: Vec<PhysRange> = tree.system_ram().map(|resource| resource.range().unwrap()).collect();
        let mut ours: Vec<PhysRange> = Vec::new();
        for memory in &machine.ranges {
            let of = memory.resource.as_ref().unwrap().range;
            match ours.last_mut() {
                // Pieces of one resource follow each other without a gap.
                Some(last) if last.end() == memory.range.start() && of.encloses(*last) => {
                    *last = last.hull(memory.range);
                }
                _ => ours.push(memory.range),
            }
        }
        let mut sorted = kernels.clone();
        sorted.sort_unstable();
        (ours != sorted).then(|| format!("{ours:?} instead of {sorted:?}")).into_iter().collect()
    });
}

#[test]
fn proc_iomem_comes_back_byte_for_byte() {
    for_every_capture(|_, snapshot, machine| {
        let same = machine.resources().unwrap().to_string() == *snapshot.iomem.read().unwrap();
        (!same).then(|| "differs".to_owned()).into_iter().collect()
    });
}

#[test]
fn node_zones_and_state_agree_with_sysfs_and_zoneinfo() {
    for_every_capture(|_, snapshot, machine| {
        let mut complaints = Vec::new();
        for memory in &machine.ranges {
            let in_zoneinfo = |zone: &str, node: u32| {
                machine.zones().iter().any(|z| {
                    z.name == zone
                        && z.node == node
                        && z.span(machine.kernel.page_size).is_some_and(|span| span.overlaps(memory.range))
                })
            };
            // Less than a page is in no zone, wherever its block is.
            let has_a_page = memory.range.shrink_to_multiples(machine.kernel.page_size).is_some();
            if let Some(node) = memory.node.filter(|_| has_a_page) {
                for zone in memory.zones.iter().filter(|zone| !in_zoneinfo(zone, node)) {
                    complaints.push(format!("{}: zone {zone} of node {node} is not there", memory.range));
                }
            }
            let Some(blocks) = snapshot.memory_blocks.read() else { continue };
            let mut states = BTreeSet::new();
            for block in blocks.overlapping(memory.range) {
                states.insert(block.state == BlockState::Online);
                if !memory.node.is_some_and(|node| block.nodes.contains(&node)) {
                    complaints.push(format!(
                        "{}: node {:?}, but memory{} is on {:?}",
                        memory.range, memory.node, block.number, block.nodes
                    ));
                }
                let single = match block.valid_zones.as_slice() {
                    [zone] if zone != "none" && block.state == BlockState::Online => Some(zone),
                    _ => None,
                };
                if let Some(zone) = single.filter(|zone| !memory.zones.contains(zone)) {
                    complaints.push(format!("{}: memory{} is in {zone}", memory.range, block.number));
                }
                if !memory.blocks.contains(&block.number) {
                    complaints.push(format!("{}: memory{} is missing", memory.range, block.number));
                }
            }
            let expected = match (states.contains(&true), states.contains(&false)) {
                (true, true) => "mixed",
                (true, false) => "online",
                (false, true) => "offline",
                (false, false) => continue,
            };
            if memory.state.map(machine::State::as_str) != Some(expected) {
                complaints.push(format!("{}: {:?}, expected {expected}", memory.range, memory.state));
            }
        }
        complaints
    });
}

/// Takes one source after the other away: the class of each range stays what it was, or it is said that it
/// could not be known.
#[test]
fn without_a_source_the_class_stays_or_is_said_to_be_inferred() {
    type Loss = (&'static str, fn(&mut Snapshot));
    let losses: [Loss; 6] = [
        ("the log", |s| s.kernel_log = Source::Missing),
        ("the boot parameters", |s| s.boot_params = Source::Missing),
        ("the log and the boot parameters", |s| {
            s.kernel_log = Source::Missing;
            s.boot_params = Source::Missing;
        }),
        ("/sys/firmware/memmap", |s| s.firmware_memmap = Source::Missing),
        ("the device tree", |s| s.device_tree = Source::Missing),
        ("the memory blocks", |s| s.memory_blocks = Source::Missing),
    ];
    for_every_capture(|_, snapshot, machine| {
        let mut complaints = Vec::new();
        for (name, take) in losses {
            let mut less = snapshot.clone();
            take(&mut less);
            let less = Machine::of(&less).unwrap();
            for memory in &machine.ranges {
                let found = less.range_at(memory.range.start()).unwrap();
                let said = less.unknown.iter().any(|unknown| {
                    unknown.what == format!("who provided {}", memory.resource.as_ref().unwrap().range)
                        || unknown.effect.contains("hot-pluggable is shown as plain")
                });
                let told = |machine: &Machine, memory: &MemoryRange| {
                    Loader::ALL.map(|loader| {
                        memory
                            .verdict(&Rules::LINUX, Use::NextKernel(loader), &machine.kernel)
                            .map(|verdict| verdict.allowed)
                    })
                };
                if found.class == memory.class
                    && memory.class == Some(Class::HotAdded)
                    && told(&less, found) != told(machine, memory)
                    && !said
                {
                    complaints.push(format!("{}: without {name} it is told otherwise", memory.range));
                }
                if found.class != memory.class && !said {
                    complaints.push(format!(
                        "{}: {:?} without {name}, instead of {:?} ({})",
                        memory.range, found.class, memory.class, found.evidence
                    ));
                }
            }
        }
        complaints
    });
}

/// A hot-pluggable range went to ZONE_MOVABLE, all of it, exactly when the rules say that its class put it
/// there. In these captures no kernelcore= or movablecore= made other hot-pluggable memory movable.
#[test]
fn hotpluggable_memory_is_movable_exactly_where_the_rules_say_so() {
    let mut movable = 0;
    for Case { name, machine, .. } in cases() {
        for memory in machine.ranges.iter().filter(|m| m.class == Some(Class::BootHotpluggable)) {
            let verdict = memory.verdict(&Rules::LINUX, Use::ZoneMovable, &machine.kernel).unwrap();
            let is = memory.zones.iter().any(|zone| zone == "Movable");
            assert_eq!(
                verdict.allowed, is,
                "{name}: {} {:?}: {}",
                memory.range, memory.zones, verdict.reason
            );
            movable += usize::from(is);
        }
    }
    assert!(movable >= 5, "only {movable} movable ranges were seen");
}

/// What memblock's dump says of the flag outranks the class: no early allocation is said to avoid memory
/// from which the flag was gone.
#[test]
fn early_allocations_are_kept_off_only_where_memblock_kept_the_flag() {
    for Case { name, machine, .. } in cases() {
        for memory in machine.ranges.iter().filter(|m| m.class == Some(Class::BootHotpluggable)) {
            let early = memory.verdict(&Rules::LINUX, Use::EarlyAllocation, &machine.kernel).unwrap();
            let spared = machine.kernel.facts.movable_node && memory.kept_hotplug != Some(false);
            assert_eq!(early.allowed, !spared, "{name}: {}: {}", memory.range, early.reason);
        }
    }
}
