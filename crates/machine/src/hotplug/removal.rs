//! A planned removal: whose memory goes, what refuses, what breaks, what to do.

use memblock::PhysRange;

use crate::hotplug::offline::{Answer, OfflineAnswer};

/// What is to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovalTarget {
    /// Memory blocks, from one number to another, inclusive.
    Blocks(u64, u64),
    /// All memory of a node.
    Node(u32),
    /// The blocks that hold a part of a range.
    Range(PhysRange),
    /// The device at an address, or else the block there.
    Address(u64),
    /// A device by its name.
    Name(String),
}

/// What a removal meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Whose memory it is.
    pub owners: Vec<Owner>,
    /// Whether each block can go offline, those that are alike joined.
    pub blocks: Vec<OfflineAnswer>,
    /// What refuses the removal beside the blocks.
    pub objections: Vec<Objection>,
    /// What changes, and what breaks, once the memory is gone.
    pub effects: Vec<Effect>,
    /// What to do, in order.
    pub todo: Vec<Todo>,
    /// The bytes that would go.
    pub bytes: u64,
}

/// Whose memory is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The device's name; `None` for boot memory.
    pub name: Option<String>,
    /// How it comes and goes.
    pub by: By,
    /// Its memory, or the boot memory that is to go.
    pub ranges: Vec<PhysRange>,
    /// Whether all of its memory is to go.
    pub is_whole: bool,
}

/// How memory comes and goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// An ACPI memory device, by its name in `/sys/bus/acpi/devices` if that is known.
    Acpi(Option<String>),
    /// The kmem driver.
    Kmem,
    /// virtio-mem.
    VirtioMem,
    /// A balloon of Hyper-V or Xen.
    Balloon,
    /// Another driver.
    Other(String),
    /// Nobody: boot memory that no device announces.
    Boot,
}

/// What refuses a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The rule, for scripts: words with hyphens.
    pub rule: &'static str,
    /// Why.
    pub reason: String,
    /// What would help.
    pub remedy: String,
    /// The kernel function and release, or the document.
    pub source: &'static str,
}

/// Why a removal cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemovalError {
    /// There is no such memory.
    #[error("{target} is not on this machine: {known}")]
    NoTarget {
        /// What was asked for.
        target: String,
        /// What there is.
        known: String,
    },
}

/// Something that is different once the memory is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What it is about.
    pub subject: Subject,
    /// Whether something is broken then.
    pub breaks: Breaks,
    /// What happens, in words.
    pub text: String,
}

/// What an effect is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The loaded image of the next kernel.
    Kexec,
    /// The loaded crash kernel, and the header of its dump.
    Kdump,
    /// The map that a next kernel is given.
    Map,
    /// A zone.
    Zone,
    /// A node.
    Node,
}

impl Subject {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kexec => "kexec",
            Self::Kdump => "kdump",
            Self::Map => "next-kernel-map",
            Self::Zone => "zone",
            Self::Node => "node",
        }
    }
}

/// Whether something is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaks {
    /// It is not.
    No,
    /// It is, until it is mended.
    Yes,
    /// Nothing shows it.
    CannotTell,
}

impl Breaks {
    /// The word in JSON; none where it cannot be told.
    pub const fn as_bool(self) -> Option<bool> {
        match self {
            Self::No => Some(false),
            Self::Yes => Some(true),
            Self::CannotTell => None,
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// What, in words.
    pub text: String,
    /// Commands that do it; of several, any one.
    pub commands: Vec<String>,
}

impl Removal {
    /// Whether something refuses, as far as can be told beforehand.
    pub fn is_refused(&self) -> bool {
        !self.objections.is_empty() || self.blocks.iter().any(|block| block.answer == Answer::Cannot)
    }

    /// How many blocks have this answer.
    pub fn count(&self, answer: Answer) -> u64 {
        let blocks = self.blocks.iter().filter(|block| block.answer == answer);
        blocks.fold(0, |sum, block| sum.saturating_add(block.count))
    }
}
