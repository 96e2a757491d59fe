//! Lines that findings quote verbatim.

use memblock::PhysRange;

/// Log lines that findings quote, each kind in log order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotes {
    /// Lines about the crash kernel reservation.
    pub crashkernel: Vec<String>,
    /// Tables that a GICv3 interrupt controller writes to.
    pub interrupt_tables: Vec<InterruptTable>,
}

/// A table the kernel itself allocated for the interrupt controller. A table passed on through EFI is not listed: the
/// log calls it `reserved`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterruptTable {
    /// The line that reports it.
    pub line: String,
    /// Its first byte.
    pub start: u64,
}

/// Bytes of a table: Linux uses 2^16 interrupts, with one byte each for properties and one bit each for pending ones, in
/// units of 64 KiB (drivers/irqchip/irq-gic-v3-its.c:LPI_PROPBASE_SZ and LPI_PENDBASE_SZ, 6.12).
const TABLE: u64 = 64 << 10;

impl InterruptTable {
    /// Its memory; `None` if it would wrap.
    pub fn range(&self) -> Option<PhysRange> {
        PhysRange::from_size(self.start, TABLE).ok()
    }
}

const CRASHKERNEL: [&str; 3] = ["crashkernel reserv", "allocate crashkernel", "crashkernel: "];
const INTERRUPT_TABLES: [&str; 2] = ["using LPI property table @", "using allocated LPI pending table @"];

impl Quotes {
    pub(super) fn of(log: &str) -> Self {
        let mut found = Self::default();
        for (_, line) in firmware::log::lines(log.as_bytes()) {
            let line = String::from_utf8_lossy(line);
            if CRASHKERNEL.iter().any(|words| line.contains(words)) {
                found.crashkernel.push(line.into_owned());
            } else if let Some(start) = interrupt_table(&line) {
                found.interrupt_tables.push(InterruptTable { line: line.into_owned(), start });
            }
        }
        found
    }
}

/// `GICv3: using LPI property table @0x0000000040120000`.
fn interrupt_table(line: &str) -> Option<u64> {
    let (_, address) = INTERRUPT_TABLES.iter().find_map(|words| line.split_once(words))?;
    u64::from_str_radix(address.strip_prefix("0x")?.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_passed_on_through_efi_are_not_the_kernels_own() {
        let log = "[ 0.0] GICv3: using LPI property table @0x0000000040120000\n\
                   [ 0.0] GICv3: CPU0: using allocated LPI pending table @0x0000000040130000\n\
                   [ 0.0] GICv3: CPU1: using reserved LPI pending table @0x0000000040140000\n";
        let starts: Vec<u64> = Quotes::of(log).interrupt_tables.iter().map(|table| table.start).collect();
        assert_eq!(starts, [0x4012_0000, 0x4013_0000]);
    }

    #[test]
    fn every_line_about_the_crash_kernel_is_quoted() {
        let log = "[ 0.0] crashkernel reserved: 0x1000 - 0x2000 (0 MB)\n[ 0.0] cannot allocate crashkernel (size:0x1)\n\
                   [ 0.0] Kernel command line: crashkernel=1G\n";
        assert_eq!(Quotes::of(log).crashkernel.len(), 2);
    }
}
