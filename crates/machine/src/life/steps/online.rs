//! Memory blocks go online and offline.

use crate::boot::zones::ZoneKind;
use crate::life::change::{Change, What};
use crate::life::event::{OnlineAs, Selected};
use crate::life::parts::blocks::Online;
use crate::life::refusal::{Errno, Refusal};
use crate::life::state::Life;

impl Life {
    /// The numbers of the blocks that an event is about.
    pub(in crate::life) fn selected(&self, selected: Selected) -> Result<Vec<u64>, Refusal> {
        let numbers: Vec<u64> = match selected {
            Selected::Blocks { first, last } => {
                self.blocks.between(first, last).map(|(number, _)| *number).collect()
            }
            Selected::Node(node) => self.blocks.of_node(node).collect(),
        };
        if numbers.is_empty() {
            return Err(Refusal {
                errno: Errno::Enoent,
                rule: "no-such-block",
                reason: format!("there is no {selected}"),
                remedy: "name blocks that are there; `lsmem` and `physmem show -a` list them".to_owned(),
                source: "Documentation/admin-guide/mm/memory-hotplug.rst (6.12)",
            });
        }
        Ok(numbers)
    }

    /// Writes a word to a block's `state`.
    pub(in crate::life) fn online(
        &mut self,
        change: &mut Change,
        number: u64,
        how: OnlineAs,
    ) -> Result<(), Refusal> {
        let zone = self.put_online(change, number, how)?;
        let range = self.blocks.range(number);
        let why = match how {
            OnlineAs::Policy => "the online policy picks the zone",
            OnlineAs::Kernel => "asked for: a kernel zone",
            OnlineAs::Movable => "asked for: Movable",
        };
        change.push(What::Block, range, Some("offline".to_owned()), Some(format!("online {zone}")), why);
        Ok(())
    }

    /// Puts a block online without a word about it.
    /// Source: mm/memory_hotplug.c:online_pages, drivers/base/memory.c:state_store (6.12).
    pub(in crate::life) fn put_online(
        &mut self,
        change: &mut Change,
        number: u64,
        how: OnlineAs,
    ) -> Result<ZoneKind, Refusal> {
        let Some((block, range)) = self.blocks.get(number).copied().zip(self.blocks.range(number)) else {
            return Err(gone(number));
        };
        if block.online.is() {
            return Err(Refusal {
                errno: Errno::Einval,
                rule: "already-online",
                reason: format!("memory{number} is online already"),
                remedy: "take it offline first to move it to another zone".to_owned(),
                source: "drivers/base/memory.c:state_store (6.12)",
            });
        }
        if block.present < range.size() {
            return Err(Refusal {
                errno: Errno::Einval,
                rule: "block-with-holes",
                reason: format!(
                    "memory{number} has holes: {:#x} of {:#x} bytes are System RAM",
                    block.present,
                    range.size()
                ),
                remedy: "nothing: such a block cannot change its state".to_owned(),
                source: "mm/memory_hotplug.c:online_pages (6.12)",
            });
        }
        let Some(candidate) = self.candidate(number, &block) else { return Err(gone(number)) };
        let zone = match how {
            OnlineAs::Policy => self.judge().default_zone(candidate),
            OnlineAs::Kernel => self.judge().kernel_zone(candidate),
            OnlineAs::Movable => ZoneKind::Movable,
        };
        let before = self.zones.span(block.node, zone);
        self.zones.grow(block.node, zone, range, block.present, block.is_early);
        self.note_span(change, block.node, zone, before);
        if let Some(device) = block.device.and_then(|device| self.devices.get_mut(device)) {
            device.block_changed(number, range.size(), zone, true);
        }
        if let Some(block) = self.blocks.get_mut(number) {
            block.online = Online::In(zone);
        }
        self.images.block_changed();
        Ok(zone)
    }

    /// Takes a block offline.
    pub(in crate::life) fn offline(&mut self, change: &mut Change, number: u64) -> Result<(), Refusal> {
        let zone = self.take_offline(change, number)?;
        let range = self.blocks.range(number);
        let why = if zone == ZoneKind::Movable {
            "pages in Movable can move"
        } else {
            "taken as free of pages that cannot move, which only run time tells of a kernel zone"
        };
        change.push(What::Block, range, Some(format!("online {zone}")), Some("offline".to_owned()), why);
        Ok(())
    }

