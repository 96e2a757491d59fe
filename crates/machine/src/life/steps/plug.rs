//! Memory becomes part of the machine: what add_memory() and add_memory_driver_managed() do.

use evidence::settings::AutoOnline;
use memblock::{NodeId, PhysRange, Region, RegionFlags};

use crate::command_line::hotplug::MemmapOnMemory;
use crate::life::change::{Change, What};
use crate::life::event::OnlineAs;
use crate::life::parts::blocks::{Block, Online};
use crate::life::parts::devices::GroupKind;
use crate::life::refusal::{Errno, Refusal};
use crate::life::state::{FirmwareEntry, Life};

/// Memory that a driver adds.
#[derive(Clone, Copy, Debug)]
pub(in crate::life) struct Plugged<'a> {
    pub(in crate::life) range: PhysRange,
    pub(in crate::life) node: u32,
    /// The resource's name: `System RAM`, or `System RAM (DRIVER)`.
    pub(in crate::life) name: &'a str,
    /// Whether its resource joins neighbors.
    pub(in crate::life) is_mergeable: bool,
    /// Whether the driver allows the memory to hold its own struct pages.
    pub(in crate::life) may_hold_memmap: bool,
    /// The device, by number.
    pub(in crate::life) device: u32,
    /// The driver's own choice of a state; `None` leaves it to the policy.
    pub(in crate::life) state: Option<AutoOnline>,
}

/// Where the struct pages of memory go.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::life) struct Memmap {
    /// Whether the driver allows the memory to hold its own.
    pub(in crate::life) may_hold: bool,
    /// The bytes of memory that the device adds beside it, and that need some too.
    pub(in crate::life) beside: u64,
}

impl Memmap {
    /// The memory may hold its own.
    pub(in crate::life) const fn own() -> Self {
        Self { may_hold: true, beside: 0 }
    }
}

impl Plugged<'_> {
    fn is_driver_managed(&self) -> bool {
        self.name != SYSTEM_RAM
    }
}

/// The name of memory that no driver manages.
pub(in crate::life) const SYSTEM_RAM: &str = "System RAM";

impl Life {
    /// Whether memory could be added; nothing changes.
    /// Source: mm/memory_hotplug.c:add_memory_resource, register_memory_resource, check_hotplug_memory_range (6.12).
    pub(in crate::life) fn check_add(
        &self,
        range: PhysRange,
        node: u32,
        memmap: Memmap,
    ) -> Result<(), Refusal> {
        self.can_hot_add()?;
        let size = self.blocks.size();
        if let Some(found) = self.resources.in_the_way(range) {
            return Err(Refusal {
                errno: Errno::Eexist,
                rule: "resource-in-the-way",
                reason: format!("{range} overlaps {found}"),
                remedy: format!("add it where /proc/iomem has no `{}`", found.name),
                source: "mm/memory_hotplug.c:register_memory_resource (6.12)",
            });
        }
        if !range.start().is_multiple_of(size) || !range.size().is_multiple_of(size) {
            return Err(Refusal {
                errno: Errno::Einval,
                rule: "whole-blocks-only",
                reason: format!("{range} is not a multiple of the memory block size, {size:#x}"),
                remedy: format!("give it a start and a size that are multiples of {size:#x}"),
                source: "mm/memory_hotplug.c:check_hotplug_memory_range (6.12)",
            });
        }
        self.check_node(node)?;
        if range.end() > self.kernel.limit {
            return Err(Refusal {
                errno: Errno::E2big,
                rule: "beyond-the-direct-map",
                reason: format!(
                    "{range} ends above {:#x}, which this kernel's page tables do not map",
                    self.kernel.limit
                ),
                remedy: "add it at a lower address".to_owned(),
                source: "mm/memory_hotplug.c:mhp_range_allowed (6.12)",
            });
        }
        if let Some((number, _)) = self.blocks.inside(range).next() {
            return Err(Refusal {
                errno: Errno::Eexist,
                rule: "block-exists",
                reason: format!(
                    "memory{number} is there already: boot memory that the kernel keeps to itself"
                ),
                remedy: "add it where no memory block is".to_owned(),
                source: "mm/sparse.c:sparse_add_section (6.12)",
            });
        }
        self.check_struct_pages(range, memmap)
    }

