//! The resource tree of a running machine: insertion, merging, splitting and removal.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use evidence::ResourceTree;
use evidence::resources::ResourceFlags;
use memblock::PhysRange;

/// The resource tree of `/proc/iomem`, by address.
///
/// # Invariants
///
/// The children of a resource lie inside it, ascending, and no two overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    top: Children,
}

type Children = BTreeMap<u64, Node>;

/// One resource. Addresses are inclusive, as a resource may end with the address space.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    last: u64,
    name: String,
    /// Whether a driver may not put a resource of its own inside.
    is_busy: bool,
    /// Whether it joins neighbors of the same name (IORESOURCE_SYSRAM_MERGEABLE).
    is_mergeable: bool,
    children: Children,
}

/// A busy resource that is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::life) struct InTheWay {
    pub(in crate::life) start: u64,
    pub(in crate::life) last: u64,
    pub(in crate::life) name: String,
}

/// As a line of /proc/iomem.
impl fmt::Display for InTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:08x} : {}", self.start, self.last, self.name)
    }
}

impl Resources {
    /// A tree as it was read. O(n log n).
    pub(in crate::life) fn of(tree: &ResourceTree, is_mergeable: impl Fn(&str) -> bool) -> Self {
        let all = tree.resources();
        // From the back, each resource finds its children complete, and is given to its parent.
        let mut children: Vec<Children> = vec![Children::new(); all.len()];
        let mut top = Children::new();
        for (index, resource) in all.iter().enumerate().rev() {
            let node = Node {
                last: resource.last,
                name: resource.name.clone(),
                is_busy: resource.flags.contains(ResourceFlags::BUSY),
                is_mergeable: is_mergeable(&resource.name),
                children: children.get_mut(index).map(std::mem::take).unwrap_or_default(),
            };
            let siblings = resource.parent.and_then(|parent| children.get_mut(parent)).unwrap_or(&mut top);
            siblings.insert(resource.start, node);
        }
        Self { top }
    }

    /// What would refuse a request. O(depth x log n).
    pub(in crate::life) fn in_the_way(&self, range: PhysRange) -> Option<InTheWay> {
        let (start, last) = (range.start(), range.last());
        let mut siblings = &self.top;
        loop {
            let (&at, found) = siblings.range(..=last).next_back().filter(|(_, node)| node.last >= start)?;
            if found.is_busy || !(at <= start && last <= found.last) {
                return Some(InTheWay { start: at, last: found.last, name: found.name.clone() });
            }
            siblings = &found.children;
        }
    }

    /// Requests a resource: inside the innermost resource around it that is not busy. Neighbors of the same name join
    /// if all are mergeable.
    /// Source: kernel/resource.c:__request_region, merge_system_ram_resource (6.12). O(depth x log n).
    pub(in crate::life) fn request(
        &mut self,
        range: PhysRange,
        name: &str,
        is_busy: bool,
        is_mergeable: bool,
    ) -> Result<(), InTheWay> {
        if let Some(found) = self.in_the_way(range) {
            return Err(found);
        }
        let node = Node {
            last: range.last(),
            name: name.to_owned(),
            is_busy,
            is_mergeable,
            children: Children::new(),
        };
        insert(&mut self.top, range.start(), node);
        Ok(())
    }

    /// The last byte of a resource at the top that overlaps a range.
    pub(in crate::life) fn last_overlap(&self, range: PhysRange) -> Option<u64> {
        let (_, node) = self.top.range(..=range.last()).next_back()?;
        (node.last >= range.start()).then_some(node.last)
    }

    /// Releases System RAM: the whole resource, a part at one of its ends, or a part in its middle, which leaves two.
    /// Returns the name; `None` if no System RAM encloses the range.
    /// Source: kernel/resource.c:release_mem_region_adjustable (6.12). O(depth x log n).
    pub(in crate::life) fn release(&mut self, range: PhysRange) -> Option<String> {
        release(&mut self.top, range)
    }

    /// Takes away a resource with exactly this name that starts inside `range`, if it is there and has no children.
    pub(in crate::life) fn drop_named(&mut self, range: PhysRange, name: &str) -> Option<PhysRange> {
        drop_named(&mut self.top, range, name)
    }

