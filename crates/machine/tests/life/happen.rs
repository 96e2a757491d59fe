//! What events do to the model, and what refuses them.

use std::collections::BTreeMap;

use evidence::settings::AutoOnline;
use machine::command_line::hotplug::OnlinePolicy;
use machine::life::{
    Added, AddedBy, Event, ImageFor, LoadedBy, Loading, OnlineAs, PolicyChange, Selected, Target,
};
use memblock::PhysRange;

use crate::model::{Device, Image, Kind, MOVABLE, Model, Resource, Rule, Span, State};

fn span(range: &PhysRange) -> Span {
    (range.start(), range.end())
}

const fn word(state: AutoOnline) -> &'static str {
    match state {
        AutoOnline::Offline => "offline",
        AutoOnline::Online => "online",
        AutoOnline::OnlineKernel => "online_kernel",
        AutoOnline::OnlineMovable => "online_movable",
    }
}

impl Model {
    /// Lets an event happen: what refused it at once, or what stopped it on the way.
    pub(crate) fn happen(&mut self, event: &Event) -> Result<Option<Rule>, Rule> {
        match event {
            Event::Add(added) => self.add(added).map(|()| None),
            Event::Resize(target, size) => self.resize(target, *size).map(|()| None),
            Event::Online(blocks, how) => {
                let word = match how {
                    OnlineAs::Policy => "online",
                    OnlineAs::Kernel => "online_kernel",
                    OnlineAs::Movable => "online_movable",
                };
                self.each(*blocks, |model, number| {
                    let refused = model.why_not_online(number);
                    if refused.is_none() {
                        let zone = model.zone(number, word);
                        model.put(number, zone);
                    }
                    refused
                })
            }
            Event::Offline(blocks) => self.each(*blocks, |model, number| {
                let refused = model.why_not_offline(number);
                if refused.is_none() {
                    model.take(number);
                }
                refused
            }),
            Event::Remove(target) => self.remove(target),
            Event::Policy(change) => {
                self.set(*change);
                Ok(None)
            }
            Event::Pin(blocks) => self.pin(*blocks, true),
            Event::Unpin(blocks) => self.pin(*blocks, false),
            Event::Load(loading) => {
                self.load(loading);
                Ok(None)
            }
            Event::Unload(image) => {
                let slot = if *image == ImageFor::Kexec { &mut self.kexec } else { &mut self.kdump };
                slot.take().map(|_| None).ok_or("nothing-loaded")
            }
        }
    }

    pub(crate) fn selected(&self, blocks: Selected) -> Result<Vec<u64>, Rule> {
        let is = |(number, node): (u64, u32)| match blocks {
            Selected::Blocks { first, last } => (first..=last).contains(&number),
            Selected::Node(of) => node == of,
        };
        let all = self.blocks.iter().map(|(number, block)| (*number, block.node));
        let found: Vec<u64> = all.filter(|block| is(*block)).map(|(number, _)| number).collect();
        if found.is_empty() { Err("no-such-block") } else { Ok(found) }
    }

    fn each(
        &mut self,
        blocks: Selected,
        act: impl Fn(&mut Self, u64) -> Option<Rule>,
    ) -> Result<Option<Rule>, Rule> {
        // One that refuses does not keep the others; those that are in the state already are no failure.
        let numbers = self.selected(blocks)?;
        let (mut done, mut stopped, mut already) = (false, None, None);
        for number in &numbers {
            match act(self, *number) {
                None => done = true,
                Some(rule) if numbers.len() > 1 && rule.starts_with("already") => {
                    already = already.or(Some(rule));
                }
                Some(rule) => stopped = stopped.or(Some(rule)),
            }
        }
        if let Some(rule) = stopped.or(already).filter(|_| !done) {
            return Err(rule);
        }
        // Devices that were waiting try again.
        let names: Vec<String> = self.devices.iter().map(|device| device.name.clone()).collect();
        for name in names {
            if let Kind::Virtio { requested, plugged, .. } = &self.device(&name).expect("it is there").kind
                && plugged.values().sum::<u64>() < *requested
            {
                self.adjust(&name);
            }
        }
        Ok(stopped)
    }

    fn pin(&mut self, blocks: Selected, is: bool) -> Result<Option<Rule>, Rule> {
        for number in self.selected(blocks)? {
            self.blocks.get_mut(&number).expect("it is there").pinned = is;
        }
        Ok(None)
    }