    /// Takes a block offline without a word about it.
    /// Source: mm/memory_hotplug.c:offline_pages, drivers/base/memory.c:memory_block_offline (6.12).
    pub(in crate::life) fn take_offline(
        &mut self,
        change: &mut Change,
        number: u64,
    ) -> Result<ZoneKind, Refusal> {
        let (zone, range) = self.check_offline(number)?;
        let Some(block) = self.blocks.get(number).copied() else { return Err(gone(number)) };
        let before = self.zones.span(block.node, zone);
        self.zones.shrink(block.node, zone, range, block.present, block.is_early);
        self.note_span(change, block.node, zone, before);
        if let Some(device) = block.device.and_then(|device| self.devices.get_mut(device)) {
            device.block_changed(number, range.size(), zone, false);
        }
        if let Some(block) = self.blocks.get_mut(number) {
            block.online = Online::No;
        }
        self.images.block_changed();
        Ok(zone)
    }

    /// Whether a block could go offline, and from which zone: the kernel's refusals in its order. What only run time
    /// decides is taken from [`Block::is_pinned`](crate::life::Block::is_pinned).
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that the kernel would give.
    pub fn check_offline(&self, number: u64) -> Result<(ZoneKind, memblock::PhysRange), Refusal> {
        let Some((block, range)) = self.blocks.get(number).zip(self.blocks.range(number)) else {
            return Err(gone(number));
        };
        let refuse = |errno, rule, reason: String, remedy: &str, source| {
            Err(Refusal { errno, rule, reason, remedy: remedy.to_owned(), source })
        };
        let block_zone = match block.online {
            Online::No => {
                return refuse(
                    Errno::Einval,
                    "already-offline",
                    format!("memory{number} is offline already"),
                    "nothing needs to be done",
                    "drivers/base/memory.c:state_store (6.12)",
                );
            }
            Online::InSeveral => {
                return refuse(
                    Errno::Einval,
                    "block-in-several-zones",
                    format!("memory{number} lies in several zones or nodes (valid_zones: none)"),
                    "nothing: such a block cannot go offline",
                    "drivers/base/memory.c:memory_block_offline (6.12)",
                );
            }
            Online::In(zone) => zone,
        };
        if self.kernel.lacks_hot_remove {
            return refuse(
                Errno::Einval,
                "kernel-without-hotremove",
                "the kernel is built without CONFIG_MEMORY_HOTREMOVE".to_owned(),
                "build it in",
                "mm/Kconfig (6.12)",
            );
        }
        if block.present < range.size() {
            return refuse(
                Errno::Einval,
                "block-with-holes",
                format!(
                    "memory{number} has holes: {:#x} of {:#x} bytes are System RAM",
                    block.present,
                    range.size()
                ),
                "nothing: such a block cannot go offline",
                "mm/memory_hotplug.c:offline_pages (6.12)",
            );
        }
        if block.is_pinned {
            let remedy = if block_zone == ZoneKind::Movable {
                "free the pages that are pinned for long, then try again"
            } else {
                "put memory that must go away online as movable from the start; what a kernel zone holds may never move"
            };
            return refuse(
                Errno::Ebusy,
                "unmovable-pages",
                format!("memory{number} in zone {block_zone} holds pages that cannot move"),
                remedy,
                "mm/page_isolation.c:start_isolate_page_range (6.12)",
            );
        }
        if block.is_early && self.kernel.boot_memory_stays {
            return refuse(
                Errno::Eperm,
                "boot-memory-stays",
                format!("memory{number} is boot memory, which this architecture never lets go offline"),
                "nothing: only memory that was added after boot can go",
                "arch/arm64/mm/mmu.c:prevent_bootmem_remove_notifier (6.12)",
            );
        }
        Ok((block_zone, range))
    }

    fn note_span(&self, change: &mut Change, node: u32, zone: ZoneKind, before: Option<memblock::PhysRange>) {
        let after = self.zones.span(node, zone);
        if before == after {
            return;
        }
        // The item is about the zone as a whole: steps of one event become one.
        let shown = |span: Option<memblock::PhysRange>| span.map(|span| format!("node {node} {zone} {span}"));
        change.zone_changed(&format!("node {node} {zone}"), shown(before), shown(after), after.or(before));
    }
}

/// A block that is not there.
pub(in crate::life) fn gone(number: u64) -> Refusal {
    Refusal {
        errno: Errno::Enoent,
        rule: "no-such-block",
        reason: format!("there is no memory{number}"),
        remedy: "name a block that is there; `lsmem` and `physmem show -a` list them".to_owned(),
        source: "Documentation/admin-guide/mm/memory-hotplug.rst (6.12)",
    }
}
