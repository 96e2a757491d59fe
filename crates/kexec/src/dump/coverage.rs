//! What a dump contains of a machine's memory, what it leaves out and why, and how a header differs from the
//! machine.

use machine::{Machine, MemoryRange};
use memblock::{PhysRange, ranges};
use rules::{Loader, Rules, Use, Verdict};

use crate::dump::header::CrashKernel;
use crate::dump::ranges::dumped;
use crate::error::PlanError;

/// Memory that a dump leaves out, and the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The memory.
    pub range: PhysRange,
    /// The verdict; `None` if the memory's class is unknown.
    pub verdict: Option<Verdict>,
}

/// The memory of the machine that a dump leaves out, ascending, split where the reason changes.
///
/// # Errors
///
/// Those of [`dumped`].
pub fn left_out(
    machine: &Machine,
    crash_kernel: &CrashKernel,
    loader: Loader,
    rules: &Rules,
) -> Result<Vec<LeftOut>, PlanError> {
    let dumped = dumped(machine, crash_kernel, loader, rules)?;
    let mut found = Vec::new();
    for memory in &machine.ranges {
        let own = [memory.range];
        for missing in ranges::difference(own.into_iter(), dumped.iter().copied()) {
            let areas: Vec<PhysRange> = crash_kernel.areas().collect();
            let cma = &machine.state.crash_cma;
            let mut add = |range: Option<PhysRange>, in_crash_kernel, in_crash_cma| {
                let part = |range| MemoryRange { range, in_crash_kernel, in_crash_cma, ..memory.clone() };
                found.extend(range.map(|range| of(machine, &part(range), loader, rules)));
            };
            for area in &areas {
                add(area.intersect(missing), true, false);
            }
            for area in cma {
                add(area.intersect(missing), false, true);
            }
            let mut all = [areas, cma.clone()].concat();
            all.sort_unstable();
            let rest = ranges::difference([missing].into_iter(), all.into_iter());
            for range in rest {
                add(Some(range), false, false);
            }
        }
    }
    found.sort_by_key(|left_out| left_out.range);
    Ok(found)
}

fn of(machine: &Machine, memory: &MemoryRange, loader: Loader, rules: &Rules) -> LeftOut {
    LeftOut { range: memory.range, verdict: memory.verdict(rules, Use::Vmcore(loader), &machine.kernel) }
}

/// How the header of a dump and a machine differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Ranges that the header lists but that are not memory of the machine.
    pub in_vain: Vec<PhysRange>,
    /// Ranges that a dump should contain but that the header does not list.
    pub missing: Vec<PhysRange>,
}

impl Difference {
    /// Compares what a header lists, ascending, with the machine that it is, or was, made for.
    ///
    /// # Errors
    ///
    /// Those of [`dumped`].
    pub fn of(
        machine: &Machine,
        crash_kernel: &CrashKernel,
        loader: Loader,
        rules: &Rules,
        listed: &[PhysRange],
    ) -> Result<Self, PlanError> {
        let memory = machine.ranges.iter().map(|memory| memory.range);
        let dumped = dumped(machine, crash_kernel, loader, rules)?;
        Ok(Self {
            in_vain: ranges::difference(listed.iter().copied(), memory).collect(),
            missing: ranges::difference(dumped.into_iter(), listed.iter().copied()).collect(),
        })
    }

    /// Whether header and machine agree.
    pub const fn is_none(&self) -> bool {
        self.in_vain.is_empty() && self.missing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use evidence::Source;
    use machine::Snapshot;

    use super::*;

    const IOMEM: &str = "00001000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n  \
                         10000000-1fffffff : Crash kernel\n140000000-17fffffff : System RAM (kmem)\n";

    fn machine() -> Machine {
        let snapshot = Snapshot {
            iomem: Source::Read(IOMEM.into()),
            architecture: Source::Read("x86_64".into()),
            ..Snapshot::default()
        };
        Machine::of(&snapshot).unwrap()
    }

    fn r(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    #[test]
    fn the_first_mib_and_the_crash_kernel_are_left_out_each_for_its_reason() {
        let machine = machine();
        let kernel = CrashKernel::of(&machine).unwrap();
        let found = left_out(&machine, &kernel, Loader::KexecFileLoad, &Rules::LINUX).unwrap();
        let ranges: Vec<PhysRange> = found.iter().map(|one| one.range).collect();
        assert_eq!(ranges, [r(0x1000, 0xa_0000), r(0x1000_0000, 0x2000_0000)]);
        let reasons: Vec<&str> =
            found.iter().map(|one| one.verdict.map_or("", |verdict| verdict.reason)).collect();
        assert!(reasons[0].contains("first MiB") && reasons[1].contains("crash kernel"), "{reasons:?}");
    }

    #[test]
    fn a_header_that_lists_what_is_gone_and_lacks_what_came_differs_in_both() {
        let machine = machine();
        let kernel = CrashKernel::of(&machine).unwrap();
        let of = |listed: &[PhysRange]| {
            Difference::of(&machine, &kernel, Loader::KexecFileLoad, &Rules::LINUX, listed).unwrap()
        };
        let (low, high) = (r(0x10_0000, 0x1000_0000), r(0x2000_0000, 0x8000_0000));
        let kmem = r(0x1_4000_0000, 0x1_8000_0000);
        assert!(of(&[low, high, kmem]).is_none());
        let differs = of(&[low, high, r(0x1_0000_0000, 0x1_2000_0000)]);
        assert_eq!(differs.in_vain, [r(0x1_0000_0000, 0x1_2000_0000)]);
        assert_eq!(differs.missing, [kmem]);
    }
}
