//! What can happen to a machine's memory while Linux runs.

pub(super) mod words;

use std::fmt;

use evidence::settings::AutoOnline;
use memblock::PhysRange;

use crate::command_line::hotplug::OnlinePolicy;

/// Something that happens to a running machine's memory.
///
/// Events are written as words, the same on the command line, in a scenario file and in JSON. [`std::str::FromStr`]
/// reads them and [`fmt::Display`] writes them; both agree.
///
/// ```
/// use machine::life::Event;
///
/// let event: Event = "add dimm 1G at 0x100000000 node 1 as dimm0".parse()?;
/// assert_eq!(event.to_string(), "add dimm 1G at 0x100000000 node 1 as dimm0");
/// // Another way to write the same.
/// assert_eq!("add-dimm 1G at=0x100000000 node=1 as=dimm0".parse::<Event>()?, event);
///
/// assert_eq!("offline memory40-memory43".parse::<Event>()?.to_string(), "offline memory40-memory43");
/// assert!("offline everything".parse::<Event>().is_err());
/// # Ok::<(), machine::life::EventError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device brings memory.
    Add(Added),
    /// The requested size of a virtio-mem device changes, in bytes.
    Resize(Target, u64),
    /// Somebody writes to the `state` of memory blocks, one after the other.
    Online(Selected, OnlineAs),
    /// Somebody takes memory blocks offline, one after the other.
    Offline(Selected),
    /// The firmware or a driver takes a device's memory away: an ACPI eject, a driver that lets go.
    Remove(Target),
    /// Settings of `/sys/devices/system/memory` and `/sys/module/memory_hotplug/parameters` change.
    Policy(PolicyChange),
    /// Run time decides: these blocks hold pages that cannot move.
    Pin(Selected),
    /// They no longer do.
    Unpin(Selected),
    /// An image is loaded.
    Load(Loading),
    /// The image is unloaded.
    Unload(ImageFor),
}

/// Memory that a device brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The kind of device.
    pub by: AddedBy,
    /// Its name: of the dax device, of the virtio device in /proc/iomem, or any name to speak of it later.
    pub name: Option<String>,
    /// The node the device is on; `None` if it does not say.
    pub node: Option<u32>,
}

/// The kinds of devices that bring memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddedBy {
    /// An ACPI memory device, PNP0C80.
    Dimm {
        /// Bytes.
        size: u64,
        /// First byte; `None` for the first place that is free.
        at: Option<u64>,
    },
    /// A virtio-mem device.
    VirtioMem {
        /// The bytes that are requested at first.
        size: u64,
        /// The first byte of the device's region.
        at: u64,
        /// The bytes of the region; `None` for the room up to the next memory block behind `size`.
        up_to: Option<u64>,
        /// The bytes of a device block: the granularity of plugging.
        unit: u64,
    },
    /// A dax device that the kmem driver takes.
    Kmem {
        /// The device's ranges, ascending.
        ranges: Vec<PhysRange>,
        /// The resource that holds them, such as `Persistent Memory` or `region0`; made if it is not there.
        over: Option<String>,
        /// The driver's own choice instead of the policy (7.0 and later); `None` leaves it to the policy.
        online: Option<AutoOnline>,
    },
    /// The balloon driver of Hyper-V.
    HvBalloon(PhysRange),
    /// Xen.
    Xen(PhysRange),
}

/// A device, as an event names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By its name.
    Name(String),
    /// By an address in its memory.
    Address(u64),
}

/// The memory blocks that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    /// From one number to another, inclusive; numbers without a block in between are passed over.
    Blocks {
        /// First number.
        first: u64,
        /// Last number.
        last: u64,
    },
    /// All blocks of a node.
    Node(u32),
}

/// The word that is written to a block's `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlineAs {
    /// `online`: the policy picks the zone.
    Policy,
    /// `online_kernel`.
    Kernel,
    /// `online_movable`.
    Movable,
}

/// Settings that change; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// `auto_online_blocks`.
    pub state: Option<AutoOnline>,
    /// `online_policy`.
    pub online_policy: Option<OnlinePolicy>,
    /// `auto_movable_ratio`.
    pub ratio: Option<u64>,
    /// `auto_movable_numa_aware`.
    pub numa_aware: Option<bool>,
}

/// An image is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loading {
    /// What it is for.
    pub image: ImageFor,
    /// By which system call.
    pub by: LoadedBy,
    /// Where its segments lie; empty if that is not known.
    pub at: Vec<PhysRange>,
}

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageFor {
    /// The next kernel.
    Kexec,
    /// A crash kernel.
    Kdump,
}

