//! How many CPUs there may ever be: each has a note in the header of a dump.

use machine::Snapshot;

use crate::load_log::LoadLog;

/// What sysfs lists; if it is not shown, what the kernel's log tells: of the boot, or else of a load for crashes.
pub(crate) fn of(snapshot: &Snapshot, loads: &LoadLog) -> Option<u64> {
    let listed = snapshot.possible_cpus.read().and_then(|list| count(list));
    let booted = || snapshot.kernel_log.read().and_then(|log| set_up(log));
    listed.or_else(booted).or_else(|| loads.records.iter().find_map(|load| load.possible_cpus))
}

/// The number of CPUs in a list of the kernel: `0-3,8`.
fn count(text: &str) -> Option<u64> {
    let range = |range: &str| -> Option<u64> {
        let (lowest, highest) = range.split_once('-').unwrap_or((range, range));
        let (lowest, highest): (u64, u64) = (lowest.trim().parse().ok()?, highest.trim().parse().ok()?);
        highest.checked_sub(lowest)?.checked_add(1)
    };
    text.split(',').try_fold(0_u64, |sum, part| sum.checked_add(range(part)?))
}

/// The number that the kernel prints when it sets up its CPUs, `setup_percpu: NR_CPUS:8192 ... nr_cpu_ids:2`, as x86
/// does, or the allocator that has data for each, `SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=2, Nodes=1`.
fn set_up(log: &str) -> Option<u64> {
    let behind = |line: &str, name: &str| -> Option<u64> {
        let (_, of) = log.split_once(line)?;
        let (_, number) = of.lines().next()?.split_once(name)?;
        number.split([' ', ',']).next()?.trim_end().parse().ok()
    };
    behind("setup_percpu: ", "nr_cpu_ids:").or_else(|| behind("SLUB: ", "CPUs="))
}

#[cfg(test)]
mod tests {
    use machine::snapshot::Source;

    use super::*;

    #[test]
    fn sysfs_counts_before_the_log_and_a_load_counts_last() {
        let set_up = "[    0.0] setup_percpu: NR_CPUS:8192 nr_cpumask_bits:2 nr_cpu_ids:2 nr_node_ids:2\n";
        let load = "[ 9.0] kexec_file: kernel: 00 kernel_size: 0x1000\n\
                    [ 9.0] crash_core: Crash PT_LOAD ELF header. phdr=0 vaddr=0x0, paddr=0x1000, sz=0x1000 e_phnum=7 p_offset=0x1000\n\
                    [ 9.0] crash_core: Crash PT_LOAD ELF header. phdr=0 vaddr=0x0, paddr=0x9000, sz=0x1000 e_phnum=8 p_offset=0x9000\n";
        let with = |possible: Option<&str>, log: &str| {
            let snapshot = Snapshot {
                possible_cpus: possible.map_or(Source::Missing, |list| Source::Read(list.into())),
                kernel_log: Source::Read(log.into()),
                ..Snapshot::default()
            };
            of(&snapshot, &LoadLog::of(log))
        };
        let both = format!("{set_up}{load}");
        assert_eq!(with(Some("0-7"), &both), Some(8));
        assert_eq!(with(None, &both), Some(2));
        assert_eq!(with(None, load), Some(4));
        assert_eq!(with(None, ""), None);
        // Without its first line, the load may have entered more ranges before.
        let (_, cut) = load.split_once('\n').unwrap();
        assert_eq!(with(None, cut), None);
    }

    #[test]
    fn cpus_are_counted_as_the_kernel_says_when_it_sets_them_up() {
        assert_eq!(set_up("setup_percpu: NR_CPUS:8192\nnr_cpu_ids:2"), None);
        let log = "[    0.0] SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=12, Nodes=1\n";
        assert_eq!(set_up(log), Some(12));
    }

    #[test]
    fn a_list_has_ranges_and_single_cpus_and_nothing_else() {
        assert_eq!((count("0"), count("0-3,8"), count("0-3,8-9")), (Some(1), Some(5), Some(6)));
        assert_eq!(
            (count(""), count("3-1"), count("0-x"), count("0-18446744073709551615")),
            (None, None, None, None)
        );
    }
}
