//! Compares a prediction with the result of the real boot, fact by fact.

use memblock::PhysRange;

use crate::boot::crashkernel::Crashkernel;
use crate::boot::input::BootInput;
use crate::boot::kho::ScratchAreas;
use crate::boot::prediction::Prediction;
use crate::boot::verify::entries::{self, Entries};
use crate::boot::verify::observed::Observed;
use crate::boot::zones::ZoneKind;
use evidence::Evidence;

/// Every fact of a boot, compared or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The facts, in boot order.
    pub facts: Vec<FactComparison>,
}

/// The outcome of comparing one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactComparison {
    /// The fact's member name in the JSON.
    pub fact: &'static str,
    /// The result.
    pub result: Compared,
}

/// The result of one comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Predicted and observed entries are all the same.
    Equal {
        /// The number of entries.
        entries: usize,
    },
    /// They differ.
    Differs(Vec<Difference>),
    /// The machine does not show this fact.
    NotCompared {
        /// Why, and what would show it.
        why: &'static str,
    },
}

/// One entry that differs between the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which entry: a range, a zone, a node.
    pub what: String,
    /// The predicted value; `None` if there is no such entry.
    pub predicted: Option<String>,
    /// The value the machine shows; `None` if there is no such entry.
    pub seen: Option<String>,
}

const NO_DUMP: &str =
    "the log holds no dump of memblock; a kernel prints it with memblock=debug, and log_buf_len= keeps it";
const NO_DEBUGFS: &str = "/sys/kernel/debug/memblock/memory is not shown (this kernel may not keep memblock, or debugfs is not \
     mounted or only root's), or memory was added since";
const NO_RANGES: &str = "the log does not show the lines below `Early memory node ranges`: its beginning was overwritten or not \
     taken along; log_buf_len= keeps it";
const NO_LIMITS: &str = "the log does not show the lines below `Zone ranges:`: its beginning was overwritten or not taken along; \
     log_buf_len= keeps it";
const NO_FALLBACK: &str = "the log does not show `Fallback order for Node`; log_buf_len= keeps it";
const NOT_PREDICTED: &str = "it is not predicted for 32-bit kernels";
/// The facts that are predicted even then.
const UP_TO_NODES: [&str; 2] = ["panic", "early_node_ranges"];
const NO_SCRATCH: &str = "/sys/kernel/debug/kho/out is not shown: debugfs is not mounted or only root's, or \
     CONFIG_KEXEC_HANDOVER_DEBUGFS is not set";
const NO_ZONES: &str =
    "/proc/zoneinfo is not there, or memory that was added or taken away after boot changed it";

/// 4 GiB, below which x86 looks for low memory.
const GIB_4: u64 = 1 << 32;

impl Comparison {
    /// Compares a prediction with what a machine shows of that boot.
    pub fn of(evidence: &Evidence, input: &BootInput, prediction: &Prediction) -> Self {
        let low_end = low_end(input, prediction);
        Self::with(prediction, &Observed::of(evidence, low_end, input.build.page_size))
    }

