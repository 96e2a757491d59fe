//! Random machines, as a kernel shows them, and as the model keeps them.

use std::collections::{BTreeMap, BTreeSet};

use evidence::snapshot::{BlockState, FirmwareMapEntry, MemblockFiles, MemoryBlock, MemoryBlocks, Nodes};
use evidence::{Snapshot, Source};

use crate::model::{Block, Kernel, MOVABLE, Model, Piece, Policy, Resource, Span, State, Zone, overlap};
use crate::random::Random;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;

struct Layout {
    is_x86: bool,
    page: u64,
    size: u64,
    pieces: Vec<Piece>,
    /// Resources that are no memory.
    others: Vec<(Span, String)>,
}

/// A machine: what it shows, and the model of it.
pub(crate) fn machine(random: &mut Random) -> (Snapshot, Model) {
    let is_x86 = random.once_in(2);
    let page = if !is_x86 && random.once_in(4) { 64 << 10 } else { 4 << 10 };
    let size = if page > 4 << 10 { 512 * MIB } else { (128 * MIB) << random.below(5) };
    let mut layout = Layout { is_x86, page, size, pieces: Vec::new(), others: Vec::new() };
    let nodes = random.within(1, 4) as u32;
    layout.fill(random, nodes);
    let model = layout.model(random, nodes);
    (layout.snapshot(&model), model)
}

impl Layout {
    fn zone_at(&self, address: u64) -> (Zone, u64) {
        match address {
            0..0x100_0000 if self.is_x86 => ("DMA", 0x100_0000),
            0..0x1_0000_0000 if self.is_x86 => ("DMA32", 4 * GIB),
            0..0x1_0000_0000 => ("DMA", 4 * GIB),
            _ => ("Normal", u64::MAX),
        }
    }

    /// Boot memory from one address to another, cut where zones end.
    fn put(&mut self, span: Span, node: u32, movable: bool, nomap: bool) {
        let (mut start, end) = span;
        while start < end {
            let (zone, until) = self.zone_at(start);
            let zone = if movable && zone == "Normal" { MOVABLE } else { zone };
            let piece = (start, end.min(until));
            self.pieces.push(Piece { span: piece, node, zone, nomap });
            start = piece.1;
        }
    }

    fn fill(&mut self, random: &mut Random, nodes: u32) {
        let size = self.size;
        let mut at = if self.is_x86 { 0 } else { GIB };
        for node in 0..nodes {
            let count = random.within(2, if size > GIB { 4 } else { 10 });
            // From this block on the node is movable, as with kernelcore=.
            let movable_from = if random.once_in(3) { random.below(count + 1) } else { count };
            for index in 0..count {
                let (start, end) = (at, at + size);
                at = end;
                if self.is_x86 && end > 3 * GIB && start < 4 * GIB {
                    continue;
                }
                let movable = index >= movable_from;
                // Pages at least 1 MiB into the block, so that the first one keeps what x86 has there.
                let page_of =
                    |random: &mut Random| start + MIB + random.below((size - MIB) / self.page) * self.page;
                if start == 0 {
                    self.put((self.page, 0x9_f000 / self.page * self.page), node, false, false);
                    self.put((MIB, end), node, false, false);
                    continue;
                }
                match random.below(20) {
                    0 | 1 if index > 0 => {}
                    2 | 3 => {
                        let (a, b) = (page_of(random), page_of(random));
                        let (a, b) = (a.min(b), a.max(b) + self.page);
                        self.put((start, a), node, movable, false);
                        let is_nomap = !self.is_x86 && random.once_in(2);
                        if is_nomap {
                            self.put((a, b), node, movable, true);
                        } else if random.once_in(2) {
                            self.others.push(((a, b), "Reserved".to_owned()));
                        }
                        self.put((b, end), node, movable, false);
                    }
                    4 => {
                        let a = page_of(random);
                        self.put((start, a), node, movable, false);
                    }
                    5 if node > 0 && index == 0 => {
                        // The node before ends inside the block.
                        let a = page_of(random);
                        let before = self.pieces.last().is_some_and(|piece| piece.zone == MOVABLE);
                        self.put((start, a), node - 1, before, false);
                        self.put((a, end), node, movable, false);
                    }
                    6 if !self.is_x86 && index > 0 => self.put((start, end), node, movable, true),
                    _ => self.put((start, end), node, movable, false),
                }
            }
        }
        // Where drivers find memory.
        for name in ["Persistent Memory", "Soft Reserved", "PCI Bus 0000:00"] {
            at = at.max(4 * GIB).next_multiple_of(size) + random.below(4) * size;
            if random.once_in(3) {
                let odd = if random.once_in(2) { random.below(64) * 2 * MIB } else { 0 };
                let end = at + random.within(2, 8) * size;
                self.others.push(((at + odd, end), name.to_owned()));
                if random.once_in(2) && name != "PCI Bus 0000:00" {
                    self.others.push(((at + odd, end), "dax0.0".to_owned()));
                }
                at = end;
            }
        }
    }

