//! Does what was planned, block by block.

use rustix::io::Errno;

use crate::block::Block;
use crate::blocks::Blocks;
use crate::error::Error;
use crate::plan::{Foreseen, Plan};
use crate::refusal::Refusal;
use crate::stop::{Stop, Why};

/// What was done.
#[derive(Clone, Debug)]
pub struct Report {
    /// Every block of the plan: those that were to be written to in the order of the work, then the others, ascending.
    pub blocks: Vec<Done>,
    /// Why the work ended early, if it did.
    pub stopped: Option<Why>,
}

/// What became of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// As it was when the work was planned.
    pub before: Block,
    /// As it is now; `None` if it is gone.
    pub after: Option<Block>,
    /// What happened.
    pub outcome: Outcome,
}

/// What happened to a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it was asked to be.
    Changed,
    /// It was so before.
    Already,
    /// It is not, and why.
    Refused(Refusal),
    /// It was not begun, because the work ended early.
    NotBegun,
}

/// How a run ended as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// Every block is as it was asked to be.
    All,
    /// Some blocks were changed, others could not be.
    Partial,
    /// No block was changed, and not every one is as it was asked to be.
    None,
}

impl Success {
    /// Of a number of changed blocks, and of those that are not as asked.
    pub fn of(changed: usize, failed: usize) -> Self {
        match (changed, failed) {
            (_, 0) => Self::All,
            (0, _) => Self::None,
            _ => Self::Partial,
        }
    }
}

impl Report {
    /// How the run ended as a whole.
    pub fn success(&self) -> Success {
        let count =
            |wanted: fn(&Outcome) -> bool| self.blocks.iter().filter(|done| wanted(&done.outcome)).count();
        Success::of(
            count(|outcome| *outcome == Outcome::Changed),
            count(|outcome| matches!(outcome, Outcome::Refused(_) | Outcome::NotBegun)),
        )
    }
}

/// Tells how far the work is.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A block is begun.
    Begins(&'a Block),
    /// A block is done, or not.
    Ends(&'a Done),
}

impl Blocks {
    /// Does what was planned, and tells about each block that is written to. When it is time to stop, a write that waits
    /// in the kernel is interrupted, and the blocks after it are not begun.
    ///
    /// Each block is read again just before: it may have changed by itself, or be gone.
    ///
    /// # Errors
    /// [`Error::Signals`] if no write could be interrupted; then nothing was done. What goes wrong with a block is its
    /// [`Outcome`].
    pub fn carry_out(
        &self,
        plan: Plan,
        stop: &Stop,
        mut tell: impl FnMut(Progress<'_>),
    ) -> Result<Report, Error> {
        let mut blocks = Vec::new();
        let Plan { change, todo, already, refused } = plan;
        stop.interrupting(|| {
            for before in todo {
                let done = if stop.why().is_some() {
                    Done { after: self.block(before.number), before, outcome: Outcome::NotBegun }
                } else {
                    tell(Progress::Begins(&before));
                    let (after, outcome) = self.change(change, before.number, stop);
                    let done = Done { before, after, outcome };
                    tell(Progress::Ends(&done));
                    done
                };
                blocks.push(done);
            }
        })?;
        let stopped = blocks.iter().any(Done::was_stopped).then(|| stop.why()).flatten();
        let unchanged = |before: Block, outcome| Done { after: Some(before.clone()), before, outcome };
        let mut rest: Vec<Done> =
            already.into_iter().map(|block| unchanged(block, Outcome::Already)).collect();
        rest.extend(refused.into_iter().map(|(before, refusal)| Done {
            after: self.block(before.number),
            before,
            outcome: Outcome::Refused(refusal),
        }));
        rest.sort_by_key(|done| done.before.number);
        blocks.append(&mut rest);
        Ok(Report { blocks, stopped })
    }

    /// Changes one block; gives what it is afterwards, and what happened.
    fn change(&self, change: crate::Change, number: u64, stop: &Stop) -> (Option<Block>, Outcome) {
        let before = match self.foresee(change, number) {
            Foreseen::Write(block) => block,
            Foreseen::Already(block) => return (Some(block), Outcome::Already),
            Foreseen::Refused(_, refusal) => return (self.block(number), Outcome::Refused(refusal)),
        };
        let error = loop {
            match self.write(number, change.word()) {
                Ok(()) => break None,
                // A signal that asked for nothing, such as that of a terminal which stops and continues the process.
                Err(Errno::INTR) if stop.why().is_none() => {}
                Err(errno) => break Some(errno),
            }
        };
        let after = self.block(number);
        let is_as_wanted = after.as_ref().is_some_and(|after| after.is_as(change));
        let outcome = match (error, &after) {
            // EINTR: the signal came when it was done.
            (None | Some(Errno::INTR), _) if is_as_wanted => Outcome::Changed,
            // EINVAL is the answer, too, where somebody else was faster.
            (Some(Errno::INVAL), _) if is_as_wanted => Outcome::Already,
            (Some(errno), Some(after)) => {
                let foreseen = Refusal::beforehand(change, after);
                Outcome::Refused(
                    foreseen.unwrap_or_else(|| Refusal::of(errno, change, &before, &self.state_path(number))),
                )
            }
            (None, Some(after)) => Outcome::Refused(Refusal::undone(change, after)),
            (_, None) => {
                Outcome::Refused(Refusal::of(Errno::NODEV, change, &before, &self.state_path(number)))
            }
        };
        (after, outcome)
    }
}

impl Done {
    fn was_stopped(&self) -> bool {
        match &self.outcome {
            Outcome::NotBegun => true,
            Outcome::Refused(refusal) => refusal.rule == Refusal::INTERRUPTED,
            Outcome::Changed | Outcome::Already => false,
        }
    }
}

#[cfg(test)]
mod tests;
