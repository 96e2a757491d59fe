//! `physmem explain`.

mod offline;

use std::io::Write;

use evidence::snapshot::BlockState;
use machine::{Machine, MemoryRange, State};
use memblock::PhysRange;
use rules::{Class, Loader, Rules, Use};
use serde::Serialize;
use textwrap::Options;

use self::offline::Offline;
use crate::cli::{ExplainArguments, Target};
use crate::failure::Failure;
use crate::input;
use crate::output::columns::runs;
use crate::output::json::{Document, Record, flag_names, meant_otherwise};
use crate::output::style::{Ink, Style};
use crate::output::{size, unknown};

/// What `explain -J` prints: the document of `show`, and for an address its record at the top level, too.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    record: Option<&'a Record<'a>>,
    #[serde(flatten)]
    document: &'a Document<'a>,
    /// The same record for only the page that holds the address: its own zone, and verdicts that consider the
    /// reservations there.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_address: Option<Record<'a>>,
    /// Whether the blocks can go offline, those that are alike joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    offline: Option<Vec<serde_json::Value>>,
    /// The resources that contain the address, outermost first.
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<String>>,
    /// The reservations that contain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reservations: Option<Vec<String>>,
}

pub(crate) fn run(arguments: &ExplainArguments, out: &mut impl Write) -> Result<(), Failure> {
    let machine = input::machine(&arguments.input)?;
    let ranges = find(arguments.target, &machine)?;
    let offline = Offline::of(&machine);
    if arguments.json {
        let document = Document::new(&machine, ranges.iter());
        let address = match arguments.target {
            Target::Address(address) => Some(address),
            _ => None,
        };
        let page = address.zip(ranges.first()).map(|(address, memory)| at(address, memory, &machine));
        let explained = Explained {
            at_address: page.as_ref().map(|page| Record::new(page, &machine)),
            record: document.only_record().filter(|_| address.is_some()),
            offline: offline.json(&ranges, arguments.target),
            resources: address.map(|address| resources_at(&machine, address)),
            reservations: address.map(|address| reservations_at(&machine, address)),
            document: &document,
        };
        serde_json::to_writer_pretty(&mut *out, &explained)?;
        writeln!(out)?;
        return Ok(());
    }
    let style = Style::of_stdout();
    if ranges.is_empty() {
        writeln!(out, "{}: no memory there", arguments.target)?;
    }
    for (index, memory) in ranges.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        explain(memory, arguments.target, &machine, &offline, style, out)?;
    }
    if ranges.is_empty()
        && let Target::Address(address) = arguments.target
    {
        for resource in resources_at(&machine, address) {
            writeln!(out, "  resource    {resource}")?;
        }
    }
    if !machine.unknown.is_empty() {
        writeln!(out)?;
    }
    unknown::print(&machine.unknown, style, out)
}

/// The ranges of a target, cut to it.
fn find(target: Target, machine: &Machine) -> Result<Vec<MemoryRange>, Failure> {
    let parts = machine.parts();
    let cut = |within: PhysRange| {
        machine
            .ranges_in(within)
            .filter_map(|memory| Some(parts.of(memory, memory.range.intersect(within)?)))
            .collect()
    };
    match target {
        Target::Address(address) => {
            let kept_out = || machine.kept_out_at(address);
            let found = machine.range_at(address).cloned().or_else(kept_out);
            Ok(found.into_iter().collect())
        }
        Target::Range(range) => Ok(cut(range)),
        Target::Block(number) => {
            let blocks = machine.evidence.blocks.read();
            let block = blocks.and_then(|all| {
                all.blocks.iter().find(|block| block.number == number).and_then(|block| all.range_of(block))
            });
            let numbers =
                || blocks.map_or_else(Vec::new, |all| all.blocks.iter().map(|b| b.number).collect());
            block.map(cut).ok_or_else(|| Failure::NoTarget {
                target: target.to_string(),
                known: format!("it has the memory blocks {}", none_if_empty(&runs(&numbers()))),
            })
        }
        Target::Node(number) => {
            let of_node: Vec<MemoryRange> =
                machine.ranges.iter().filter(|memory| memory.node == Some(number)).cloned().collect();
            let exists =
                machine.evidence.nodes.read().is_some_and(|all| all.nodes.iter().any(|n| n.number == number));
            if of_node.is_empty() && !exists {
                let mut nodes: Vec<u64> =
                    machine.ranges.iter().filter_map(|m| m.node.map(u64::from)).collect();
                nodes.sort_unstable();
                nodes.dedup();
                return Err(Failure::NoTarget {
                    target: target.to_string(),
                    known: format!("it has memory on the nodes {}", none_if_empty(&runs(&nodes))),
                });
            }
            Ok(of_node)
        }
    }
}

