//! The model's zones: what is in them is counted anew each time.

use crate::model::{Kind, MOVABLE, Model, Span, State, Zone, overlap};

impl Model {
    /// The online memory of a zone: each part, and whether it is boot memory.
    fn parts(&self, node: u32, zone: Zone) -> Vec<(Span, bool, bool)> {
        let mut parts = Vec::new();
        for (&number, block) in &self.blocks {
            let range = self.range(number);
            let is_in = block.state == State::In(zone) && block.node == node;
            if block.owner.is_some() {
                parts.extend(is_in.then_some((range, false, false)));
                continue;
            }
            for piece in self.boot.iter().filter(|piece| overlap(piece.span, range)) {
                let part = (piece.span.0.max(range.0), piece.span.1.min(range.1));
                let is_own = block.state == State::Several && (piece.node, piece.zone) == (node, zone);
                parts.extend((is_in || is_own).then_some((part, true, piece.nomap)));
            }
        }
        parts
    }

    /// The bytes in a zone.
    pub(crate) fn present(&self, node: u32, zone: Zone) -> u64 {
        self.parts(node, zone).iter().map(|(part, ..)| part.1 - part.0).sum()
    }

    pub(crate) fn nodes(&self) -> Vec<u32> {
        let mut nodes: Vec<u32> = self.blocks.values().map(|block| block.node).collect();
        nodes.extend(self.boot.iter().map(|piece| piece.node));
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    fn meets(&self, node: u32, zone: Zone, range: Span) -> bool {
        self.spans.get(&(node, zone)).is_some_and(|span| overlap(*span, range))
    }

    /// The kernel zone for a block.
    pub(crate) fn kernel_zone(&self, number: u64) -> Zone {
        let (node, range) = (self.blocks[&number].node, self.range(number));
        ["DMA", "DMA32"].into_iter().find(|zone| self.meets(node, zone, range)).unwrap_or("Normal")
    }

    /// The zone for a block, by the word that is written to its state.
    pub(crate) fn zone(&self, number: u64, word: &str) -> Zone {
        let kernel = self.kernel_zone(number);
        let (node, range) = (self.blocks[&number].node, self.range(number));
        match word {
            "online_kernel" => kernel,
            "online_movable" => MOVABLE,
            _ if self.policy.auto_movable => {
                if self.may_be_movable(number) {
                    MOVABLE
                } else {
                    kernel
                }
            }
            _ => match (self.meets(node, kernel, range), self.meets(node, MOVABLE, range)) {
                (true, false) => kernel,
                (false, true) => MOVABLE,
                _ if self.policy.movable_node => MOVABLE,
                _ => kernel,
            },
        }
    }

    /// Bytes online in Movable, and in kernel zones, of some blocks.
    fn online(&self, is: impl Fn(u64) -> bool) -> (u64, u64) {
        let (mut movable, mut kernel) = (0, 0);
        for (number, block) in self.blocks.iter().filter(|(number, _)| is(**number)) {
            let _ = number;
            match block.state {
                State::Offline => {}
                State::In(MOVABLE) => movable += self.size,
                _ => kernel += self.size,
            }
        }
        (movable, kernel)
    }

    /// Bytes of a device that are online in Movable, and in kernel zones.
    pub(crate) fn online_of(&self, device: &str) -> (u64, u64) {
        self.online(|number| self.blocks[&number].owner.as_deref() == Some(device))
    }

    /// The unit of a device's dynamic group.
    pub(crate) fn unit_of(&self, kind: &Kind) -> Option<u64> {
        match kind {
            Kind::Virtio { unit, .. } => Some((*unit).max(self.size)),
            _ => None,
        }
    }

    /// The auto-movable policy.
    fn may_be_movable(&self, number: u64) -> bool {
        let block = &self.blocks[&number];
        let owner = block.owner.as_deref().and_then(|name| self.device(name));
        let own = owner.map_or((0, 0), |owner| self.online_of(&owner.name));
        let wanted = match owner.map(|owner| &owner.kind) {
            Some(Kind::Dimm | Kind::Kmem) => {
                if own.1 > 0 {
                    return false;
                }
                let all = owner.map_or(0, |owner| owner.most);
                all - own.0
            }
            Some(kind @ Kind::Virtio { .. }) => {
                let unit = self.unit_of(kind).unwrap_or(self.size);
                let first = number * self.size / unit * unit / self.size;
                let (movable, kernel) =
                    self.online(|other| (first..first + unit / self.size).contains(&other));
                if kernel > 0 {
                    return false;
                }
                unit - movable
            }
            _ => self.size,
        };
        let fits = |node: Option<u32>| {
            let (mut early, mut movable) = (0, 0);
            for of in self.nodes().into_iter().filter(|of| node.is_none_or(|node| node == *of)) {
                for zone in ["DMA", "DMA32", "Normal", MOVABLE] {
                    for ((start, end), is_boot, _) in self.parts(of, zone) {
                        match zone {
                            MOVABLE => movable += end - start,
                            _ if is_boot => early += end - start,
                            _ => {}
                        }
                    }
                }
            }
            let (mut spoken_for, mut elsewhere) = (0, 0);
            for device in &self.devices {
                let is_other = block.owner.as_deref() != Some(device.name.as_str());
                if self.unit_of(&device.kind).is_none()
                    || !is_other
                    || node.is_some_and(|node| node != device.node)
                {
                    continue;
                }
                let (movable, kernel) = self.online_of(&device.name);
                let needs = (movable / self.kernel.page * 100 / self.policy.ratio) * self.kernel.page;
                spoken_for += needs.saturating_sub(kernel);
                elsewhere += movable;
            }
            let own = owner.and_then(|owner| self.unit_of(&owner.kind)).map_or(0, |_| own.1);
            early > spoken_for
                && u128::from(movable - elsewhere + wanted) * 100
                    <= u128::from(early - spoken_for + own) * u128::from(self.policy.ratio)
        };
        self.policy.ratio > 0 && fits(None) && (!self.policy.numa_aware || fits(Some(block.node)))
    }

    /// A block goes online.
    pub(crate) fn put(&mut self, number: u64, zone: Zone) {
        let range = self.range(number);
        let block = self.blocks.get_mut(&number).expect("it is there");
        block.state = State::In(zone);
        let span = self.spans.entry((block.node, zone)).or_insert(range);
        *span = (span.0.min(range.0), span.1.max(range.1));
        self.header_is_rebuilt();
    }

    /// Why a block does not go online.
    pub(crate) fn why_not_online(&self, number: u64) -> Option<&'static str> {
        let block = &self.blocks[&number];
        if block.state != State::Offline {
            Some("already-online")
        } else if block.present < self.size {
            Some("block-with-holes")
        } else {
            None
        }
    }

