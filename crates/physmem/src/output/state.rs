//! What a kernel shows of its memory at one moment, as JSON: the same members wherever a state is printed, so that a
//! state that was read and one that was simulated compare member by member.

use evidence::snapshot::{BlockState, FirmwareMapEntry, MemoryBlock};
use evidence::zones::Zone;
use machine::Machine;
use memblock::{NodeId, Region};
use serde::Serialize;

use super::json::{flag_names, hex};

/// The tables of one moment. `None` is a table that could not be read or is not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables<'a> {
    /// The resource tree, as /proc/iomem prints it.
    pub(crate) resources: Option<String>,
    /// All memory blocks, ascending.
    pub(crate) blocks: Option<&'a [MemoryBlock]>,
    /// The zones of every node. Those without pages are not printed: the kernel does not show where they are.
    pub(crate) zones: Option<&'a [Zone]>,
    /// Bytes in a page, the unit of `zones`.
    pub(crate) page_size: u64,
    /// The entries of /sys/firmware/memmap, in order of their numbers.
    pub(crate) firmware_map: Option<&'a [FirmwareMapEntry]>,
    /// memblock.memory, ascending.
    pub(crate) memblock: Option<&'a [Region]>,
}

impl<'a> Tables<'a> {
    /// The tables that a machine was read with.
    pub(crate) fn of(machine: &'a Machine) -> Self {
        let evidence = &machine.evidence;
        Self {
            resources: machine.resources().map(ToString::to_string),
            blocks: evidence.blocks.read().map(|blocks| blocks.blocks.as_slice()),
            zones: evidence.zones.read().map(Vec::as_slice),
            page_size: machine.kernel.page_size,
            firmware_map: evidence.firmware_memmap.read().map(Vec::as_slice),
            memblock: evidence.memblock_memory.read().and_then(|table| table.whole()),
        }
    }

    /// The members, for a document to flatten.
    pub(crate) fn json(self) -> State<'a> {
        State {
            iomem: self.resources,
            blocks: self.blocks.map(|blocks| blocks.iter().map(Block::of).collect()),
            zones: self
                .zones
                .map(|zones| zones.iter().filter_map(|zone| ZoneSpan::of(zone, self.page_size)).collect()),
            firmware_map: self.firmware_map.map(|entries| entries.iter().map(FirmwareRange::of).collect()),
            memblock: self
                .memblock
                .map(|regions| Memblock { memory: regions.iter().map(MemblockRegion::of).collect() }),
        }
    }
}

/// The members; `schema/show.schema.json` describes them.
#[derive(Debug, Serialize)]
pub(crate) struct State<'a> {
    iomem: Option<String>,
    blocks: Option<Vec<Block<'a>>>,
    zones: Option<Vec<ZoneSpan<'a>>>,
    firmware_map: Option<Vec<FirmwareRange<'a>>>,
    memblock: Option<Memblock>,
}

#[derive(Debug, Serialize)]
struct Block<'a> {
    index: u64,
    state: Option<&'static str>,
    node: Option<u32>,
    valid_zones: &'a [String],
}

impl<'a> Block<'a> {
    fn of(block: &'a MemoryBlock) -> Self {
        Self {
            index: block.number,
            state: match block.state {
                BlockState::Online => Some("online"),
                BlockState::Offline => Some("offline"),
                BlockState::GoingOffline => Some("going-offline"),
                BlockState::Unknown => None,
            },
            node: block.nodes.first().copied(),
            valid_zones: &block.valid_zones,
        }
    }
}

#[derive(Debug, Serialize)]
struct ZoneSpan<'a> {
    node: u32,
    name: &'a str,
    start: String,
    end: String,
    present: u64,
}

impl<'a> ZoneSpan<'a> {
    /// `None` if the zone has no pages.
    fn of(zone: &'a Zone, page_size: u64) -> Option<Self> {
        let span = zone.span(page_size)?;
        Some(Self {
            node: zone.node,
            name: &zone.name,
            start: hex(span.start()),
            end: hex(span.end()),
            present: zone.present.checked_mul(page_size)?,
        })
    }
}

#[derive(Debug, Serialize)]
struct FirmwareRange<'a> {
    start: String,
    end: String,
    kind: &'a str,
}

impl<'a> FirmwareRange<'a> {
    fn of(entry: &'a FirmwareMapEntry) -> Self {
        Self {
            start: hex(entry.start),
            // An entry may hold the last byte of the address space.
            end: format!("{:#x}", u128::from(entry.last) + 1),
            kind: &entry.kind,
        }
    }
}

#[derive(Debug, Serialize)]
struct Memblock {
    memory: Vec<MemblockRegion>,
}

#[derive(Debug, Serialize)]
struct MemblockRegion {
    start: String,
    end: String,
    node: Option<u32>,
    flags: Vec<&'static str>,
}

impl MemblockRegion {
    fn of(region: &Region) -> Self {
        Self {
            start: hex(region.range.start()),
            end: hex(region.range.end()),
            node: region.node.map(NodeId::get),
            flags: flag_names(region.flags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_was_not_read_is_null_and_an_empty_one_is_not() {
        let tables = Tables { blocks: Some(&[]), page_size: 4096, ..Tables::default() };
        let json = serde_json::to_value(tables.json()).unwrap();
        assert_eq!(json["blocks"], serde_json::json!([]));
        for unread in ["iomem", "zones", "firmware_map", "memblock"] {
            assert!(json[unread].is_null() && json.as_object().unwrap().contains_key(unread), "{unread}");
        }
    }

    #[test]
    fn pages_become_bytes_and_the_last_byte_of_all_is_not_lost() {
        let zone = |name: &str, spanned| Zone {
            node: 1,
            name: name.into(),
            start_pfn: 0x100,
            spanned,
            present: spanned / 2,
            managed: 0,
            cma: 0,
        };
        let zones = [zone("Normal", 0x100), zone("Movable", 0)];
        let entry = FirmwareMapEntry { index: 0, start: 0, last: u64::MAX, kind: "Reserved".into() };
        let tables = Tables {
            zones: Some(&zones),
            page_size: 4096,
            firmware_map: Some(std::slice::from_ref(&entry)),
            ..Tables::default()
        };
        let json = serde_json::to_value(tables.json()).unwrap();
        assert_eq!(
            json["zones"],
            serde_json::json!([{"node": 1, "name": "Normal", "start": "0x100000", "end": "0x200000",
                "present": 0x8_0000}])
        );
        assert_eq!(json["firmware_map"][0]["end"], "0x10000000000000000");
    }
}
