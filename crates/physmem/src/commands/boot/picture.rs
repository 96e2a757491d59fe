//! A predicted boot's memory as lanes: nodes, zones, flags and reservations.

use std::collections::BTreeSet;
use std::io::Write;

use machine::boot::{Prediction, ZoneKind};
use memblock::{NodeId, PhysRange, Region, RegionFlags};

use crate::failure::Failure;
use crate::output::strip::{NAME, Strip, cut, node_letter};
use crate::output::style::Style;

/// The letters of a piece of memory, one for each lane.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    node: Option<u32>,
    zone: char,
    flags: char,
    reserved: char,
}

pub(crate) fn draw(prediction: &Prediction, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let strip = Strip::new(looks(prediction).into_iter(), |a, b| a == b);
    if strip.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", strip.rule())?;
    writeln!(out, "{}", strip.lane("node", style, &|look| node_letter(look.node)))?;
    writeln!(out, "{}", strip.lane("zone", style, &|look| look.zone))?;
    writeln!(out, "{}", strip.lane("flags", style, &|look| look.flags))?;
    writeln!(out, "{}", strip.lane("reserved", style, &|look| look.reserved))?;
    writeln!(
        out,
        "{:NAME$}zone: D DMA  3 DMA32  N Normal  M Movable   flags: H HOTPLUG  M MIRROR  X NOMAP",
        ""
    )?;
    writeln!(out, "{:NAME$}reserved: # yes  C crash kernel  - no   . no memory", "")?;
    if strip.left_out > 0 {
        writeln!(out, "{:NAME$}not drawn: the {} smallest gaps and ranges", "", strip.left_out)?;
    }
    Ok(())
}

/// The memory, cut wherever a letter changes.
fn looks(prediction: &Prediction) -> Vec<(PhysRange, Look)> {
    let crashkernel = &prediction.crashkernel;
    let crash: Vec<PhysRange> =
        [crashkernel.low, crashkernel.high].into_iter().flatten().map(|area| area.range).collect();
    let spans = prediction.zones.iter().map(|zone| zone.span);
    let reserved = prediction.reserved.iter().map(|region| region.range);
    let cuts: BTreeSet<u64> =
        spans.chain(reserved).chain(crash.iter().copied()).flat_map(|one| [one.start(), one.end()]).collect();
    let mut looks: Vec<(PhysRange, Look)> = Vec::new();
    for region in &prediction.memory {
        for piece in cut(region.range, &cuts) {
            let look = look(prediction, &crash, region, piece.start());
            match looks.last_mut() {
                Some((last, of_last)) if last.end() == piece.start() && *of_last == look => {
                    *last = last.hull(piece);
                }
                _ => looks.push((piece, look)),
            }
        }
    }
    looks
}

fn look(prediction: &Prediction, crash: &[PhysRange], region: &Region, at: u64) -> Look {
    let node = region.node.map(NodeId::get);
    // With mirrored memory Movable and Normal overlap: the last is Movable.
    let mut zones = prediction.zones.iter().rev();
    let zone = zones.find(|zone| Some(zone.node) == node && zone.span.contains(at));
    let reserved = &prediction.reserved;
    let index = reserved.partition_point(|one| one.range.end() <= at);
    let is_reserved = reserved.get(index).is_some_and(|one| one.range.contains(at));
    Look {
        node,
        zone: match zone.map(|zone| zone.zone) {
            Some(ZoneKind::Dma) => 'D',
            Some(ZoneKind::Dma32) => '3',
            Some(ZoneKind::Normal) => 'N',
            Some(ZoneKind::Movable) => 'M',
            None => '?',
        },
        flags: match region.flags {
            flags if flags.contains(RegionFlags::NOMAP) => 'X',
            flags if flags.contains(RegionFlags::MIRROR) => 'M',
            flags if flags.contains(RegionFlags::HOTPLUG) => 'H',
            _ => '-',
        },
        reserved: match is_reserved {
            _ if crash.iter().any(|area| area.contains(at)) => 'C',
            true => '#',
            false => '-',
        },
    }
}

#[cfg(test)]
mod tests {
    use machine::boot::ZoneSpan;

    use super::*;

    fn range(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    #[test]
    fn memory_is_cut_only_where_a_zone_or_a_reservation_begins() {
        let region = Region { node: NodeId::new(0), ..Region::plain(range(0, 0x8000)) };
        let zone = |zone, start, end| ZoneSpan { node: 0, zone, span: range(start, end), present_pages: 1 };
        let prediction = Prediction {
            memory: vec![region],
            reserved: vec![Region::plain(range(0x6000, 0x7000)), Region::plain(range(0x7000, 0x9000))],
            zones: vec![zone(ZoneKind::Normal, 0, 0x4000), zone(ZoneKind::Movable, 0x4000, 0x8000)],
            ..Prediction::default()
        };
        let found: Vec<_> =
            looks(&prediction).iter().map(|(range, look)| (range.end(), look.zone, look.reserved)).collect();
        assert_eq!(found, [(0x4000, 'N', '-'), (0x6000, 'M', '-'), (0x8000, 'M', '#')]);
    }
}
