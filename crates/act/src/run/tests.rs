use std::time::Duration;

use super::*;
use crate::change::{Change, To};
use crate::target::Target;
use crate::testing::{Answer, Kernel};

/// Four blocks of zone Movable.
fn movable() -> Kernel {
    Kernel::with((40..44).map(|number| (number, "online", "Movable")))
}

fn plan(kernel: &Kernel, change: Change, targets: &[Target]) -> Plan {
    let blocks = kernel.blocks();
    blocks.plan(change, &blocks.select(targets).unwrap())
}

fn offline(kernel: &Kernel, stop: &Stop) -> Report {
    let plan = plan(kernel, Change::Offline, &[Target::Node(0)]);
    kernel.blocks().carry_out(plan, stop, |_| {}).unwrap()
}

fn outcomes(report: &Report) -> Vec<(u64, &'static str)> {
    let word = |done: &Done| match &done.outcome {
        Outcome::Changed => "changed",
        Outcome::Already => "already",
        Outcome::Refused(refusal) => refusal.rule,
        Outcome::NotBegun => "not-begun",
    };
    report.blocks.iter().map(|done| (done.before.number, word(done))).collect()
}

#[test]
fn a_block_that_refuses_does_not_keep_the_others() {
    let kernel = movable().answers(41, Answer::Fails(Errno::BUSY, 1));
    let report = offline(&kernel, &Stop::default());
    assert_eq!(outcomes(&report), [(40, "changed"), (41, "pages-pinned"), (42, "changed"), (43, "changed")]);
    assert_eq!((report.success(), report.stopped), (Success::Partial, None));
    let after = report.blocks[1].after.as_ref().unwrap();
    assert!(after.is_online(), "{after:?}");
}

#[test]
fn a_run_in_which_nothing_changes_and_something_fails_has_no_success() {
    let mut kernel = movable();
    for number in 40..44 {
        kernel = kernel.answers(number, Answer::Fails(Errno::PERM, 1));
    }
    assert_eq!(offline(&kernel, &Stop::default()).success(), Success::None);
}

#[test]
fn what_is_as_wanted_is_not_written_to() {
    let kernel = Kernel::with([(40, "offline", "Normal Movable"), (41, "online", "Normal")]);
    let report = offline(&kernel, &Stop::default());
    assert_eq!(outcomes(&report), [(41, "changed"), (40, "already")]);
    assert_eq!(kernel.written(), [41]);
    assert_eq!(report.success(), Success::All);
}

#[test]
fn a_block_that_changes_by_itself_meanwhile_is_no_failure() {
    let kernel = movable().answers(40, Answer::ChangedByItself);
    let report = offline(&kernel, &Stop::default());
    assert_eq!(outcomes(&report)[0], (40, "already"));
    assert_eq!(report.success(), Success::All);
}

#[test]
fn a_block_that_went_online_in_another_zone_meanwhile_is_not_as_wanted() {
    let kernel = Kernel::with([(40, "offline", "Normal Movable")]);
    let plan = plan(&kernel, Change::Online(To::Movable), &[Target::Blocks(40, 40)]);
    kernel.0.lock().unwrap().blocks.insert(40, ("online", "Normal", Answer::Changes));
    let report = kernel.blocks().carry_out(plan, &Stop::default(), |_| {}).unwrap();
    assert_eq!(outcomes(&report), [(40, "online-in-another-zone")]);
    assert_eq!(kernel.written(), [0; 0]);
}

#[test]
fn a_block_that_vanishes_is_said_to_be_gone() {
    let kernel = movable().answers(41, Answer::Vanishes);
    let plan = plan(&kernel, Change::Offline, &[Target::Node(0)]);
    // One before it is begun, one while it is written to.
    kernel.0.lock().unwrap().blocks.remove(&40);
    let report = kernel.blocks().carry_out(plan, &Stop::default(), |_| {}).unwrap();
    assert_eq!(outcomes(&report)[..2], [(40, "block-gone"), (41, "block-gone")]);
    assert_eq!(report.blocks[0].after, None);
    assert_eq!(report.blocks[1].after, None);
    assert_eq!(report.success(), Success::Partial);
}

#[test]
fn a_word_that_has_no_effect_is_reported() {
    let kernel = movable().answers(42, Answer::Ignores);
    assert_eq!(outcomes(&offline(&kernel, &Stop::default()))[2], (42, "undone"));
}

#[test]
fn a_signal_that_asks_for_nothing_does_not_end_the_work() {
    let kernel = movable().answers(40, Answer::Fails(Errno::INTR, 3));
    assert_eq!(offline(&kernel, &Stop::default()).success(), Success::All);
    assert_eq!(kernel.written(), [40, 40, 40, 40, 41, 42, 43]);
}

#[test]
fn a_write_that_waits_for_ever_is_interrupted_and_the_rest_is_not_begun() {
    let kernel = movable().answers(41, Answer::Waits);
    let report = offline(&kernel, &Stop::default().after(Duration::from_millis(100)));
    assert_eq!(
        outcomes(&report),
        [(40, "changed"), (41, "interrupted"), (42, "not-begun"), (43, "not-begun")]
    );
    assert_eq!((report.success(), report.stopped), (Success::Partial, Some(Why::Timeout)));
    assert_eq!(kernel.written(), [40, 41]);
}

#[test]
fn whoever_stops_after_the_last_block_has_stopped_nothing() {
    let kernel = movable();
    let plan = plan(&kernel, Change::Offline, &[Target::Node(0)]);
    let stop = Stop::default();
    let mut ended = 0;
    let report = kernel.blocks().carry_out(plan, &stop, |progress| {
        if matches!(progress, Progress::Ends(_)) {
            ended += 1;
        }
        if ended == 4 {
            stop.ask();
        }
    });
    assert_eq!(report.unwrap().stopped, None);
}

#[test]
fn blocks_that_are_named_twice_are_done_once() {
    let kernel = movable();
    let targets =
        [Target::Blocks(41, 43), Target::Blocks(41, 41), Target::Address(41 << 27), Target::Node(0)];
    let plan = plan(&kernel, Change::Offline, &targets);
    assert_eq!(plan.todo.iter().map(|block| block.number).collect::<Vec<_>>(), [40, 41, 42, 43]);
}

#[test]
fn many_blocks_are_listed_once() {
    let kernel = Kernel::with((0..65_536).map(|number| (number, "offline", "Normal Movable")));
    let blocks = kernel.blocks();
    let targets = [Target::Blocks(0, u64::MAX), Target::Blocks(5, 7), Target::Blocks(9, 9)];
    let plan = blocks.plan(Change::Online(To::Movable), &blocks.select(&targets).unwrap());
    let report = blocks.carry_out(plan, &Stop::default(), |_| {}).unwrap();
    assert_eq!((report.blocks.len(), report.success()), (65_536, Success::All));
    assert_eq!(report.blocks[0].before.number, 65_535);
    assert_eq!(kernel.0.lock().unwrap().listed["sys/devices/system/memory"], 1);
}
