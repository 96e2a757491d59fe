//! The address space of a running machine as lanes: one lane for each question, one letter or mark for each
//! answer.

use std::io::Write;

use machine::{Machine, MemoryRange};
use rules::{Class, Loader, Rules, Use};

use crate::failure::Failure;
use crate::output::strip::{NAME, Strip, node_letter};
use crate::output::style::Style;

pub(crate) fn draw(machine: &Machine, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let ranges = machine.ranges.iter().map(|memory| (memory.range, memory));
    let strip = Strip::new(ranges, |a, b| {
        a.class == b.class && a.node == b.node && a.listed_by_firmware == b.listed_by_firmware
    });
    if strip.is_empty() {
        return Ok(());
    }
    let lane =
        |name: &str, cell: &dyn Fn(&MemoryRange) -> char| strip.lane(name, style, &|memory| cell(memory));
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
    writeln!(out, "{}", strip.rule())?;
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
    if strip.left_out > 0 {
        writeln!(out, "{:NAME$}not drawn: the {} smallest gaps and ranges", "", strip.left_out)?;
    }
    Ok(())
}

pub(crate) fn class_letter(class: Option<Class>) -> char {
    match class {
        Some(Class::Boot) => 'B',
        Some(Class::BootHotpluggable) => 'H',
        Some(Class::HotAdded) => 'A',
        Some(Class::DriverManaged) => 'D',
        None => '?',
    }
}

#[cfg(test)]
mod tests {
    use evidence::Source;
    use machine::Snapshot;

    use super::*;
    use crate::output::strip::CELLS;

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
}
