//! The files of `/sys/kernel/debug/memblock`.

use memblock::{NodeId, PhysRange, Region, RegionFlags};

/// A line in a memblock file that is not in the kernel's format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected `N: 0xSTART..0xLAST NODE FLAGS`, found `{found}`")]
pub struct MemblockTextError {
    /// Line number, from 1.
    pub line: usize,
    /// The line.
    pub found: String,
}

/// The regions in one file, e.g. `   0: 0x0000000040000000..0x000000004fffffff    0 NONE`.
///
/// Releases before 6.5 print neither node nor flags. If a region has several flags, Linux prints only the lowest bit's.
/// Lazy, O(bytes).
/// Source: mm/memblock.c:memblock_debug_show (6.12).
///
/// ```
/// use memblock::RegionFlags;
/// let text = "   3: 0x0000000080000000..0x000000009fffffff    1 DRV_MNG\n";
/// let region = evidence::memblock_text::regions(text).next().unwrap()?;
/// assert_eq!(region.flags, RegionFlags::DRIVER_MANAGED);
/// assert_eq!(region.node.unwrap().get(), 1);
/// # Ok::<(), evidence::memblock_text::MemblockTextError>(())
/// ```
pub fn regions(text: &str) -> impl Iterator<Item = Result<Region, MemblockTextError>> {
    text.lines().enumerate().map(|(index, line)| {
        parse(line).ok_or_else(|| MemblockTextError { line: index.saturating_add(1), found: line.to_owned() })
    })
}

/// One memblock table: the regions that could be parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemblockTable {
    /// The regions in file order, without the lines that do not parse.
    pub regions: Vec<Region>,
    /// The first line that does not parse.
    pub error: Option<MemblockTextError>,
}

impl MemblockTable {
    /// Parses one file. O(bytes).
    pub fn parse(text: &str) -> Self {
        let mut table = Self::default();
        for region in regions(text) {
            match region {
                Ok(region) => table.regions.push(region),
                Err(error) => table.error = table.error.or(Some(error)),
            }
        }
        table
    }

    /// The regions, if every line could be parsed.
    pub fn whole(&self) -> Option<&[Region]> {
        self.error.is_none().then_some(&self.regions)
    }
}

fn parse(line: &str) -> Option<Region> {
    let (_, rest) = line.split_once(": ")?;
    let mut words = rest.split_whitespace();
    let (start, last) = words.next()?.split_once("..")?;
    let address = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    let range = PhysRange::from_inclusive(address(start)?, address(last)?).ok()?;
    let node = match words.next() {
        // `x` means no node.
        None | Some("x") => None,
        Some(number) => Some(NodeId::new(number.parse().ok()?)?),
    };
    let flags = words.next().map_or(Some(RegionFlags::empty()), flags)?;
    Some(Region { range, node, flags })
}

fn flags(words: &str) -> Option<RegionFlags> {
    words.split('|').map(str::trim).filter(|word| !word.is_empty()).try_fold(
        RegionFlags::empty(),
        |flags, word| {
            let named =
                RegionFlags::SHORT_NAMES.iter().find(|(_, name)| *name == word).map(|(flag, _)| *flag);
            let flag = if word == "NONE" { RegionFlags::empty() } else { named? };
            Some(flags | flag)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Result<Region, MemblockTextError> {
        regions(line).next().unwrap()
    }

    #[test]
    fn several_flags_are_separated_by_bars() {
        let region = one("  12: 0x0000000000001000..0x0000000000001fff    x HOTPLUG|NOMAP").unwrap();
        assert_eq!((region.node, region.flags), (None, RegionFlags::HOTPLUG | RegionFlags::NOMAP));
    }

    #[test]
    fn an_older_release_prints_ranges_only() {
        let region = one("   0: 0x0000000000001000..0x0000000000001fff").unwrap();
        assert_eq!(region, Region::plain(PhysRange::new(0x1000, 0x2000).unwrap()));
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number() {
        let text = "   0: 0x0000000000001000..0x0000000000001fff    0 NONE\n   1: nonsense\n";
        assert_eq!(regions(text).nth(1).unwrap().unwrap_err().line, 2);
        assert!(one("   0: 0x0000000000001000..0x0000000000001fff    0 SURPRISE").is_err());
    }
}