    /// Boot memory that is System RAM, joined where it touches.
    fn ram(&self) -> Vec<Span> {
        let mut joined: Vec<Span> = Vec::new();
        for piece in self.pieces.iter().filter(|piece| !piece.nomap && piece.span.0 < piece.span.1) {
            match joined.last_mut().filter(|last| last.1 == piece.span.0) {
                Some(last) => last.1 = piece.span.1,
                None => joined.push(piece.span),
            }
        }
        joined
    }

    fn model(&self, random: &mut Random, nodes: u32) -> Model {
        let resource = |span, name: &str, busy| Resource { span, name: name.to_owned(), busy, joins: false };
        let mut resources: Vec<Resource> =
            self.ram().iter().map(|span| resource(*span, "System RAM", true)).collect();
        let first = resources.iter().find(|ram| ram.span.1 - ram.span.0 >= 64 * MIB).map(|ram| ram.span.0);
        if let Some(first) = first.filter(|_| random.once_in(2)) {
            resources.push(resource((first + 16 * MIB, first + 48 * MIB), "Crash kernel", true));
        }
        resources.extend(self.others.iter().map(|(span, name)| resource(*span, name, false)));
        resources.sort_by_key(|resource| (resource.span.0, u64::MAX - resource.span.1));

        let mut blocks: BTreeMap<u64, Block> = BTreeMap::new();
        for number in
            self.pieces.iter().flat_map(|piece| piece.span.0 / self.size..piece.span.1.div_ceil(self.size))
        {
            let range = (number * self.size, (number + 1) * self.size);
            let inside: Vec<&Piece> = self.pieces.iter().filter(|piece| overlap(piece.span, range)).collect();
            let zones: BTreeSet<(u32, Zone)> = inside.iter().map(|piece| (piece.node, piece.zone)).collect();
            let part = |piece: &&Piece| piece.span.1.min(range.1) - piece.span.0.max(range.0);
            let present = inside.iter().filter(|piece| !piece.nomap).map(part).sum();
            let node = inside.iter().map(|piece| piece.node).min().unwrap_or(0);
            let is_one = zones.len() == 1;
            let zone = inside.first().map_or("Normal", |piece| piece.zone);
            // Somebody has taken a few blocks offline.
            let is_off = self.is_x86 && present == self.size && is_one && number > 0 && random.once_in(16);
            let state = match (is_off, is_one) {
                (true, _) => State::Offline,
                (false, true) => State::In(zone),
                (false, false) => State::Several,
            };
            blocks.insert(number, Block { state, node, present, owner: None, pinned: false, own: false });
        }
        let mut spans: BTreeMap<(u32, Zone), Span> = BTreeMap::new();
        for piece in &self.pieces {
            if blocks.get(&(piece.span.0 / self.size)).is_some_and(|block| block.state == State::Offline) {
                continue;
            }
            let span = spans.entry((piece.node, piece.zone)).or_insert(piece.span);
            *span = (span.0.min(piece.span.0), span.1.max(piece.span.1));
        }
        let keeps_memblock = !self.is_x86 || random.once_in(4);
        let memblock = keeps_memblock.then(|| {
            let flag = |piece: &Piece| if piece.nomap { "NOMAP" } else { "NONE" };
            self.pieces.iter().map(|piece| (piece.span, piece.node, flag(piece))).collect()
        });
        let firmware: Option<BTreeMap<u32, (Span, String)>> = self.is_x86.then(|| {
            let mut entries: Vec<(Span, String)> =
                self.ram().into_iter().map(|span| (span, "System RAM".to_owned())).collect();
            let listed = ["Soft Reserved", "Reserved"];
            entries.extend(self.others.iter().filter(|(_, name)| listed.contains(&name.as_str())).cloned());
            entries.sort();
            (0..).zip(entries).collect()
        });
        let is_new = random.once_in(2);
        let kernel = Kernel {
            page: self.page,
            limit: 1 << 52,
            boot_memory_stays: !self.is_x86,
            lacks_hot_remove: random.once_in(16),
            kmem_chooses: is_new,
            rebuilds_header: self.is_x86,
            tells_of_dimms: self.is_x86,
            possible: random.once_in(2).then(|| (0..=nodes).collect()),
        };
        let policy = Policy {
            state: random.of::<&str>(&["offline", "online", "online_kernel", "online_movable"]),
            auto_movable: random.once_in(3),
            ratio: *random.of(&[0, 50, 100, 301, 301, 1000]),
            numa_aware: random.once_in(2),
            movable_node: random.once_in(4),
            memmap: random.of::<&str>(&["N", "N", "Y", "force"]),
        };
        Model {
            size: self.size,
            kernel,
            resources,
            boot: self.pieces.clone(),
            blocks,
            spans,
            devices: Vec::new(),
            next_entry: firmware.as_ref().map_or(0, |entries| entries.len() as u32),
            firmware,
            memblock,
            policy,
            kexec: None,
            kdump: None,
        }
    }

