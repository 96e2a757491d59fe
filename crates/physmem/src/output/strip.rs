//! An address space as a strip of cells, shared by every picture.
//!
//! A range or gap gets cells by the logarithm of its size, so that 640 KiB and 6 TiB are both visible.

use std::collections::BTreeSet;

use memblock::PhysRange;

use crate::output::size;
use crate::output::style::{Ink, Style};

/// Cells in the strip, not counting the lane's name before it.
pub(crate) const CELLS: usize = 86;
pub(crate) const NAME: usize = 13;

/// The stretches of an address space.
pub(crate) struct Strip<T> {
    stretches: Vec<Stretch<T>>,
    /// The number of gaps and ranges too small to draw.
    pub(crate) left_out: usize,
}

/// A stretch of the strip.
struct Stretch<T> {
    /// What lies there; `None` for a gap between ranges.
    what: Option<T>,
    start: u64,
    size: u64,
    cells: usize,
}

impl<T> Strip<T> {
    /// Lays out ascending, disjoint ranges and the gaps between them. If there are more than fit, the smallest
    /// gaps are dropped first, then the smallest ranges; neighbors that look alike are drawn as one.
    pub(crate) fn new(ranges: impl Iterator<Item = (PhysRange, T)>, alike: impl Fn(&T, &T) -> bool) -> Self {
        let mut all: Vec<Stretch<T>> = Vec::new();
        let mut end = 0;
        for (range, what) in ranges {
            let start = range.start();
            if let Some(size) = start.checked_sub(end).filter(|&size| size > 0) {
                all.push(Stretch { what: None, start: end, size, cells: 0 });
            }
            all.push(Stretch { what: Some(what), start, size: range.size(), cells: 0 });
            end = range.end();
        }
        let mut left_out = 0_usize;
        while all.len() > CELLS / 2 {
            let smallest = |keep: fn(&Stretch<T>) -> bool| {
                let kept = all.iter().enumerate().filter(|(_, stretch)| keep(stretch));
                kept.min_by_key(|(_, stretch)| stretch.size).map(|(index, _)| index)
            };
            // Dropping a gap hurts least, and may let its neighbors merge.
            let gap = smallest(|stretch| stretch.what.is_none());
            let Some(index) = gap.or_else(|| smallest(|_| true)) else { break };
            all.remove(index);
            left_out = left_out.saturating_add(1);
            join_alike(&mut all, index, &alike);
        }
        share_out(&mut all);
        Self { stretches: all, left_out }
    }

    /// Whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// One lane: a letter or mark for each stretch, repeated over its cells; a dot for a gap.
    pub(crate) fn lane(&self, name: &str, style: Style, cell: &dyn Fn(&T) -> char) -> String {
        let mut text = format!("{name:NAME$}");
        for stretch in &self.stretches {
            let mark = stretch.what.as_ref().map_or('.', cell).to_string();
            let ink = match mark.as_str() {
                "#" => Ink::Yes,
                "-" => Ink::No,
                "." => Ink::Faint,
                _ => Ink::Heading,
            };
            text.push_str(&style.paint(ink, &mark.repeat(stretch.cells)));
        }
        text
    }

    /// The start addresses of the stretches, as far as they fit.
    pub(crate) fn rule(&self) -> String {
        let mut text = format!("{:NAME$}", "address");
        let mut at = NAME;
        for stretch in &self.stretches {
            let mark = mark(stretch.start);
            if at >= text.len() && at.saturating_add(mark.len()) <= NAME + CELLS {
                text.push_str(&" ".repeat(at.saturating_sub(text.len())));
                text.push_str(&mark);
                text.push(' ');
            }
            at = at.saturating_add(stretch.cells);
        }
        text.trim_end().to_owned()
    }
}

/// The pieces of a range, cut at every address of `cuts` inside it, ascending.
pub(crate) fn cut(range: PhysRange, cuts: &BTreeSet<u64>) -> impl Iterator<Item = PhysRange> {
    let inner = cuts.range(range.start()..range.end()).copied().filter(move |&cut| cut > range.start());
    let mut start = range.start();
    inner.chain([range.end()]).filter_map(move |end| {
        let piece = PhysRange::new(start, end).ok();
        start = end;
        piece
    })
}

/// Nodes above 35 share a letter.
pub(crate) fn node_letter(node: Option<u32>) -> char {
    node.map_or('?', |node| char::from_digit(node, 36).unwrap_or('*'))
}

/// An address in the largest unit that is exact, or in hexadecimal.
fn mark(address: u64) -> String {
    let unit = [60, 50, 40, 30, 20].into_iter().find(|&shift| address >> shift != 0);
    let is_exact = unit.is_some_and(|shift| address.trailing_zeros() >= shift);
    match address {
        0 => "0".to_owned(),
        _ if is_exact => size::human(address),
        _ => format!("{address:x}"),
    }
}

/// Joins the two stretches that meet at `index` if they look alike.
fn join_alike<T>(all: &mut Vec<Stretch<T>>, index: usize, alike: impl Fn(&T, &T) -> bool) {
    let Some(before) = index.checked_sub(1) else { return };
    let (Some(a), Some(b)) = (all.get(before), all.get(index)) else { return };
    let alike = match (&a.what, &b.what) {
        (Some(a), Some(b)) => alike(a, b),
        (None, None) => true,
        _ => false,
    };
    if alike {
        let size = b.size;
        all.remove(index);
        if let Some(one) = all.get_mut(before) {
            one.size = one.size.saturating_add(size);
        }
    }
}

/// Shares out the cells by the logarithm of the size, at least one each, fewer for gaps. The largest gets the rest.
fn share_out<T>(all: &mut [Stretch<T>]) {
    let weight = |stretch: &Stretch<T>| -> usize {
        // Below 64 KiB everything is one cell.
        let log = stretch.size.max(1).ilog2().saturating_sub(15).max(1) as usize;
        if stretch.what.is_some() { log.saturating_mul(2) } else { (log / 4).max(1) }
    };
    let total: usize = all.iter().map(weight).sum::<usize>().max(1);
    let mut left = CELLS;
    for stretch in all.iter_mut() {
        stretch.cells = (weight(stretch).saturating_mul(CELLS) / total).max(1);
        left = left.saturating_sub(stretch.cells);
    }
    if let Some(largest) = all.iter_mut().max_by_key(|stretch| stretch.cells) {
        largest.cells = largest.cells.saturating_add(left);
    }
    let mut over = all.iter().map(|stretch| stretch.cells).sum::<usize>().saturating_sub(CELLS);
    while over > 0 {
        let Some(largest) = all.iter_mut().max_by_key(|stretch| stretch.cells).filter(|s| s.cells > 1) else {
            break;
        };
        largest.cells = largest.cells.saturating_sub(1);
        over = over.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_marked_in_the_largest_exact_unit() {
        assert_eq!(mark(0), "0");
        assert_eq!(mark(4 << 30), "4G");
        assert_eq!(mark(0x1_8000_0000), "6G");
        assert_eq!(mark(0x9_fc00), "9fc00");
        assert_eq!(mark(0x7fe0_0000), "7fe00000", "not 2G, which is near");
    }
}
