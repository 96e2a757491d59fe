//! A machine's memory kept in the plainest way: one table of blocks and one list of each thing, searched from end to end.
//!
//! It is written from the documents and from what kernels do, not from the library: no sum is kept, each is made anew
//! from the blocks whenever it is needed. What it cannot get wrong by being clever, the library must get right.

use std::collections::{BTreeMap, BTreeSet};

/// The name of a zone.
pub(crate) type Zone = &'static str;

pub(crate) const MOVABLE: Zone = "Movable";

/// Half-open.
pub(crate) type Span = (u64, u64);

pub(crate) fn overlap(a: Span, b: Span) -> bool {
    a.0 < b.1 && b.0 < a.1
}

/// A line of /proc/iomem.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    pub(crate) span: Span,
    pub(crate) name: String,
    pub(crate) busy: bool,
    pub(crate) joins: bool,
}

/// Boot memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) span: Span,
    pub(crate) node: u32,
    pub(crate) zone: Zone,
    /// It is in memblock and in a zone, and no resource.
    pub(crate) nomap: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Offline,
    In(Zone),
    Several,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) state: State,
    pub(crate) node: u32,
    /// Bytes of System RAM.
    pub(crate) present: u64,
    /// `None` for boot memory.
    pub(crate) owner: Option<String>,
    pub(crate) pinned: bool,
    /// Whether it holds its own struct pages.
    pub(crate) own: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Dimm,
    Kmem,
    Balloon,
    Virtio { region: Span, unit: u64, requested: u64, plugged: BTreeMap<u64, u64> },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    pub(crate) name: String,
    /// Its name in /proc/iomem, if it has one there.
    pub(crate) shown: String,
    pub(crate) kind: Kind,
    pub(crate) node: u32,
    pub(crate) ranges: Vec<Span>,
    /// All the bytes that it wants to add at once.
    pub(crate) most: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Policy {
    /// `offline`, `online`, `online_kernel` or `online_movable`.
    pub(crate) state: &'static str,
    pub(crate) auto_movable: bool,
    pub(crate) ratio: u64,
    pub(crate) numa_aware: bool,
    pub(crate) movable_node: bool,
    /// `N`, `Y` or `force`.
    pub(crate) memmap: &'static str,
}

/// A loaded image, and the memory that was there when it was loaded: the numbers of added blocks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Image {
    pub(crate) by_file: bool,
    pub(crate) follows: bool,
    pub(crate) at: Vec<Span>,
    /// Added memory of all kinds.
    pub(crate) all: BTreeSet<u64>,
    /// Added memory that no driver manages.
    pub(crate) plain: BTreeSet<u64>,
}

/// What does not change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kernel {
    pub(crate) page: u64,
    pub(crate) limit: u64,
    pub(crate) boot_memory_stays: bool,
    pub(crate) lacks_hot_remove: bool,
    pub(crate) kmem_chooses: bool,
    pub(crate) rebuilds_header: bool,
    /// Whether kexec-tools lists DIMMs in the map for the next kernel.
    pub(crate) tells_of_dimms: bool,
    pub(crate) possible: Option<BTreeSet<u32>>,
}

/// A region of memblock: where, the node, and the flag as debugfs prints it.
pub(crate) type Region = (Span, u32, &'static str);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    pub(crate) size: u64,
    pub(crate) kernel: Kernel,
    /// Parents before what lies in them.
    pub(crate) resources: Vec<Resource>,
    pub(crate) boot: Vec<Piece>,
    pub(crate) blocks: BTreeMap<u64, Block>,
    pub(crate) spans: BTreeMap<(u32, Zone), Span>,
    pub(crate) devices: Vec<Device>,
    pub(crate) firmware: Option<BTreeMap<u32, (Span, String)>>,
    pub(crate) next_entry: u32,
    pub(crate) memblock: Option<Vec<Region>>,
    pub(crate) policy: Policy,
    pub(crate) kexec: Option<Image>,
    pub(crate) kdump: Option<Image>,
}

/// A rule that refuses.
pub(crate) type Rule = &'static str;

impl Model {
    pub(crate) fn range(&self, number: u64) -> Span {
        (number * self.size, (number + 1) * self.size)
    }

    pub(crate) fn numbers(&self, span: Span) -> Vec<u64> {
        (span.0 / self.size..span.1.div_ceil(self.size)).collect()
    }

    /// The text of /proc/iomem.
    pub(crate) fn iomem(&self) -> String {
        let mut text = String::new();
        let mut around: Vec<u64> = Vec::new();
        for resource in &self.resources {
            while around.last().is_some_and(|end| *end < resource.span.1 || *end <= resource.span.0) {
                around.pop();
            }
            let (start, last) = (resource.span.0, resource.span.1 - 1);
            text += &format!("{:1$}{start:08x}-{last:08x} : {2}\n", "", around.len() * 2, resource.name);
            around.push(resource.span.1);
        }
        text
    }

