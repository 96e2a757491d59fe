//! Whether a memory block can go offline, and why not.

use memblock::PhysRange;

use crate::boot::zones::ZoneKind;
use crate::life::{Life, Online};
use crate::machine::Machine;
use crate::now::kho::Kho;

/// Whether a block can go offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It is offline.
    Already,
    /// It can: what lies in it can move.
    Can,
    /// Only run time tells: a kernel zone holds what it holds.
    RunTime,
    /// It cannot.
    Cannot,
}

impl Answer {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Already => "already",
            Self::Can => "can",
            Self::RunTime => "run-time",
            Self::Cannot => "cannot",
        }
    }

    /// The words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Already => "already",
            Self::Can => "can",
            Self::RunTime => "only run time tells",
            Self::Cannot => "cannot",
        }
    }
}

/// Whether blocks that are alike can go offline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineAnswer {
    /// The first block's number.
    pub first: u64,
    /// The last one's, inclusive; numbers without a block in between are passed over.
    pub last: u64,
    /// How many there are.
    pub count: u64,
    /// From the first byte of the first to the end of the last.
    pub range: PhysRange,
    /// The node; the first if they lie on several.
    pub node: u32,
    /// The zones in `valid_zones`.
    pub valid_zones: Vec<&'static str>,
    /// The answer.
    pub answer: Answer,
    /// The rule, for scripts: words with hyphens.
    pub rule: &'static str,
    /// Why.
    pub because: String,
    /// What would help, or tell.
    pub help: String,
    /// The kernel function and release, or the document.
    pub source: &'static str,
}

/// What never moves, and lies in a block: found once for all blocks.
#[derive(Clone, Debug, Default)]
pub struct Immovable {
    /// Ascending.
    areas: Vec<Area>,
}

/// An area that keeps its block online.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Area {
    range: PhysRange,
    rule: &'static str,
    what: String,
    help: &'static str,
    source: &'static str,
}

const RESERVED: &str = "mm/page_isolation.c:has_unmovable_pages, reserved pages (6.12)";
const CMA: &str = "mm/page_isolation.c:has_unmovable_pages, pageblocks of contiguous areas (6.12)";

impl Immovable {
    /// What a machine shows of it. O(n log n).
    pub fn of(machine: &Machine) -> Self {
        let mut areas = Vec::new();
        let mut add = |range, rule, what: &str, help, source| {
            areas.push(Area { range, rule, what: what.to_owned(), help, source });
        };
        for resource in machine.resources().into_iter().flat_map(evidence::ResourceTree::resources) {
            let Ok(range) = resource.range() else { continue };
            match resource.name.as_str() {
                "Crash kernel" => add(
                    range,
                    "crash-kernel-inside",
                    "the crash kernel's reservation",
                    "give the reservation back (unload the crash kernel, `echo 0 > /sys/kernel/kexec_crash_size`), or boot \
                     with crashkernel= at another place",
                    RESERVED,
                ),
                name if name.starts_with("Kernel ") => add(
                    range,
                    "kernel-inside",
                    "the running kernel itself",
                    "nothing: the kernel does not move while it runs",
                    RESERVED,
                ),
                _ => {}
            }
        }
        let boot = machine.evidence.log.read().map(|log| &log.boot);
        let default = machine.state.contiguous.map(|area| area.range);
        let logged = boot.map_or(&[][..], |boot| boot.cma.as_slice()).iter().copied();
        let mut contiguous: Vec<PhysRange> = default.into_iter().chain(logged).collect();
        contiguous.sort_unstable();
        contiguous.dedup();
        for range in contiguous {
            let help = "boot without the area, or with one elsewhere: cma=SIZE@ADDRESS, hugetlb_cma=";
            add(range, "contiguous-area-inside", "a contiguous area (CMA)", help, CMA);
        }
        for range in machine.state.crash_cma.iter().copied() {
            let help = "boot without crashkernel=,cma";
            add(range, "crash-cma-inside", "memory lent to a crash kernel (crashkernel=,cma)", help, CMA);
        }
        if let Kho::On(scratch) = &machine.state.kho {
            for range in scratch.iter().copied() {
                let help = "boot with kho=off, or with kho_scratch= so that the areas fit elsewhere";
                add(range, "handover-scratch-inside", "a scratch area of kexec handover", help, CMA);
            }
        }
        areas.sort_by_key(|area| area.range);
        Self { areas }
    }

    fn inside(&self, range: PhysRange) -> Option<&Area> {
        // Few areas: a machine has a handful.
        self.areas.iter().find(|area| area.range.overlaps(range))
    }
}

