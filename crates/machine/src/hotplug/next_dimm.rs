//! What the next ACPI memory device will be: the shortest answer to what the settings come to.

use evidence::settings::AutoOnline;
use memblock::PhysRange;

use crate::boot::zones::ZoneKind;
use crate::command_line::hotplug::OnlinePolicy;
use crate::life::{Added, AddedBy, Event, Life, NotMovable, Online};

/// What becomes of an ACPI memory device of one block, in the first free place, on node 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextDimm {
    /// Where it goes; `None` if it is refused.
    pub range: Option<PhysRange>,
    /// `offline`, `online Movable`, or the error that refuses it.
    pub state: String,
    /// What decides.
    pub why: String,
}

const BUILD: &str = "CONFIG_MHP_DEFAULT_ONLINE_TYPE";

/// Adds a device of one block to a copy of a machine.
pub fn next_dimm(life: &Life) -> NextDimm {
    let policy = life.policy();
    let added = plugged(life, policy.state);
    let (range, zone) = match added {
        Ok(found) => found,
        Err(refusal) => {
            let why = format!("{} ({})", refusal.reason, refusal.source);
            return NextDimm { range: None, state: format!("refused with {}", refusal.errno), why };
        }
    };
    let would = || plugged(life, AutoOnline::Online).ok().and_then(|(_, zone)| zone);
    let is_unknown = life.unknown().iter().any(|unknown| unknown.what.ends_with("auto_online_blocks"));
    let state = match (zone, would()) {
        (None, Some(zone)) if is_unknown => format!("as the kernel was built: offline, or online {zone}"),
        (Some(zone), _) => format!("online {zone}"),
        (None, Some(zone)) => format!("offline (`online` picks {zone})"),
        (None, None) => "offline".to_owned(),
    };
    let why = match (is_unknown, zone, would()) {
        (true, ..) => format!("neither the command line nor {BUILD} is known"),
        (_, None, Some(zone)) => format!("added blocks stay offline; {}", why(life, range, zone)),
        (_, Some(zone), _) => why(life, range, zone),
        _ => "added blocks stay offline".to_owned(),
    };
    NextDimm { range, state, why }
}

type Plugged = (Option<PhysRange>, Option<ZoneKind>);

/// Where the device lands, and its zone; `None` if it stays offline.
fn plugged(life: &Life, state: AutoOnline) -> Result<Plugged, crate::life::Refusal> {
    let size = life.block_table().size();
    let mut policy = *life.policy();
    policy.state = state;
    let mut after = life.clone().with_policy(policy);
    let by = AddedBy::Dimm { size, at: None };
    after.apply(&Event::Add(Added { by, name: None, node: None }))?;
    let is_new = |number: &u64| life.block_table().get(*number).is_none();
    let new = after.block_table().iter().find(|(number, _)| is_new(number));
    let Some((number, block)) = new else { return Ok((None, None)) };
    let zone = match block.online {
        Online::In(zone) => Some(zone),
        _ => None,
    };
    Ok((after.block_table().range(number), zone))
}

/// What decides about the zone.
fn why(life: &Life, range: Option<PhysRange>, zone: ZoneKind) -> String {
    let policy = life.policy();
    let size = life.block_table().size().max(1);
    match (policy.state, policy.online, zone) {
        (AutoOnline::OnlineKernel, ..) => "auto_online_blocks is online_kernel".to_owned(),
        (AutoOnline::OnlineMovable, ..) => "auto_online_blocks is online_movable".to_owned(),
        (_, OnlinePolicy::ContigZones, ZoneKind::Movable) if policy.movable_node => {
            "movable_node is given, and no kernel zone reaches there (mm/memory_hotplug.c:default_zone_for_pfn, 6.12)"
                .to_owned()
        }
        (_, OnlinePolicy::ContigZones, zone) => format!(
            "contig-zones: zone {zone} reaches there, or is where memory without a zone goes \
             (mm/memory_hotplug.c:default_zone_for_pfn, 6.12)"
        ),
        (_, OnlinePolicy::AutoMovable, ZoneKind::Movable) => format!(
            "auto-movable: within the ratio of {}% (mm/memory_hotplug.c:auto_movable_can_online_movable, 6.12)",
            policy.ratio
        ),
        (_, OnlinePolicy::AutoMovable, _) => {
            let mut offline = life.clone().with_policy({
                let mut policy = *policy;
                policy.state = AutoOnline::Offline;
                policy
            });
            let by = AddedBy::Dimm { size, at: range.map(PhysRange::start) };
            // It was added once already.
            let _ = offline.apply(&Event::Add(Added { by, name: None, node: None }));
            let number = range.map_or(0, |range| range.start() / size);
            match offline.why_not_movable(number) {
                Some(NotMovable::Ratio { movable, kernel, ratio, .. }) => format!(
                    "auto-movable: {movable:#x} bytes of movable memory for {kernel:#x} of kernel memory would be above \
                     the ratio of {ratio}% (mm/memory_hotplug.c:auto_movable_can_online_movable, 6.12)"
                ),
                _ => "auto-movable: the ratio is 0".to_owned(),
            }
        }
    }
}