    /// What refuses a resource.
    pub(crate) fn is_taken(&self, span: Span) -> bool {
        let stops = |found: &Resource| found.busy || found.span.0 > span.0 || found.span.1 < span.1;
        self.resources.iter().any(|found| overlap(found.span, span) && stops(found))
    }

    /// The innermost resource around addresses, of the first so many.
    fn parent(&self, of: Span, first: usize) -> Option<&Resource> {
        let is_around = |found: &&Resource| found.span.0 <= of.0 && of.1 <= found.span.1;
        let around = self.resources[..first].iter().rev().filter(is_around);
        around.min_by_key(|found| found.span.1 - found.span.0)
    }

    pub(crate) fn claim(&mut self, span: Span, name: &str, busy: bool, joins: bool) {
        let mut new = Resource { span, name: name.to_owned(), busy, joins };
        if joins {
            loop {
                let parent = self.parent(new.span, self.resources.len());
                let touches = |(at, found): (usize, &Resource)| {
                    found.joins
                        && found.name == new.name
                        && (found.span.1 == new.span.0 || found.span.0 == new.span.1)
                        && self.parent(found.span, at) == parent
                };
                let Some(at) = self.resources.iter().enumerate().position(touches) else { break };
                let other = self.resources.remove(at);
                new.span = (new.span.0.min(other.span.0), new.span.1.max(other.span.1));
            }
        }
        let is_before = |found: &Resource| {
            found.span.0 < new.span.0 || found.span.0 == new.span.0 && found.span.1 >= new.span.1
        };
        let at = self.resources.iter().rposition(is_before).map_or(0, |at| at + 1);
        self.resources.insert(at, new);
    }

    /// Takes System RAM out of the resource that holds it.
    fn release(&mut self, span: Span) {
        let at = self.resources.iter().position(|found| {
            found.name.starts_with("System RAM") && found.span.0 <= span.0 && span.1 <= found.span.1
        });
        let old = self.resources.remove(at.expect("added memory has a resource"));
        for rest in [(old.span.0, span.0), (span.1, old.span.1)] {
            if rest.0 < rest.1 {
                self.claim(rest, &old.name, old.busy, false);
                let rest =
                    self.resources.iter_mut().find(|found| found.span == rest && found.name == old.name);
                rest.expect("it was put there").joins = old.joins;
            }
        }
    }

    fn drop_named(&mut self, span: Span, name: &str) {
        let has_inside = |at: usize, of: &Resource| {
            self.resources[at + 1..].first().is_some_and(|next| next.span.1 <= of.span.1)
        };
        let at = self.resources.iter().enumerate().position(|(at, found)| {
            let parent = self.parent(found.span, at);
            parent.is_none_or(|parent| parent.span.0 <= span.0 && span.1 <= parent.span.1)
                && found.name == name
                && (span.0..span.1).contains(&found.span.0)
                && !has_inside(at, found)
        });
        at.map(|at| self.resources.remove(at));
    }

    pub(crate) fn device_at(&self, address: u64) -> Option<&Device> {
        self.devices
            .iter()
            .find(|device| device.places().iter().any(|place| (place.0..place.1).contains(&address)))
    }

