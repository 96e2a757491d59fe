//! The address space as a strip of lanes.
//!
//! Every range and every gap gets cells by the logarithm of its size, so that 640 KiB and 6 TiB both show;
//! one lane for each question, one letter or mark for each answer.

use std::io::Write;

use machine::{Machine, MemoryRange};
use memblock::rules::{Class, Loader, Rules, Use};

use crate::failure::Failure;
use crate::size;
use crate::style::{Ink, Style};

/// Cells for the whole strip; a lane's name stands before it.
const CELLS: usize = 86;
const NAME: usize = 13;

/// A stretch of the strip.
struct Stretch<'a> {
    /// What lies there; `None` for a gap between ranges.
    memory: Option<&'a MemoryRange>,
    start: u64,
    size: u64,
    cells: usize,
}

pub(crate) fn draw(machine: &Machine, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let (stretches, left_out) = stretches(machine);
    if stretches.is_empty() {
        return Ok(());
    }
    let lane = |name: &str, cell: &dyn Fn(&MemoryRange) -> char| {
        let mut text = format!("{name:NAME$}");
        for stretch in &stretches {
            let mark = stretch.memory.map_or('.', cell).to_string();
            let ink = match mark.as_str() {
                "#" => Ink::Yes,
                "-" => Ink::No,
                "." => Ink::Faint,
                _ => Ink::Heading,
            };
            text.push_str(&style.paint(ink, &mark.repeat(stretch.cells)));
        }
        text
    };
    let verdict = |memory: &MemoryRange, of| {
        memory.verdict(&Rules::LINUX, of, &machine.kernel).map(|verdict| verdict.allowed)
    };
    let both = |memory: &MemoryRange, of: fn(Loader) -> Use| match Loader::ALL
        .map(|loader| verdict(memory, of(loader)))
    {
        [Some(true), Some(true)] => '#',
        [Some(true), _] => 'L',
        [_, Some(true)] => 'F',
        [None, _] => '?',
        _ => '-',
    };
    writeln!(out, "{}", rule(&stretches))?;
    writeln!(out, "{}", lane("class", &|memory| class_letter(memory.class)))?;
    writeln!(out, "{}", lane("node", &|memory| node_letter(memory.node)))?;
    writeln!(
        out,
        "{}",
        lane("early", &|memory| match verdict(memory, Use::EarlyAllocation) {
            Some(true) => '#',
            Some(false) => '-',
            None => '?',
        })
    )?;
    writeln!(out, "{}", lane("kexec image", &|memory| both(memory, Use::KexecImage)))?;
    writeln!(out, "{}", lane("next kernel", &|memory| both(memory, Use::NextKernel)))?;
    writeln!(out, "{}", lane("vmcore", &|memory| both(memory, Use::Vmcore)))?;
    writeln!(
        out,
        "{:NAME$}B boot  H boot, hot-pluggable  A hot-added  D driver-managed  ? unknown  . no memory",
        ""
    )?;
    writeln!(out, "{:NAME$}# yes  - no  L with kexec_load only  F with kexec_file_load only", "")?;
    if left_out > 0 {
        writeln!(out, "{:NAME$}not drawn: the {left_out} smallest gaps and ranges", "")?;
    }
    Ok(())
}

fn class_letter(class: Option<Class>) -> char {
    match class {
        Some(Class::Boot) => 'B',
        Some(Class::BootHotpluggable) => 'H',
        Some(Class::HotAdded) => 'A',
        Some(Class::DriverManaged) => 'D',
        None => '?',
    }
}

/// Nodes above 35 share a letter.
fn node_letter(node: Option<u32>) -> char {
    node.map_or('?', |node| char::from_digit(node, 36).unwrap_or('*'))
}

/// The marks of the addresses where stretches begin, as many as fit.
fn rule(stretches: &[Stretch]) -> String {
    let mut text = format!("{:NAME$}", "address");
    let mut at = NAME;
    for stretch in stretches {
        let mark = mark(stretch.start);
        if at >= text.len() && at.saturating_add(mark.len()) <= NAME + CELLS {
            text.push_str(&" ".repeat(at.saturating_sub(text.len())));
            text.push_str(&mark);
            text.push(' ');
        }
        at = at.saturating_add(stretch.cells);
    }
    text.trim_end().to_owned()
}

/// An address in the largest unit that tells it exactly, or else in hexadecimal.
fn mark(address: u64) -> String {
    let whole = size::human(address);
    let exact = [60, 50, 40, 30, 20]
        .iter()
        .any(|&shift| address >> shift != 0 && address.trailing_zeros() >= shift && !whole.contains('.'));
    match address {
        0 => "0".to_owned(),
        _ if exact => whole,
        _ => format!("{address:x}"),
    }
}

