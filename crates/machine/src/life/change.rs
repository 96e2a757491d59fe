//! What an event changed.

use std::collections::BTreeMap;

use memblock::PhysRange;

use super::refusal::Refusal;

/// What an event changed, in the order in which Linux does it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The changes.
    pub items: Vec<Item>,
    /// The event failed after it had begun, and was rolled back: an ACPI eject takes blocks offline and, if one of them
    /// refuses, puts the others online again, not always in the zone they came from. The items are what remains of it.
    pub refused: Option<Refusal>,
    /// While the event happens: the zones whose spans changed, and their items.
    spans: Vec<(String, usize)>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What changed.
    pub what: What,
    /// The addresses; `None` for a setting, or an image whose place is not known.
    pub range: Option<PhysRange>,
    /// What stood there; `None` for something new.
    pub before: Option<String>,
    /// What stands there now; `None` for something that is gone.
    pub after: Option<String>,
    /// Why.
    pub reason: String,
}

/// What makes items alike: what changed, from what, to what, and why.
type Kind = (What, Option<String>, Option<String>, String);

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// A resource of /proc/iomem.
    Resource,
    /// An entry of /sys/firmware/memmap.
    FirmwareMap,
    /// A region of memblock.
    Memblock,
    /// The state of a memory block.
    Block,
    /// The span of a zone.
    Zone,
    /// A node.
    Node,
    /// What a device has plugged, or cannot use.
    Device,
    /// A setting.
    Setting,
    /// A loaded image.
    Image,
}

impl What {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::FirmwareMap => "firmware-map",
            Self::Memblock => "memblock",
            Self::Block => "block",
            Self::Zone => "zone",
            Self::Node => "node",
            Self::Device => "device",
            Self::Setting => "setting",
            Self::Image => "image",
        }
    }
}

impl Change {
    /// Notes one change.
    pub(super) fn push(
        &mut self,
        what: What,
        range: impl Into<Option<PhysRange>>,
        before: Option<String>,
        after: Option<String>,
        reason: &str,
    ) {
        self.items.push(Item { what, range: range.into(), before, after, reason: reason.to_owned() });
    }

    /// Notes that a zone's span changed; steps of one event become one change.
    pub(super) fn zone_changed(
        &mut self,
        zone: &str,
        before: Option<String>,
        after: Option<String>,
        range: Option<PhysRange>,
    ) {
        let noted = self.spans.iter().find(|(noted, _)| noted == zone).map(|(_, index)| *index);
        if let Some(item) = noted.and_then(|index| self.items.get_mut(index)) {
            (item.after, item.range) = (after, range);
            return;
        }
        self.spans.push((zone.to_owned(), self.items.len()));
        self.push(What::Zone, range, before, after, "from its first to its last online memory");
    }

    /// Joins neighbors that changed alike, and drops what was undone, so that a person reads one line for a device of
    /// many blocks.
    pub(super) fn settle(&mut self) {
        self.spans.clear();
        let mut joined: Vec<Item> = Vec::with_capacity(self.items.len());
        // By kind, in the order in which each first happened; within a kind as it happened.
        let mut order: Vec<What> = Vec::new();
        for item in &self.items {
            if !order.contains(&item.what) {
                order.push(item.what);
            }
        }
        self.items.sort_by_key(|item| order.iter().position(|what| *what == item.what));
        // Where the last item of each kind stands: blocks that go one by one, each in two steps, still join.
        let mut last: BTreeMap<Kind, usize> = BTreeMap::new();
        for item in self.items.drain(..) {
            if item.before == item.after && item.what == What::Zone {
                continue;
            }
            let joins = matches!(item.what, What::Block | What::Resource | What::Memblock);
            let kind = (item.what, item.before.clone(), item.after.clone(), item.reason.clone());
            let neighbor = last.get(&kind).filter(|_| joins).and_then(|index| joined.get_mut(*index));
            match neighbor.and_then(|last| Some((last.range.as_mut()?, item.range?))) {
                Some((last, range)) if last.end() == range.start() || range.end() == last.start() => {
                    *last = last.hull(range);
                }
                _ => {
                    last.insert(kind, joined.len());
                    joined.push(item);
                }
            }
        }
        self.items = joined;
    }
}
