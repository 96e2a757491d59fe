//! The plan: what becomes of memory that is added step by step.

use evidence::Unknown;
use evidence::settings::AutoOnline;
use memblock::PhysRange;

use crate::boot::zones::ZoneKind;
use crate::hotplug::ends::Ends;
use crate::hotplug::request::{PlanError, PlanRequest, Steps, Via};
use crate::hotplug::stop::{self, Stop};
use crate::hotplug::sums::{FINE, Pressure, Row, Sums};
use crate::life::{
    Added, AddedBy, Change, DeviceKind, Event, Life, NotMovable, Online, Policy, Refusal, What,
};

/// What becomes of memory that is added step by step. All sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What was asked for.
    pub request: PlanRequest,
    /// The settings that decide.
    pub policy: Policy,
    /// The bytes of a memory block.
    pub block_size: u64,
    /// The machine before.
    pub before: Sums,
    /// The node of the memory before.
    pub node_before: Sums,
    /// The machine after the last step.
    pub after: Sums,
    /// The added memory, equal steps joined.
    pub rows: Vec<Row>,
    /// Where the auto-movable policy begins to leave memory to kernel zones; `None` if it does not.
    pub stop: Option<Stop>,
    /// The step, from 1, that Linux refuses, and why. Nothing is added from then on.
    pub refused: Option<(u64, Refusal)>,
    /// Why less is plugged than was asked for, as the driver would have it.
    pub short: Option<String>,
    /// The bytes that were plugged: of virtio-mem, maybe less than the blocks' size.
    pub plugged: u64,
    /// The struct pages of the added memory.
    pub memmap: u64,
    /// Those that lie in the added memory itself; the others take memory that is there already.
    pub memmap_in_it: u64,
    /// What whole blocks cost at the ends of the steps' devices.
    pub lost: Vec<Ends>,
    /// Added memory that can be taken out again: all of its device, or of its block of virtio-mem, is movable.
    pub removable: u64,
    /// What is not known, and what is taken instead.
    pub assumed: Vec<Unknown>,
}

