//! What is wrong with the kernels that are loaded, or with a plan: [`check`], [`of_plan`] and [`of_plan_error`].
//!
//! Each finding rests on data of the machine at hand, which it quotes: without evidence there is no finding. What
//! memory may be used for is asked of the rules and decided nowhere else. What a loaded image looks like is known from
//! the kernel's log alone ([`load_log`](crate::load_log)); [`unknowable`] says which findings stay open without it.
//!
//! ```
//! use kexec::{Facts, finding::Code, findings};
//! use machine::{Machine, Snapshot, snapshot::Source};
//! use rules::Rules;
//!
//! let mut snapshot = Snapshot {
//!     iomem: Source::Read("00100000-7fffffff : System RAM\n  10000000-1fffffff : Crash kernel\n".into()),
//!     ..Snapshot::default()
//! };
//! snapshot.kexec.insert("kexec_crash_loaded".into(), Source::Read("0".into()));
//! let machine = Machine::of(&snapshot)?;
//! let found = findings::check(&snapshot, &machine, &Facts::of(&snapshot), &Rules::LINUX);
//! assert_eq!(found[0].code, Code::KdumpNotArmed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acpi_memory;
mod crashkernel;
mod header;
mod image;
mod interrupt_tables;
mod limits;
mod loaded;
mod next_map;
mod placed;
mod scene;
mod soft_reserved;
#[cfg(test)]
mod testing;

use machine::{Machine, Snapshot, Unknown};
use rules::Rules;

use crate::facts::Facts;
use crate::finding::Finding;
use crate::plan::{Plan, Purpose};

use self::image::Image;
use self::loaded::Loaded;
use self::scene::Scene;

pub use self::crashkernel::of_plan_error;

/// What is wrong with a machine as it is, with what is loaded now: the worst first. O(log + ranges).
///
/// `machine` and `facts` are those of `snapshot`.
pub fn check(snapshot: &Snapshot, machine: &Machine, facts: &Facts, rules: &Rules) -> Vec<Finding> {
    let scene = Scene::of(snapshot, machine, rules);
    let crash = scene.loaded(Purpose::Crash);
    let reboot = scene.loaded(Purpose::Reboot);
    let mut found = Vec::new();
    if let Loaded::Known(record) = crash {
        let image = Image::of_record(record, Purpose::Crash);
        found.extend(header::stale(&scene, facts, record));
        found.extend(header::misses_added_memory(&scene, facts, record));
        found.extend(acpi_memory::onlined_by(&scene, &image));
    }
    if let Loaded::Known(record) = reboot {
        of_reboot(&scene, &Image::of_record(record, Purpose::Reboot), &mut found);
    } else {
        found.extend(soft_reserved::not_carried_by_a_load(&scene, facts));
    }
    found.extend(acpi_memory::onlined_by_this_crash_kernel(&scene));
    found.extend(next_map::overflows_after_crash(&scene, facts, &crash));
    found.extend(next_map::overflows_after_reboot(&scene, facts));
    found.extend(crashkernel::too_small(&scene));
    found.extend(crashkernel::not_reserved(&scene));
    found.extend(crashkernel::not_armed(&scene, &crash));
    found.extend(limits::spent(&scene));
    sorted(found)
}

/// What is wrong with a plan: the worst first.
pub fn of_plan(snapshot: &Snapshot, machine: &Machine, plan: &Plan, rules: &Rules) -> Vec<Finding> {
    let scene = Scene::of(snapshot, machine, rules);
    let image = Image::of_plan(plan);
    let mut found = Vec::new();
    found.extend(limits::spent_for(&scene, plan.purpose));
    found.extend(next_map::overflows_in(&image));
    match plan.purpose {
        Purpose::Reboot => of_reboot(&scene, &image, &mut found),
        Purpose::Crash => {
            found.extend(acpi_memory::onlined_by(&scene, &image));
            found.extend(header::planned_dump_misses_memory(&scene, &image));
        }
    }
    sorted(found)
}

/// What could not be known, and which findings that leaves open.
pub fn unknowable(snapshot: &Snapshot, machine: &Machine) -> Vec<Unknown> {
    Scene::of(snapshot, machine, &Rules::LINUX).unknowable()
}

/// What may be wrong with an image that a reboot starts, be it loaded or planned.
fn of_reboot(scene: &Scene<'_>, image: &Image<'_>, found: &mut Vec<Finding>) {
    found.extend(placed::in_removed_memory(scene, image));
    found.extend(placed::in_removable_memory(scene, image));
    found.extend(placed::in_untold_memory(scene, image));
    found.extend(soft_reserved::not_carried_by(scene, image));
    found.extend(interrupt_tables::under(scene, image));
}

fn sorted(mut found: Vec<Finding>) -> Vec<Finding> {
    debug_assert!(found.iter().all(|finding| !finding.evidence.is_empty()));
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code));
    found
}
