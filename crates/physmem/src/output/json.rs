//! The JSON that `show` and `explain` print. `schema/show.schema.json` describes it; a change that could
//! break a reader raises [`SCHEMA`].

use machine::{Machine, MemoryRange, State, Unknown};
use memblock::RegionFlags;
use rules::{Class, Consequence, Loader, MapHandedOn, Rules, Use, Verdict, Walk};
use serde::Serialize;

/// The version of the layout.
pub(crate) const SCHEMA: u32 = 1;

/// The ranges that `show` and `explain` print.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    host: Host<'a>,
    ranges: Vec<Record<'a>>,
    unknown: &'a [Unknown],
}

/// The facts about the machine as a whole on which verdicts depend.
#[derive(Serialize)]
struct Host<'a> {
    origin: &'a str,
    release: Option<&'a str>,
    architecture: Option<&'a str>,
    command_line: &'a str,
    firmware_map: Option<&'static str>,
    page_size: u64,
    block_size: Option<u64>,
    movable_node: bool,
    placement: &'static str,
    hand_over: &'static str,
}

/// One range of memory.
#[derive(Serialize)]
pub(crate) struct Record<'a> {
    start: String,
    end: String,
    size: u64,
    class: Option<&'static str>,
    provider: String,
    node: Option<u32>,
    zones: &'a [String],
    blocks: &'a [u64],
    state: Option<&'static str>,
    uses: Uses,
    resource: Option<Resource<'a>>,
    flags: Option<Vec<&'static str>>,
    listed_by_firmware: bool,
    evidence: &'a str,
}

#[derive(Serialize)]
struct Resource<'a> {
    start: String,
    end: String,
    name: &'a str,
}

#[derive(Serialize)]
struct Uses {
    early_allocation: Answer,
    zone_movable: Answer,
    kexec_image: ByLoader,
    next_kernel: ByLoader,
    vmcore: Vmcore,
    after_unplug: AfterUnplug,
}

#[derive(Serialize)]
struct ByLoader {
    kexec_load: Answer,
    kexec_file_load: Answer,
}

/// Whether any dump contains it, with the reason of a loader whose dump does, and the answer for each loader.
#[derive(Serialize)]
struct Vmcore {
    #[serde(flatten)]
    answer: Answer,
    #[serde(flatten)]
    by_loader: ByLoader,
}

#[derive(Serialize)]
struct AfterUnplug {
    #[serde(flatten)]
    answer: Answer,
    rearm_kexec: Option<bool>,
    dump_ranges_change: Option<bool>,
}

/// A verdict, or why there is none.
#[derive(Serialize)]
struct Answer {
    allowed: Option<bool>,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    /// What the flag was meant to do, if this kernel does something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_meant: Option<Meant>,
}

#[derive(Serialize)]
struct Meant {
    allowed: bool,
    reason: &'static str,
    source: &'static str,
}

impl<'a> Document<'a> {
    pub(crate) fn new<'r>(machine: &'a Machine, ranges: impl Iterator<Item = &'r MemoryRange>) -> Self
    where
        'r: 'a,
    {
        let kernel = &machine.kernel;
        Self {
            schema: SCHEMA,
            host: Host {
                origin: &machine.evidence.origin,
                release: kernel.release.as_deref(),
                architecture: machine.evidence.architecture.read().map(String::as_str),
                command_line: &kernel.command_line,
                firmware_map: machine.firmware.kind.map(machine::now::MapKind::as_str),
                page_size: kernel.page_size,
                block_size: machine.evidence.blocks.read().map(|blocks| blocks.block_size),
                movable_node: kernel.facts.movable_node,
                placement: match kernel.facts.walk {
                    Walk::Memblock => "memblock",
                    Walk::Resources => "resources",
                },
                hand_over: match kernel.facts.map_handed_on {
                    MapHandedOn::E820 => "e820",
                    MapHandedOn::BootFirmware => "boot-firmware",
                },
            },
            ranges: ranges.map(|range| Record::new(range, machine)).collect(),
            unknown: &machine.unknown,
        }
    }

