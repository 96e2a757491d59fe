//! Boot-time memory messages and tests.

use crate::command_line::values::kstrto::{get_option, kstrtoull};
use crate::command_line::values::memparse::memparse;
use crate::command_line::values::remark::Remarks;

const LOG: &str = "kernel/printk/printk.c:log_buf_len_setup (6.12)";
const MEMTEST: &str = "mm/memtest.c:parse_memtest (6.12)";
const CORRUPTION: &str = "arch/x86/kernel/check.c (6.12)";
const MEMBLOCK: &str = "mm/memblock.c:early_memblock (6.12)";
/// `LOG_BUF_LEN_MAX`.
const LOG_MAX: u64 = 1 << 31;
/// Number of patterns that `memtest` writes if no number is given.
const PATTERNS: u32 = 17;

/// What the command line says about early messages and tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Debug {
    /// Every `log_buf_len=`, in order, in bytes, rounded up to a power of two, at most 2 GiB; see
    /// [`Debug::log_buffer`].
    pub log_buf_len: Vec<u64>,
    /// `memblock=debug`, or any value that contains `debug`: every memblock call is printed.
    pub memblock: bool,
    /// `memtest=`: the number of patterns written to all free memory; memory that fails the test is reserved.
    pub memtest: Option<u32>,
    /// `mminit_loglevel=`, with CONFIG_DEBUG_MEMORY_INIT.
    pub mminit_loglevel: Option<i32>,
    /// `memory_corruption_check=` (x86, CONFIG_X86_CHECK_BIOS_CORRUPTION): low memory is reserved and watched.
    pub corruption_check: Option<bool>,
    /// `memory_corruption_check_size=`, in bytes; default 64 KiB.
    pub corruption_check_size: Option<u64>,
    /// `memory_corruption_check_period=`, in seconds; default 60.
    pub corruption_check_period: Option<u64>,
}

impl Debug {
    /// The requested log buffer in bytes: the last value larger than the built-in buffer (CONFIG_LOG_BUF_SHIFT);
    /// smaller values are ignored.
    ///
    /// ```
    /// use machine::command_line::debug::Debug;
    /// let debug = Debug { log_buf_len: vec![16 << 20, 2 << 20, 4096], ..Debug::default() };
    /// assert_eq!(debug.log_buffer(128 << 10), Some(2 << 20));
    /// ```
    pub fn log_buffer(&self, built_in: u64) -> Option<u64> {
        self.log_buf_len.iter().rev().copied().find(|bytes| *bytes > built_in)
    }

    pub(super) fn log_buf_len(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let Some(value) = value else {
            return remarks.say("refused: it needs a value", LOG);
        };
        let (size, _) = memparse(value);
        if size > LOG_MAX {
            remarks.say("treated as 2 GiB: `log_buf over 2G is not supported`", LOG);
        }
        match size.min(LOG_MAX).checked_next_power_of_two().filter(|_| size > 0) {
            Some(size) => self.log_buf_len.push(size),
            None => remarks.say("ignored in silence: the size is 0", LOG),
        }
    }

    pub(super) fn memblock(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        if value.is_some_and(|value| value.contains("debug")) {
            self.memblock = true;
        } else {
            remarks.say("ignored in silence: the value is not debug", MEMBLOCK);
        }
    }

    pub(super) fn memtest(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let count = match value {
            Some(value) => kstrtoull(value, u64::from(u32::MAX)).and_then(|count| u32::try_from(count).ok()),
            None => Some(PATTERNS),
        };
        match count {
            Some(count) => self.memtest = Some(count),
            None => remarks.say("refused: expected a number of patterns", MEMTEST),
        }
    }

    pub(super) fn mminit_loglevel(&mut self, value: Option<&str>) {
        self.mminit_loglevel = value.and_then(get_option).or(self.mminit_loglevel);
    }

    pub(super) fn corruption_check(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value.and_then(|value| kstrtoull(value, u64::MAX)) {
            Some(number) => self.corruption_check = Some(number != 0),
            None => remarks.say("refused: expected 0 or 1", CORRUPTION),
        }
    }

    pub(super) fn corruption_check_period(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value.and_then(|value| kstrtoull(value, u64::MAX)) {
            Some(seconds) => self.corruption_check_period = Some(seconds),
            None => remarks.say("refused: expected a number of seconds", CORRUPTION),
        }
    }

    pub(super) fn corruption_check_size(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value.map(memparse) {
            Some((size, "")) => self.corruption_check_size = Some(size),
            _ => remarks.say("refused: expected a size", CORRUPTION),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_grows_to_a_power_of_two_and_never_shrinks() {
        let log = |values: &[&str]| {
            let (mut debug, mut remarks) = (Debug::default(), Remarks::default());
            for value in values {
                debug.log_buf_len(Some(value), &mut remarks);
            }
            (debug.log_buffer(128 << 10), remarks.list.len())
        };
        assert_eq!(log(&["3M"]), (Some(4 << 20), 0));
        // Observed: 16M followed by 2M gave a buffer of 2 MiB.
        assert_eq!(log(&["16M", "2M"]), (Some(2 << 20), 0));
        assert_eq!(log(&["16M", "64K"]), (Some(16 << 20), 0));
        assert_eq!(log(&["9E"]), (Some(2 << 30), 1));
        assert_eq!(log(&["x"]), (None, 1));
    }

    #[test]
    fn memtest_without_a_number_writes_all_patterns() {
        let (mut debug, mut remarks) = (Debug::default(), Remarks::default());
        debug.memtest(None, &mut remarks);
        assert_eq!(debug.memtest, Some(17));
        debug.memtest(Some("4"), &mut remarks);
        debug.memtest(Some("abc"), &mut remarks);
        assert_eq!((debug.memtest, remarks.list.len()), (Some(4), 1));
    }

    #[test]
    fn memblock_searches_the_value_for_debug() {
        let (mut debug, mut remarks) = (Debug::default(), Remarks::default());
        debug.memblock(Some("nodebug"), &mut remarks);
        assert!(debug.memblock && remarks.list.is_empty());
    }
}