    fn set(&mut self, change: PolicyChange) {
        let policy = &mut self.policy;
        change.state.map(|state| policy.state = word(state));
        change.online_policy.map(|online| policy.auto_movable = online == OnlinePolicy::AutoMovable);
        change.ratio.map(|ratio| policy.ratio = ratio);
        change.numa_aware.map(|aware| policy.numa_aware = aware);
    }

    // One case for each kind of device.
    #[allow(clippy::too_many_lines)]
    fn add(&mut self, added: &Added) -> Result<(), Rule> {
        let node = added.node.unwrap_or(0);
        let device = |name: String, kind, ranges: &[Span]| Device {
            shown: added.name.clone().unwrap_or_default(),
            name,
            kind,
            node,
            ranges: ranges.to_vec(),
            most: ranges.iter().map(|range| range.1 - range.0).sum(),
        };
        let named = |otherwise: String| added.name.clone().unwrap_or(otherwise);
        match &added.by {
            AddedBy::Dimm { size, at } => {
                let start = at.or_else(|| self.free_place(*size)).ok_or("no-free-place")?;
                let range = start.checked_add(*size).filter(|_| *size > 0).map(|end| (start, end));
                let range = range.ok_or("no-such-range")?;
                self.why_not(range, node, true, 0)?;
                let name = named(format!("{start:#x}"));
                self.is_free(&[range], &name)?;
                self.devices.push(device(name.clone(), Kind::Dimm, &[range]));
                self.plug(range, "System RAM", false, &name, None);
            }
            AddedBy::HvBalloon(range) | AddedBy::Xen(range) => {
                let driver = if matches!(added.by, AddedBy::Xen(_)) { "xen" } else { "hv-balloon" };
                let range = span(range);
                self.why_not(range, node, false, 0)?;
                let name = named(format!("{driver} at {:#x}", range.0));
                self.is_free(&[range], &name)?;
                self.devices.push(device(name.clone(), Kind::Balloon, &[range]));
                self.plug(range, "System RAM", true, &name, None);
            }
            AddedBy::Kmem { ranges, online, over } => {
                if online.is_some() && !self.kernel.kmem_chooses {
                    return Err("driver-cannot-choose");
                }
                let mut whole: Vec<(Span, Span)> = Vec::new();
                for range in ranges.iter().map(span) {
                    let inside = (range.0.next_multiple_of(self.size), range.1 / self.size * self.size);
                    whole.extend((inside.0 < inside.1).then_some((inside, range)));
                }
                if whole.is_empty() {
                    return Err("no-whole-block");
                }
                // The first has to succeed; others that do not are left out.
                self.why_not(whole[0].0, node, true, 0)?;
                let name = named(format!("kmem at {:#x}", whole[0].0.0));
                let inside: Vec<Span> = whole.iter().map(|(inside, _)| *inside).collect();
                self.is_free(&inside, &name)?;
                let mut new = device(name.clone(), Kind::Kmem, &inside);
                let mut beside = 0;
                new.ranges.retain(|range| {
                    let fits = self.why_not(*range, node, true, beside).is_ok();
                    beside += if fits { range.1 - range.0 } else { 0 };
                    fits
                });
                if added.name.is_none() {
                    new.shown = String::from("dax");
                }
                let (shown, ranges) = (new.shown.clone(), new.ranges.clone());
                self.devices.push(new);
                for (inside, range) in whole {
                    if let Some(over) = over {
                        let holds = |found: &Resource| {
                            found.name == *over && found.span.0 <= range.0 && range.1 <= found.span.1
                        };
                        if !self.resources.iter().any(holds) && !self.is_taken(range) {
                            self.claim(range, over, false, false);
                        }
                    }
                    self.let_go(range, &shown);
                    if ranges.contains(&inside) {
                        self.claim(inside, &shown, false, false);
                        self.plug(inside, "System RAM (kmem)", false, &name, online.map(word));
                    }
                }
            }
            AddedBy::VirtioMem { size, at, up_to, unit } => {
                let end = (at + size).next_multiple_of(self.size.max(*unit));
                let room = up_to.unwrap_or((end - at).max(self.size));
                let region = at.checked_add(room).filter(|_| room > 0).map(|end| (*at, end));
                let region = region.ok_or("no-such-range")?;
                if self.kernel.lacks_hot_remove {
                    return Err("no-virtio-mem-driver");
                }
                if *size > room || !size.is_multiple_of(*unit) {
                    return Err("requested-size");
                }
                if self.kernel.possible.as_ref().is_some_and(|possible| !possible.contains(&node)) {
                    return Err("node-not-possible");
                }
                let shown = added.name.clone().unwrap_or_else(|| String::from("virtio-mem"));
                // The driver may have been there before.
                let is_claimed =
                    self.resources.iter().any(|found| found.span == region && found.name == shown);
                if !is_claimed && self.is_taken(region) {
                    return Err("resource-in-the-way");
                }
                let name = named(format!("virtio-mem at {at:#x}"));
                self.is_free(&[region], &name)?;
                let kind = Kind::Virtio { region, unit: *unit, requested: *size, plugged: BTreeMap::new() };
                let mut new = device(name.clone(), kind, &[]);
                new.shown.clone_from(&shown);
                if !is_claimed {
                    self.claim(region, &shown, false, false);
                }
                self.devices.push(new);
                self.adjust(&name);
            }
        }
        Ok(())
    }

