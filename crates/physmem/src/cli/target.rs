//! The argument of `physmem explain`.

use std::fmt;
use std::str::FromStr;

use memblock::PhysRange;

use super::address::{parse_address, parse_hex};

/// An address, a range, a memory block or a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Address(u64),
    Range(PhysRange),
    Block(u64),
    Node(u32),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(number) = text.strip_prefix("memory") {
            return number
                .parse()
                .map(Self::Block)
                .map_err(|_| "expected memoryN, N a decimal number".into());
        }
        if let Some(number) = text.strip_prefix("node") {
            return number.parse().map(Self::Node).map_err(|_| "expected nodeN, N a decimal number".into());
        }
        if let Some((start, end)) = text.split_once("..") {
            let ends = parse_address(start).zip(parse_address(end));
            let (start, end) =
                ends.ok_or("expected START..END, the end excluded, e.g. 0x100000..0x200000 or 1M..2M")?;
            return PhysRange::new(start, end).map(Self::Range).map_err(|error| error.to_string());
        }
        if let Some((start, last)) = text.split_once('-') {
            // As /proc/iomem and the RANGE column print it: hexadecimal, with or without 0x.
            let hex = |digits: &str| parse_hex(digits.strip_prefix("0x").unwrap_or(digits));
            let ends = hex(start).zip(hex(last));
            let (start, last) = ends.ok_or("expected START-LAST in hexadecimal, as /proc/iomem prints it")?;
            return PhysRange::from_inclusive(start, last)
                .map(Self::Range)
                .map_err(|error| error.to_string());
        }
        parse_address(text).map(Self::Address).ok_or_else(|| {
            "expected 0x140000000 or 5G (an address), 140000000-17fffffff (a range), memoryN or nodeN".into()
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address:#x}"),
            Self::Range(range) => write!(f, "{range}"),
            Self::Block(number) => write!(f, "memory{number}"),
            Self::Node(number) => write!(f, "node{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_understood() {
        let range = |start, end| Ok(Target::Range(PhysRange::new(start, end).unwrap()));
        assert_eq!("0x1000".parse(), Ok(Target::Address(0x1000)));
        assert_eq!("memory40".parse(), Ok(Target::Block(40)));
        assert_eq!("node1".parse(), Ok(Target::Node(1)));
        assert_eq!("100000000-13fffffff".parse::<Target>(), range(0x1_0000_0000, 0x1_4000_0000));
        assert_eq!("0x1000-0x1fff".parse::<Target>(), range(0x1000, 0x2000));
        assert_eq!("1M..2M".parse::<Target>(), range(1 << 20, 2 << 20));
    }

    #[test]
    fn a_wrong_target_is_refused() {
        for wrong in ["memoryx", "node-1", "memory", "100000000", "12..g", "2000-1000", "", "zone1"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