    /// Whether a range lies in a resource of this name. O(depth x log n).
    pub(in crate::life) fn is_below(&self, range: PhysRange, name: &str) -> bool {
        let mut siblings = &self.top;
        while let Some((_, node)) = siblings.range(..=range.start()).next_back() {
            if node.last < range.last() {
                return false;
            }
            if node.name == name {
                return true;
            }
            siblings = &node.children;
        }
        false
    }

    /// Whether there is a resource of exactly this name and range. O(depth x log n).
    pub(in crate::life) fn has(&self, range: PhysRange, name: &str) -> bool {
        let mut siblings = &self.top;
        while let Some((&start, node)) = siblings.range(..=range.start()).next_back() {
            if start == range.start() && node.last == range.last() && node.name == name {
                return true;
            }
            siblings = &node.children;
        }
        false
    }

    /// All System RAM, ascending, with its names; neighbors stay apart. O(n).
    pub(in crate::life) fn system_ram(&self) -> Vec<(PhysRange, &str)> {
        let mut found = Vec::new();
        collect(&self.top, &mut found);
        found
    }

    /// Whether each resource lies inside its parent and siblings do not overlap.
    pub(in crate::life) fn is_consistent(&self) -> bool {
        fn inside(children: &Children, start: u64, last: u64) -> bool {
            let mut free_from = Some(start);
            children.iter().all(|(&at, node)| {
                let fits = free_from.is_some_and(|from| from <= at) && at <= node.last && node.last <= last;
                free_from = node.last.checked_add(1);
                fits && inside(&node.children, at, node.last)
            })
        }
        inside(&self.top, 0, u64::MAX)
    }
}

/// Puts a resource below the innermost one around it.
fn insert(siblings: &mut Children, start: u64, node: Node) {
    let around = siblings.range(..=node.last).next_back().filter(|(_, found)| found.last >= start);
    if let Some(at) = around.map(|(&at, _)| at) {
        if let Some(found) = siblings.get_mut(&at) {
            insert(&mut found.children, start, node);
        }
        return;
    }
    let is_mergeable = node.is_mergeable;
    siblings.insert(start, node);
    if is_mergeable {
        merge(siblings, start);
    }
}

fn merge(siblings: &mut Children, start: u64) {
    let joins = |a: &Node, b: &Node| {
        a.is_mergeable && b.is_mergeable && a.name == b.name && a.children.is_empty() && b.children.is_empty()
    };
    let Some(new) = siblings.get(&start) else { return };
    let behind = new.last.checked_add(1).and_then(|at| Some((at, siblings.get(&at)?)));
    if let Some((at, last)) = behind.filter(|(_, next)| joins(new, next)).map(|(at, next)| (at, next.last)) {
        siblings.remove(&at);
        if let Some(node) = siblings.get_mut(&start) {
            node.last = last;
        }
    }
    let before = siblings.range(..start).next_back().map(|(&at, node)| (at, node));
    let Some(new) = siblings.get(&start) else { return };
    let touches = before.filter(|(_, node)| node.last.checked_add(1) == Some(start) && joins(node, new));
    if let Some((at, last)) = touches.map(|(at, _)| (at, new.last)) {
        siblings.remove(&start);
        if let Some(node) = siblings.get_mut(&at) {
            node.last = last;
        }
    }
}

fn release(siblings: &mut Children, range: PhysRange) -> Option<String> {
    let (&at, node) = siblings.range(..=range.start()).next_back()?;
    if node.last < range.last() {
        return None;
    }
    if !ResourceFlags::of_name(&node.name).contains(ResourceFlags::SYSTEM_RAM) {
        return release(&mut siblings.get_mut(&at)?.children, range);
    }
    let whole = siblings.remove(&at)?;
    let name = whole.name.clone();
    let behind = (range.last() < whole.last).then_some(range.end());
    let mut inner = whole.children;
    let above = inner.split_off(&range.end());
    inner.retain(|&start, _| start < range.start());
    if at < range.start() {
        let last = range.start().saturating_sub(1);
        siblings.insert(at, Node { last, name: name.clone(), children: inner, ..whole });
    }
    if let Some(behind) = behind {
        siblings.insert(
            behind,
            Node {
                last: whole.last,
                name: name.clone(),
                is_busy: whole.is_busy,
                is_mergeable: whole.is_mergeable,
                children: above,
            },
        );
    }
    Some(name)
}

