//! The JSON of a planned removal. `schema/hotplug-remove.schema.json` describes it; a change that could break a reader
//! raises [`SCHEMA`].

use machine::hotplug::{By, OfflineAnswer, Owner};
use memblock::PhysRange;
use serde_json::{Value, json};

use super::remove::Planned;
use crate::output::json::hex;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// The document.
pub(super) fn document(planned: &Planned) -> Value {
    let removal = &planned.removal;
    let objection = |one: &machine::hotplug::Objection| json!({ "rule": one.rule, "reason": one.reason, "remedy": one.remedy, "source": one.source });
    let effect = |one: &machine::hotplug::Effect| json!({ "what": one.subject.as_str(), "breaks": one.breaks.as_bool(), "reason": one.text });
    let step = |one: &machine::hotplug::Todo| json!({ "what": one.text, "commands": one.commands });
    json!({
        "schema": SCHEMA,
        "origin": planned.origin,
        "size": removal.bytes,
        "refused": removal.is_refused(),
        "owners": removal.owners.iter().map(owner).collect::<Vec<_>>(),
        "objections": removal.objections.iter().map(objection).collect::<Vec<_>>(),
        "blocks": removal.blocks.iter().map(blocks).collect::<Vec<_>>(),
        "afterwards": removal.effects.iter().map(effect).collect::<Vec<_>>(),
        "steps": removal.todo.iter().map(step).collect::<Vec<_>>(),
        "unknown": planned.unknown,
    })
}

fn owner(owner: &Owner) -> Value {
    let (by, detail) = match &owner.by {
        By::Acpi(device) => ("acpi", device.clone()),
        By::Kmem => ("kmem", None),
        By::VirtioMem => ("virtio-mem", None),
        By::Balloon => ("balloon", None),
        By::Other(driver) => ("other-driver", Some(driver.clone())),
        By::Boot => ("boot", None),
    };
    let range = |range: &PhysRange| json!([hex(range.start()), hex(range.end())]);
    json!({
        "name": owner.name,
        "by": by,
        "device": detail,
        "ranges": owner.ranges.iter().map(range).collect::<Vec<_>>(),
        "whole": owner.is_whole,
    })
}

/// Blocks that are alike.
pub(crate) fn blocks(blocks: &OfflineAnswer) -> Value {
    json!({
        "first": blocks.first,
        "last": blocks.last,
        "count": blocks.count,
        "start": hex(blocks.range.start()),
        "end": hex(blocks.range.end()),
        "node": blocks.node,
        "valid_zones": blocks.valid_zones,
        "offline": blocks.answer.as_str(),
        "rule": blocks.rule,
        "reason": blocks.because,
        "remedy": blocks.help,
        "source": blocks.source,
    })
}
