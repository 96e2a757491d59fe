//! What a plan is asked for.

use crate::hotplug::settings::Settings;
use crate::life::Bytes;
use crate::life::{Added, AddedBy, Event, Life, Target};
use memblock::PhysRange;

/// How memory comes to a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// ACPI memory devices, one for each step.
    #[default]
    Acpi,
    /// One virtio-mem device that grows.
    VirtioMem,
    /// Dax devices under the kmem driver, one for each step.
    Kmem,
}

impl Via {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Acpi, Self::VirtioMem, Self::Kmem];

    /// The word in options and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acpi => "acpi",
            Self::VirtioMem => "virtio-mem",
            Self::Kmem => "kmem",
        }
    }
}

/// What is to be added, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanRequest {
    /// All that is added.
    pub add: u64,
    /// What is added at a time; `None` for all at once.
    pub step: Option<u64>,
    /// The node; `None` for node 0.
    pub node: Option<u32>,
    /// How it comes.
    pub via: Via,
    /// The first byte; `None` for the first free place.
    pub at: Option<u64>,
    /// What is not as on the machine.
    pub settings: Settings,
}

/// Why nothing can be planned: the request makes no sense on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing to add.
    #[error("--{0} 0: expected a size above 0")]
    Nothing(&'static str),
    /// Not a multiple.
    #[error(
        "--{option} {}: not a multiple of {what}, {}; the nearest are {} and {}",
        shown(option, *given), Bytes(*multiple), shown(option, *below), shown(option, *above)
    )]
    Multiple {
        /// The option, without hyphens.
        option: &'static str,
        /// What was given, in bytes.
        given: u64,
        /// What it has to be a multiple of.
        what: &'static str,
        /// The same, in bytes.
        multiple: u64,
        /// The multiple below.
        below: u64,
        /// The multiple above.
        above: u64,
    },
    /// Beyond the addresses.
    #[error(
        "--add {}{}: this machine has addresses below {limit:#x} only",
        Bytes(*add), at.map_or_else(String::new, |at| format!(" --at {at:#x}"))
    )]
    TooLarge {
        /// What was given, in bytes.
        add: u64,
        /// Where.
        at: Option<u64>,
        /// The first byte that memory may not reach.
        limit: u64,
    },
    /// Too small steps.
    #[error("--step {}: {steps} steps; no more than {MOST_STEPS} are planned: give a larger step", Bytes(*step))]
    TooMany {
        /// What was given, in bytes.
        step: u64,
        /// How many steps that makes.
        steps: u64,
    },
    /// No room.
    #[error("no gap of {} is free for the memory; say where with --at", Bytes(*.0))]
    NoPlace(u64),
}

fn shown(option: &str, bytes: u64) -> String {
    if option == "at" { format!("{bytes:#x}") } else { Bytes(bytes).to_string() }
}

/// Nobody plans a machine of more devices; each step costs time.
const MOST_STEPS: u64 = 1 << 16;

/// What virtio-mem and dax devices align to: a huge page of the page tables (x86, and arm64 with 4 KiB pages).
const UNIT: u64 = 2 << 20;

impl PlanRequest {
    /// Checks the request against a machine.
    pub(crate) fn check(&self, life: &Life) -> Result<(), PlanError> {
        let block = life.block_table().size();
        let (multiple, what) = match self.via {
            Via::Acpi => (block, "the memory block size"),
            Via::VirtioMem => (UNIT, "a virtio-mem device's block"),
            Via::Kmem => (UNIT, "what dax devices align to"),
        };
        let sizes = [("add", Some(self.add)), ("step", self.step)];
        for (option, given) in sizes.into_iter().filter_map(|(option, given)| Some((option, given?))) {
            if given == 0 {
                return Err(PlanError::Nothing(option));
            }
        }
        let limit = life.hot_add_limit();
        let end = self.at.unwrap_or_default().checked_add(self.add);
        if end.is_none_or(|end| end > limit) {
            return Err(PlanError::TooLarge { add: self.add, at: self.at, limit });
        }
        for (option, given) in sizes.into_iter().chain([("at", self.at)]) {
            let Some(given) = given.filter(|given| !given.is_multiple_of(multiple)) else { continue };
            let below = given - given % multiple;
            let above = below.saturating_add(multiple);
            return Err(PlanError::Multiple { option, given, what, multiple, below, above });
        }
        let step = self.step();
        let steps = self.add.div_ceil(step);
        if steps > MOST_STEPS {
            return Err(PlanError::TooMany { step, steps });
        }
        Ok(())
    }

    /// What is added at a time, in bytes.
    pub fn step(&self) -> u64 {
        self.step.unwrap_or(self.add).min(self.add).max(1)
    }

    /// The sizes of the steps, in bytes; the last may be smaller.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = u64> {
        let (add, step) = (self.add, self.step());
        let count = add.div_ceil(step);
        (0..count).map(move |index| step.min(add.saturating_sub(index.saturating_mul(step))))
    }

    /// Where the first byte goes.
    pub(crate) fn start(&self, life: &Life) -> Result<u64, PlanError> {
        let block = life.block_table().size();
        // A virtio-mem device brings its whole region at once.
        let size = if self.via == Via::VirtioMem { self.region(block) } else { self.step() };
        self.at.or_else(|| life.free_place(size)).ok_or(PlanError::NoPlace(size))
    }

    /// The bytes of a virtio-mem device's region.
    fn region(&self, block: u64) -> u64 {
        self.add.checked_next_multiple_of(block.max(UNIT)).unwrap_or(self.add)
    }
}

/// The events that bring the memory, one after the other.
pub(crate) struct Steps<'a> {
    request: &'a PlanRequest,
    start: u64,
    /// The bytes that came already.
    came: u64,
    /// Below this, nothing is free that is large enough.
    from: u64,
}

impl<'a> Steps<'a> {
    /// The events of a request whose first byte goes to `start`.
    pub(crate) const fn new(request: &'a PlanRequest, start: u64) -> Self {
        Self { request, start, came: 0, from: start }
    }

    /// The bytes that came already.
    pub(crate) const fn came(&self) -> u64 {
        self.came
    }

    /// The event that brings `size` bytes more.
    pub(crate) fn next(&mut self, life: &Life, size: u64) -> Result<Event, PlanError> {
        let (before, request) = (self.came, self.request);
        self.came = before.saturating_add(size);
        let by = match request.via {
            Via::Acpi => AddedBy::Dimm { size, at: self.place(life, before, size) },
            Via::Kmem => {
                let at = self.place(life, before, size).ok_or(PlanError::NoPlace(size))?;
                let range = PhysRange::from_size(at, size).map_err(|_| PlanError::NoPlace(size))?;
                AddedBy::Kmem { ranges: vec![range], over: None, online: None }
            }
            Via::VirtioMem if before == 0 => {
                let up_to = Some(request.region(life.block_table().size()));
                AddedBy::VirtioMem { size, at: self.start, up_to, unit: UNIT }
            }
            Via::VirtioMem => return Ok(Event::Resize(Target::Address(self.start), self.came)),
        };
        Ok(Event::Add(Added { by, name: None, node: request.node }))
    }

    /// Where the next device goes: right behind the others if the first one's place was given.
    fn place(&mut self, life: &Life, before: u64, size: u64) -> Option<u64> {
        if self.request.at.is_some() || before == 0 {
            return self.start.checked_add(before);
        }
        let found = life.free_place_from(size, self.from);
        self.from = found.map_or(self.from, |at| at.saturating_add(size));
        found
    }
}
