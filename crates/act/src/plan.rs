//! What will be written, in which order, and what is certain before anything is.

use rustix::io::Errno;

use crate::block::Block;
use crate::blocks::Blocks;
use crate::change::Change;
use crate::order::ordered;
use crate::refusal::Refusal;

/// What is to be done with some blocks.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What becomes of them.
    pub change: Change,
    /// The blocks to write to, in the order of the work.
    pub todo: Vec<Block>,
    /// Those that are as wanted, ascending.
    pub already: Vec<Block>,
    /// Those that cannot be changed, as is certain beforehand, ascending.
    pub refused: Vec<(Block, Refusal)>,
}

impl Blocks {
    /// Plans a change of some blocks, ascending. Nothing is written.
    ///
    /// Costs two files and one small directory for each block.
    pub fn plan(&self, change: Change, numbers: &[u64]) -> Plan {
        let mut plan = Plan { change, todo: Vec::new(), already: Vec::new(), refused: Vec::new() };
        for &number in numbers {
            match self.foresee(change, number) {
                Foreseen::Write(block) => plan.todo.push(block),
                Foreseen::Already(block) => plan.already.push(block),
                Foreseen::Refused(block, refusal) => plan.refused.push((block, refusal)),
            }
        }
        plan.todo = ordered(change, plan.todo, |number| self.block(number));
        plan
    }

    /// What would become of a block, as it is now.
    pub(crate) fn foresee(&self, change: Change, number: u64) -> Foreseen {
        let path = self.state_path(number);
        let Some(block) = self.block(number) else {
            let gone = Block::gone(number);
            let refusal = Refusal::of(Errno::NOENT, change, &gone, &path);
            return Foreseen::Refused(gone, refusal);
        };
        if let Some(refusal) = Refusal::beforehand(change, &block) {
            return Foreseen::Refused(block, refusal);
        }
        if block.is_as(change) {
            return Foreseen::Already(block);
        }
        match self.writable(number) {
            Ok(()) => Foreseen::Write(block),
            Err(errno) => {
                let refusal = Refusal::of(errno, change, &block, &path);
                Foreseen::Refused(block, refusal)
            }
        }
    }
}

/// What becomes of a block.
pub(crate) enum Foreseen {
    Write(Block),
    Already(Block),
    Refused(Block, Refusal),
}
