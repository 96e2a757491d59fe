//! The smallest changes that would make a refused load succeed.

use std::fmt;

use evidence::Purpose;
use machine::{Kho, Machine};
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::dump::header::CrashKernel;
use crate::error::{ElfError, PlanError};
use crate::load::Load;
use crate::margins::Margins;
use crate::plan::plan;
use crate::request::Request;

const MIB: u64 = 1 << 20;
/// Where an area is tried when none is reserved: like every reservation, above the first 16 MiB.
const TRIED_AT: u64 = 256 * MIB;
/// The largest reservation tried.
const MOST_CRASHKERNEL: u64 = 1 << 40;

/// A change that would make the load succeed. Each was tried with everything else unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A smaller initial ramdisk.
    SmallerInitrd {
        /// Bytes of the largest one that fits.
        largest: u64,
        /// Bytes of the one that did not.
        given: u64,
    },
    /// A larger `crashkernel=`, or any at all.
    LargerCrashKernel {
        /// Bytes of the smallest one that fits, whole MiB.
        least: u64,
        /// Bytes reserved now; 0 for none.
        reserved: u64,
    },
    /// The other system call.
    OtherLoader(Loader),
    /// `kho=off`.
    WithoutHandover,
    /// Allowing removable memory.
    RemovableMemory,
    /// More RAM.
    MoreRam {
        /// Bytes.
        more: u64,
    },
    /// A shorter command line.
    ShorterCommandLine {
        /// Bytes by which it is too long.
        by: u64,
    },
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SmallerInitrd { largest, given } => write!(
                f,
                "an initial ramdisk of at most {largest} bytes ({:.1} MiB) fits: this one has {} more",
                mib(largest),
                given.saturating_sub(largest)
            ),
            Self::LargerCrashKernel { least, reserved: 0 } => write!(
                f,
                "crashkernel={}M is the least that holds what is loaded; to run, the crash kernel needs more",
                least / MIB
            ),
            Self::LargerCrashKernel { least, reserved } => write!(
                f,
                "crashkernel={}M is the least that holds what is loaded ({:.0} MiB are reserved); to run, the crash kernel needs more",
                least / MIB,
                mib(reserved)
            ),
            Self::OtherLoader(loader) => write!(f, "{} finds room for it", loader.as_str()),
            Self::WithoutHandover => f.write_str(
                "booted with kho=off, this kernel would find room for it: kexec handover limits images to its scratch areas (kho_scratch= makes them larger)",
            ),
            Self::RemovableMemory => f.write_str("it fits if it may lie in memory that can be unplugged"),
            Self::MoreRam { more } => write!(f, "with {more} bytes ({:.1} MiB) more RAM it would fit", mib(more)),
            Self::ShorterCommandLine { by: 1 } => f.write_str("a command line shorter by 1 byte is accepted"),
            Self::ShorterCommandLine { by } => write!(f, "a command line shorter by {by} bytes is accepted"),
        }
    }
}

// A fixed unit: remedies are compared with `crashkernel=`, which is in MiB. Precision only matters for display.
#[allow(clippy::cast_precision_loss)]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}

/// The changes, any one of which would make this load succeed: the smallest of each kind, all of them tried.
/// Empty if nothing known here helps.
///
/// O(searches): about 60 for the largest initial ramdisk, about 20 for the smallest reservation.
pub fn remedies(machine: &Machine, request: &Request<'_>, rules: &Rules, error: &PlanError) -> Vec<Remedy> {
    let is_planned = |request: &Request<'_>| plan(machine, request, rules).is_ok();
    match *error {
        PlanError::CommandLineTooLong { length, added, most } => {
            let by = length.saturating_add(added).saturating_sub(most);
            return vec![Remedy::ShorterCommandLine { by }];
        }
        PlanError::NoHole { .. }
        | PlanError::HalfOfRam { .. }
        | PlanError::NoCrashKernel
        | PlanError::NoKernelLocation { .. }
        | PlanError::Elf(ElfError::InitrdLimit { .. } | ElfError::NoFileLoad) => {}
        _ => return Vec::new(),
    }
    let mut found = Vec::new();
    found.extend(smaller_initrd(machine, request, rules));
    if request.purpose == Purpose::Crash {
        found.extend(larger_crash_kernel(machine, request, rules));
        return found;
    }
    if let PlanError::HalfOfRam { size, most } = *error {
        found.push(Remedy::MoreRam { more: size.saturating_sub(most).saturating_mul(2) });
    }
    if request.avoid_removable && is_planned(&Request { avoid_removable: false, ..*request }) {
        found.push(Remedy::RemovableMemory);
    }
    if machine.state.kho != Kho::Off && is_planned_without_kho(machine, request, rules) {
        found.push(Remedy::WithoutHandover);
    }
    let other = match request.loader {
        Loader::KexecLoad => Loader::KexecFileLoad,
        Loader::KexecFileLoad => Loader::KexecLoad,
    };
    // The other loader has its own purgatory.
    if is_planned(&Request { loader: other, purgatory: None, avoid_removable: false, ..*request }) {
        found.push(Remedy::OtherLoader(other));
    }
    found
}

fn is_planned_without_kho(machine: &Machine, request: &Request<'_>, rules: &Rules) -> bool {
    let mut machine = machine.clone();
    machine.state.kho = Kho::Off;
    plan(&machine, request, rules).is_ok()
}

fn smaller_initrd(machine: &Machine, request: &Request<'_>, rules: &Rules) -> Option<Remedy> {
    let given = request.initrd.filter(|&size| size > 0)?;
    let load = Load::of(machine, request, rules).ok()?;
    let begun = load.begin().ok()?;
    let margins = Margins::of(load.context.space.page, |initrd| load.layout(&begun, Some(initrd)).map(drop));
    (margins.largest_initrd > 0).then_some(Remedy::SmallerInitrd { largest: margins.largest_initrd, given })
}

/// The smallest reservation that holds everything, starting where it is now or would be.
fn larger_crash_kernel(machine: &Machine, request: &Request<'_>, rules: &Rules) -> Option<Remedy> {
    let now = CrashKernel::of(machine).ok();
    let start = now.map_or(TRIED_AT, |kernel| kernel.area.start());
    let fits = |size: u64| {
        let area = PhysRange::from_size(start, size).ok()?;
        let kernel = CrashKernel { area, low: now.and_then(|kernel| kernel.low) };
        let load = Load::in_crash_kernel(machine, request, rules, kernel).ok()?;
        load.layout(&load.begin().ok()?, request.initrd).ok()
    };
    let (mut refused, mut least) = (0, MIB);
    while fits(least).is_none() {
        refused = least;
        least = least.checked_mul(2).filter(|&size| size <= MOST_CRASHKERNEL)?;
    }
    while least - refused > MIB {
        let middle = refused + (least - refused) / 2 / MIB * MIB;
        if fits(middle).is_some() { least = middle } else { refused = middle }
    }
    Some(Remedy::LargerCrashKernel { least, reserved: now.map_or(0, |kernel| kernel.area.size()) })
}

#[cfg(test)]
mod tests;
