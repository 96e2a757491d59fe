//! A plan to add memory, for people: the answer, the steps, what helps.

use std::io::Write;

use evidence::settings::AutoOnline;
use machine::boot::ZoneKind;
use machine::hotplug::{Alternative, Ends, Plan, Pressure, Row, Stop, Sums, Via};
use machine::life::NotMovable;

use super::plan::Planned;
use crate::failure::Failure;
use crate::output::lines::{self, printable};
use crate::output::size::human;
use crate::output::style::{Ink, Style};
use crate::output::unknown;

/// Prints the plan.
pub(super) fn print(planned: &Planned, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let plan = &planned.plan;
    for line in verdict(plan) {
        lines::wrapped(out, "", "  ", &line)?;
    }
    if let Some((step, refusal)) = &plan.refused {
        let label = format!("refused at step {step}:");
        let text = format!("{} ({}, {}; {})", refusal.reason, refusal.errno, refusal.rule, refusal.source);
        lines::labelled(out, (&label, &style.paint(Ink::No, &label)), "  ", &text)?;
        lines::wrapped(out, "  help: ", "    ", &refusal.remedy)?;
    }
    if let Some(short) = &plan.short {
        let text =
            format!("only {} of {} are plugged; {short}", human(plan.plugged), human(plan.request.add));
        lines::labelled(out, ("short:", &style.paint(Ink::No, "short:")), "  ", &text)?;
    }
    if !plan.rows.is_empty() {
        writeln!(out)?;
        steps(plan, out)?;
    }
    if let Some(rows) = &planned.compared {
        writeln!(out)?;
        compared(rows, out)?;
    }
    block_size(planned, out)?;
    let needed = plan.kernel_needed();
    if !planned.alternatives.is_empty() || needed.is_some() {
        writeln!(out)?;
    }
    for other in &planned.alternatives {
        lines::labelled(out, ("help:", &style.paint(Ink::Heading, "help:")), "  ", &remedy(other))?;
    }
    if let Some(needed) = needed {
        let what = match plan.stop {
            Some(_) => "all of it would become Movable".to_owned(),
            None => "MOVABLE:KERNEL would not exceed 3.01:1".to_owned(),
        };
        let (before, node) = plan.judged_before();
        let there = human(before.kernel);
        let text =
            format!("with {} of kernel memory{} at boot {what}; it has {there}", human(needed), on(node));
        lines::labelled(out, ("help:", &style.paint(Ink::Heading, "help:")), "  ", &text)?;
    }
    if !planned.unknown.is_empty() {
        writeln!(out)?;
    }
    unknown::print(&planned.unknown, style, out)
}

/// The answer: what becomes of the memory, where it stops, what it costs.
fn verdict(plan: &Plan) -> Vec<String> {
    let movable = plan.added_to(|zone| zone == Some(ZoneKind::Movable));
    let kernel = plan.added_to(|zone| zone.is_some_and(|zone| zone != ZoneKind::Movable));
    let offline = plan.added_to(|zone| zone.is_none());
    let parts = [(movable, "become Movable"), (kernel, "go to kernel zones"), (offline, "stay offline")];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|(bytes, what)| format!("{} {what}", human(bytes)))
        .collect();
    let parts = if parts.is_empty() { "nothing is added".to_owned() } else { parts.join(", ") };
    let stays = plan.added().saturating_sub(plan.removable);
    let again = match (plan.removable, stays) {
        (0, 0) => String::new(),
        (0, _) => "; none of it can be relied on to go again".to_owned(),
        (_, 0) => "; all of it can be taken out again".to_owned(),
        (some, stays) => {
            format!("; {} can be taken out again, {} may have to stay", human(some), human(stays))
        }
    };
    let mut all = vec![format!("of {} to add, {parts}{again}", human(plan.request.add))];
    all.extend(given(plan));
    all.extend(plan.stop.as_ref().map(stopped));
    all.extend((plan.memmap > 0).then(|| cost(plan)));
    all.extend(pressure(&plan.after));
    all
}

/// That no policy picks the zone, where the state of added blocks names it.
fn given(plan: &Plan) -> Option<String> {
    let zone = match plan.policy.state {
        AutoOnline::OnlineKernel => "a kernel zone",
        AutoOnline::OnlineMovable => "Movable",
        AutoOnline::Online | AutoOnline::Offline => return None,
    };
    Some(format!(
        "auto_online_blocks is {}: every block goes to {zone}, and online_policy decides nothing",
        plan.policy.state.as_str()
    ))
}

