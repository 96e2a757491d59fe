//! What memory may be used for, before and after: the rules' verdicts, piece by piece.

use std::collections::BTreeSet;

use memblock::{PhysRange, Region, RegionFlags};
use rules::{Class, Loader, Memory, Use};

use crate::boot::input::BootInput;
use crate::machine::Machine;
use crate::what_if::change::{Change, Side, Subject};

const MIB: u64 = 1 << 20;

/// The uses to ask about, and their names.
const QUESTIONS: [(Subject, Use, &str); 8] = [
    (Subject::EarlyAllocation, Use::EarlyAllocation, "early_allocation"),
    (Subject::ZoneMovable, Use::ZoneMovable, "zone_movable"),
    (Subject::KexecImage, Use::KexecImage(Loader::KexecLoad), "kexec_image by kexec_load"),
    (Subject::KexecImage, Use::KexecImage(Loader::KexecFileLoad), "kexec_image by kexec_file_load"),
    (Subject::NextKernel, Use::NextKernel(Loader::KexecLoad), "next_kernel by kexec_load"),
    (Subject::NextKernel, Use::NextKernel(Loader::KexecFileLoad), "next_kernel by kexec_file_load"),
    (Subject::Vmcore, Use::Vmcore(Loader::KexecLoad), "vmcore by kexec_load"),
    (Subject::Vmcore, Use::Vmcore(Loader::KexecFileLoad), "vmcore by kexec_file_load"),
];

/// A piece of memory with one class that no region boundary on either side splits.
#[derive(Clone, Copy)]
struct Piece {
    range: PhysRange,
    class: Class,
    listed_by_firmware: bool,
    /// The flags read from the machine; for boot memory, the predictions have their own.
    flags: RegionFlags,
}

pub(crate) fn changes(before: Side<'_>, after: Side<'_>, machine: Option<&Machine>) -> Vec<Change> {
    let pieces = pieces(before, after, machine);
    let kernels = [before, after].map(|side| {
        let movable_node = side.parameters().movable.movable_node;
        let base = machine.map_or_else(|| kernel(side.input), |machine| machine.kernel.facts);
        rules::KernelFacts { movable_node, ..base }
    });
    let mut changes: Vec<Change> = Vec::new();
    // Without a crash kernel there is no dump.
    let has_dumps = [before, after].iter().all(|side| side.prediction.crashkernel.main().is_some());
    let asked = QUESTIONS.iter().filter(|(subject, ..)| has_dumps || *subject != Subject::Vmcore);
    for &(subject, of, what) in asked {
        for piece in &pieces {
            let [old, new] = [(before, &kernels[0]), (after, &kernels[1])]
                .map(|(side, kernel)| piece.on(side).map(|memory| side.rules.verdict(of, &memory, kernel)));
            // Memory missing on one side is reported as memory, not once per use.
            let (Some(old), Some(new)) = (old, new) else { continue };
            let scratch = |side: Side<'_>| confined(of, side, piece.range);
            let [old_scratch, new_scratch] = [before, after].map(scratch);
            let was = old_scratch.map_or(old.allowed, |inside| inside);
            let is = new_scratch.map_or(new.allowed, |inside| inside);
            if was == is {
                continue;
            }
            let word = |allowed| if allowed { "yes" } else { "no" }.to_owned();
            let change = Change {
                subject,
                what: what.to_owned(),
                range: Some(piece.range),
                before: Some(word(was)),
                after: Some(word(is)),
                why: match (old_scratch, new_scratch) {
                    (None, None) => format!("{} (rule {}; {})", new.reason, new.rule, new.source),
                    (_, Some(_)) => CONFINED.to_owned(),
                    (Some(_), None) => format!("no longer: {CONFINED}"),
                },
            };
            push_joined(&mut changes, change);
        }
    }
    changes
}

/// What kexec handover says about images, as plans do.
const CONFINED: &str = "with kexec handover, kexec_file_load places an image for a reboot only in scratch areas \
     (kernel/kexec_file.c:kexec_locate_mem_hole, 6.16)";

/// Whether a range lies in a scratch area, where images are confined to them.
fn confined(of: Use, side: Side<'_>, range: PhysRange) -> Option<bool> {
    let scratch = side.prediction.scratch.as_ref().filter(|scratch| scratch.error.is_none())?;
    (of == Use::KexecImage(Loader::KexecFileLoad)).then(|| scratch.enclose(range))
}