/// The page that holds an address, with its reservations.
fn at(address: u64, memory: &MemoryRange, machine: &Machine) -> MemoryRange {
    let size = machine.kernel.page_size.max(1);
    let page =
        PhysRange::from_size(address - address % size, size).ok().and_then(|p| p.intersect(memory.range));
    let part = machine.parts().of(memory, page.unwrap_or(memory.range));
    // A block may mix System RAM with other memory, whose state and zones it does not describe.
    let (state, zones) = match memory.state {
        None => (None, Vec::new()),
        Some(_) => (part.state, part.zones),
    };
    MemoryRange { flags: memory.flags, state, zones, ..part }
}

fn none_if_empty(text: &str) -> &str {
    if text.is_empty() { "(none readable)" } else { text }
}

fn explain(
    memory: &MemoryRange,
    target: Target,
    machine: &Machine,
    offline: &Offline,
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let head = format!("{} ({})", memory.range, size::human(memory.range.size()));
    match target {
        Target::Address(address) => {
            writeln!(out, "{address:#x} lies in {}", style.paint(Ink::Heading, &head))?;
        }
        _ => writeln!(out, "{}", style.paint(Ink::Heading, &head))?,
    }
    let class = memory.class.map_or("unknown", Class::as_str);
    writeln!(out, "  class       {class}: {}", memory.evidence)?;
    writeln!(out, "  provider    {}", memory.provider)?;
    if let Target::Address(address) = target {
        let path = resources_at(machine, address);
        for resource in path {
            writeln!(out, "  resource    {resource}")?;
        }
    } else if let Some(resource) = &memory.resource {
        writeln!(out, "  resource    {} : {}", resource.range, resource.name)?;
    }
    writeln!(out, "  node        {}", memory.node.map_or_else(|| "unknown".to_owned(), |n| n.to_string()))?;
    let here = match target {
        // For the address, not for its whole range.
        Target::Address(address) => at(address, memory, machine),
        _ => memory.clone(),
    };
    let zones = here.zones.clone();
    let zones = if zones.is_empty() { "none".to_owned() } else { zones.join(", ") };
    writeln!(out, "  zone        {zones}")?;
    writeln!(out, "  state       {}", here.state.map_or("unknown", State::as_str))?;
    writeln!(out, "  blocks      {}", blocks_of(memory, target, machine))?;
    offline.print(memory, target, out)?;
    if let Some(flags) = memory.flags {
        let names = flag_names(flags);
        writeln!(
            out,
            "  memblock    {}",
            if names.is_empty() { "NONE".to_owned() } else { names.join("|") }
        )?;
    }
    if let Target::Address(address) = target {
        let reservations = reservations_at(machine, address);
        let none = || vec!["none that /proc/iomem or memblock shows".to_owned()];
        for reservation in if reservations.is_empty() { none() } else { reservations } {
            writeln!(out, "  reserved    {reservation}")?;
        }
    }
    writeln!(out)?;
    verdicts(&here, machine, style, out)
}