    /// Compares a prediction with an observed boot. O(n log n) in their entries.
    pub fn with(prediction: &Prediction, seen: &Observed) -> Self {
        // The kernel dumps its tables once, and may reserve more after that.
        let dump = prediction.dump.as_ref();
        let memory = dump.map_or(&prediction.memory, |dump| &dump.memory);
        let reserved = dump.map_or(&prediction.reserved, |dump| &dump.reserved);
        let regions = |regions: &Option<Vec<_>>| regions.as_deref().map(entries::regions);
        let fact = |fact, predicted: Entries, seen: Option<Entries>, why| {
            let is_predicted = !prediction.ends_with_nodes || UP_TO_NODES.contains(&fact);
            let (seen, why) = if is_predicted { (seen, why) } else { (None, NOT_PREDICTED) };
            let result = seen.map_or(Compared::NotCompared { why }, |seen| compared(&predicted, &seen));
            FactComparison { fact, result }
        };
        let mut facts = vec![
            fact(
                "panic",
                entries::panic(prediction.panic.as_deref()),
                seen.has_booted().then(Entries::new),
                NO_LIMITS,
            ),
            fact("memory", entries::regions(memory), regions(&seen.memory), NO_DUMP),
            fact("reserved", entries::regions(reserved), regions(&seen.reserved), NO_DUMP),
            fact(
                "memory_after_boot",
                entries::regions(&prediction.memory_after_boot()),
                regions(&seen.memory_after_boot),
                NO_DEBUGFS,
            ),
            fact(
                "early_node_ranges",
                entries::early_node_ranges(&prediction.early_node_ranges),
                seen.early_node_ranges.as_deref().map(entries::early_node_ranges),
                NO_RANGES,
            ),
            fact(
                "zone_limits",
                entries::zone_limits(&prediction.zone_limits),
                seen.zone_limits.as_deref().map(entries::zone_limits),
                NO_LIMITS,
            ),
            fact(
                "movable_start",
                entries::movable_start(&prediction.movable_start),
                seen.movable_start.as_ref().map(entries::movable_start),
                NO_LIMITS,
            ),
            fact(
                "crashkernel",
                entries::crashkernel(&crashkernel_like(prediction, seen)),
                seen.crashkernel.as_ref().map(entries::crashkernel),
                NO_RANGES,
            ),
            fact(
                "zones",
                entries::zones(&prediction.zones),
                seen.zones.as_deref().map(entries::zones),
                NO_ZONES,
            ),
            fact(
                "fallback_order",
                entries::fallback_order(&prediction.fallback_order),
                seen.fallback_order.as_deref().map(entries::fallback_order),
                NO_FALLBACK,
            ),
        ];
        // Only a kernel with handover has the fact at all.
        if prediction.scratch.is_some() || seen.scratch.is_some() {
            let ranges = |scratch: &ScratchAreas| scratch.areas.iter().map(|area| area.range).collect();
            let predicted: Vec<PhysRange> = prediction.scratch.as_ref().map_or_else(Vec::new, ranges);
            facts.push(fact(
                "kho_scratch",
                entries::scratch(&predicted),
                seen.scratch.as_deref().map(entries::scratch),
                NO_SCRATCH,
            ));
        }
        Self { facts }
    }

    /// Whether all compared facts are equal.
    pub fn is_equal(&self) -> bool {
        !self.facts.iter().any(|fact| matches!(fact.result, Compared::Differs(_)))
    }

    /// The number of facts compared.
    pub fn compared(&self) -> usize {
        self.facts.iter().filter(|fact| !matches!(fact.result, Compared::NotCompared { .. })).count()
    }
}

/// The end of low memory for crash kernels: 4 GiB on x86; on arm64 the DMA limit, which is where the lowest zone ends.
fn low_end(input: &BootInput, prediction: &Prediction) -> u64 {
    let low = |(kind, _): &&(ZoneKind, _)| matches!(kind, ZoneKind::Dma | ZoneKind::Dma32);
    let first = prediction.zone_limits.iter().find(low);
    let first = first.filter(|_| input.platform.architecture().facts().low_ends_with_first_zone);
    first.map_or(GIB_4, |(_, range)| range.end())
}

/// The predicted crash kernel in the terms of what was seen: in whole MiB if that is all that is known, and with the
/// same words if both say that there was no room.
fn crashkernel_like(prediction: &Prediction, seen: &Observed) -> Crashkernel {
    let mut predicted = prediction.crashkernel.as_printed();
    if seen.crashkernel_in_mib {
        for area in [&mut predicted.low, &mut predicted.high].into_iter().flatten() {
            let whole = |bytes: u64| bytes & !((1 << 20) - 1);
            if let Ok(range) = PhysRange::from_size(whole(area.range.start()), whole(area.range.size())) {
                area.range = range;
            }
        }
    }
    let said = seen.crashkernel.as_ref().and_then(|seen| seen.error.as_ref());
    if let (Some(error), Some(said)) = (&mut predicted.error, said)
        && is_no_room(error)
        && is_no_room(said)
    {
        error.clone_from(said);
    }
    predicted
}

/// Whether a message says that no place was found; releases and architectures word it differently.
fn is_no_room(message: &str) -> bool {
    let words = [
        "cannot allocate crashkernel (",
        "No suitable area found",
        "cannot reserve crashkernel",
        "memory not found",
    ];
    words.iter().any(|words| message.contains(words))
}

