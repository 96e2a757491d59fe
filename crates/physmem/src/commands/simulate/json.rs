//! The JSON of a simulation. `schema/simulate.schema.json` describes it; a change that could break a reader raises
//! [`SCHEMA`].

use std::cell::RefCell;

use machine::Unknown;
use machine::life::{Item, Life, Refusal};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::step::Step;
use crate::failure::Failure;
use crate::output::json::hex;
use crate::output::state::Tables;

/// The version of the layout.
pub(crate) const SCHEMA: u32 = 1;

/// What `simulate -J` prints.
#[derive(Serialize)]
#[serde(bound = "")]
pub(crate) struct Document<'a, I: Iterator<Item = Value>> {
    pub(crate) schema: u32,
    pub(crate) origin: &'a str,
    pub(crate) title: Option<&'a str>,
    pub(crate) steps: Steps<I>,
    pub(crate) unknown: &'a [Unknown],
}

/// The steps, each made when it is written and forgotten then: with the state after it, one of a machine of 64 TiB has
/// 100 MB.
pub(crate) struct Steps<I>(pub(crate) RefCell<I>);

impl<I: Iterator<Item = Value>> Serialize for Steps<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&mut *self.0.borrow_mut())
    }
}

#[derive(Serialize)]
struct Record<'a> {
    name: Option<&'a str>,
    event: &'a str,
    refused: Option<Refused<'a>>,
    changes: Vec<Changed<'a>>,
    #[serde(flatten)]
    state: crate::output::state::State<'a>,
    stale: Stale<'a>,
}

#[derive(Serialize)]
pub(crate) struct Refused<'a> {
    errno: &'static str,
    rule: &'static str,
    reason: &'a str,
    remedy: &'a str,
    source: &'static str,
}

impl<'a> Refused<'a> {
    pub(crate) fn of(refusal: &'a Refusal) -> Self {
        Self {
            errno: refusal.errno.as_str(),
            rule: refusal.rule,
            reason: &refusal.reason,
            remedy: &refusal.remedy,
            source: refusal.source,
        }
    }
}

#[derive(Serialize)]
struct Changed<'a> {
    what: &'static str,
    start: Option<String>,
    end: Option<String>,
    before: Option<&'a str>,
    after: Option<&'a str>,
    reason: &'a str,
}

#[derive(Serialize)]
struct Stale<'a> {
    kexec: Option<&'a str>,
    kdump: Option<&'a str>,
}

impl<'a> Changed<'a> {
    fn of(item: &'a Item) -> Self {
        Self {
            what: item.what.as_str(),
            start: item.range.map(|range| hex(range.start())),
            end: item.range.map(|range| hex(range.end())),
            before: item.before.as_deref(),
            after: item.after.as_deref(),
            reason: &item.reason,
        }
    }
}

/// A step, with the state after it.
pub(crate) fn step(step: &Step, life: &Life, page_size: u64) -> Result<Value, Failure> {
    let blocks = life.memory_blocks();
    let zones = life.zone_records();
    let firmware_map = life.firmware_records();
    let memblock: Option<Vec<_>> = life.memblock().map(|regions| regions.iter().collect());
    let tables = Tables {
        resources: Some(life.iomem()),
        blocks: Some(&blocks),
        zones: Some(&zones),
        page_size,
        firmware_map: firmware_map.as_deref(),
        memblock: memblock.as_deref(),
    };
    let record = Record {
        name: step.name.as_deref(),
        event: &step.event,
        refused: step.refused.as_ref().map(Refused::of),
        changes: step.change.items.iter().map(Changed::of).collect(),
        state: tables.json(),
        stale: Stale { kexec: step.kexec.as_deref(), kdump: step.kdump.as_deref() },
    };
    Ok(serde_json::to_value(record)?)
}