/// Ranges and the gaps between them, each with its cells. With more of them than fit, the smallest gaps are
/// left out, and neighbours of one look are drawn as one. Also how many were left out.
fn stretches(machine: &Machine) -> (Vec<Stretch<'_>>, usize) {
    let mut all: Vec<Stretch> = Vec::new();
    let mut end = 0;
    for memory in &machine.ranges {
        let start = memory.range.start();
        if let Some(size) = start.checked_sub(end).filter(|&size| size > 0) {
            all.push(Stretch { memory: None, start: end, size, cells: 0 });
        }
        all.push(Stretch { memory: Some(memory), start, size: memory.range.size(), cells: 0 });
        end = memory.range.end();
    }
    let mut left_out = 0_usize;
    while all.len() > CELLS / 2 {
        let smallest = |keep: fn(&Stretch) -> bool| {
            let kept = all.iter().enumerate().filter(|(_, stretch)| keep(stretch));
            kept.min_by_key(|(_, stretch)| stretch.size).map(|(index, _)| index)
        };
        // A gap hurts least, and without it its neighbours may be one.
        let Some(index) = smallest(|stretch| stretch.memory.is_none()).or_else(|| smallest(|_| true)) else {
            break;
        };
        all.remove(index);
        left_out = left_out.saturating_add(1);
        join_alike(&mut all, index);
    }
    share_out(&mut all);
    (all, left_out)
}

/// Makes one stretch of the two that meet at `index`, if they look the same.
fn join_alike(all: &mut Vec<Stretch>, index: usize) {
    let Some(before) = index.checked_sub(1) else { return };
    let (Some(a), Some(b)) = (all.get(before), all.get(index)) else { return };
    let alike = match (a.memory, b.memory) {
        (Some(a), Some(b)) => {
            a.class == b.class && a.node == b.node && a.listed_by_firmware == b.listed_by_firmware
        }
        (None, None) => true,
        _ => false,
    };
    if alike {
        let size = b.size;
        all.remove(index);
        if let Some(one) = all.get_mut(before) {
            one.size = one.size.saturating_add(size);
        }
    }
}

/// Cells by the logarithm of the size, at least one each; gaps get few. The rest goes to the largest.
fn share_out(all: &mut [Stretch]) {
    let weight = |stretch: &Stretch| -> usize {
        // Below 64 KiB everything is one cell.
        let log = stretch.size.max(1).ilog2().saturating_sub(15).max(1) as usize;
        if stretch.memory.is_some() { log.saturating_mul(2) } else { (log / 4).max(1) }
    };
    let total: usize = all.iter().map(weight).sum::<usize>().max(1);
    let mut left = CELLS;
    for stretch in all.iter_mut() {
        stretch.cells = (weight(stretch).saturating_mul(CELLS) / total).max(1);
        left = left.saturating_sub(stretch.cells);
    }
    if let Some(largest) = all.iter_mut().max_by_key(|stretch| stretch.cells) {
        largest.cells = largest.cells.saturating_add(left);
    }
    let mut over = all.iter().map(|stretch| stretch.cells).sum::<usize>().saturating_sub(CELLS);
    while over > 0 {
        let Some(largest) = all.iter_mut().max_by_key(|stretch| stretch.cells).filter(|s| s.cells > 1) else {
            break;
        };
        largest.cells = largest.cells.saturating_sub(1);
        over = over.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use machine::Snapshot;
    use machine::snapshot::Source;

    use super::*;

    fn picture_of(iomem: &str) -> String {
        let snapshot = Snapshot { iomem: Source::Read(iomem.to_owned()), ..Snapshot::default() };
        let machine = Machine::of(&snapshot).unwrap();
        let mut out = Vec::new();
        draw(&machine, Style::none(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_lane_is_as_wide_as_the_others_and_fits_a_hundred_columns() {
        let many: String = (1..300_u64)
            .map(|i| format!("{:08x}-{:08x} : System RAM", i << 20, (i << 20) + (i << 12)))
            .collect::<Vec<_>>()
            .join("\n");
        let few = "00001000-0009fbff : System RAM\n00100000-7fffffff : System RAM\n";
        for iomem in [few, &many, "10000000000-1ffffffffff : System RAM (kmem)\n"] {
            let picture = picture_of(iomem);
            let lanes: Vec<&str> = picture.lines().skip(1).take(6).collect();
            assert!(lanes.iter().all(|lane| lane.chars().count() == NAME + CELLS), "{picture}");
            assert!(picture.lines().all(|line| line.chars().count() <= 100), "{picture}");
        }
    }

    #[test]
    fn driver_managed_memory_shows_as_never_told_and_always_dumped() {
        let picture = picture_of("100000000-13fffffff : System RAM (kmem)\n");
        let lane = |name: &str| picture.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(lane("class").ends_with("DDD"), "{picture}");
        assert!(lane("next kernel").ends_with("---"), "{picture}");
    }

    #[test]
    fn addresses_are_marked_in_the_unit_that_tells_them_exactly() {
        assert_eq!(mark(0), "0");
        assert_eq!(mark(4 << 30), "4G");
        assert_eq!(mark(0x1_8000_0000), "6G");
        assert_eq!(mark(0x9_fc00), "9fc00");
    }
}
