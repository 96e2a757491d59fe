//! The same memory under other settings.

use evidence::settings::AutoOnline;

use crate::command_line::hotplug::{MemmapOnMemory, OnlinePolicy};
use crate::hotplug::plan::Plan;
use crate::hotplug::request::{PlanError, PlanRequest, Via};
use crate::hotplug::settings::Settings;
use crate::hotplug::sums::Pressure;
use crate::life::{Life, NotMovable};

/// The same memory under other settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What is different, as options; for a comparison the name of the policy.
    pub name: String,
    /// What comes of it.
    pub plan: Plan,
}

/// The policies that people choose from, each with its plan.
///
/// # Errors
///
/// [`PlanError`] as for the plan itself.
pub fn compared(life: &Life, request: &PlanRequest) -> Result<Vec<Alternative>, PlanError> {
    let online = Settings { state: Some(AutoOnline::Online), ..Settings::default() };
    let contiguous = Settings { online_policy: Some(OnlinePolicy::ContigZones), ..online };
    let auto = Settings { online_policy: Some(OnlinePolicy::AutoMovable), ..online };
    let ratio = request.settings.ratio.unwrap_or(life.policy().ratio);
    let rows = [
        ("contig-zones".to_owned(), Settings { movable_node: Some(false), ..contiguous }),
        ("contig-zones, movable_node".to_owned(), Settings { movable_node: Some(true), ..contiguous }),
        (format!("auto-movable {ratio}"), auto),
        ("online_kernel".to_owned(), Settings { state: Some(AutoOnline::OnlineKernel), ..online }),
        ("online_movable".to_owned(), Settings { state: Some(AutoOnline::OnlineMovable), ..online }),
    ];
    rows.into_iter()
        .map(|(name, settings)| {
            let request = PlanRequest { settings: request.settings.and(settings), ..*request };
            Ok(Alternative { name, plan: Plan::of(life, &request)? })
        })
        .collect()
}

/// What would make more of the memory removable, or leave more for the kernel where movable memory is too much; the
/// best first. Empty if nothing is to be mended.
pub fn alternatives(life: &Life, plan: &Plan) -> Vec<Alternative> {
    let mut found: Vec<Alternative> = Vec::new();
    let request = plan.request;
    let mut consider = |name: String, other: PlanRequest| {
        let Ok(other) = Plan::of(life, &other) else { return };
        let is_mended = plan.refused.is_some() || plan.after.pressure() == Pressure::TooMuch;
        let is_better = other.refused.is_none()
            && other.after.pressure() != Pressure::TooMuch
            && (other.removable > 0 || plan.refused.is_some())
            && (other.removable > plan.removable || is_mended);
        if is_better {
            found.push(Alternative { name, plan: other });
        }
    };
    let set = |settings: Settings| PlanRequest { settings: request.settings.and(settings), ..request };
    let policy = plan.policy;
    let is_auto = policy.online == OnlinePolicy::AutoMovable && policy.state == AutoOnline::Online;
    let auto = Settings {
        state: Some(AutoOnline::Online),
        online_policy: Some(OnlinePolicy::AutoMovable),
        ..Settings::default()
    };
    let auto_word = if is_auto { "" } else { "--policy state=online online_policy=auto-movable" };
    let join = |words: &str| format!("{auto_word} {words}").trim().to_owned();
    if !is_auto {
        consider(join(""), set(auto));
    }
    // A device that comes and goes as one is judged as one.
    let small = plan.block_size.max(1 << 30);
    if request.via != Via::VirtioMem && request.step() > small {
        consider(join(&format!("--step {}", shown(small))), PlanRequest { step: Some(small), ..set(auto) });
    }
    if request.via == Via::Acpi {
        consider(join("--via virtio-mem"), PlanRequest { via: Via::VirtioMem, at: None, ..set(auto) });
    }
    if let Some(NotMovable::Ratio { node, movable, kernel, wanted, .. }) = plan.stop.map(|stop| stop.why) {
        if node.is_some() {
            consider("--policy numa_aware=N".to_owned(), set(Settings { numa_aware: Some(false), ..auto }));
        }
        // So much that the rest of the memory fits, too.
        let all = movable.saturating_sub(wanted).saturating_add(plan.added_to(|zone| zone.is_some()));
        if let Some(ratio) = all.saturating_mul(100).checked_div(kernel).map(|ratio| ratio.saturating_add(1))
        {
            consider(format!("--policy ratio={ratio}"), set(Settings { ratio: Some(ratio), ..auto }));
        }
    }
    consider(
        "--policy state=online_movable".to_owned(),
        set(Settings { state: Some(AutoOnline::OnlineMovable), ..Settings::default() }),
    );
    let is_dear =
        plan.refused.is_some() || plan.memmap.saturating_sub(plan.memmap_in_it) > plan.before.kernel / 2;
    if request.via != Via::VirtioMem && policy.memmap_on_memory == MemmapOnMemory::Off && is_dear {
        let on = Settings { memmap_on_memory: Some(MemmapOnMemory::On), ..Settings::default() };
        consider("--policy memmap_on_memory=Y".to_owned(), set(on));
        consider(join("memmap_on_memory=Y"), set(auto.and(on)));
    }
    found.sort_by_key(|other| std::cmp::Reverse(other.plan.removable));
    found
}

fn shown(size: u64) -> String {
    if size.is_multiple_of(1 << 30) { format!("{}G", size >> 30) } else { format!("{}M", size >> 20) }
}