/// The system call that loads an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadedBy {
    /// `kexec_file_load`.
    File,
    /// `kexec_load`.
    Load,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(added) => write!(f, "add {added}"),
            Self::Resize(target, size) => write!(f, "resize {target} to {}", Bytes(*size)),
            Self::Online(blocks, OnlineAs::Policy) => write!(f, "online {blocks}"),
            Self::Online(blocks, OnlineAs::Kernel) => write!(f, "online {blocks} kernel"),
            Self::Online(blocks, OnlineAs::Movable) => write!(f, "online {blocks} movable"),
            Self::Offline(blocks) => write!(f, "offline {blocks}"),
            Self::Remove(target) => write!(f, "remove {target}"),
            Self::Policy(change) => write!(f, "policy{change}"),
            Self::Pin(blocks) => write!(f, "pin {blocks}"),
            Self::Unpin(blocks) => write!(f, "unpin {blocks}"),
            Self::Load(loading) => write!(f, "load {loading}"),
            Self::Unload(image) => write!(f, "unload {image}"),
        }
    }
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |f: &mut fmt::Formatter<'_>, range: PhysRange| {
            write!(f, "{} at {:#x}", Bytes(range.size()), range.start())
        };
        // The name of a dax device stands in front, where the field writes it.
        let mut name = self.name.as_deref();
        match &self.by {
            AddedBy::Dimm { size, at } => {
                write!(f, "dimm {}", Bytes(*size))?;
                at.iter().try_for_each(|at| write!(f, " at {at:#x}"))?;
            }
            AddedBy::VirtioMem { size, at, .. } => write!(f, "virtio-mem {} at {at:#x}", Bytes(*size))?,
            AddedBy::Kmem { ranges, .. } => {
                write!(f, "kmem")?;
                name.take().iter().try_for_each(|name| write!(f, " {}", Word(name)))?;
                for (index, range) in ranges.iter().enumerate() {
                    f.write_str(if index == 0 { " " } else { " and " })?;
                    place(f, *range)?;
                }
            }
            AddedBy::HvBalloon(range) => {
                f.write_str("hv-balloon ")?;
                place(f, *range)?;
            }
            AddedBy::Xen(range) => {
                f.write_str("xen ")?;
                place(f, *range)?;
            }
        }
        self.node.iter().try_for_each(|node| write!(f, " node {node}"))?;
        match &self.by {
            AddedBy::VirtioMem { up_to, unit, .. } => {
                up_to.iter().try_for_each(|size| write!(f, " up to {}", Bytes(*size)))?;
                if *unit != VIRTIO_MEM_UNIT {
                    write!(f, " in {}", Bytes(*unit))?;
                }
            }
            AddedBy::Kmem { over, online, .. } => {
                over.iter().try_for_each(|over| write!(f, " over {}", Word(over)))?;
                online.iter().try_for_each(|state| write!(f, " online {}", auto_online_word(*state)))?;
            }
            _ => {}
        }
        name.iter().try_for_each(|name| write!(f, " as {}", Word(name)))
    }
}

/// The device block of a virtio-mem device that says nothing else: a huge page of x86 and of arm64 with 4 KiB pages.
pub(crate) const VIRTIO_MEM_UNIT: u64 = 2 << 20;

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => Word(name).fmt(f),
            Self::Address(address) => write!(f, "{address:#x}"),
        }
    }
}

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks { first, last } if first == last => write!(f, "memory{first}"),
            Self::Blocks { first, last } => write!(f, "memory{first}-memory{last}"),
            Self::Node(node) => write!(f, "node{node}"),
        }
    }
}

impl fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.iter().try_for_each(|state| write!(f, " state={}", auto_online_word(*state)))?;
        self.online_policy.iter().try_for_each(|policy| write!(f, " online_policy={}", policy.as_str()))?;
        self.ratio.iter().try_for_each(|ratio| write!(f, " ratio={ratio}"))?;
        self.numa_aware.iter().try_for_each(|is| write!(f, " numa_aware={}", if *is { "Y" } else { "N" }))
    }
}

impl fmt::Display for Loading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            LoadedBy::File => "file",
            LoadedBy::Load => "load",
        };
        write!(f, "{} by {by}", self.image)?;
        if !self.at.is_empty() {
            f.write_str(" at")?;
        }
        self.at.iter().try_for_each(|range| write!(f, " {:#x}-{:#x}", range.start(), range.last()))
    }
}

impl fmt::Display for ImageFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kexec => "kexec",
            Self::Kdump => "kdump",
        })
    }
}

/// The word of `auto_online_blocks`.
pub(crate) const fn auto_online_word(state: AutoOnline) -> &'static str {
    match state {
        AutoOnline::Offline => "offline",
        AutoOnline::Online => "online",
        AutoOnline::OnlineKernel => "online_kernel",
        AutoOnline::OnlineMovable => "online_movable",
    }
}

/// A name as events write it: in quotes where it would not be read as one word.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '=' | '\'' | '"');
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            return f.write_str(self.0);
        }
        let quote = if self.0.contains('\'') { '"' } else { '\'' };
        write!(f, "{quote}{}{quote}", self.0)
    }
}

/// A number of bytes as events write it: the largest unit that divides it.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
        let whole = |(shift, _): &(u32, &str)| self.0 != 0 && self.0.is_multiple_of(1_u64 << shift);
        match units.into_iter().find(whole) {
            Some((shift, unit)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}
