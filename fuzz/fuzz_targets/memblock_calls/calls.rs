//! The calls that the fuzzer can make.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use memblock::{NodeId, PageSize, PhysRange, Region, RegionFlags, Request, Selection, TableKind};

/// A whole run: a machine, and the calls made on it.
#[derive(Arbitrary, Debug)]
pub struct Input {
    pub page_size: AnyPageSize,
    /// Start with memory on two nodes where tables can grow, like a kernel.
    pub has_memory: bool,
    pub may_grow: bool,
    pub calls: Vec<Call>,
}

/// One call.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Call {
    Add(Place),
    AddNode(Place, AnyNode, Flags),
    Remove(Place),
    Reserve(Place),
    ReserveFor(Place, Tag),
    ReserveKern(Place),
    ReserveRegion(Place, AnyNode, Flags),
    Free(Place),
    PhysmemAdd(Place),
    Mark(Mark, Place),
    SetNode(Table, Place, AnyNode),
    Trim(Size),
    EnforceMemoryLimit(Size),
    CapMemoryRange(Place),
    MemLimitRemoveMap(Size),
    Alloc(Ask),
    Find(Ask),
    Set(Switch, bool),
    SetCurrentLimit(Place),
    ReserveMem(Size, Size, Name),
    /// The same, as the text of a boot parameter.
    ReserveMemText(Text),
    Release(Name),
    FreeAll {
        max_order: u8,
        end: Place,
    },
    /// Hands over this many chunks.
    Grow(Table, u8),
    AllowGrowth,
    /// Makes all queries, with these arguments.
    Ask(Place, Show, u32),
    /// The same change at many places, a stride apart: a table stays flat up to 64 regions.
    Comb(Change, Place, Stride, u8),
}

/// A call that takes only a range.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Change {
    Add,
    Remove,
    Reserve,
    Free,
    MarkNomap,
    ReserveFor,
}

