//! The zones of each node, as shown in /proc/zoneinfo.

use memblock::PhysRange;

/// A zone of a node. Zones without pages are listed too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The node's number.
    pub node: u32,
    /// `DMA`, `DMA32`, `Normal`, `Movable`, ...
    pub name: String,
    /// First page frame of the span. The kernel prints it only for a zone that has pages present; otherwise 0.
    pub start_pfn: u64,
    /// Pages from first to last, holes included.
    pub spanned: u64,
    /// Pages that exist.
    pub present: u64,
    /// Pages given to the page allocator.
    pub managed: u64,
    /// Those in contiguous areas, which the kernel lends out as if they were movable; 0 if it does not print them.
    pub cma: u64,
}

impl Zone {
    /// The addresses the zone spans at this page size, holes included; `None` if no page is present, or its numbers do
    /// not fit the address space.
    ///
    /// ZONE_DEVICE spans pages of which none counts as present. The kernel then does not print where it starts
    /// (mm/vmstat.c:zoneinfo_show_print, 6.12).
    pub fn span(&self, page_size: u64) -> Option<PhysRange> {
        if self.present == 0 {
            return None;
        }
        let start = self.start_pfn.checked_mul(page_size)?;
        PhysRange::from_size(start, self.spanned.checked_mul(page_size)?).ok()
    }
}

/// A malformed line in /proc/zoneinfo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found `{found}`")]
pub struct ZoneinfoError {
    /// Line number, from 1.
    pub line: usize,
    /// The expected format of the line.
    pub expected: &'static str,
    /// The line.
    pub found: String,
}

/// Parses the text of /proc/zoneinfo: `spanned`, `present`, `managed`, `cma` and `start_pfn` for each `Node N, zone NAME`.
/// Other lines are skipped; releases keep adding some. O(bytes).
///
/// # Errors
///
/// [`ZoneinfoError`] if a header or one of those four numbers is malformed.
///
/// ```
/// let text = "Node 0, zone      DMA\n        spanned  4095\n        present  3998\n  start_pfn:           1\n";
/// let zones = evidence::zones::parse(text)?;
/// assert_eq!((zones[0].name.as_str(), zones[0].present), ("DMA", 3998));
/// assert_eq!(zones[0].span(4096).unwrap().to_string(), "00001000-00ffffff");
/// # Ok::<(), evidence::zones::ZoneinfoError>(())
/// ```
pub fn parse(text: &str) -> Result<Vec<Zone>, ZoneinfoError> {
    let mut zones: Vec<Zone> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let error = |expected| ZoneinfoError { line: index + 1, expected, found: line.to_owned() };
        if let Some(header) = line.strip_prefix("Node ") {
            let header_error = || error("`Node N, zone NAME`");
            let (node, name) = header.split_once(", zone").ok_or_else(header_error)?;
            let node = node.trim().parse().map_err(|_| header_error())?;
            let name = name.trim().to_owned();
            zones.push(Zone { node, name, start_pfn: 0, spanned: 0, present: 0, managed: 0, cma: 0 });
            continue;
        }
        let Some(zone) = zones.last_mut() else { continue };
        let mut words = line.split_whitespace();
        let field = match words.next() {
            Some("spanned") => &mut zone.spanned,
            Some("present") => &mut zone.present,
            Some("managed") => &mut zone.managed,
            Some("cma") => &mut zone.cma,
            Some("start_pfn:") => &mut zone.start_pfn,
            _ => continue,
        };
        *field = words.next().and_then(|n| n.parse().ok()).ok_or_else(|| error("a number of pages"))?;
    }
    Ok(zones)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_ZONES: &str = "\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 204
  pages free     3840
        min      66
        spanned  4095
        present  3998
        managed  3840
        cma      16
        protection: (0, 1943, 1943, 1943, 1943)
      nr_free_pages 3840
  pagesets
    cpu: 0
              count: 0
  node_unreclaimable:  0
  start_pfn:           1
Node 1, zone  Movable
  pages free     0
        spanned  0
        present  0
        managed  0
";

    #[test]
    fn each_zone_keeps_its_own_numbers() {
        let zones = parse(TWO_ZONES).unwrap();
        let dma = Zone {
            node: 0,
            name: "DMA".into(),
            start_pfn: 1,
            spanned: 4095,
            present: 3998,
            managed: 3840,
            cma: 16,
        };
        assert_eq!(zones[0], dma);
        assert_eq!((zones[1].node, zones[1].name.as_str(), zones[1].span(4096)), (1, "Movable", None));
    }

    #[test]
    fn a_malformed_number_is_reported_with_its_line() {
        let error = parse("Node 0, zone DMA\n        spanned  many\n").unwrap_err();
        assert_eq!(error.line, 2);
        assert_eq!(parse("Node x, zone DMA\n").unwrap_err().line, 1);
    }

    #[test]
    fn zone_device_spans_pages_but_the_kernel_does_not_say_where() {
        let text = "Node 1, zone   Device\n  pages free     0\n        spanned  262144\n        present  0\n";
        assert_eq!(parse(text).unwrap()[0].span(4096), None);
    }

    #[test]
    fn a_span_past_the_address_space_is_none() {
        let zone = Zone {
            node: 0,
            name: "DMA".into(),
            start_pfn: u64::MAX,
            spanned: 1,
            present: 1,
            managed: 1,
            cma: 0,
        };
        assert_eq!(zone.span(4096), None);
    }
}
