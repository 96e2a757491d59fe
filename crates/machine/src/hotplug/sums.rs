//! Memory by what may lie in it, and rows of added memory that are alike.

use memblock::PhysRange;

use crate::boot::zones::ZoneKind;
use crate::life::Life;

/// Memory by what may lie in it, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Online in kernel zones.
    pub kernel: u64,
    /// Online in Movable.
    pub movable: u64,
    /// Offline.
    pub offline: u64,
}

/// Whether movable memory leaves enough for the kernel.
/// Source: Documentation/admin-guide/mm/memory-hotplug.rst, "ZONE_MOVABLE sizing considerations" (6.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Up to 3:1.
    Fine,
    /// From 3:1 to 4:1, which only some workloads bear.
    Tight,
    /// More than 4:1.
    TooMuch,
}

/// MOVABLE:KERNEL in hundredths that leaves enough for the kernel: 3:1, and the 1 percent of the default ratio.
pub(crate) const FINE: u64 = 301;

impl Sums {
    pub(crate) fn of(life: &Life) -> Self {
        Self::on(life, |_| true)
    }

    /// Those of one node.
    pub(crate) fn of_node(life: &Life, node: u32) -> Self {
        Self::on(life, |of| of == node)
    }

    fn on(life: &Life, is: impl Fn(u32) -> bool) -> Self {
        let mut sums = Self::default();
        for (_, kind, zone) in life.zones().iter().filter(|(node, ..)| is(*node)) {
            let sum = if kind == ZoneKind::Movable { &mut sums.movable } else { &mut sums.kernel };
            *sum = sum.saturating_add(zone.present());
        }
        let offline = life.block_table().iter().filter(|(_, block)| is(block.node) && !block.online.is());
        sums.offline = offline.fold(0, |sum, (_, block)| sum.saturating_add(block.present));
        sums
    }

    /// MOVABLE:KERNEL in hundredths, rounded up; `None` without kernel memory.
    pub fn ratio(&self) -> Option<u64> {
        let hundredths = u128::from(self.movable).saturating_mul(100);
        let kernel = u128::from(self.kernel);
        (kernel > 0).then(|| u64::try_from(hundredths.div_ceil(kernel)).unwrap_or(u64::MAX))
    }

    /// Whether that leaves enough for the kernel. The default of `auto_movable_ratio`, 301 percent, is still fine.
    pub fn pressure(&self) -> Pressure {
        match self.ratio() {
            Some(..=FINE) => Pressure::Fine,
            Some(..=400) => Pressure::Tight,
            None if self.movable == 0 => Pressure::Fine,
            _ => Pressure::TooMuch,
        }
    }
}

/// Added memory that is alike: steps, blocks that follow each other, one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// First step, from 1.
    pub first_step: u64,
    /// Last step.
    pub last_step: u64,
    /// The addresses.
    pub range: PhysRange,
    /// The zone; `None` if it stays offline.
    pub zone: Option<ZoneKind>,
    /// The struct pages of this row.
    pub memmap: u64,
    /// The machine behind this row, in bytes.
    pub movable: u64,
    /// The same for kernel memory.
    pub kernel: u64,
}
