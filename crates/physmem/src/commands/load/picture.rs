//! A plan as lanes: its segments, the memory the next kernel is told about, and the dump.

use std::collections::BTreeSet;
use std::io::Write;

use kexec::{E820Type, Plan, Purpose, SegmentKind};
use machine::Machine;
use memblock::PhysRange;
use rules::Class;

use crate::failure::Failure;
use crate::output::lines::WIDTH;
use crate::output::picture::class_letter;
use crate::output::strip::{NAME, Strip, cut};
use crate::output::style::Style;

/// The letters of a piece of memory, one for each lane.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    class: Option<Class>,
    segment: Option<SegmentKind>,
    is_told: bool,
    is_dumped: bool,
}

pub(crate) fn draw(
    machine: &Machine,
    plan: &Plan,
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let strip = Strip::new(looks(machine, plan).into_iter(), |a, b| a == b);
    if strip.is_empty() {
        return Ok(());
    }
    let yes_no = |yes| if yes { '#' } else { '-' };
    writeln!(out, "{}", strip.rule())?;
    writeln!(out, "{}", strip.lane("class", style, &|look| class_letter(look.class)))?;
    writeln!(out, "{}", strip.lane("segments", style, &|look| look.segment.map_or('-', letter)))?;
    writeln!(out, "{}", strip.lane("told as RAM", style, &|look| yes_no(look.is_told)))?;
    if plan.purpose == Purpose::Crash {
        writeln!(out, "{}", strip.lane("vmcore", style, &|look| yes_no(look.is_dumped)))?;
    }
    writeln!(
        out,
        "{:NAME$}B boot  H boot, hot-pluggable  A hot-added  D driver-managed  ? unknown  . no memory",
        ""
    )?;
    let mut kinds: Vec<String> = Vec::new();
    for segment in &plan.segments {
        let kind = format!("{} {}", letter(segment.kind), segment.kind.as_str());
        // There may be several of one kind.
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    legend(kinds.into_iter().chain(["# yes".to_owned(), "- no".to_owned()]), out)?;
    if strip.left_out > 0 {
        writeln!(out, "{:NAME$}not drawn: the {} smallest gaps and ranges", "", strip.left_out)?;
    }
    Ok(())
}

/// Prints the legend, wrapped only between entries.
fn legend(entries: impl Iterator<Item = String>, out: &mut impl Write) -> Result<(), Failure> {
    let mut line = String::new();
    for entry in entries {
        if !line.is_empty() && NAME + line.len() + 2 + entry.len() > WIDTH {
            writeln!(out, "{:NAME$}{line}", "")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(&entry);
    }
    writeln!(out, "{:NAME$}{line}", "")?;
    Ok(())
}

const fn letter(kind: SegmentKind) -> char {
    match kind {
        SegmentKind::ElfCoreHeader => 'E',
        SegmentKind::Purgatory => 'P',
        SegmentKind::BootParameters => 'Z',
        SegmentKind::Kernel => 'K',
        SegmentKind::Initrd => 'I',
        SegmentKind::DeviceTree => 'T',
        SegmentKind::Backup => 'U',
        SegmentKind::Handover => 'H',
        SegmentKind::SetupData => 'S',
    }
}

/// The memory, cut wherever a letter changes.
fn looks(machine: &Machine, plan: &Plan) -> Vec<(PhysRange, Look)> {
    let ram = plan.next_kernel.iter().filter(|entry| entry.kind == E820Type::Ram);
    let mut told: Vec<PhysRange> = ram.map(|entry| entry.range).collect();
    told.sort_unstable();
    let segments = plan.segments.iter().map(|segment| segment.range);
    let all = segments.chain(told.iter().copied()).chain(plan.vmcore.iter().copied());
    let cuts: BTreeSet<u64> = all.flat_map(|range| [range.start(), range.end()]).collect();
    let mut looks: Vec<(PhysRange, Look)> = Vec::new();
    for memory in &machine.ranges {
        for piece in cut(memory.range, &cuts) {
            let segment = plan.segments.iter().find(|segment| segment.range.overlaps(piece));
            let look = Look {
                class: memory.class,
                segment: segment.map(|segment| segment.kind),
                is_told: is_within(piece, &told),
                is_dumped: is_within(piece, &plan.vmcore),
            };
            match looks.last_mut() {
                Some((last, of_last)) if last.end() == piece.start() && *of_last == look => {
                    *last = last.hull(piece);
                }
                _ => looks.push((piece, look)),
            }
        }
    }
    looks
}

/// Whether one of these ascending, disjoint ranges encloses the range.
fn is_within(range: PhysRange, all: &[PhysRange]) -> bool {
    let index = all.partition_point(|one| one.end() <= range.start());
    all.get(index).is_some_and(|one| one.encloses(range))
}
