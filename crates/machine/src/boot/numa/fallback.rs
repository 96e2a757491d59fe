//! The order in which nodes are used as a fallback when a node runs out of pages.

use std::collections::{BTreeMap, BTreeSet};

/// The fallback order of each node: itself first if it has memory or `empty_nodes_lead`, then the nearest nodes. Among equally near nodes,
/// those with lower numbers come later, and then those that were already nearest to others
/// (mm/page_alloc.c:find_next_best_node, build_zonelists, 6.12). This is the order before CPUs are up; later their load
/// counts too.
pub(crate) fn order(
    nodes: &BTreeSet<u32>,
    with_memory: &BTreeSet<u32>,
    empty_nodes_lead: bool,
    distance: impl Fn(u32, u32) -> u8,
) -> Vec<(u32, Vec<u32>)> {
    let mut load = BTreeMap::<u32, u64>::new();
    let mut orders = Vec::new();
    for &from in nodes {
        // A node's load changes only once it is in the order, so sorting once is enough.
        let mut others: Vec<u32> = with_memory.iter().copied().filter(|to| *to != from).collect();
        others.sort_by_key(|&to| {
            let stands_back = u64::from(to < from);
            let distance = u64::from(distance(from, to)).saturating_add(stands_back);
            (distance, load.get(&to).copied().unwrap_or(0), to)
        });
        let mut before = from;
        for &to in &others {
            // From now on, the first in a group of equally near nodes carries more load.
            if distance(from, to) != distance(from, before) {
                let carried = load.entry(to).or_default();
                *carried = carried.saturating_add(1);
            }
            before = to;
        }
        let own = (empty_nodes_lead || with_memory.contains(&from)).then_some(from);
        orders.push((from, own.into_iter().chain(others).collect()));
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(nodes: &[u32]) -> BTreeSet<u32> {
        nodes.iter().copied().collect()
    }

    fn far(from: u32, to: u32) -> u8 {
        if from == to { 10 } else { 20 }
    }

    #[test]
    fn a_node_without_memory_uses_the_least_loaded_node() {
        // As in the capture numa-cpuless-memless: node 1 has CPUs and no memory.
        let orders = order(&set(&[0, 1, 2, 3]), &set(&[0, 2, 3]), false, far);
        let expected = [(0, vec![0, 2, 3]), (1, vec![3, 2, 0]), (2, vec![2, 3, 0]), (3, vec![3, 0, 2])];
        assert_eq!(orders, expected);
    }

    #[test]
    fn a_node_without_memory_leads_its_own_order_in_old_kernels() {
        // As a guest of 6.1 whose node 2 lies above mem=.
        let orders = order(&set(&[0, 1, 2]), &set(&[0, 1]), true, far);
        assert_eq!(orders[2], (2, vec![2, 0, 1]));
    }

    #[test]
    fn nearer_nodes_come_first() {
        let distance = |from, to| {
            if from == to {
                10
            } else if from + to == 3 {
                15
            } else {
                30
            }
        };
        let orders = order(&set(&[0, 1, 2, 3]), &set(&[0, 1, 2, 3]), false, distance);
        assert_eq!(orders[0].1[..2], [0, 3]);
        assert_eq!(orders[2].1[..2], [2, 1]);
    }
}