    /// Whether kernel zones could hold the struct pages of all added memory, if they held nothing else. How much of them is
    /// free only run time tells.
    /// Source: mm/sparse-vmemmap.c:vmemmap_populate (6.12).
    fn check_struct_pages(&self, range: PhysRange, memmap: Memmap) -> Result<(), Refusal> {
        if self.memmap(range, memmap.may_hold) > 0 {
            return Ok(());
        }
        let bytes = range.size().saturating_add(memmap.beside);
        let needed = self.struct_pages_of(bytes).saturating_add(self.struct_pages);
        let there = self.zones.pages(None).kernel;
        // Without zones nothing says how much there is.
        if there == 0 || needed <= there {
            return Ok(());
        }
        Err(Refusal {
            errno: Errno::Enomem,
            rule: "no-room-for-struct-pages",
            reason: format!(
                "with it, added memory needs {} MiB of struct pages, and kernel zones have {} MiB in all",
                needed >> 20,
                there >> 20
            ),
            remedy: "add less at once, and let part of it go online in a kernel zone before the next"
                .to_owned(),
            source: "mm/sparse-vmemmap.c:vmemmap_populate (6.12)",
        })
    }

    /// Whether memory may be on a node.
    pub(super) fn check_node(&self, node: u32) -> Result<(), Refusal> {
        if self.possible_nodes.as_ref().is_none_or(|possible| possible.contains(&node)) {
            return Ok(());
        }
        Err(Refusal {
            errno: Errno::Einval,
            rule: "node-not-possible",
            reason: format!("node {node} is not in /sys/devices/system/node/possible"),
            remedy: "name a possible node, or let the firmware's SRAT list this one".to_owned(),
            source: "mm/memory_hotplug.c:add_memory_resource (6.12)",
        })
    }

    /// Whether the kernel can add memory at all.
    pub(in crate::life) fn can_hot_add(&self) -> Result<(), Refusal> {
        if self.kernel.lacks_hot_add {
            return Err(Refusal {
                errno: Errno::Eopnotsupp,
                rule: "kernel-without-hotplug",
                reason: "the kernel is built without CONFIG_MEMORY_HOTPLUG".to_owned(),
                remedy: "build it in".to_owned(),
                source: "mm/Kconfig (6.12)",
            });
        }
        Ok(())
    }