/// A question about a range, in words and as a use by a loader.
type Question = (&'static str, fn(Loader) -> Use);

/// The questions about a range, in the order of the rules' table.
const QUESTIONS: [Question; 6] = [
    ("early allocation", |_| Use::EarlyAllocation),
    ("ZONE_MOVABLE by its class", |_| Use::ZoneMovable),
    ("a kexec image may go there", Use::KexecImage),
    ("the next kernel is told about it", Use::NextKernel),
    ("the crash dump contains it", Use::Vmcore),
    ("it can be unplugged", |_| Use::AfterUnplug),
];

/// Prints the verdict for each use, with reason, rule and source. Loaders that agree for the same reason share one.
fn verdicts(
    memory: &MemoryRange,
    machine: &Machine,
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    for (question, of) in QUESTIONS {
        let [load, file] =
            Loader::ALL.map(|loader| memory.verdict(&Rules::LINUX, of(loader), &machine.kernel));
        let by_loader = of(Loader::KexecLoad) != of(Loader::KexecFileLoad);
        let (Some(load), Some(file)) = (load, file) else {
            writeln!(out, "  ?    {question}: its class is unknown, so no rule applies")?;
            continue;
        };
        let mut answers =
            vec![(Loader::KexecLoad, "kexec_load", load), (Loader::KexecFileLoad, "kexec_file_load", file)];
        if load == file {
            answers.truncate(1);
            for (_, name, _) in &mut answers {
                *name = if by_loader { "both loaders" } else { "" };
            }
        }
        for (loader, name, verdict) in answers {
            let word =
                if verdict.allowed { style.paint(Ink::Yes, "yes") } else { style.paint(Ink::No, "no ") };
            let comma = if name.is_empty() { "" } else { ", " };
            writeln!(out, "  {word}  {}", style.paint(Ink::Heading, &format!("{question}{comma}{name}")))?;
            print_wrapped(out, verdict.reason)?;
            print_wrapped(out, &format!("rule {}; {}", verdict.rule, verdict.source))?;
            if let Some(meant) = meant_otherwise(memory, of(loader), machine, &verdict) {
                let word = if meant.allowed { "yes" } else { "no" };
                print_wrapped(
                    out,
                    &format!("as intended, it would be {word}: {} ({})", meant.reason, meant.source),
                )?;
            }
        }
    }
    Ok(())
}

fn print_wrapped(out: &mut impl Write, text: &str) -> Result<(), Failure> {
    let indent = Options::new(100).initial_indent("       ").subsequent_indent("       ");
    writeln!(out, "{}", textwrap::fill(text, indent))?;
    Ok(())
}

/// The blocks of a range; for an address, also the state and zones of its block.
fn blocks_of(memory: &MemoryRange, target: Target, machine: &Machine) -> String {
    let all = none_if_empty(&runs(&memory.blocks)).to_owned();
    let (Target::Address(address), Some(blocks)) = (target, machine.evidence.blocks.read()) else {
        return all;
    };
    let Some(block) = PhysRange::from_size(address, 1).ok().and_then(|byte| blocks.overlapping(byte).next())
    else {
        return all;
    };
    let state = match block.state {
        BlockState::Online => "online",
        BlockState::Offline => "offline",
        BlockState::GoingOffline => "going-offline",
        BlockState::Unknown => "state unknown",
    };
    let zones = block.valid_zones.join(" ");
    format!("memory{} of {all} ({state}; valid zones: {})", block.number, none_if_empty(&zones))
}

fn resources_at(machine: &Machine, address: u64) -> Vec<String> {
    let tree = machine.resources();
    tree.into_iter()
        .flat_map(|tree| tree.path_to(address))
        .map(|resource| format!("{:08x}-{:08x} : {}", resource.start, resource.last, resource.name))
        .collect()
}

/// The reservations at an address: children of System RAM, and memblock.reserved if the kernel shows it.
fn reservations_at(machine: &Machine, address: u64) -> Vec<String> {
    let mut out = Vec::new();
    let path: Vec<_> = machine.resources().into_iter().flat_map(|tree| tree.path_to(address)).collect();
    let ram = path.iter().position(|r| r.flags.contains(evidence::resources::ResourceFlags::SYSTEM_RAM));
    for resource in ram.map_or(&[][..], |index| path.get(index.saturating_add(1)..).unwrap_or_default()) {
        out.push(format!("{:08x}-{:08x} {} (/proc/iomem)", resource.start, resource.last, resource.name));
    }
    let crash_cma = machine.state.crash_cma.iter().filter(|area| area.contains(address));
    out.extend(crash_cma.map(|area| format!("{area} lent to a crash kernel (crashkernel=,cma)")));
    if let Some(table) = machine.evidence.memblock_reserved.read() {
        for region in table.regions.iter().filter(|region| region.range.contains(address)) {
            let names = flag_names(region.flags);
            let flags = if names.is_empty() { "NONE".to_owned() } else { names.join("|") };
            out.push(format!("{} {flags} (memblock.reserved)", region.range));
        }
    }
    out
}