impl Change {
    pub fn at(self, place: Place) -> Call {
        match self {
            Self::Add => Call::Add(place),
            Self::Remove => Call::Remove(place),
            Self::Reserve => Call::Reserve(place),
            Self::Free => Call::Free(place),
            Self::MarkNomap => Call::Mark(Mark::Nomap, place),
            Self::ReserveFor => Call::ReserveFor(place, Tag::Initrd),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Mark {
    Hotplug,
    ClearHotplug,
    Mirror,
    Nomap,
    ClearNomap,
    KhoScratch,
    ClearKhoScratch,
    ReservedNoinit,
    ReservedKern,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Switch {
    BottomUp,
    MovableNode,
    MirroredKernelcore,
    KhoScratchOnly,
    KernAccounting,
}

/// A range: usually in the pages where memory is, sometimes elsewhere or with an odd size.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Place {
    pub page: u16,
    pub size: u8,
    pub form: u8,
}

/// Size of the unit of places, in bytes.
pub const UNIT: u64 = 0x1000;
/// Most places are below this many units.
const UNITS: u64 = 0x200;

impl Place {
    pub fn range(self) -> PhysRange {
        let (page, size) = (u64::from(self.page), u64::from(self.size));
        let base = match self.form >> 5 {
            0..5 => 0,
            5 => 0x1_0000_0000,
            6 => u64::MAX - UNITS * UNIT,
            _ => u64::MAX - 0x1_0000,
        };
        let (start, size) = match self.form & 7 {
            // A byte more or less at either end.
            0 => (page % UNITS * UNIT + page / UNITS, (size + 1) * UNIT - 1),
            1 => (page % UNITS * UNIT + page / UNITS * 64, size + 1),
            2 => (page % UNITS * UNIT, (size + 1) * 16 * UNIT),
            3 => (0, u64::MAX),
            _ => (page % UNITS * UNIT, (size % 32 + 1) * UNIT),
        };
        let start = base.saturating_add(start).min(u64::MAX - 1);
        PhysRange::new(start, start.saturating_add(size)).expect("at least a byte")
    }

    /// The same place, a few units higher.
    pub fn moved(self, units: u64) -> Self {
        let page = (u64::from(self.page) + units) % 0x1_0000;
        Self { page: u16::try_from(page).expect("it was taken modulo"), ..self }
    }
}

/// Units from one place to the next.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Stride(u8);

impl Stride {
    pub fn units(self) -> u64 {
        u64::from(self.0 % 8) + 1
    }
}

/// A size or an alignment: a power of two, slightly more or less, or any number.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Size {
    pub shift: u8,
    pub plus: i8,
}

impl Size {
    pub fn bytes(self) -> u64 {
        // Rarely more than there is memory.
        let shift = if self.shift < 0xc0 { self.shift % 23 } else { self.shift % 64 };
        let number = 1_u64 << shift;
        let plus = i64::from(self.plus);
        match self.plus {
            -64..64 => number,
            64.. => number.saturating_add_signed((plus - 96) * 64),
            _ => number.saturating_add_signed(plus + 96),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Table {
    Memory,
    Reserved,
    Physmem,
}

impl Table {
    pub fn kind(self) -> TableKind {
        match self {
            Self::Memory => TableKind::Memory,
            Self::Reserved => TableKind::Reserved,
            Self::Physmem => TableKind::Physmem,
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct AnyNode(u8);

impl AnyNode {
    pub fn node(self) -> Option<NodeId> {
        [None, NodeId::new(0), NodeId::new(1), NodeId::new(NodeId::MAX)][usize::from(self.0 % 4)]
    }
}

/// Any attributes, including combinations that make no sense.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Flags(u8);

impl Flags {
    pub fn flags(self) -> RegionFlags {
        RegionFlags::from_bits_retain(u32::from(self.0))
    }
}

/// Which regions a walk includes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Show(AnyNode, Flags);

impl Show {
    pub fn selection(self) -> Selection {
        Selection { node: self.0.node(), flags: self.1.flags() }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Tag {
    Kernel,
    Initrd,
    None,
}

impl Tag {
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Kernel => Some("kernel"),
            Self::Initrd => Some("initrd"),
            Self::None => None,
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Name {
    Trace,
    Pstore,
    Numbered(u8),
    Long,
    Blank,
    Empty,
}

impl Name {
    pub fn text(self) -> String {
        match self {
            Self::Trace => "trace".to_owned(),
            Self::Pstore => "pstore".to_owned(),
            Self::Numbered(number) => format!("name{}", number % 16),
            Self::Long => "sixteen bytes ab".to_owned(),
            Self::Blank => " \t\u{b}".to_owned(),
            Self::Empty => String::new(),
        }
    }
}

/// The text of `reserve_mem=`: valid, broken in one place, or any bytes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Text {
    Sound(Size, Size, Name, Base),
    Spoilt(Size, Size, Name, Base, u8, u8),
    Bytes([u8; 20]),
}

/// How a number is written.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Base {
    Decimal,
    Hexadecimal,
    Octal,
    WithSuffix(u8),
}

impl Base {
    fn write(self, number: u64) -> String {
        match self {
            Self::Decimal => format!("{number}"),
            Self::Hexadecimal => format!("{number:#x}"),
            Self::Octal => format!("0{number:o}"),
            Self::WithSuffix(at) => {
                let suffix = ["k", "K", "m", "M", "G", "t", "P", "E"][usize::from(at % 8)];
                format!("{}{suffix}", number >> 10)
            }
        }
    }
}

impl Text {
    pub fn bytes(self) -> Vec<u8> {
        let sound = |size: Size, align: Size, name: Name, base: Base| {
            format!("{}:{}:{}", base.write(size.bytes()), base.write(align.bytes()), name.text()).into_bytes()
        };
        match self {
            Self::Sound(size, align, name, base) => sound(size, align, name, base),
            Self::Spoilt(size, align, name, base, at, byte) => {
                let mut bytes = sound(size, align, name, base);
                let at = usize::from(at) % bytes.len();
                bytes[at] = byte;
                bytes
            }
            Self::Bytes(bytes) => bytes.to_vec(),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum AnyPageSize {
    Kib4,
    Kib16,
    Kib64,
    Bytes(u8),
}

impl AnyPageSize {
    pub fn page_size(self) -> PageSize {
        match self {
            Self::Kib4 => PageSize::KIB_4,
            Self::Kib16 => PageSize::KIB_16,
            Self::Kib64 => PageSize::KIB_64,
            Self::Bytes(shift) => PageSize::new(1 << (shift % 22)).expect("a power of two"),
        }
    }
}

/// A request for memory.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Ask {
    size: Size,
    align: Size,
    min: Option<Place>,
    max: Option<Place>,
    node: AnyNode,
    exact_node: bool,
    min_is_optional: bool,
    tag: Tag,
    is_empty: u8,
}

impl Ask {
    pub fn request(self) -> Request {
        Request {
            size: if self.is_empty == u8::MAX { 0 } else { self.size.bytes() },
            align: if self.is_empty == 0xfe { 0 } else { self.align.bytes() },
            min: self.min.map_or(0, |place| place.range().start()),
            max: self.max.map(|place| place.range().end()),
            node: self.node.node(),
            exact_node: self.exact_node,
            min_is_optional: self.min_is_optional,
            tag: self.tag.name(),
        }
    }
}

/// A reservation or addition with all arguments.
pub fn region(place: Place, node: AnyNode, flags: Flags) -> Region {
    Region { range: place.range(), node: node.node(), flags: flags.flags() }
}
