//! `online -J` and `offline -J`: schema/online.schema.json.

use std::io::Write;

use act::{Block, Need, Refusal, Success, Why, state_word};
use serde::Serialize;

use super::{End, Row, Worked};
use crate::failure::Failure;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    origin: String,
    change: &'static str,
    dry_run: bool,
    success: &'static str,
    stopped: Option<&'static str>,
    block_size: u64,
    blocks: Vec<Record<'a>>,
    kexec: Loaded,
    kdump: Kdump,
}

#[derive(Serialize)]
struct Record<'a> {
    index: u64,
    start: Option<String>,
    end: Option<String>,
    nodes: &'a [u32],
    outcome: &'static str,
    before: Seen<'a>,
    after: Option<Seen<'a>>,
    error: Option<Error<'a>>,
}

#[derive(Serialize)]
struct Seen<'a> {
    state: &'static str,
    valid_zones: &'a [String],
}

#[derive(Serialize)]
struct Error<'a> {
    errno: Option<&'a str>,
    rule: &'static str,
    reason: &'a str,
    remedy: &'a str,
}

/// Whether a kernel is loaded, and what it needs.
#[derive(Serialize)]
struct Loaded {
    before: Option<bool>,
    after: Option<bool>,
    now: &'static str,
    after_removal: Option<&'static str>,
}

#[derive(Serialize)]
struct Kdump {
    #[serde(flatten)]
    loaded: Loaded,
    crash_hotplug: Option<bool>,
}

pub(super) fn print(worked: &Worked<'_>, out: &mut impl Write) -> Result<(), Failure> {
    let (before, after) = (worked.before, worked.after);
    let loaded = |before, after, need: Need| Loaded {
        before,
        after,
        now: need.now,
        after_removal: need.after_removal,
    };
    let document = Document {
        schema: 1,
        origin: worked.root.display().to_string(),
        change: worked.change.word(),
        dry_run: worked.is_dry,
        success: match worked.success() {
            Success::All => "all",
            Success::Partial => "partial",
            Success::None => "none",
        },
        stopped: worked.stopped.map(|why| match why {
            Why::Timeout => "timeout",
            Why::Signal(signal) => signal,
            Why::Asked => "asked",
        }),
        block_size: worked.blocks.block_size(),
        blocks: worked.rows.iter().map(|row| record(row, worked)).collect(),
        kexec: loaded(before.kexec, after.kexec, after.kexec_need(worked.change)),
        kdump: Kdump {
            loaded: loaded(before.kdump, after.kdump, after.kdump_need(worked.change)),
            crash_hotplug: after.crash_hotplug,
        },
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)?;
    Ok(())
}

fn record<'a>(row: &'a Row, worked: &Worked<'_>) -> Record<'a> {
    let range = worked.blocks.range_of(row.before.number);
    let (outcome, refusal) = match &row.end {
        End::Planned => ("planned", None),
        End::Changed => ("changed", None),
        End::Already => ("already", None),
        End::Refused(refusal) => ("refused", Some(refusal)),
        End::NotBegun => ("not-begun", None),
    };
    Record {
        index: row.before.number,
        start: range.map(|range| format!("{:#x}", range.start())),
        end: range.map(|range| format!("{:#x}", range.end())),
        nodes: &row.before.nodes,
        outcome,
        before: seen(&row.before),
        after: row.after.as_ref().map(seen),
        error: refusal.map(error),
    }
}

fn seen(block: &Block) -> Seen<'_> {
    Seen { state: state_word(block.state), valid_zones: &block.zones }
}

fn error(refusal: &Refusal) -> Error<'_> {
    Error {
        errno: refusal.errno.as_deref(),
        rule: refusal.rule,
        reason: &refusal.reason,
        remedy: &refusal.remedy,
    }
}