    fn target(&self, target: &Target) -> Result<String, Rule> {
        let found = match target {
            Target::Name(name) => self.device(name),
            Target::Address(address) => self.device_at(*address),
        };
        found.map(|device| device.name.clone()).ok_or("no-such-device")
    }

    fn resize(&mut self, target: &Target, size: u64) -> Result<(), Rule> {
        let name = self.target(target)?;
        let Kind::Virtio { region, unit, requested, .. } = &mut self.device_mut(&name).kind else {
            return Err("only-virtio-mem-resizes");
        };
        if size > region.1 - region.0 || !size.is_multiple_of(*unit) {
            return Err("requested-size");
        }
        *requested = size;
        self.adjust(&name);
        Ok(())
    }

    fn remove(&mut self, target: &Target) -> Result<Option<Rule>, Rule> {
        let name = self.target(target)?;
        if self.kernel.lacks_hot_remove {
            return Err("kernel-without-hotremove");
        }
        let device = self.device(&name).expect("it is there").clone();
        let numbers: Vec<u64> = device.ranges.iter().flat_map(|range| self.numbers(*range)).collect();
        let online: Vec<u64> =
            numbers.into_iter().filter(|number| self.blocks[number].state != State::Offline).collect();
        match &device.kind {
            Kind::Dimm => {
                let (go, stay): (Vec<u64>, Vec<u64>) =
                    online.into_iter().partition(|number| self.why_not_offline(*number).is_none());
                let refused = stay.first().and_then(|number| self.why_not_offline(*number));
                for number in &go {
                    self.take(*number);
                }
                if refused.is_some() {
                    for number in go {
                        let zone = self.zone(number, "online");
                        self.put(number, zone);
                    }
                    return Ok(refused);
                }
            }
            Kind::Kmem if !online.is_empty() => return Err("blocks-still-online"),
            Kind::Kmem => {}
            Kind::Balloon => return Err("balloons-keep-blocks"),
            Kind::Virtio { plugged, region, .. } => {
                if !plugged.is_empty() {
                    return Err("virtio-mem-still-plugged");
                }
                self.let_go(*region, &device.shown);
            }
        }
        for range in &device.ranges {
            self.unplug(*range);
            if device.kind == Kind::Kmem {
                self.let_go(*range, &device.shown);
            }
        }
        self.devices.retain(|device| device.name != name);
        Ok(None)
    }