impl Plan {
    /// Simulates the steps on a copy of a machine. O(n log n) in the blocks that are added.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if the request makes no sense on this machine. What Linux refuses is in [`Plan::refused`].
    ///
    /// ```
    /// use machine::hotplug::{Plan, PlanRequest, Settings, Via, qemu_pc};
    /// use machine::{Machine, life::Life};
    ///
    /// let life = Life::of(&Machine::of(&qemu_pc(4 << 30)?)?)?;
    /// let settings: Settings = "online_policy=auto-movable".parse()?;
    /// let request =
    ///     PlanRequest { add: 60 << 30, step: None, node: None, via: Via::VirtioMem, at: None, settings };
    /// let plan = Plan::of(&life, &request)?;
    /// assert_eq!(plan.after.movable, 48 << 30);
    /// assert_eq!(plan.memmap, 960 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(life: &Life, request: &PlanRequest) -> Result<Self, PlanError> {
        request.check(life)?;
        let start = request.start(life)?;
        let (policy, assumed) = policy(life, request);
        let life = life.clone().with_policy(policy);
        let mut plan = Self {
            request: *request,
            policy,
            block_size: life.block_table().size(),
            before: Sums::of(&life),
            node_before: Sums::of_node(&life, request.node.unwrap_or_default()),
            after: Sums::default(),
            rows: Vec::new(),
            stop: None,
            refused: None,
            short: None,
            plugged: 0,
            memmap: 0,
            memmap_in_it: 0,
            lost: Vec::new(),
            removable: 0,
            assumed,
        };
        let (mut now, mut sums) = (life.clone(), plan.before);
        let mut steps = Steps::new(request, start);
        for (size, number) in request.sizes().zip(1..) {
            let event = steps.next(&now, size)?;
            let change = match now.apply(&event) {
                Ok(change) => change,
                Err(refusal) => {
                    plan.refused = Some((number, refusal));
                    break;
                }
            };
            plan.take(&now, number, &change, &mut sums);
            plan.trim(&event);
        }
        plan.plugged = plan.plugged_of(&now, start, steps.came());
        plan.after = Sums::of(&now);
        plan.removable = plan.removable_in(&now);
        plan.stop = stop::find(&life, request, start, &plan.rows);
        Ok(plan)
    }

    /// The kernel memory at boot, in bytes, that carries all of the added memory as Movable at the ratio; `None` if it is
    /// Movable already, and not too much.
    pub fn kernel_needed(&self) -> Option<u64> {
        let is_too_much = self.after.pressure() == Pressure::TooMuch;
        if self.stop.is_none() && !is_too_much {
            return None;
        }
        let ratio = if self.stop.is_some() { self.policy.ratio } else { FINE };
        let before = self.judged_before().0;
        let movable = before.movable.saturating_add(self.added());
        let needed = u128::from(movable).saturating_mul(100).checked_div(u128::from(ratio))?;
        u64::try_from(needed).ok()
    }

    /// The memory before that the ratio is judged by: the node's, if its own memory made the auto-movable policy stop.
    pub fn judged_before(&self) -> (Sums, Option<u32>) {
        match self.stop.map(|stop| stop.why) {
            Some(NotMovable::Ratio { node: Some(node), .. }) => (self.node_before, Some(node)),
            _ => (self.before, None),
        }
    }

    /// The added memory, in whole blocks.
    pub fn added(&self) -> u64 {
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.range.size()))
    }

    /// What of the added memory is in a kernel zone.
    pub fn added_to(&self, is_zone: impl Fn(Option<ZoneKind>) -> bool) -> u64 {
        let rows = self.rows.iter().filter(|row| is_zone(row.zone));
        rows.fold(0, |sum, row| sum.saturating_add(row.range.size()))
    }

    /// Takes what a step changed.
    fn take(&mut self, life: &Life, step: u64, change: &Change, sums: &mut Sums) {
        let size = self.block_size.max(1);
        for item in &change.items {
            if item.what == What::Device && self.request.via == Via::VirtioMem {
                let is_short = item.reason != "as requested";
                self.short = is_short.then(|| item.reason.clone());
            }
            let (What::Block, Some(range)) = (item.what, item.range) else { continue };
            let Some(block) = life.block_table().get(range.start() / size) else { continue };
            let zone = match block.online {
                Online::In(zone) => Some(zone),
                _ => None,
            };
            match zone {
                Some(ZoneKind::Movable) => sums.movable = sums.movable.saturating_add(range.size()),
                Some(_) => sums.kernel = sums.kernel.saturating_add(range.size()),
                None => {}
            }
            let memmap = life.struct_pages(range.size());
            self.memmap = self.memmap.saturating_add(memmap);
            let in_it = (range.size() / size).saturating_mul(block.memmap);
            self.memmap_in_it = self.memmap_in_it.saturating_add(in_it);
            match self.rows.last_mut().filter(|row| row.zone == zone && row.range.end() == range.start()) {
                Some(row) => {
                    row.range = row.range.hull(range);
                    row.last_step = step;
                    row.memmap = row.memmap.saturating_add(memmap);
                    (row.movable, row.kernel) = (sums.movable, sums.kernel);
                }
                None => self.rows.push(Row {
                    first_step: step,
                    last_step: step,
                    range,
                    zone,
                    memmap,
                    movable: sums.movable,
                    kernel: sums.kernel,
                }),
            }
        }
    }

    /// Takes what a dax device loses at its ends.
    fn trim(&mut self, event: &Event) {
        let Event::Add(Added { by: AddedBy::Kmem { ranges, .. }, .. }) = event else { return };
        let ends = ranges.iter().map(|range| Ends::of("dax", *range, self.block_size));
        self.lost.extend(ends.filter(|ends| ends.lost() > 0));
    }

    fn plugged_of(&self, life: &Life, start: u64, came: u64) -> u64 {
        match self.request.via {
            Via::VirtioMem => life
                .devices()
                .iter()
                .find_map(|device| match &device.kind {
                    DeviceKind::VirtioMem(virtio) if virtio.region.start() == start => {
                        Some(virtio.plugged_bytes())
                    }
                    _ => None,
                })
                .unwrap_or_default(),
            _ if self.refused.is_some() => self.added(),
            _ => came,
        }
    }

    /// Movable memory whose device, or block of virtio-mem, holds nothing else.
    fn removable_in(&self, life: &Life) -> u64 {
        let size = self.block_size.max(1);
        let is_added = |range: &PhysRange| self.rows.iter().any(|row| row.range.overlaps(*range));
        let is_movable = |number: u64| {
            let block = life.block_table().get(number);
            block.is_some_and(|block| matches!(block.online, Online::No | Online::In(ZoneKind::Movable)))
        };
        if self.request.via == Via::VirtioMem {
            return self.added_to(|zone| zone.is_none_or(|zone| zone == ZoneKind::Movable));
        }
        let devices = life.devices().iter().filter(|device| device.ranges.iter().any(&is_added));
        devices
            .filter(|device| {
                device.ranges.iter().all(|range| (range.start() / size..=range.last() / size).all(is_movable))
            })
            .flat_map(|device| &device.ranges)
            .fold(0, |sum, range| sum.saturating_add(range.size()))
    }
}

/// The settings that decide. Where added blocks stay offline until user space puts them online, it is taken to do so.
fn policy(life: &Life, request: &PlanRequest) -> (Policy, Vec<Unknown>) {
    let mut policy = request.settings.over(*life.policy());
    let mut assumed = Vec::new();
    if policy.state == AutoOnline::Offline && request.settings.state.is_none() {
        policy.state = AutoOnline::Online;
        assumed.push(Unknown::new(
            "who puts the added blocks online",
            "auto_online_blocks is offline, or nothing shows it: user space decides",
            "they are taken to go online by the word `online`, as udev rules do it; --policy state=offline leaves them \
             offline",
        ));
    }
    (policy, assumed)
}