fn stopped(stop: &Stop) -> String {
    let at = format!("auto-movable stops at step {}, {:#x}", stop.step, stop.at);
    match stop.why {
        NotMovable::NoRatio => format!("{at}: the ratio is 0"),
        NotMovable::DeviceHasKernel => format!(
            "{at}: part of the device is in a kernel zone already, and a device that comes and goes as one is not split"
        ),
        NotMovable::UnitHasKernel => format!("{at}: part of the device's block is in a kernel zone already"),
        NotMovable::Ratio { kernel: 0, node, .. } => {
            format!("{at}: no kernel memory of boot counts{}", on(node))
        }
        NotMovable::Ratio { node, wanted, movable, kernel, ratio } => format!(
            "{at}: {} more would make {} movable for {} of kernel memory{}, {}%, above the ratio of {ratio}%",
            human(wanted),
            human(movable),
            human(kernel),
            on(node),
            u128::from(movable).saturating_mul(100).div_ceil(u128::from(kernel)),
        ),
    }
}

fn on(node: Option<u32>) -> String {
    node.map_or_else(String::new, |node| format!(" on node {node}"))
}

fn cost(plan: &Plan) -> String {
    let taken = plan.memmap.saturating_sub(plan.memmap_in_it);
    let node = plan.request.node.unwrap_or_default();
    // The node's own memory first, that of other nodes where it has none.
    let (there, whose) = match plan.node_before.kernel {
        0 => (
            plan.before.kernel,
            format!("other nodes' {} of kernel memory, as node {node} has none", human(plan.before.kernel)),
        ),
        there => (there, format!("node {node}'s {} of kernel memory", human(there))),
    };
    let share = |bytes: u64| {
        let tenths =
            u128::from(bytes).saturating_mul(1000).checked_div(u128::from(there)).unwrap_or_default();
        format!("{}.{}%", tenths / 10, tenths % 10)
    };
    let share_of = plan.added().checked_div(plan.memmap).unwrap_or_default();
    let from = match (plan.memmap_in_it, taken) {
        (0, taken) => format!("{} of {whose}", share(taken)),
        (_, 0) => "from the added memory itself (memmap_on_memory)".to_owned(),
        (own, taken) => {
            format!("{} from the added memory itself, the rest {} of {whose}", human(own), share(taken))
        }
    };
    let more = if taken > there / 2 {
        ": so much is hardly free at once; kernel memory has to come first"
    } else {
        ""
    };
    format!("struct pages cost {} (1/{share_of}), {from}{more}", human(plan.memmap))
}

/// What the relation of movable to kernel memory means.
/// Source: Documentation/admin-guide/mm/memory-hotplug.rst, "ZONE_MOVABLE sizing considerations" (6.12).
fn pressure(after: &Sums) -> Option<String> {
    let ratio = relation(after);
    match after.pressure() {
        Pressure::Fine => None,
        Pressure::Tight => Some(format!(
            "MOVABLE:KERNEL becomes {ratio}, above 3:1: workloads with much page cache metadata, page tables or pinned \
             memory may run out of kernel memory"
        )),
        Pressure::TooMuch => Some(format!(
            "MOVABLE:KERNEL becomes {ratio}, above 4:1: the kernel can run out of memory while Movable is free"
        )),
    }
}

fn relation(sums: &Sums) -> String {
    match sums.ratio() {
        Some(ratio) if ratio.is_multiple_of(100) => format!("{}:1", ratio / 100),
        Some(ratio) => format!("{}.{:02}:1", ratio / 100, ratio % 100),
        None => "without kernel memory".to_owned(),
    }
}