    fn snapshot(&self, model: &Model) -> Snapshot {
        let read = |text: &str| Source::Read(text.to_owned());
        let kernel = &model.kernel;
        let nodes_of = |number: u64| -> Vec<u32> {
            let inside = self.pieces.iter().filter(|piece| overlap(piece.span, model.range(number)));
            inside.map(|piece| piece.node).collect::<BTreeSet<u32>>().into_iter().collect()
        };
        let block = |(&number, block): (&u64, &Block)| MemoryBlock {
            number,
            state: if block.state == State::Offline { BlockState::Offline } else { BlockState::Online },
            nodes: nodes_of(number),
            valid_zones: model.valid_zones(number).into_iter().map(str::to_owned).collect(),
            firmware_node: None,
        };
        let mut zoneinfo = String::new();
        for (&(node, zone), span) in &model.spans {
            let present = model.present(node, zone) / self.page;
            zoneinfo += &format!(
                "Node {node}, zone {zone:>8}\n        spanned  {}\n        present  {present}\n        managed  {present}\n  \
                 start_pfn:           {}\n",
                (span.1 - span.0) / self.page,
                span.0 / self.page
            );
        }
        let release = if kernel.kmem_chooses { "7.3.4" } else { "6.12.30" };
        let mut config = String::new();
        if kernel.lacks_hot_remove {
            config += "# CONFIG_MEMORY_HOTREMOVE is not set\n";
        }
        if self.page > 4 << 10 {
            config += "CONFIG_ARM64_64K_PAGES=y\n";
        }
        if model.memblock.is_some() {
            config += "CONFIG_ARCH_KEEP_MEMBLOCK=y\n";
        }
        let mut lists = BTreeMap::new();
        if let Some(possible) = &kernel.possible {
            let last = possible.last().copied().unwrap_or(0);
            lists.insert("possible".to_owned(), read(&format!("0-{last}\n")));
        }
        let policy = &model.policy;
        let flag = |is| if is { "Y" } else { "N" };
        let settings = [
            ("online_policy", if policy.auto_movable { "auto-movable" } else { "contig-zones" }.to_owned()),
            ("auto_movable_ratio", policy.ratio.to_string()),
            ("auto_movable_numa_aware", flag(policy.numa_aware).to_owned()),
            ("memmap_on_memory", policy.memmap.to_owned()),
        ];
        let entry = |(&index, ((start, end), kind)): (&u32, &(Span, String))| FirmwareMapEntry {
            index,
            start: *start,
            last: end - 1,
            kind: kind.clone(),
        };
        // What tells boot memory from what is added later.
        let mut log = format!(
            "[    0.000000] Linux version {release} (x) #1 SMP\n[    0.000000] Early memory node ranges\n"
        );
        for Piece { span: (start, end), node, .. } in &self.pieces {
            log += &format!("[    0.000000]   node {node:3}: [mem {start:#018x}-{:#018x}]\n", end - 1);
        }
        Snapshot {
            kernel_log: Source::Read(log),
            architecture: read(if self.is_x86 { "x86_64" } else { "aarch64" }),
            version: Source::Read(format!("Linux version {release} (x) #1 SMP")),
            command_line: read(if policy.movable_node { "quiet movable_node" } else { "quiet" }),
            kernel_config: Source::Read(config),
            iomem: Source::Read(model.iomem()),
            zoneinfo: Source::Read(zoneinfo),
            firmware_memmap: model
                .firmware
                .as_ref()
                .map_or(Source::Missing, |entries| Source::Read(entries.iter().map(entry).collect())),
            memblock: MemblockFiles {
                memory: model.memblock_text().map_or(Source::Missing, Source::Read),
                ..MemblockFiles::default()
            },
            memory_blocks: Source::Read(MemoryBlocks {
                block_size: self.size,
                auto_online: read(policy.state),
                blocks: model.blocks.iter().map(block).collect(),
                ..MemoryBlocks::default()
            }),
            nodes: Source::Read(Nodes { lists, ..Nodes::default() }),
            memory_hotplug: settings
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Source::Read(value)))
                .collect(),
            ..Snapshot::default()
        }
    }
}
