//! The JSON of a plan to add memory. `schema/hotplug-plan.schema.json` describes it; a change that could break a reader
//! raises [`SCHEMA`].

use machine::boot::ZoneKind;
use machine::hotplug::{Alternative, Ends, Plan, Pressure, Row, Stop, Sums};
use machine::life::{NotMovable, Refusal};
use serde_json::{Value, json};

use super::plan::Planned;
use crate::output::json::hex;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// The document.
pub(super) fn document(planned: &Planned) -> Value {
    let plan = &planned.plan;
    let request = &plan.request;
    json!({
        "schema": SCHEMA,
        "origin": planned.origin,
        "request": {
            "add": request.add,
            "step": request.step(),
            "node": request.node.unwrap_or_default(),
            "via": request.via.as_str(),
            "at": request.at.map(hex),
        },
        "policy": {
            "state": plan.policy.state.as_str(),
            "online_policy": plan.policy.online.as_str(),
            "ratio": plan.policy.ratio,
            "numa_aware": plan.policy.numa_aware,
            "memmap_on_memory": plan.policy.memmap_on_memory.as_str(),
            "movable_node": plan.policy.movable_node,
        },
        "block_size": plan.block_size,
        "before": sums(&plan.before),
        "node_before": sums(&plan.node_before),
        "result": result(plan),
        "steps": plan.rows.iter().map(|row| step(row, plan.block_size)).collect::<Vec<_>>(),
        "stop": plan.stop.as_ref().map(stop),
        "kernel_needed": plan.kernel_needed(),
        "refused": plan.refused.as_ref().map(|(step, refusal)| refused(*step, refusal)),
        "short": plan.short,
        "lost": plan.lost.iter().map(ends).collect::<Vec<_>>(),
        "windows": planned.windows.iter().map(ends).collect::<Vec<_>>(),
        "compared": planned.compared.as_ref().map(|rows| rows.iter().map(alternative).collect::<Vec<_>>()),
        "alternatives": planned.alternatives.iter().map(alternative).collect::<Vec<_>>(),
        "unknown": planned.unknown,
    })
}

fn sums(sums: &Sums) -> Value {
    json!({ "kernel": sums.kernel, "movable": sums.movable, "offline": sums.offline })
}

/// What the plan comes to.
fn result(plan: &Plan) -> Value {
    json!({
        "added": plan.added(),
        "plugged": plan.plugged,
        "movable": plan.added_to(|zone| zone == Some(ZoneKind::Movable)),
        "kernel": plan.added_to(|zone| zone.is_some_and(|zone| zone != ZoneKind::Movable)),
        "offline": plan.added_to(|zone| zone.is_none()),
        "removable": plan.removable,
        "memmap": plan.memmap,
        "memmap_in_added": plan.memmap_in_it,
        "after": sums(&plan.after),
        "movable_to_kernel": plan.after.ratio().map(hundredths),
        "pressure": pressure(plan.after.pressure()),
    })
}

fn pressure(pressure: Pressure) -> &'static str {
    match pressure {
        Pressure::Fine => "fine",
        Pressure::Tight => "tight",
        Pressure::TooMuch => "too-much",
    }
}

fn hundredths(ratio: u64) -> f64 {
    // Ratios are small; what a float cannot hold exactly is no ratio of a machine.
    #[allow(clippy::cast_precision_loss)]
    let ratio = ratio as f64;
    ratio / 100.0
}

fn step(row: &Row, block: u64) -> Value {
    json!({
        "first": row.first_step,
        "last": row.last_step,
        "start": hex(row.range.start()),
        "end": hex(row.range.end()),
        "size": row.range.size(),
        "blocks": row.range.size() / block.max(1),
        "zone": row.zone.map(ZoneKind::as_str),
        "memmap": row.memmap,
        "movable": row.movable,
        "kernel": row.kernel,
    })
}

fn stop(stop: &Stop) -> Value {
    let mut value = json!({
        "step": stop.step,
        "at": hex(stop.at),
        "movable": stop.before.movable,
        "kernel": stop.before.kernel,
    });
    let more = match stop.why {
        NotMovable::NoRatio => json!({ "rule": "ratio-is-zero" }),
        NotMovable::DeviceHasKernel => json!({ "rule": "device-has-kernel-memory" }),
        NotMovable::UnitHasKernel => json!({ "rule": "unit-has-kernel-memory" }),
        NotMovable::Ratio { node, wanted, movable, kernel, ratio } => json!({
            "rule": "ratio",
            "node": node,
            "wanted": wanted,
            "movable_with_it": movable,
            "kernel_that_counts": kernel,
            "ratio": ratio,
        }),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn refused(step: u64, refusal: &Refusal) -> Value {
    json!({
        "step": step,
        "errno": refusal.errno.as_str(),
        "rule": refusal.rule,
        "reason": refusal.reason,
        "remedy": refusal.remedy,
        "source": refusal.source,
    })
}

fn ends(ends: &Ends) -> Value {
    json!({
        "name": ends.name,
        "start": hex(ends.range.start()),
        "end": hex(ends.range.end()),
        "head": ends.head,
        "tail": ends.tail,
    })
}

fn alternative(other: &Alternative) -> Value {
    json!({ "name": other.name, "result": result(&other.plan) })
}