fn steps(plan: &Plan, out: &mut impl Write) -> Result<(), Failure> {
    let heads = [
        ("STEP", false),
        ("RANGE", false),
        ("SIZE", true),
        ("BLOCKS", false),
        ("STATE", false),
        ("MEMMAP", true),
        ("MOVABLE", true),
        ("KERNEL", true),
        ("RATIO", true),
    ];
    let run =
        |first: u64, last: u64| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let size = plan.block_size.max(1);
    let row = |rows: &[Row]| {
        let (first, last) = rows.first().zip(rows.last())?;
        let sums = Sums { kernel: last.kernel, movable: last.movable, offline: 0 };
        let range = first.range.hull(last.range);
        let bytes = |zone| {
            let of_zone = rows.iter().filter(|row| row.zone == zone);
            of_zone.fold(0_u64, |sum, row| sum.saturating_add(row.range.size()))
        };
        let state = match (rows, rows.get(1)) {
            ([_], _) | (_, None) => {
                first.zone.map_or_else(|| "offline".to_owned(), |zone| format!("online {zone}"))
            }
            (_, Some(second)) => {
                let word = |row: &Row| row.zone.map_or("offline", ZoneKind::as_str);
                let (one, other) = (human(bytes(first.zone)), human(bytes(second.zone)));
                format!("by turns {} ({one}), {} ({other})", word(first), word(second))
            }
        };
        Some(vec![
            run(first.first_step, last.last_step),
            range.to_string(),
            human(rows.iter().fold(0, |sum, row| sum.saturating_add(row.range.size()))),
            run(range.start() / size, range.last() / size),
            state,
            human(rows.iter().fold(0, |sum, row| sum.saturating_add(row.memmap))),
            human(last.movable),
            human(last.kernel),
            relation(&sums),
        ])
    };
    lines::table(out, &heads, &folded(&plan.rows).into_iter().filter_map(row).collect::<Vec<_>>())
}

/// Rows in groups: those that take turns, as virtio-mem's blocks do at the ratio, are one; the others stand alone.
fn folded(rows: &[Row]) -> Vec<&[Row]> {
    let mut groups = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        // What stands alone before the turns begin is longer than a turn.
        let is_turn =
            |(row, next): &(&Row, &Row)| row.zone == next.zone && row.range.size() / 4 <= next.range.size();
        let turns = rest.iter().zip(rest.iter().skip(2)).take_while(is_turn).count();
        let count = if turns >= 4 { turns.saturating_add(2) } else { 1 };
        let (group, left) = rest.split_at(count.min(rest.len()));
        groups.push(group);
        rest = left;
    }
    groups
}

fn compared(rows: &[Alternative], out: &mut impl Write) -> Result<(), Failure> {
    let heads = [
        ("POLICY", false),
        ("MOVABLE", true),
        ("KERNEL", true),
        ("MOVABLE:KERNEL", true),
        ("REMOVABLE", true),
        ("MEMMAP", true),
        ("", false),
    ];
    let row = |other: &Alternative| {
        let plan = &other.plan;
        let word = match plan.after.pressure() {
            _ if plan.refused.is_some() => "refused",
            Pressure::Fine => "",
            Pressure::Tight => "above 3:1",
            Pressure::TooMuch => "above 4:1",
        };
        vec![
            other.name.clone(),
            human(plan.added_to(|zone| zone == Some(ZoneKind::Movable))),
            human(plan.added_to(|zone| zone.is_some_and(|zone| zone != ZoneKind::Movable))),
            relation(&plan.after),
            human(plan.removable),
            human(plan.memmap),
            word.to_owned(),
        ]
    };
    lines::table(out, &heads, &rows.iter().map(row).collect::<Vec<_>>())
}

/// What whole blocks cost: of the devices of the plan, and of the machine's own windows.
fn block_size(planned: &Planned, out: &mut impl Write) -> Result<(), Failure> {
    let block = planned.plan.block_size;
    let own = &planned.plan.lost;
    let is_theirs = planned.plan.request.via == Via::Kmem;
    let windows: Vec<&Ends> = planned.windows.iter().filter(|ends| is_theirs && ends.lost() > 0).collect();
    if own.is_empty() && windows.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for ends in own.iter().take(SHOWN) {
        lines::wrapped(out, "", "  ", &lost(ends, block))?;
    }
    if own.len() > SHOWN {
        let all = own.iter().fold(0_u64, |sum, ends| sum.saturating_add(ends.lost()));
        writeln!(out, "and so on: {} devices lose {} in all", own.len(), human(all))?;
    }
    for ends in windows {
        lines::wrapped(out, "", "  ", &lost(ends, block))?;
    }
    Ok(())
}

/// So many devices that lose something are named.
const SHOWN: usize = 3;

fn lost(ends: &Ends, block: u64) -> String {
    format!(
        "{} {}: {} lost at the start and {} at the end, as only whole blocks of {} can be used",
        printable(&ends.name),
        ends.range,
        human(ends.head),
        human(ends.tail),
        human(block)
    )
}

fn remedy(other: &Alternative) -> String {
    let plan = &other.plan;
    format!(
        "with {}: {} can be taken out again, MOVABLE:KERNEL {}",
        other.name,
        human(plan.removable),
        relation(&plan.after)
    )
}
