//! The number of possible CPUs, from the log.

/// The number the kernel prints when it sets up its CPUs: on x86 `setup_percpu: NR_CPUS:8192 ... nr_cpu_ids:2`,
/// elsewhere the slab allocator's `SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=2, Nodes=1`.
pub(super) fn set_up(log: &str) -> Option<u64> {
    let number_after = |line: &str, name: &str| -> Option<u64> {
        let (_, rest) = log.split_once(line)?;
        let (_, number) = rest.lines().next()?.split_once(name)?;
        number.split([' ', ',']).next()?.trim_end().parse().ok()
    };
    number_after("setup_percpu: ", "nr_cpu_ids:").or_else(|| number_after("SLUB: ", "CPUs="))
}

#[cfg(test)]
mod tests {
    use super::set_up;

    #[test]
    fn cpus_are_counted_on_the_line_that_sets_them_up() {
        assert_eq!(set_up("setup_percpu: NR_CPUS:8192\nnr_cpu_ids:2"), None);
        let x86 = "[    0.0] setup_percpu: NR_CPUS:8192 nr_cpumask_bits:2 nr_cpu_ids:2 nr_node_ids:2\n";
        assert_eq!(set_up(x86), Some(2));
        let slub = "[    0.0] SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=12, Nodes=1\n";
        assert_eq!(set_up(slub), Some(12));
    }
}
