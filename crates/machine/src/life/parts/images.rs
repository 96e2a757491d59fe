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
    /// Memory that came after it was loaded, or after its header was last rebuilt.
    added: BTreeMap<u64, u64>,
    /// Memory that went since then.
    removed: BTreeMap<u64, u64>,
    /// The first event since which it is stale.
    since: Option<String>,
}

impl Image {
    /// An image that describes the machine as it is now.
    pub(in crate::life) fn new(by: Option<LoadedBy>, at: Vec<PhysRange>, follows: bool) -> Self {
        Self { by, at, follows, ..Self::default() }
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

    /// Memory became a resource.
    pub(in crate::life) fn memory_came(&mut self, range: PhysRange, event: &str) {
        for image in [&mut self.kexec, &mut self.kdump].into_iter().flatten() {
            remove(&mut image.removed, range);
            insert(&mut image.added, range);
            image.since.get_or_insert_with(|| event.to_owned());
        }
    }

    /// A resource is gone. Nothing tells kexec: the kernel's last notification came when the block went offline.
    pub(in crate::life) fn memory_went(&mut self, range: PhysRange, event: &str) {
        for image in [&mut self.kexec, &mut self.kdump].into_iter().flatten() {
            let was_new =
                image.added.iter().any(|(&start, &end)| start <= range.start() && range.end() <= end);
            remove(&mut image.added, range);
            if !was_new {
                insert(&mut image.removed, range);
            }
            image.since.get_or_insert_with(|| event.to_owned());
            if image.added.is_empty() && image.removed.is_empty() {
                image.since = None;
            }
        }
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
            return Some(match (image.at.is_empty(), image.by) {
                (true, _) => format!(
                    "since `{since}`: {range} is gone, and nothing shows whether the image lies there; load it again"
                ),
                (false, Some(LoadedBy::File)) => return None,
                (false, _) => format!(
                    "since `{since}`: the map for the next kernel lists {range}, which is gone; load it again"
                ),
            });
        }
        let (&start, &end) = image.added.iter().next().filter(|_| image.by == Some(LoadedBy::Load))?;
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
