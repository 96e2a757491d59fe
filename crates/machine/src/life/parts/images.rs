//! Loaded images, and whether they still describe the machine.

use std::collections::BTreeMap;

use memblock::PhysRange;

use super::zones::{insert, remove};
use crate::life::event::{ImageFor, LoadedBy};

/// The images that are loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    kexec: Option<Image>,
    kdump: Option<Image>,
    /// Whether this kernel can rebuild the crash header when blocks go online and offline.
    pub(in crate::life) rebuilds_header: bool,
}

/// A loaded image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// By which system call; `None` if that is not known.
    pub by: Option<LoadedBy>,
    /// Its segments; empty if nothing shows where they lie.
    pub at: Vec<PhysRange>,
    /// Whether the kernel rebuilds the crash header of this image.
    pub follows: bool,
    /// Whether the map for the next kernel lists hot-added memory.
    lists_added: bool,
    /// Memory that is there, and was not when it was loaded or its header was last rebuilt.
    added: BTreeMap<u64, u64>,
    /// Memory that was there then, and is gone.
    removed: BTreeMap<u64, u64>,
    /// The first event since which it is stale.
    since: Option<String>,
}

impl Image {
    /// An image that describes the machine as it is now.
    pub(in crate::life) fn new(
        by: Option<LoadedBy>,
        at: Vec<PhysRange>,
        follows: bool,
        lists_added: bool,
    ) -> Self {
        Self { by, at, follows, lists_added, ..Self::default() }
    }

    fn memory_came(&mut self, range: PhysRange, event: &str) {
        for new in take(&mut self.removed, range) {
            insert(&mut self.added, new);
        }
        self.note(event);
    }

    fn memory_went(&mut self, range: PhysRange, event: &str) {
        for old in take(&mut self.added, range) {
            insert(&mut self.removed, old);
        }
        self.note(event);
    }

    fn note(&mut self, event: &str) {
        if self.added.is_empty() && self.removed.is_empty() {
            self.since = None;
        } else {
            self.since.get_or_insert_with(|| event.to_owned());
        }
    }
}

impl Images {
    /// None loaded.
    pub(in crate::life) fn new(rebuilds_header: bool) -> Self {
        Self { rebuilds_header, ..Self::default() }
    }

    /// The image for a purpose.
    pub const fn get(&self, image: ImageFor) -> Option<&Image> {
        match image {
            ImageFor::Kexec => self.kexec.as_ref(),
            ImageFor::Kdump => self.kdump.as_ref(),
        }
    }

    pub(in crate::life) fn set(&mut self, image: ImageFor, loaded: Option<Image>) {
        match image {
            ImageFor::Kexec => self.kexec = loaded,
            ImageFor::Kdump => self.kdump = loaded,
        }
    }

    /// Memory became a resource. The next kernel is never told about driver-managed memory, and no image lies there.
    pub(in crate::life) fn memory_came(&mut self, range: PhysRange, is_driver_managed: bool, event: &str) {
        let kexec = self.kexec.as_mut().filter(|_| !is_driver_managed);
        kexec.into_iter().chain(&mut self.kdump).for_each(|image| image.memory_came(range, event));
    }

    /// A resource is gone. Nothing tells kexec: the kernel's last notification came when the block went offline.
    pub(in crate::life) fn memory_went(&mut self, range: PhysRange, is_driver_managed: bool, event: &str) {
        let kexec = self.kexec.as_mut().filter(|_| !is_driver_managed);
        kexec.into_iter().chain(&mut self.kdump).for_each(|image| image.memory_went(range, event));
    }

    /// A block went online or offline: the kernel rebuilds the crash header from the resources as they are.
    /// Source: kernel/crash_core.c:crash_memhp_notifier (6.12).
    pub(in crate::life) fn block_changed(&mut self) {
        if let Some(image) = self.kdump.as_mut().filter(|image| image.follows) {
            image.added.clear();
            image.removed.clear();
            image.since = None;
        }
    }

    /// Why the image for the next kernel no longer fits the machine; `None` if it does, or if there is none.
    pub fn stale_kexec(&self) -> Option<String> {
        let image = self.kexec.as_ref()?;
        let since = image.since.as_deref().unwrap_or_default();
        let gone = |at: &PhysRange| {
            let before = image.removed.range(..at.end()).next_back();
            before.is_some_and(|(_, &end)| end > at.start())
        };
        if let Some(segment) = image.at.iter().find(|at| gone(at)) {
            return Some(format!(
                "since `{since}`: the segment {segment} lies in memory that is gone, and kexec would jump into it; \
                 load it again before anybody runs it"
            ));
        }
        if let Some((&start, &end)) = image.removed.iter().next() {
            let range = shown(start, end);
            if image.at.is_empty() {
                return Some(format!(
                    "since `{since}`: {range} is gone, and nothing shows whether the image lies there; load it again"
                ));
            }
            if image.lists_added {
                return Some(format!(
                    "since `{since}`: the map for the next kernel lists {range}, which is gone; load it again"
                ));
            }
        }
        let (&start, &end) = image.added.iter().next().filter(|_| image.lists_added)?;
        let range = shown(start, end);
        Some(format!(
            "since `{since}`: the map for the next kernel does not list {range}; load it again, or that memory is lost \
             to the next kernel until a driver adds it"
        ))
    }

    /// Why the crash header no longer describes the machine; `None` if it does, or if there is none.
    pub fn stale_kdump(&self) -> Option<String> {
        let image = self.kdump.as_ref()?;
        let since = image.since.as_deref().unwrap_or_default();
        let mut reasons = Vec::new();
        if let Some((&start, &end)) = image.removed.iter().next() {
            reasons.push(format!("it still lists {}, which is gone", shown(start, end)));
        }
        if let Some((&start, &end)) = image.added.iter().next() {
            let how = if image.follows { ", until a block of it goes online" } else { "" };
            reasons.push(format!("it does not list {}{how}", shown(start, end)));
        }
        (!reasons.is_empty()).then(|| {
            format!(
                "since `{since}`, the dump's header is out of date: {}; load the crash kernel again, now that the \
                 resource has changed",
                reasons.join(", and ")
            )
        })
    }
}

/// Ranges as /proc/iomem prints them.
fn shown(start: u64, end: u64) -> String {
    format!("{start:08x}-{:08x}", end.saturating_sub(1))
}

/// Takes a range out of disjoint runs; what of it was in none.
fn take(runs: &mut BTreeMap<u64, u64>, range: PhysRange) -> Vec<PhysRange> {
    let mut rest = Some(range);
    let mut outside = Vec::new();
    let first = runs.range(..=range.start()).next_back().map_or(range.start(), |(&start, _)| start);
    for (&start, &end) in runs.range(first..range.end()) {
        let Some((left, run)) = rest.zip(PhysRange::new(start, end).ok()) else { break };
        let Some(part) = left.intersect(run) else { continue };
        let (below, above) = left.subtract(part);
        outside.extend(below);
        rest = above;
    }
    outside.extend(rest);
    remove(runs, range);
    outside
}
