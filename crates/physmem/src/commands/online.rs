//! `physmem online` and `physmem offline`.

mod json;
mod progress;
mod text;

use std::io::Write;
use std::path::Path;

use act::{Armed, Block, Blocks, Change, Done as BlockDone, Outcome, Plan, Refusal, Stop, Success, To, Why};

use self::progress::Told;
use crate::cli::{BlocksArguments, OnlineArguments};
use crate::done::Done;
use crate::failure::Failure;

/// What was done, or would be.
struct Worked<'a> {
    change: Change,
    root: &'a Path,
    blocks: &'a Blocks,
    is_dry: bool,
    rows: Vec<Row>,
    stopped: Option<Why>,
    before: Armed,
    after: Armed,
}

/// One block. Those that were, or would be, written to come first, in the order of the work.
struct Row {
    before: Block,
    after: Option<Block>,
    end: End,
}

/// What happened to a block, or would.
enum End {
    Planned,
    Changed,
    Already,
    Refused(Refusal),
    NotBegun,
}

pub(crate) fn online(arguments: &OnlineArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let to = match (arguments.kernel, arguments.movable) {
        (true, _) => To::Kernel,
        (_, true) => To::Movable,
        _ => To::Policy,
    };
    run(Change::Online(to), &arguments.blocks, out)
}

pub(crate) fn offline(arguments: &BlocksArguments, out: &mut impl Write) -> Result<Done, Failure> {
    run(Change::Offline, arguments, out)
}

fn run(change: Change, arguments: &BlocksArguments, out: &mut impl Write) -> Result<Done, Failure> {
    // The time runs for all, from here on.
    let mut stop = Stop::default();
    if let Some(time) = arguments.timeout {
        stop = stop.after(time);
    }
    let blocks = Blocks::at(&arguments.sysroot)?;
    let targets: Vec<act::Target> = arguments.targets.iter().map(|target| target.0).collect();
    let plan = blocks.plan(change, &blocks.select(&targets)?);
    let before = blocks.armed();
    let (rows, stopped) = if arguments.dry_run {
        (foreseen(plan), None)
    } else {
        let mut told = Told::new(arguments.quiet, plan.todo.len());
        if !plan.todo.is_empty() {
            told.armed(before);
        }
        let report = blocks.carry_out(plan, &stop.at_signals()?, |progress| told.tell(progress))?;
        (report.blocks.into_iter().map(Row::from).collect(), report.stopped)
    };
    let worked = Worked {
        change,
        root: &arguments.sysroot,
        blocks: &blocks,
        is_dry: arguments.dry_run,
        rows,
        stopped,
        before,
        after: blocks.armed(),
    };
    if arguments.json {
        json::print(&worked, out)?;
    } else {
        text::print(&worked, out)?;
    }
    out.flush()?;
    text::failures(&worked)?;
    Ok(match worked.success() {
        Success::All => Done::Good,
        Success::Partial => Done::SomeBlocks,
        Success::None => Done::NoBlock,
    })
}

/// What would become of the blocks, as far as can be told.
fn foreseen(plan: Plan) -> Vec<Row> {
    let planned = plan.todo.into_iter().map(|before| Row { before, after: None, end: End::Planned });
    let already =
        plan.already.into_iter().map(|before| Row { after: Some(before.clone()), before, end: End::Already });
    let refused = plan.refused.into_iter().map(|(before, refusal)| Row {
        after: Some(before.clone()),
        before,
        end: End::Refused(refusal),
    });
    planned.chain(already).chain(refused).collect()
}

impl From<BlockDone> for Row {
    fn from(done: BlockDone) -> Self {
        let end = match done.outcome {
            Outcome::Changed => End::Changed,
            Outcome::Already => End::Already,
            Outcome::Refused(refusal) => End::Refused(refusal),
            Outcome::NotBegun => End::NotBegun,
        };
        Self { before: done.before, after: done.after, end }
    }
}

impl Worked<'_> {
    fn success(&self) -> Success {
        let count = |wanted: fn(&End) -> bool| self.rows.iter().filter(|row| wanted(&row.end)).count();
        Success::of(
            count(|end| matches!(end, End::Planned | End::Changed)),
            count(|end| matches!(end, End::Refused(_) | End::NotBegun)),
        )
    }

    /// The numbers of the blocks that ended so, ascending.
    fn numbers(&self, wanted: impl Fn(&End) -> bool) -> Vec<u64> {
        let rows = self.rows.iter().filter(|row| wanted(&row.end));
        let mut numbers: Vec<u64> = rows.map(|row| row.before.number).collect();
        numbers.sort_unstable();
        numbers
    }
}