/// Adds a change, or extends the last one if it is the same change for directly adjacent memory.
fn push_joined(changes: &mut Vec<Change>, change: Change) {
    if let Some(last) = changes.last_mut()
        && let (Some(one), Some(next)) = (last.range, change.range)
        && one.end() == next.start()
        && (Change { range: change.range, ..last.clone() }) == change
    {
        last.range = Some(one.hull(next));
        return;
    }
    changes.push(change);
}

impl Piece {
    /// The rules' input for it on one side; `None` if there is no memory there.
    fn on(&self, side: Side<'_>) -> Option<Memory> {
        let prediction = side.prediction;
        let index = prediction.memory.partition_point(|region| region.range.end() <= self.range.start());
        let region = prediction.memory.get(index).filter(|region| region.range.overlaps(self.range));
        let of_boot = matches!(self.class, Class::Boot | Class::BootHotpluggable);
        if of_boot && region.is_none() {
            return None;
        }
        let flags = region.map_or(self.flags, |region| region.flags);
        let crash = [prediction.crashkernel.low, prediction.crashkernel.high];
        Some(Memory {
            class: self.class,
            nomap: flags.contains(RegionFlags::NOMAP),
            listed_by_firmware: self.listed_by_firmware,
            kept_hotplug: (self.class == Class::BootHotpluggable)
                .then_some(flags.contains(RegionFlags::HOTPLUG)),
            reserved: false,
            below_1_mib: self.range.end() <= MIB,
            in_crash_kernel: crash.into_iter().flatten().any(|area| area.range.encloses(self.range)),
            in_crash_cma: false,
        })
    }
}

/// The ranges of the machine, or else of the predictions, split at every boundary on either side.
fn pieces(before: Side<'_>, after: Side<'_>, machine: Option<&Machine>) -> Vec<Piece> {
    let mut cuts: BTreeSet<u64> = BTreeSet::from([MIB]);
    let mut cut = |range: PhysRange| cuts.extend([range.start(), range.end()]);
    for side in [before, after] {
        side.prediction.memory.iter().for_each(|region| cut(region.range));
        let crashkernel = &side.prediction.crashkernel;
        [crashkernel.low, crashkernel.high].into_iter().flatten().for_each(|area| cut(area.range));
        side.prediction.scratch.iter().flat_map(|scratch| &scratch.areas).for_each(|area| cut(area.range));
        hot_pluggable(side.input).for_each(&mut cut);
    }
    let whole: Vec<Piece> = if let Some(machine) = machine {
        of_machine(machine).collect()
    } else {
        let all = [before, after].map(|side| side.prediction.memory.iter());
        let mut pieces: Vec<Piece> =
            all.into_iter().flatten().map(|region| of_prediction(region, before.input)).collect();
        pieces.sort_by_key(|piece| (piece.range.start(), piece.range.end()));
        pieces
    };
    let mut pieces = Vec::new();
    let mut done = 0;
    for piece in whole {
        let mut start = piece.range.start().max(done);
        let inner = cuts.range(piece.range.start()..piece.range.end()).copied();
        for end in inner.chain([piece.range.end()]) {
            // Empty if the other side's region already covered it.
            let Ok(range) = PhysRange::new(start, end) else { continue };
            let class = match piece.class {
                Class::Boot if machine.is_none() => class_of(range, before.input),
                class => class,
            };
            pieces.push(Piece { range, class, ..piece });
            start = end;
        }
        done = done.max(piece.range.end());
    }
    pieces
}

fn of_machine(machine: &Machine) -> impl Iterator<Item = Piece> + '_ {
    machine.ranges.iter().filter_map(|memory| {
        Some(Piece {
            range: memory.range,
            class: memory.class?,
            listed_by_firmware: memory.listed_by_firmware,
            flags: memory.flags.unwrap_or_default(),
        })
    })
}

fn of_prediction(region: &Region, input: &BootInput) -> Piece {
    let is_flagged = region.flags.contains(RegionFlags::HOTPLUG);
    let class = if is_flagged { Class::BootHotpluggable } else { class_of(region.range, input) };
    Piece { range: region.range, class, listed_by_firmware: true, flags: region.flags }
}

fn class_of(range: PhysRange, input: &BootInput) -> Class {
    if hot_pluggable(input).any(|one| one.encloses(range)) { Class::BootHotpluggable } else { Class::Boot }
}

/// The ranges the ACPI tables mark as hot-pluggable.
fn hot_pluggable(input: &BootInput) -> impl Iterator<Item = PhysRange> + '_ {
    input.numa.memory.iter().filter(|memory| memory.hot_pluggable).map(|memory| memory.range)
}

/// A typical distribution kernel for the architecture, used if no machine is known.
fn kernel(input: &BootInput) -> rules::KernelFacts {
    input.platform.architecture().usual_kernel()
}