fn drop_named(siblings: &mut Children, range: PhysRange, name: &str) -> Option<PhysRange> {
    let found = siblings
        .range(range.start()..=range.last())
        .find(|(_, node)| node.name == name && node.children.is_empty())
        .map(|(&start, node)| (start, node.last));
    if let Some((start, last)) = found {
        siblings.remove(&start);
        return PhysRange::from_inclusive(start, last).ok();
    }
    let (&at, _) =
        siblings.range(..=range.start()).next_back().filter(|(_, node)| node.last >= range.start())?;
    drop_named(&mut siblings.get_mut(&at)?.children, range, name)
}

fn collect<'a>(siblings: &'a Children, found: &mut Vec<(PhysRange, &'a str)>) {
    for (&start, node) in siblings {
        if ResourceFlags::of_name(&node.name).contains(ResourceFlags::SYSTEM_RAM) {
            found
                .extend(PhysRange::from_inclusive(start, node.last).map(|range| (range, node.name.as_str())));
        } else {
            collect(&node.children, found);
        }
    }
}

/// The text of /proc/iomem.
impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn print(siblings: &Children, depth: usize, out: &mut dyn Write) -> fmt::Result {
            for (start, node) in siblings {
                writeln!(out, "{:1$}{start:08x}-{2:08x} : {3}", "", depth * 2, node.last, node.name)?;
                print(&node.children, depth.saturating_add(1), out)?;
            }
            Ok(())
        }
        print(&self.top, 0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "\
00001000-0009fbff : System RAM
00100000-7ffdefff : System RAM
  01000000-01ffffff : Kernel code
100000000-17fdfffff : Persistent Memory
  100200000-17fdfffff : dax0.0
17fe00000-1ffdfffff : virtio2
  180000000-187ffffff : System RAM (virtio_mem)
";

    fn tree() -> Resources {
        Resources::of(&ResourceTree::parse(MACHINE).unwrap(), |name| name.ends_with("(virtio_mem)"))
    }

    fn r(start: u64, last: u64) -> PhysRange {
        PhysRange::from_inclusive(start, last).unwrap()
    }

    #[test]
    fn the_text_is_reproduced() {
        assert_eq!(tree().to_string(), MACHINE);
        assert!(tree().is_consistent());
    }

    #[test]
    fn a_request_descends_into_devices_and_stops_at_memory_in_use() {
        let mut tree = tree();
        tree.request(r(0x1_0800_0000, 0x1_7fdf_ffff), "System RAM (kmem)", true, false).unwrap();
        assert!(tree.to_string().contains("    108000000-17fdfffff : System RAM (kmem)\n"));
        let busy = tree.request(r(0x7800_0000, 0x7fff_ffff), "System RAM", true, false).unwrap_err();
        assert_eq!((busy.start, busy.name.as_str()), (0x10_0000, "System RAM"));
    }

    #[test]
    fn mergeable_neighbors_join_on_both_sides_and_a_hole_splits_them() {
        let (mut tree, name) = (tree(), "System RAM (virtio_mem)");
        tree.request(r(0x1_9000_0000, 0x1_97ff_ffff), name, true, true).unwrap();
        tree.request(r(0x1_8800_0000, 0x1_8fff_ffff), name, true, true).unwrap();
        assert!(tree.to_string().contains("  180000000-197ffffff : System RAM (virtio_mem)\n"));
        assert_eq!(tree.release(r(0x1_8800_0000, 0x1_8fff_ffff)).as_deref(), Some(name));
        assert!(
            tree.to_string()
                .contains("  180000000-187ffffff : System RAM (virtio_mem)\n  190000000-197ffffff")
        );
        assert_eq!(tree.release(r(0x1_8800_0000, 0x1_8fff_ffff)), None);
    }

    #[test]
    fn plain_neighbors_stay_apart() {
        let mut tree = tree();
        tree.request(r(0x2_0000_0000, 0x2_07ff_ffff), "System RAM", true, false).unwrap();
        tree.request(r(0x2_0800_0000, 0x2_0fff_ffff), "System RAM", true, false).unwrap();
        assert_eq!(tree.system_ram().len(), 5);
        assert!(tree.is_consistent());
    }
}
