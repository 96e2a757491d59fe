//! What a kernel's log says of memblock, in the order in which it happened.

use firmware::log::{self, LogError, MemblockCall, MemblockLine, MemblockList, MemblockRequest};
use memblock::{NodeId, PhysRange, RangeError, Region, RegionFlags};

/// One thing that happened to memblock.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The kernel printed both tables.
    Dump(Dump),
    /// A call that changes a table; `None` for a call for nothing, which Linux makes at times.
    Call(Option<MemblockCall<'a>>),
    /// Memory was asked for. What was given follows as a call.
    Request(MemblockRequest<'a>),
    /// The kernel learnt which node memory is of.
    Nodes(Vec<Region>),
    /// Free memory has just gone to the page allocator.
    HandedOver,
}

/// The tables at one moment, as the kernel printed them.
#[derive(Debug, Default)]
pub(crate) struct Dump {
    pub(crate) memory: Vec<Region>,
    pub(crate) reserved: Vec<Region>,
}

/// The events of a log.
pub(crate) fn events(log: &str) -> Vec<Event<'_>> {
    let text = log.as_bytes();
    let mut events: Vec<(usize, Event<'_>)> = Vec::new();
    events.extend(dumps(text).into_iter().map(|(line, dump)| (line, Event::Dump(dump))));
    events.extend(log::memblock_calls(text).map(|call| match call {
        Ok(call) => (call.line, Event::Call(Some(call))),
        Err(LogError::Range { line, source: RangeError::Empty { .. }, .. }) => (line, Event::Call(None)),
        Err(error) => panic!("{error}"),
    }));
    let requests = log::memblock_requests(text).map(Result::unwrap);
    events.extend(requests.map(|request| (request.line, Event::Request(request))));
    events.extend(nodes(text).map(|(line, nodes)| (line, Event::Nodes(nodes))));
    // The hand-over prints nothing; the slab allocator, which is set up next, does.
    events.extend(first_line(text, "SLUB: ").map(|line| (line, Event::HandedOver)));
    events.sort_by_key(|(line, _)| *line);
    events.into_iter().map(|(_, event)| event).collect()
}

/// The dumps, each with the line it begins at.
fn dumps(text: &[u8]) -> Vec<(usize, Dump)> {
    let mut dumps: Vec<(usize, Dump)> = Vec::new();
    for line in log::memblock(text) {
        match line {
            Ok(MemblockLine::Start { line, .. }) => dumps.push((line, Dump::default())),
            Ok(MemblockLine::Region(line)) => {
                let (_, dump) = dumps.last_mut().expect("a region stands in a dump");
                let region = Region { range: line.range, node: line.node, flags: line.flags };
                match line.list {
                    MemblockList::Memory => dump.memory.push(region),
                    MemblockList::Reserved => dump.reserved.push(region),
                    MemblockList::Physmem => panic!("only s390 has physmem, and no capture is of it"),
                }
            }
            // Counts and sums; and the dummy region of an empty table.
            Ok(_) | Err(LogError::Range { source: RangeError::Empty { .. }, .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    dumps
}

/// The blocks of memory that the kernel puts on nodes, as the SRAT lists them, or one for all when there is
/// none; and the line behind which it does. `None` where a device tree says it, which is not logged.
fn nodes(text: &[u8]) -> Option<(usize, Vec<Region>)> {
    // Faked after an SRAT that was found wanting, too.
    if let Some(faked) = log::lines(text).find_map(|(line, message)| Some((line, faked_node(message)?))) {
        return Some((faked.0, vec![faked.1]));
    }
    let listed: Vec<_> = log::srat(text).map(Result::unwrap).collect();
    // The table of distances is reserved before memory gets its nodes.
    let distances = first_line(text, "NUMA: Initialized distance table");
    let line = listed.last()?.line.max(distances.unwrap_or(0));
    let blocks = listed.into_iter().map(|listed| {
        let flags = if listed.hotplug { RegionFlags::HOTPLUG } else { RegionFlags::empty() };
        Region { range: listed.range, node: Some(listed.node), flags }
    });
    Some((line, blocks.collect()))
}

/// `Faking a node at [mem 0x0000000000000000-0x000000007ffdffff]`
fn faked_node(message: &[u8]) -> Option<Region> {
    let message = str::from_utf8(message).ok()?;
    let message = message.strip_prefix("NUMA: ").unwrap_or(message);
    let range = message.strip_prefix("Faking a node at [mem 0x")?.strip_suffix(']')?;
    let (start, last) = range.split_once("-0x")?;
    let number = |digits| u64::from_str_radix(digits, 16).unwrap();
    let range = PhysRange::from_inclusive(number(start), number(last)).unwrap();
    Some(Region { node: Some(NodeId::ZERO), ..Region::plain(range) })
}

fn first_line(text: &[u8], beginning: &str) -> Option<usize> {
    let mut lines = log::lines(text).filter(|(_, message)| message.starts_with(beginning.as_bytes()));
    lines.next().map(|(line, _)| line)
}