/// Whether each of these blocks can go offline, those that are alike and follow each other joined. Numbers without a
/// block are passed over. O(log n) for each.
pub fn offline_answers(
    life: &Life,
    immovable: &Immovable,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<OfflineAnswer> {
    let mut joined: Vec<OfflineAnswer> = Vec::new();
    for number in numbers {
        let Some(answer) = of_block(life, immovable, number) else { continue };
        let is_alike = |last: &&mut OfflineAnswer| {
            last.last < number
                && (last.node, &last.valid_zones, last.rule, &last.because)
                    == (answer.node, &answer.valid_zones, answer.rule, &answer.because)
        };
        match joined.last_mut().filter(is_alike) {
            Some(last) => {
                last.last = number;
                last.count = last.count.saturating_add(1);
                last.range = last.range.hull(answer.range);
            }
            None => joined.push(answer),
        }
    }
    joined
}

fn of_block(life: &Life, immovable: &Immovable, number: u64) -> Option<OfflineAnswer> {
    let table = life.block_table();
    let (block, range) = (table.get(number)?, table.range(number)?);
    let name = format!("memory{number} ");
    let (answer, rule, because, help, source) = match life.check_offline(number) {
        Err(refusal) => {
            let answer = if block.online == Online::No { Answer::Already } else { Answer::Cannot };
            let because = refusal.reason.strip_prefix(&name).map_or(refusal.reason.clone(), |rest| format!("it {rest}"));
            (answer, refusal.rule, because, refusal.remedy, refusal.source)
        }
        Ok((zone, _)) => match immovable.inside(range) {
            Some(area) => (
                Answer::Cannot,
                area.rule,
                format!("{} lies in it: {}", area.what, area.range),
                area.help.to_owned(),
                area.source,
            ),
            None if zone == ZoneKind::Movable => (
                Answer::Can,
                "movable",
                "zone Movable holds only pages that can move, unless something pins them for long".to_owned(),
                "guests with passed-through devices and RDMA pin pages: stop them if the kernel cannot move all".to_owned(),
                "Documentation/admin-guide/mm/memory-hotplug.rst, \"ZONE_MOVABLE\" (6.12)",
            ),
            None => (
                Answer::RunTime,
                "kernel-zone",
                format!("zone {zone} may hold pages that cannot move"),
                "only the attempt tells: it ends with EBUSY if something stays. The file `removable` does not tell; \
                 page_owner=on at boot and /sys/kernel/debug/page_owner show whose pages lie there"
                    .to_owned(),
                "mm/page_isolation.c:start_isolate_page_range (6.12)",
            ),
        },
    };
    let valid_zones = life.valid_zones_of(number);
    Some(OfflineAnswer {
        first: number,
        last: number,
        count: 1,
        range,
        node: block.node,
        valid_zones,
        answer,
        rule,
        because,
        help,
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evidence::snapshot::HandoverFiles;
    use evidence::{Snapshot, Source};

    use super::*;
    use crate::hotplug::qemu_pc;

    /// Rules and answers for some blocks of a virtual machine of 4 GiB, which shows more than it does.
    fn rules(
        shows: impl FnOnce(&mut Snapshot),
        numbers: std::ops::RangeInclusive<u64>,
    ) -> Vec<(u64, &'static str)> {
        let mut snapshot = qemu_pc(4 << 30).unwrap();
        shows(&mut snapshot);
        let machine = Machine::of(&snapshot).unwrap();
        let life = Life::of(&machine).unwrap();
        let answers = offline_answers(&life, &Immovable::of(&machine), numbers);
        answers.into_iter().map(|answer| (answer.first, answer.rule)).collect()
    }

    fn logs(snapshot: &mut Snapshot, lines: &str) {
        let log = snapshot.kernel_log.read().cloned().unwrap_or_default();
        snapshot.kernel_log = Source::Read(format!("{log}{lines}"));
    }

    #[test]
    fn blocks_with_a_contiguous_area_stay() {
        let cma = |snapshot: &mut Snapshot| logs(snapshot, "cma: Reserved 256 MiB at 0x0000000110000000\n");
        assert_eq!(
            rules(cma, 32..=37),
            [(32, "kernel-zone"), (34, "contiguous-area-inside"), (36, "kernel-zone")]
        );
    }

    #[test]
    fn blocks_with_memory_lent_to_a_crash_kernel_stay() {
        let crash = |snapshot: &mut Snapshot| {
            logs(
                snapshot,
                "cma: Reserved 16 MiB at 0x0000000110000000\ncrashkernel CMA reserved: 16 MB in 1 ranges\n",
            );
        };
        assert_eq!(
            rules(crash, 33..=35),
            [(33, "kernel-zone"), (34, "crash-cma-inside"), (35, "kernel-zone")]
        );
    }

    #[test]
    fn blocks_with_a_scratch_area_stay() {
        let scratch = |snapshot: &mut Snapshot| {
            snapshot.handover = HandoverFiles {
                scratch_phys: Source::Read("0x110000000\n".into()),
                scratch_len: Source::Read("0x1000\n".into()),
            };
        };
        assert_eq!(
            rules(scratch, 33..=35),
            [(33, "kernel-zone"), (34, "handover-scratch-inside"), (35, "kernel-zone")]
        );
    }

    #[test]
    fn the_kernel_and_the_crash_kernel_stay_where_they_are() {
        let reserved = |snapshot: &mut Snapshot| {
            let iomem = snapshot.iomem.read().cloned().unwrap_or_default();
            snapshot.iomem = Source::Read(iomem.replace(
                "100000000-13fffffff : System RAM\n",
                "100000000-13fffffff : System RAM\n  108000000-108ffffff : Kernel code\n  \
                 117000000-118ffffff : Crash kernel\n",
            ));
        };
        assert_eq!(
            rules(reserved, 32..=36),
            [(32, "kernel-zone"), (33, "kernel-inside"), (34, "crash-kernel-inside"), (36, "kernel-zone")]
        );
    }

    #[test]
    fn a_number_without_a_block_has_no_answer() {
        assert_eq!(rules(|_| {}, 24..=31), []);
        assert_eq!(
            BTreeMap::from_iter(rules(|_| {}, 22..=32)).keys().copied().collect::<Vec<_>>(),
            [22, 23, 32]
        );
    }
}