fn compared(predicted: &Entries, seen: &Entries) -> Compared {
    let differences = entries::differences(predicted, seen);
    if differences.is_empty() {
        return Compared::Equal { entries: seen.len() };
    }
    let differences = differences.into_iter().map(|entry| Difference {
        what: entry.what,
        predicted: entry.before,
        seen: entry.after,
    });
    Compared::Differs(differences.collect())
}

#[cfg(test)]
mod tests {
    use memblock::{NodeId, PhysRange, Region};

    use super::*;
    use crate::boot::Crashkernel;

    fn region(start: u64, end: u64, node: u32) -> Region {
        Region { node: NodeId::new(node), ..Region::plain(PhysRange::new(start, end).unwrap()) }
    }

    fn of<'a>(comparison: &'a Comparison, fact: &str) -> &'a Compared {
        &comparison.facts.iter().find(|one| one.fact == fact).unwrap().result
    }

    #[test]
    fn facts_a_machine_does_not_show_do_not_count_as_equal() {
        let comparison = Comparison::with(&Prediction::default(), &Observed::default());
        assert_eq!(comparison.compared(), 0);
        assert!(
            matches!(of(&comparison, "memory"), Compared::NotCompared { why } if why.contains("memblock=debug"))
        );
    }

    #[test]
    fn each_differing_entry_is_listed_with_both_sides() {
        let prediction = Prediction {
            memory: vec![region(0, 0x1000, 0), region(0x1000, 0x2000, 0)],
            ..Prediction::default()
        };
        let seen = Observed {
            memory: Some(vec![region(0, 0x1000, 0), region(0x1000, 0x2000, 1), region(0x8000, 0x9000, 1)]),
            ..Observed::default()
        };
        let comparison = Comparison::with(&prediction, &seen);
        let Compared::Differs(differences) = of(&comparison, "memory") else { panic!("{comparison:?}") };
        assert_eq!(differences.len(), 2);
        assert_eq!(differences[0].what, "00001000-00001fff");
        assert_eq!(differences[0].predicted.as_deref(), Some("node 0, NONE"));
        assert_eq!(differences[0].seen.as_deref(), Some("node 1, NONE"));
        assert_eq!((&*differences[1].what, &differences[1].predicted), ("00008000-00008fff", &None));
        assert!(!comparison.is_equal());
    }

    #[test]
    fn only_a_reason_that_the_kernel_prints_is_a_difference() {
        let compared = |is_silent: bool, seen: Option<&str>| {
            let with = |error: Option<&str>, is_silent| Crashkernel {
                error: error.map(str::to_owned),
                is_silent,
                ..Crashkernel::default()
            };
            let predicted = with(Some("it asks for more"), is_silent);
            let prediction = Prediction { crashkernel: predicted, ..Prediction::default() };
            let seen = Observed { crashkernel: Some(with(seen, false)), ..Observed::default() };
            Comparison::with(&prediction, &seen).is_equal()
        };
        assert!(compared(true, None));
        assert!(!compared(false, None));
        assert!(!compared(true, Some("cannot allocate crashkernel (size:0x10000000)")));
    }

    #[test]
    fn a_reservation_known_in_mib_is_compared_in_mib() {
        let at = |start: u64, size: u64| {
            let range = PhysRange::from_size(start, size).unwrap();
            let low = Some(crate::boot::CrashArea { range, is_main: true });
            Crashkernel { low, ..Crashkernel::default() }
        };
        let prediction = Prediction { crashkernel: at(64 << 20, (9 << 20) + 4096), ..Prediction::default() };
        let seen = |crashkernel_in_mib, start| {
            let crashkernel = Some(at(start, 9 << 20));
            let seen = Observed { crashkernel, crashkernel_in_mib, ..Observed::default() };
            Comparison::with(&prediction, &seen).is_equal()
        };
        assert!(seen(true, 64 << 20) && !seen(true, 80 << 20) && !seen(false, 64 << 20));
    }

    #[test]
    fn a_panic_that_did_not_happen_is_a_difference() {
        let prediction = Prediction { panic: Some("no memory".into()), ..Prediction::default() };
        let seen = Observed { zone_limits: Some(Vec::new()), ..Observed::default() };
        assert!(matches!(of(&Comparison::with(&prediction, &seen), "panic"), Compared::Differs(_)));
    }
}
