//! One memory block, as /sys shows it.

use std::fmt;

use evidence::snapshot::BlockState;

use crate::change::{Change, SEVERAL};

/// A memory block at the moment it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// N of `memoryN`; the block begins at N times the block size.
    pub number: u64,
    /// `state`.
    pub state: BlockState,
    /// `valid_zones`: of an online block its zone, or `none` if it spans several; of an offline block the zones that it
    /// can go online in, first the one that the policy picks. Empty on a kernel that cannot remove memory
    /// (CONFIG_MEMORY_HOTREMOVE), which has no such file.
    pub zones: Vec<String>,
    /// The nodes whose memory is in it, ascending.
    pub nodes: Vec<u32>,
}

impl Block {
    /// Whether it is in use.
    pub fn is_online(&self) -> bool {
        self.state == BlockState::Online
    }

    /// The zone that an online block is in, or `none` if it spans several. `None` if nothing shows it: the kernel shows one
    /// word, and a tree of plain files keeps what it showed when the block was offline.
    pub(crate) fn zone(&self) -> Option<&str> {
        match self.zones.as_slice() {
            [zone] if self.is_online() => Some(zone),
            _ => None,
        }
    }

    /// Whether it is as the change would make it, or never needs to be written to.
    pub(crate) fn is_as(&self, change: Change) -> bool {
        match change {
            Change::Offline => self.state == BlockState::Offline,
            Change::Online(to) => self.is_online() && to.is(self.zone()),
        }
    }

    /// A block that is not there.
    pub(crate) fn gone(number: u64) -> Self {
        Self { number, state: BlockState::Unknown, zones: Vec::new(), nodes: Vec::new() }
    }

    /// Whether it spans several zones or nodes, so that the kernel never takes it offline.
    pub(crate) fn spans_zones(&self) -> bool {
        self.zone() == Some(SEVERAL)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory{}", self.number)
    }
}

/// Linux's word for a state.
pub fn state_word(state: BlockState) -> &'static str {
    match state {
        BlockState::Online => "online",
        BlockState::Offline => "offline",
        BlockState::GoingOffline => "going-offline",
        BlockState::Unknown => "unknown",
    }
}

/// `state` as the kernel prints it. A tree of plain files keeps the word that was written, which may name a zone.
pub(crate) fn state_of(text: &str) -> BlockState {
    match text.trim() {
        "online" | "online_kernel" | "online_movable" => BlockState::Online,
        "offline" => BlockState::Offline,
        "going-offline" => BlockState::GoingOffline,
        _ => BlockState::Unknown,
    }
}