    /// Adds memory that [`Life::check_add`] allows.
    pub(in crate::life) fn add_memory(
        &mut self,
        change: &mut Change,
        memory: Plugged<'_>,
    ) -> Result<(), Refusal> {
        let Plugged { range, node, name, .. } = memory;
        self.check_add(range, node, Memmap { may_hold: memory.may_hold_memmap, beside: 0 })?;
        if self.resources.request(range, name, true, memory.is_mergeable).is_err() {
            // Checked above.
            return Ok(());
        }
        change.push(What::Resource, range, None, Some(name.to_owned()), "the driver adds it");
        if !self.blocks.has_node(node) && !self.cpu_nodes.contains(&node) {
            change.push(
                What::Node,
                range,
                None,
                Some(format!("node{node}")),
                "the node gets its first memory",
            );
        }
        if let Some(regions) = &mut self.memblock {
            let flags =
                if memory.is_driver_managed() { RegionFlags::DRIVER_MANAGED } else { RegionFlags::empty() };
            regions.add(Region { range, node: NodeId::new(node), flags });
            let word = if memory.is_driver_managed() { "DRV_MNG" } else { "NONE" };
            let after = Some(format!("node {node}, {word}"));
            change.push(
                What::Memblock,
                range,
                None,
                after,
                "this kernel keeps memblock (ARCH_KEEP_MEMBLOCK)",
            );
        }
        let memmap = self.memmap(range, memory.may_hold_memmap);
        if memmap == 0 {
            self.struct_pages = self.struct_pages.saturating_add(self.struct_pages_of(range.size()));
        }
        let size = self.blocks.size();
        for number in range.start() / size..=range.last() / size {
            let block = Block {
                online: Online::No,
                node,
                spans_nodes: false,
                present: size,
                is_early: false,
                device: Some(memory.device),
                is_pinned: false,
                memmap,
            };
            self.blocks.insert(number, block);
        }
        if memmap > 0 {
            let all = range.size() / size * memmap;
            let after = Some(format!("{} MiB of it", all >> 20));
            change.push(What::Device, range, None, after, "its struct pages lie in it (memmap_on_memory)");
        }
        if !memory.is_driver_managed()
            && let Some(map) = &mut self.firmware_map
        {
            let index = map.next;
            let entry =
                FirmwareEntry { start: range.start(), last: range.last(), kind: SYSTEM_RAM.to_owned() };
            map.insert(index, entry);
            map.next = map.next.saturating_add(1);
            let after = Some(SYSTEM_RAM.to_owned());
            change.push(What::FirmwareMap, range, None, after, "the kernel adds it to /sys/firmware/memmap");
        }
        let now = self.now.clone();
        self.images.memory_came(range, memory.is_driver_managed(), &now);
        let state = memory.state.unwrap_or(self.policy.state);
        let how = match state {
            AutoOnline::Offline => {
                let after = Some("offline".to_owned());
                change.push(
                    What::Block,
                    range,
                    None,
                    after,
                    "added blocks stay offline (auto_online_blocks)",
                );
                return Ok(());
            }
            AutoOnline::Online => OnlineAs::Policy,
            AutoOnline::OnlineKernel => OnlineAs::Kernel,
            AutoOnline::OnlineMovable => OnlineAs::Movable,
        };
        for number in range.start() / size..=range.last() / size {
            // A block that was just added is offline, and nothing refuses it.
            if let Ok(zone) = self.put_online(change, number, how) {
                let range = self.blocks.range(number);
                let why = match memory.state {
                    Some(_) => "the driver chooses the state",
                    None => "auto_online_blocks",
                };
                change.push(What::Block, range, None, Some(format!("online {zone}")), why);
            }
        }
        Ok(())
    }

    /// How many bytes of each block hold its struct pages.
    /// Source: mm/memory_hotplug.c:mhp_supports_memmap_on_memory (6.12).
    fn memmap(&self, range: PhysRange, may_hold_memmap: bool) -> u64 {
        let size = self.blocks.size();
        let facts = &self.kernel;
        if !may_hold_memmap
            || self.policy.memmap_on_memory == MemmapOnMemory::Off
            || (range.size() != size && !facts.memmap_of_many_blocks)
        {
            return 0;
        }
        let needed = (size / facts.page.max(1)).saturating_mul(facts.struct_page);
        let fills = needed.is_multiple_of(facts.huge_page.max(1));
        let rounded = match self.policy.memmap_on_memory {
            MemmapOnMemory::Force => {
                needed.checked_next_multiple_of(facts.huge_page.max(1)).unwrap_or(needed)
            }
            _ if fills => needed,
            _ => 0,
        };
        if rounded < size { rounded } else { 0 }
    }

    /// The bytes of struct pages that describe so much memory.
    pub(in crate::life) fn struct_pages_of(&self, bytes: u64) -> u64 {
        (bytes / self.kernel.page.max(1)).saturating_mul(self.kernel.struct_page)
    }

    /// The bytes of a group's unit.
    pub(in crate::life) fn unit(&self, device_block: u64) -> GroupKind {
        GroupKind::Dynamic { unit: device_block.max(self.blocks.size()) }
    }
}