    /// Why a block does not go offline.
    pub(crate) fn why_not_offline(&self, number: u64) -> Option<&'static str> {
        let block = &self.blocks[&number];
        match block.state {
            State::Offline => return Some("already-offline"),
            State::Several => return Some("block-in-several-zones"),
            State::In(_) => {}
        }
        let rules = [
            (self.kernel.lacks_hot_remove, "kernel-without-hotremove"),
            (block.present < self.size, "block-with-holes"),
            (block.pinned, "unmovable-pages"),
            (block.owner.is_none() && self.kernel.boot_memory_stays, "boot-memory-stays"),
        ];
        rules.into_iter().find(|(holds, _)| *holds).map(|(_, rule)| rule)
    }

    /// A block goes offline. The zone shrinks if it was its first or last memory.
    pub(crate) fn take(&mut self, number: u64) {
        let (node, range) = (self.blocks[&number].node, self.range(number));
        let State::In(zone) = self.blocks[&number].state else { panic!("memory{number} is in no zone") };
        self.blocks.get_mut(&number).expect("it is there").state = State::Offline;
        // The kernel looks for what is left in steps of a subsection.
        let subsection = 2 << 20;
        let left = self.parts(node, zone).into_iter().map(|((start, end), ..)| {
            (start / subsection * subsection, u64::next_multiple_of(end, subsection))
        });
        let left: Vec<Span> = left.collect();
        let span = self.spans[&(node, zone)];
        let first = left.iter().map(|part| part.0).min();
        let last = left.iter().map(|part| part.1).max();
        let now = match (first, last) {
            (Some(first), Some(_)) if span.0 == range.0 => Some((first, span.1)),
            (Some(_), Some(last)) if span.1 == range.1 => Some((span.0, last)),
            (Some(_), Some(_)) => Some(span),
            _ => None,
        };
        match now {
            Some(now) => self.spans.insert((node, zone), now),
            None => self.spans.remove(&(node, zone)),
        };
        self.header_is_rebuilt();
    }

    /// What `valid_zones` shows.
    pub(crate) fn valid_zones(&self, number: u64) -> Vec<Zone> {
        match self.blocks[&number].state {
            State::In(zone) => vec![zone],
            State::Several => vec!["none"],
            State::Offline => {
                let default = self.zone(number, "online");
                let rest = [self.kernel_zone(number), MOVABLE].into_iter().filter(|zone| *zone != default);
                std::iter::once(default).chain(rest).collect()
            }
        }
    }
}