    pub(crate) fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name == name)
    }

    pub(crate) fn device_mut(&mut self, name: &str) -> &mut Device {
        self.devices.iter_mut().find(|device| device.name == name).expect("the device is there")
    }

    /// Why memory cannot be added.
    pub(crate) fn why_not(&self, span: Span, node: u32, may_own: bool, beside: u64) -> Result<(), Rule> {
        if self.is_taken(span) {
            return Err("resource-in-the-way");
        }
        if !span.0.is_multiple_of(self.size) || !span.1.is_multiple_of(self.size) {
            return Err("whole-blocks-only");
        }
        if self.kernel.possible.as_ref().is_some_and(|possible| !possible.contains(&node)) {
            return Err("node-not-possible");
        }
        if span.1 > self.kernel.limit {
            return Err("beyond-the-direct-map");
        }
        if self.numbers(span).iter().any(|number| self.blocks.contains_key(number)) {
            return Err("block-exists");
        }
        let outside = self.blocks.values().filter(|block| block.owner.is_some() && !block.own).count();
        let bytes = outside as u64 * self.size + beside + (span.1 - span.0);
        let zones =
            self.nodes().into_iter().flat_map(|node| ["DMA", "DMA32", "Normal"].map(|zone| (node, zone)));
        let kernel: u64 = zones.map(|(node, zone)| self.present(node, zone)).sum();
        if !self.is_own(may_own) && kernel > 0 && bytes / self.kernel.page * 64 > kernel {
            return Err("no-room-for-struct-pages");
        }
        Ok(())
    }

    /// Whether blocks hold their own struct pages.
    fn is_own(&self, may_own: bool) -> bool {
        let (needed, huge) = (self.size / self.kernel.page * 64, self.kernel.page / 8 * self.kernel.page);
        may_own
            && match self.policy.memmap {
                "Y" => needed.is_multiple_of(huge) && needed < self.size,
                "force" => needed.next_multiple_of(huge) < self.size,
                _ => false,
            }
    }

    /// Why a device cannot be there.
    pub(crate) fn is_free(&self, spans: &[Span], name: &str) -> Result<(), Rule> {
        let places: Vec<Span> = self.devices.iter().flat_map(Device::places).collect();
        if spans.iter().any(|span| places.iter().any(|place| overlap(*span, *place))) {
            return Err("device-in-the-way");
        }
        if self.device(name).is_some() { Err("device-exists") } else { Ok(()) }
    }

    /// The first place for so much, above 4 GiB.
    pub(crate) fn free_place(&self, size: u64) -> Option<u64> {
        let mut start = 4 << 30;
        while start + size <= self.kernel.limit {
            if !self.resources.iter().any(|found| overlap(found.span, (start, start + size))) {
                return Some(start);
            }
            start += self.size;
        }
        None
    }

    /// Memory comes, whole blocks of it.
    pub(crate) fn plug(
        &mut self,
        span: Span,
        name: &str,
        joins: bool,
        device: &str,
        state: Option<&'static str>,
    ) {
        let found = self.device(device).expect("it is there");
        let node = found.node;
        let own = self.is_own(matches!(found.kind, Kind::Dimm | Kind::Kmem));
        let is_plain = name == "System RAM";
        self.claim(span, name, true, joins);
        if let Some(regions) = &mut self.memblock {
            regions.push((span, node, if is_plain { "NONE" } else { "DRV_MNG" }));
        }
        if let Some(entries) = self.firmware.as_mut().filter(|_| is_plain) {
            entries.insert(self.next_entry, (span, name.to_owned()));
            self.next_entry += 1;
        }
        for number in self.numbers(span) {
            let owner = Some(device.to_owned());
            let block = Block { state: State::Offline, node, present: self.size, owner, pinned: false, own };
            self.blocks.insert(number, block);
        }
        let state = state.unwrap_or(self.policy.state);
        for number in self.numbers(span).into_iter().filter(|_| state != "offline") {
            let zone = self.zone(number, state);
            self.put(number, zone);
        }
    }

    /// Memory goes; its blocks are offline.
    pub(crate) fn unplug(&mut self, span: Span) {
        for number in self.numbers(span) {
            self.blocks.remove(&number);
        }
        if let Some(entries) = &mut self.firmware {
            let found = entries.iter().find(|(_, entry)| **entry == (span, "System RAM".to_owned()));
            let found = found.map(|(index, _)| *index);
            found.map(|index| entries.remove(&index));
        }
        if let Some(regions) = &mut self.memblock {
            let cut = |(old, node, flag): Region| {
                [(old.0, old.1.min(span.0)), (old.0.max(span.1), old.1)]
                    .into_iter()
                    .filter(|part| part.0 < part.1)
                    .map(move |part| (part, node, flag))
            };
            *regions = std::mem::take(regions).into_iter().flat_map(cut).collect();
        }
        self.release(span);
    }

    /// A device lets go of its resource.
    pub(crate) fn let_go(&mut self, span: Span, name: &str) {
        self.drop_named(span, name);
    }

    /// memblock's memory: what touches and is alike is one region.
    pub(crate) fn regions(&self) -> Option<Vec<Region>> {
        let mut regions = self.memblock.clone()?;
        regions.sort_unstable();
        let mut joined: Vec<Region> = Vec::new();
        for (span, node, flag) in regions {
            match joined.last_mut().filter(|last| (last.0.1, last.1, last.2) == (span.0, node, flag)) {
                Some(last) => last.0.1 = span.1,
                None => joined.push((span, node, flag)),
            }
        }
        Some(joined)
    }

    /// The same as debugfs prints it.
    pub(crate) fn memblock_text(&self) -> Option<String> {
        let line = |(index, ((start, end), node, flag)): (usize, Region)| {
            format!("{index:4}: {start:#018x}..{:#018x} {node:>4} {flag}\n", end - 1)
        };
        Some(self.regions()?.into_iter().enumerate().map(line).collect())
    }
}

impl Device {
    pub(crate) fn places(&self) -> Vec<Span> {
        match &self.kind {
            Kind::Virtio { region, .. } => vec![*region],
            _ => self.ranges.clone(),
        }
    }
}
