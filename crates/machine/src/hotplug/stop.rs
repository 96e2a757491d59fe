//! Where the auto-movable policy stops to put added memory into Movable.

use evidence::settings::AutoOnline;

use crate::boot::zones::ZoneKind;
use crate::command_line::hotplug::OnlinePolicy;

use crate::hotplug::request::{PlanRequest, Steps, Via};
use crate::hotplug::sums::{Row, Sums};
use crate::life::{Event, Life, NotMovable, OnlineAs, PolicyChange, Selected};

/// The first added memory that the auto-movable policy leaves to a kernel zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The step, from 1.
    pub step: u64,
    /// The first byte.
    pub at: u64,
    /// The machine before that, in bytes.
    pub before: Sums,
    /// The rule, with the numbers that broke it.
    pub why: NotMovable,
}

/// Finds the stop, and lives up to it once more: only then the numbers are there.
pub(super) fn find(life: &Life, request: &PlanRequest, start: u64, rows: &[Row]) -> Option<Stop> {
    let policy = life.policy();
    if policy.online != OnlinePolicy::AutoMovable || policy.state != AutoOnline::Online {
        return None;
    }
    let row = rows.iter().find(|row| row.zone.is_some_and(|zone| zone != ZoneKind::Movable))?;
    let size = life.block_table().size().max(1);
    let at = row.range.start();
    let mut now = life.clone();
    let mut steps = Steps::new(request, start);
    let index = usize::try_from(row.first_step.saturating_sub(1)).ok()?;
    for step in request.sizes().take(index) {
        now.apply(&steps.next(&now, step).ok()?).ok()?;
    }
    let step = request.sizes().nth(index)?;
    let offline = PolicyChange { state: Some(AutoOnline::Offline), ..PolicyChange::default() };
    if request.via == Via::VirtioMem {
        // The device grows block by block: up to the stop, and then by one block that stays offline.
        let first = start.checked_next_multiple_of(size)?;
        let until = at.saturating_sub(first);
        if until > steps.came() {
            now.apply(&steps.next(&now, until.saturating_sub(steps.came())).ok()?).ok()?;
        }
        now.apply(&Event::Policy(offline)).ok()?;
        let more = size.min(request.add.saturating_sub(steps.came()));
        now.apply(&steps.next(&now, more).ok()?).ok()?;
    } else {
        now.apply(&Event::Policy(offline)).ok()?;
        now.apply(&steps.next(&now, step).ok()?).ok()?;
        // The blocks of the device that went before.
        let offline: Vec<u64> = now
            .block_table()
            .iter()
            .filter(|(number, block)| !block.online.is() && !block.is_early && *number < at / size)
            .map(|(number, _)| number)
            .collect();
        let was_offline = |number: &u64| life.block_table().get(*number).is_some();
        for number in offline.into_iter().filter(|number| !was_offline(number)) {
            let selected = Selected::Blocks { first: number, last: number };
            now.apply(&Event::Online(selected, OnlineAs::Policy)).ok()?;
        }
    }
    let why = now.why_not_movable(at / size)?;
    Some(Stop { step: row.first_step, at, before: Sums::of(&now), why })
}