    /// virtio-mem plugs and unplugs.
    fn adjust(&mut self, name: &str) {
        let device = self.device(name).expect("it is there");
        let Kind::Virtio { region, unit, requested, plugged } = device.kind.clone() else { return };
        let has: u64 = plugged.values().sum();
        let huge = self.kernel.page / 8 * self.kernel.page;
        let size = self.size;
        // What the driver can take or give at once: a sub-block, or one or several whole blocks.
        let step = if unit > size { unit } else { unit.max(huge).min(size) };
        let chunk = unit.max(size);
        if has < requested {
            let mut missing = (requested - has) / step * step;
            for (number, bytes) in plugged {
                let more = missing.min(size - bytes) / step * step;
                missing -= more;
                self.set_plugged(name, number, bytes + more);
            }
            let mut start = region.0.next_multiple_of(chunk);
            while missing > 0 && start + chunk <= region.1 {
                let range = (start, start + chunk);
                start += chunk;
                if self.numbers(range).iter().any(|number| self.blocks.contains_key(number)) {
                    continue;
                }
                let offline = self
                    .blocks
                    .values()
                    .filter(|block| block.owner.as_deref() == Some(name) && block.state == State::Offline);
                if offline.count() as u64 * size + chunk > (1 << 30).max(2 * chunk) {
                    break;
                }
                let node = self.device(name).expect("it is there").node;
                if self.why_not(range, node, false, 0).is_err() {
                    break;
                }
                let bytes = missing.min(chunk);
                for number in self.numbers(range) {
                    self.set_plugged(name, number, bytes.min(size));
                }
                self.plug(range, "System RAM (virtio_mem)", true, name, None);
                missing -= bytes;
            }
            return;
        }
        let mut surplus = has - requested;
        let mut chunks: Vec<(u8, u64)> = Vec::new();
        for first in plugged.keys().filter(|number| number.is_multiple_of(chunk / size)) {
            let states: Vec<State> =
                (*first..first + chunk / size).map(|number| self.blocks[&number].state).collect();
            let is_part = plugged[first] < size;
            let all = |is: fn(&State) -> bool| states.iter().all(is);
            let turn = if all(|state| *state == State::Offline) {
                u8::from(!is_part)
            } else if all(|state| matches!(state, State::Offline | State::In(MOVABLE))) {
                if is_part { 2 } else { 4 }
            } else if is_part {
                3
            } else {
                5
            };
            chunks.push((turn, *first));
        }
        chunks.sort_by_key(|(turn, first)| (*turn, u64::MAX - first));
        for (_, first) in chunks {
            let numbers: Vec<u64> = (first..first + chunk / size).collect();
            let bytes: u64 = numbers.iter().map(|number| plugged[number]).sum();
            let less = surplus.min(bytes) / step * step;
            if less == 0 {
                continue;
            }
            let is_online = |number: &u64| self.blocks[number].state != State::Offline;
            if numbers.iter().any(|number| is_online(number) && self.blocks[number].pinned) {
                continue;
            }
            if less < bytes {
                surplus -= less;
                self.set_plugged(name, first, bytes - less);
                continue;
            }
            let online: Vec<u64> = numbers.iter().copied().filter(is_online).collect();
            if online.iter().any(|number| self.why_not_offline(*number).is_some()) {
                continue;
            }
            surplus -= less;
            for number in online {
                self.take(number);
            }
            for number in numbers {
                self.set_plugged(name, number, 0);
                self.unplug(self.range(number));
            }
        }
    }

    fn set_plugged(&mut self, name: &str, number: u64, bytes: u64) {
        let Kind::Virtio { plugged, .. } = &mut self.device_mut(name).kind else { return };
        plugged.insert(number, bytes);
        plugged.retain(|_, bytes| *bytes > 0);
    }

    fn image(&self, loading: &Loading) -> Image {
        let added = |is_wanted: &dyn Fn(&Kind) -> bool| {
            let is = |owner: &Option<String>| {
                owner
                    .as_deref()
                    .and_then(|name| self.device(name))
                    .is_some_and(|owner| is_wanted(&owner.kind))
            };
            self.blocks.iter().filter(|(_, block)| is(&block.owner)).map(|(number, _)| *number).collect()
        };
        Image {
            by_file: loading.by == LoadedBy::File,
            follows: loading.image == ImageFor::Kdump
                && loading.by == LoadedBy::File
                && self.kernel.rebuilds_header,
            at: loading.at.iter().map(span).collect(),
            all: added(&|_| true),
            plain: added(&|kind| matches!(kind, Kind::Dimm | Kind::Balloon)),
        }
    }

    fn load(&mut self, loading: &Loading) {
        let image = Some(self.image(loading));
        match loading.image {
            ImageFor::Kexec => self.kexec = image,
            ImageFor::Kdump => self.kdump = image,
        }
    }

    /// The image as it would be loaded now.
    fn again(&self, old: &Image) -> Image {
        let by = if old.by_file { LoadedBy::File } else { LoadedBy::Load };
        self.image(&Loading { image: ImageFor::Kdump, by, at: Vec::new() })
    }

    pub(crate) fn header_is_rebuilt(&mut self) {
        let Some(old) = self.kdump.clone().filter(|image| image.follows) else { return };
        self.kdump = Some(Image { all: self.again(&old).all, ..old });
    }

    /// Whether the image for the next kernel no longer fits.
    pub(crate) fn is_kexec_stale(&self) -> bool {
        let Some(image) = &self.kexec else { return false };
        let now = self.again(image).plain;
        let gone: Vec<u64> = image.plain.difference(&now).copied().collect();
        let came = now.difference(&image.plain).next().is_some();
        let lies_there = |number: &u64| {
            image.at.is_empty() || image.at.iter().any(|at| crate::model::overlap(*at, self.range(*number)))
        };
        gone.iter().any(lies_there)
            || !image.by_file && self.kernel.tells_of_dimms && (came || !gone.is_empty())
    }

    /// Whether the crash header lists other memory than there is.
    pub(crate) fn is_kdump_stale(&self) -> bool {
        self.kdump.as_ref().is_some_and(|image| image.all != self.again(image).all)
    }
}