    /// The one record of a document about one address.
    pub(crate) fn only_record(&self) -> Option<&Record<'a>> {
        match self.ranges.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl<'a> Record<'a> {
    pub(crate) fn new(memory: &'a MemoryRange, machine: &Machine) -> Self {
        let answer = |of| Answer::of(memory, of, machine);
        let by_loader = |of: fn(Loader) -> Use| ByLoader {
            kexec_load: answer(of(Loader::KexecLoad)),
            kexec_file_load: answer(of(Loader::KexecFileLoad)),
        };
        let consequence = memory
            .verdict(&Rules::LINUX, Use::AfterUnplug, &machine.kernel)
            .map(|verdict| verdict.consequence);
        Self {
            start: hex(memory.range.start()),
            end: hex(memory.range.end()),
            size: memory.range.size(),
            class: memory.class.map(Class::as_str),
            provider: memory.provider.to_string(),
            node: memory.node,
            zones: &memory.zones,
            blocks: &memory.blocks,
            state: memory.state.map(State::as_str),
            uses: Uses {
                early_allocation: answer(Use::EarlyAllocation),
                zone_movable: answer(Use::ZoneMovable),
                kexec_image: by_loader(Use::KexecImage),
                next_kernel: by_loader(Use::NextKernel),
                vmcore: Vmcore {
                    answer: match answer(Use::Vmcore(Loader::KexecFileLoad)) {
                        of_kernel if of_kernel.allowed == Some(false) => {
                            answer(Use::Vmcore(Loader::KexecLoad))
                        }
                        of_kernel => of_kernel,
                    },
                    by_loader: by_loader(Use::Vmcore),
                },
                after_unplug: AfterUnplug {
                    answer: answer(Use::AfterUnplug),
                    rearm_kexec: consequence.map(|c| c == Consequence::RearmKexec),
                    dump_ranges_change: consequence.map(|c| c != Consequence::Nothing),
                },
            },
            resource: memory.resource.as_ref().map(|resource| Resource {
                start: hex(resource.range.start()),
                end: hex(resource.range.end()),
                name: &resource.name,
            }),
            flags: memory.flags.map(flag_names),
            listed_by_firmware: memory.listed_by_firmware,
            evidence: &memory.evidence,
        }
    }
}

impl Answer {
    fn of(memory: &MemoryRange, of: Use, machine: &Machine) -> Self {
        let Some(verdict) = memory.verdict(&Rules::LINUX, of, &machine.kernel) else {
            return Self {
                allowed: None,
                reason: "the memory's class is unknown, so no rule can be asked; see `unknown`",
                rule: None,
                source: None,
                as_meant: None,
            };
        };
        Self {
            allowed: Some(verdict.allowed),
            reason: verdict.reason,
            rule: Some(verdict.rule),
            source: Some(verdict.source),
            as_meant: meant_otherwise(memory, of, machine, &verdict).map(|meant| Meant {
                allowed: meant.allowed,
                reason: meant.reason,
                source: meant.source,
            }),
        }
    }
}

/// The verdict that was meant when the flag was discussed, if this kernel's differs.
pub(crate) fn meant_otherwise(
    memory: &MemoryRange,
    of: Use,
    machine: &Machine,
    verdict: &Verdict,
) -> Option<Verdict> {
    let meant = memory.verdict(&Rules::AS_MEANT, of, &machine.kernel)?;
    (meant.allowed != verdict.allowed).then_some(meant)
}

/// The names of the flags, in the order of their bits.
pub(crate) fn flag_names(flags: RegionFlags) -> Vec<&'static str> {
    flags.iter_names().map(|(name, _)| name).collect()
}

pub(crate) fn hex(address: u64) -> String {
    format!("{address:#x}")
}
