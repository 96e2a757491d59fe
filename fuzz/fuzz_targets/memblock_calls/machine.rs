//! A memblock, and its expected state.

use std::fmt::Debug;
use std::ptr::NonNull;

use memblock::{AllocFailure, Memblock, MemblockError, PhysRange, RegionFlags, ReserveMemError};

use crate::calls::Call;
use crate::invariants;
use crate::model::{self, OWN, Row, Tables};
use crate::named::Named;
use crate::ram::Store;

/// A memblock, its tables before the current call, and its settings.
pub struct Machine<'m> {
    pub memblock: Memblock<'m>,
    pub store: Store<'m>,
    /// The map of the memory that tables grow into; it fulfills the contract of `DirectMap`.
    pub map: &'m (dyn Fn(PhysRange) -> Option<NonNull<u8>> + Sync),
    pub call: Call,
    pub before: Tables,
    pub settings: Settings,
    /// How many more calls to make. Each checks all regions, so many calls take long and find nothing new.
    pub calls_left: u64,
    /// More calls of the same kind follow: check the invariants only after the last one.
    pub is_inside_comb: bool,
    /// The reservations by name.
    pub named: Vec<Named>,
}

/// The settings of a memblock.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub bottom_up: bool,
    pub movable_node: bool,
    pub mirrored_kernelcore: bool,
    pub has_mirror: bool,
    pub kho_scratch_only: bool,
    pub kern_accounting: bool,
    pub may_grow: bool,
    pub current_limit: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bottom_up: false,
            movable_node: false,
            mirrored_kernelcore: false,
            has_mirror: false,
            kho_scratch_only: false,
            kern_accounting: false,
            may_grow: false,
            current_limit: u64::MAX,
        }
    }
}

/// Asserts a condition, and shows the whole state if it does not hold.
macro_rules! hold {
    ($machine:expr, $condition:expr, $($what:tt)+) => {
        assert!($condition, "{}\n{}", format_args!($($what)+), $machine.state())
    };
}
pub(crate) use hold;

/// An error from any call.
pub trait Refusal: Debug {
    /// The table error, if this is one.
    fn of_tables(&self) -> Option<&MemblockError>;
}

impl Refusal for MemblockError {
    fn of_tables(&self) -> Option<&MemblockError> {
        Some(self)
    }
}

impl Refusal for memblock::AllocError {
    fn of_tables(&self) -> Option<&MemblockError> {
        if let AllocFailure::Table(error) = &self.failure { Some(error) } else { None }
    }
}

impl Refusal for ReserveMemError {
    fn of_tables(&self) -> Option<&MemblockError> {
        match self {
            Self::Alloc(error) => error.of_tables(),
            Self::Table(error) => Some(error),
            _ => None,
        }
    }
}

/// When tables grow in a call, relative to its effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// For the room that the effect needs, outside this range.
    Before(PhysRange),
    /// For the room that the effect needs, anywhere.
    BeforeAnywhere,
    /// To replenish the room that the effect took.
    After,
    /// Never.
    None,
}

impl Machine<'_> {
    /// Compares the tables with those before the call: success has exactly the effect of `effect`, an error
    /// changed nothing, and tables only grew into free memory. `reserved` may have grown before another table
    /// failed to.
    pub fn settle<T: Debug, E: Refusal>(
        &mut self,
        growth: Growth,
        result: Result<T, E>,
        effect: impl FnOnce(&mut Tables),
    ) -> Option<T> {
        let after = Tables::of(&self.memblock);
        let grown = model::minus(&after.own(), &self.before.own());
        let mut expected = self.before.clone();
        let grow = |tables: &mut Tables| {
            grown.iter().for_each(|own| model::add(&mut tables.reserved, own.range, OWN));
        };
        if growth != Growth::After {
            self.check_growth(growth, &grown, &expected);
            grow(&mut expected);
        }
        if result.is_ok() {
            effect(&mut expected);
        }
        if growth == Growth::After {
            self.check_growth(growth, &grown, &expected);
            grow(&mut expected);
        }
        let same = after == expected;
        hold!(self, same, "{result:?}, but expected were\n{expected}");
        self.check_refusal(&result);
        if !self.is_inside_comb {
            invariants::check(self, &after);
        }
        self.before = after;
        result.ok()
    }

    /// Checks that tables grew into whole pages of free memory outside the range of the call.
    fn check_growth(&self, growth: Growth, grown: &[Row], tables: &Tables) {
        hold!(self, grown.is_empty() || self.settings.may_grow, "grew into {grown:?} without leave");
        for Row { range, .. } in grown {
            let page = self.memblock.page_size().bytes();
            hold!(self, range.start() % page == 0 && range.end() % page == 0, "{range:?} is not whole pages");
            let memory = model::within(&tables.memory, *range);
            hold!(self, model::size(&memory) == range.size(), "grew into {range:?}, which is not memory");
            let never = RegionFlags::NOMAP | RegionFlags::DRIVER_MANAGED;
            let has_never = |row: &Row| row.paint.1.intersects(never);
            hold!(self, !memory.iter().any(has_never), "grew into {range:?}, which the kernel may not have");
            hold!(self, !model::overlaps(&tables.reserved, *range), "grew into {range:?}, which is reserved");
            match growth {
                Growth::Before(avoid) => {
                    hold!(
                        self,
                        !avoid.overlaps(*range),
                        "grew into {range:?} of the range of the call itself"
                    );
                }
                Growth::BeforeAnywhere | Growth::After => {}
                Growth::None => hold!(self, false, "grew into {range:?}, and needed no room"),
            }
        }
    }

    /// Checks that a table error fits the memblock's settings.
    fn check_refusal<T: Debug, E: Refusal>(&self, result: &Result<T, E>) {
        let Some(error) = result.as_ref().err().and_then(Refusal::of_tables) else { return };
        let fits = match error {
            MemblockError::Full { .. } => !self.settings.may_grow,
            MemblockError::CannotGrow { .. }
            | MemblockError::NotMapped { .. }
            | MemblockError::TooManySlabs { .. } => self.settings.may_grow,
            MemblockError::InUse { range, own } => {
                range.overlaps(*own) && self.before.own().iter().any(|row| row.range == *own)
            }
            _ => false,
        };
        hold!(self, fits, "{error:?}");
    }

    /// The whole state, for failed assertions.
    pub fn state(&self) -> String {
        let Self { memblock, call, before, settings, named, .. } = self;
        let now = Tables::of(memblock);
        format!("call: {call:x?}\n{settings:x?}\nnamed: {named:?}\nbefore:\n{before}now:\n{now}")
    }
}
