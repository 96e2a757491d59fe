//! The options of `physmem online` and `physmem offline`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueHint};
use memblock::PhysRange;

use super::address::{parse_address, parse_hex};
use super::target::Target;

#[derive(Args, Debug)]
pub(crate) struct OnlineArguments {
    /// Online in a kernel zone, such as Normal
    #[arg(long, conflicts_with = "movable")]
    pub(crate) kernel: bool,
    /// Online in zone Movable, from which memory can be taken offline again
    #[arg(long)]
    pub(crate) movable: bool,
    #[command(flatten)]
    pub(crate) blocks: BlocksArguments,
}

/// Which memory blocks, and how to work on them.
#[derive(Args, Debug)]
pub(crate) struct BlocksArguments {
    /// memory40 (a memory block), memory40-memory47 (from the first to the last), node1 (a NUMA node's),
    /// 0x140000000-0x15fffffff (a range as in /proc/iomem, end included), 5G..6G or 5G-6G (end excluded), 0x140000000
    /// or 5G (the block that holds the address). Ranges must consist of whole blocks. Blocks that are missing between
    /// others are skipped; each block is done once, and the order of the targets does not count
    #[arg(value_name = "memoryN|memoryN-memoryM|nodeN|RANGE|ADDRESS", required = true)]
    pub(crate) targets: Vec<BlockTarget>,
    /// Stop after this time. The kernel may try for ever to empty a block; the write is then interrupted
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Print what would be written, in order, and write nothing. Exit status as far as can be told beforehand
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Print no progress; failures are printed all the same
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print JSON; schema/online.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
    /// Work on the tree below this root directory instead of the running system, and write there: for tests
    #[arg(short = 's', long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = "/", hide_default_value = true)]
    pub(crate) sysroot: PathBuf,
}

/// What names memory blocks: as `explain` takes it, and several blocks in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockTarget(pub(crate) act::Target);

impl FromStr for BlockTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((first, last)) = text.split_once('-')
            && let (Some(first), Some(last)) = (first.strip_prefix("memory"), last.strip_prefix("memory"))
        {
            let ends = first.parse().ok().zip(last.parse().ok()).filter(|(first, last)| first <= last);
            let (first, last) =
                ends.ok_or("expected memoryN-memoryM, N and M decimal numbers, N at most M")?;
            return Ok(Self(act::Target::Blocks(first, last)));
        }
        // With a unit, as in 5G-6G, the second end is where the range ends; in hexadecimal it is the last byte.
        let units = text.split_once('-').filter(|ends| !is_hex(ends.0) && !is_hex(ends.1));
        if let Some((start, end)) = units.and_then(|ends| parse_address(ends.0).zip(parse_address(ends.1))) {
            let range = PhysRange::new(start, end).map_err(|error| error.to_string())?;
            return Ok(Self(act::Target::Range(range)));
        }
        let target = text.parse::<Target>().map_err(|_| {
            "expected memory40, memory40-memory47, node1, 0x140000000-0x15fffffff, 5G..6G, 0x140000000 or 5G".to_owned()
        })?;
        Ok(Self(match target {
            Target::Address(address) => act::Target::Address(address),
            Target::Range(range) => act::Target::Range(range),
            Target::Block(number) => act::Target::Blocks(number, number),
            Target::Node(number) => act::Target::Node(number),
        }))
    }
}

fn is_hex(digits: &str) -> bool {
    parse_hex(digits.strip_prefix("0x").unwrap_or(digits)).is_some()
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "expected seconds, more than 0, e.g. 30 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_named_one_by_one_in_a_row_by_node_and_by_address() {
        let range = |start, end| Ok(BlockTarget(act::Target::Range(PhysRange::new(start, end).unwrap())));
        let blocks = |first, last| Ok(BlockTarget(act::Target::Blocks(first, last)));
        assert_eq!("memory40".parse(), blocks(40, 40));
        assert_eq!("memory40-memory47".parse(), blocks(40, 47));
        assert_eq!("node1".parse(), Ok(BlockTarget(act::Target::Node(1))));
        assert_eq!("5G".parse(), Ok(BlockTarget(act::Target::Address(5 << 30))));
        for same in ["0x140000000-0x17fffffff", "140000000-17fffffff", "5G..6G", "5G-6G", "5120M-6G"] {
            assert_eq!(same.parse(), range(5 << 30, 6 << 30), "{same}");
        }
    }

    #[test]
    fn what_names_no_blocks_is_refused() {
        for wrong in [
            "",
            "40",
            "memory",
            "memory47-memory40",
            "memory40-47",
            "memory-memory",
            "nodex",
            "6G-5G",
            "5G-5G",
            "memory1-node2",
        ] {
            assert!(wrong.parse::<BlockTarget>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_timeout_is_more_than_nothing() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "", "x", "inf", "nan", "1e400"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
