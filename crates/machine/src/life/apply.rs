//! Events happen.

use rules::{Class, Loader, Memory, Rules, Use};

use super::change::{Change, What};
use super::event::{Event, ImageFor, LoadedBy, Loading, PolicyChange, Selected, Target, auto_online_word};
use super::parts::devices::DeviceKind;
use super::parts::images::Image;
use super::refusal::{Errno, Refusal};
use super::state::Life;
use super::steps::virtio_mem::check_request;

impl Life {
    /// Lets an event happen, as Linux does it.
    ///
    /// Online and offline are done block by block: if some of several refuse, the others are done, and
    /// [`Change::refused`] has the first reason.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the kernel or of the driver. Nothing has changed then.
    pub fn apply(&mut self, event: &Event) -> Result<Change, Refusal> {
        let before = std::mem::replace(&mut self.now, event.to_string());
        let result = self.happen(event);
        match result {
            Ok(mut change) => {
                change.settle();
                Ok(change)
            }
            Err(refusal) => {
                self.now = before;
                Err(refusal)
            }
        }
    }

    fn happen(&mut self, event: &Event) -> Result<Change, Refusal> {
        let mut change = match event {
            Event::Add(added) => self.add(added)?,
            Event::Resize(target, size) => self.resize(target, *size)?,
            Event::Online(blocks, how) => {
                let how = *how;
                self.each(*blocks, |life, change, number| life.online(change, number, how))?
            }
            Event::Offline(blocks) => self.each(*blocks, Self::offline)?,
            Event::Remove(target) => self.remove_device(target)?,
            Event::Policy(policy) => self.change_policy(*policy),
            Event::Pin(blocks) => self.pin(*blocks, true)?,
            Event::Unpin(blocks) => self.pin(*blocks, false)?,
            Event::Load(loading) => self.load(loading),
            Event::Unload(image) => self.unload(*image)?,
        };
        if matches!(event, Event::Online(..) | Event::Offline(..)) {
            self.retry_virtio_mem(&mut change);
        }
        Ok(change)
    }

    /// The same for each block, as a loop in a shell does it: one that refuses does not keep the others. Of several
    /// blocks, those that are in the state already are passed over.
    fn each(
        &mut self,
        blocks: Selected,
        act: impl Fn(&mut Self, &mut Change, u64) -> Result<(), Refusal>,
    ) -> Result<Change, Refusal> {
        let mut change = Change::default();
        let numbers = self.selected(blocks)?;
        let (mut refused, mut count, mut already) = (None, 0_usize, None);
        for number in &numbers {
            match act(self, &mut change, *number) {
                Ok(()) => {}
                Err(refusal) if numbers.len() > 1 && refusal.is_already() => {
                    already = already.or(Some(refusal));
                }
                Err(refusal) => {
                    refused = refused.or(Some(refusal));
                    count = count.saturating_add(1);
                }
            }
        }
        if count > 1
            && let Some(first) = &mut refused
        {
            first.reason = format!("{} of {} blocks refuse; {}", count, numbers.len(), first.reason);
        }
        match refused.or(already.filter(|_| change.items.is_empty())) {
            // Nothing at all was done.
            Some(refusal) if change.items.is_empty() => Err(refusal),
            refused => {
                change.refused = refused;
                Ok(change)
            }
        }
    }

    fn resize(&mut self, target: &Target, size: u64) -> Result<Change, Refusal> {
        let number = self.device(target)?;
        let name = self.devices.get(number).map(|device| device.name.clone()).unwrap_or_default();
        let Some(DeviceKind::VirtioMem(virtio)) = self.devices.get_mut(number).map(|device| &mut device.kind)
        else {
            return Err(Refusal {
                errno: Errno::Eopnotsupp,
                rule: "only-virtio-mem-resizes",
                reason: format!("{name} is no virtio-mem device"),
                remedy: format!("`remove {name}`, and add another one"),
                source: "Virtio 1.2 section 5.15: Memory Device",
            });
        };
        check_request(size, virtio.region.size(), virtio.unit)?;
        virtio.requested = size;
        let mut change = Change::default();
        self.adjust_virtio_mem(&mut change, number);
        Ok(change)
    }

    fn change_policy(&mut self, to: PolicyChange) -> Change {
        let mut change = Change::default();
        let mut set = |what: &str, before: String, after: String| {
            if before != after {
                let words = |value: String| Some(format!("{what}={value}"));
                change.push(What::Setting, None, words(before), words(after), "for memory from now on");
            }
        };
        let policy = &mut self.policy;
        if let Some(state) = to.state {
            set("auto_online_blocks", auto_online_word(policy.state).into(), auto_online_word(state).into());
            policy.state = state;
        }
        if let Some(online) = to.online_policy {
            set("online_policy", policy.online.as_str().into(), online.as_str().into());
            policy.online = online;
        }
        if let Some(ratio) = to.ratio {
            set("auto_movable_ratio", policy.ratio.to_string(), ratio.to_string());
            policy.ratio = ratio;
        }
        if let Some(aware) = to.numa_aware {
            let word = |is| if is { "Y" } else { "N" }.to_owned();
            set("auto_movable_numa_aware", word(policy.numa_aware), word(aware));
            policy.numa_aware = aware;
        }
        change
    }

    fn pin(&mut self, blocks: Selected, is: bool) -> Result<Change, Refusal> {
        let mut change = Change::default();
        for number in self.selected(blocks)? {
            let Some(block) = self.blocks.get_mut(number).filter(|block| block.is_pinned != is) else {
                continue;
            };
            block.is_pinned = is;
            let word =
                |is| Some(if is { "pages that cannot move" } else { "pages that can move" }.to_owned());
            change.push(
                What::Block,
                self.blocks.range(number),
                word(!is),
                word(is),
                "only run time decides this",
            );
        }
        Ok(change)
    }

    fn load(&mut self, loading: &Loading) -> Change {
        let follows =
            loading.image == ImageFor::Kdump && loading.by == LoadedBy::File && self.images.rebuilds_header;
        let loader = match loading.by {
            LoadedBy::File => Loader::KexecFileLoad,
            LoadedBy::Load => Loader::KexecLoad,
        };
        let added = Memory::of(Class::HotAdded);
        let told = Rules::LINUX.verdict(Use::NextKernel(loader), &added, &self.kernel.rules);
        let image = Image::new(Some(loading.by), loading.at.clone(), follows, told.allowed);
        self.images.set(loading.image, Some(image));
        let mut change = Change::default();
        let why = match (loading.image, follows) {
            (ImageFor::Kexec, _) => "it describes the machine as it is now",
            (ImageFor::Kdump, true) => "the kernel rebuilds its header when a block goes online or offline",
            (ImageFor::Kdump, false) => "its header lists the memory of now, and nobody rebuilds it",
        };
        change.push(What::Image, None, None, Some(format!("{} loaded", loading.image)), why);
        change
    }

    fn unload(&mut self, image: ImageFor) -> Result<Change, Refusal> {
        if self.images.get(image).is_none() {
            return Err(Refusal {
                errno: Errno::Enoent,
                rule: "nothing-loaded",
                reason: format!("no image is loaded for {image}"),
                remedy: "nothing needs to be done".to_owned(),
                source: "Documentation/ABI/testing/sysfs-kernel-kexec-kdump",
            });
        }
        self.images.set(image, None);
        let mut change = Change::default();
        change.push(What::Image, None, Some(format!("{image} loaded")), None, "asked for");
        Ok(change)
    }
}
