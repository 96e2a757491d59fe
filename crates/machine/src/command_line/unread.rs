//! Parameters that no prediction reads: those known to affect memory, those known not to, and those that look misspelt.

use crate::command_line::values::grammar::{Word, is_same_name, words};
use crate::command_line::values::remark::Remarks;
use crate::releases;

const DOCUMENT: &str = "Documentation/admin-guide/kernel-parameters.txt (6.12)";

/// Parameters that take or move memory, but that no prediction follows, with what they do.
#[rustfmt::skip]
const NOT_MODELLED: &[(&str, &str)] = &[
    ("coherent_pool", "it sizes the pool of memory for devices, taken after boot"),
    ("dhash_entries", "it sizes the table of directory entries, taken early"),
    ("hashdist", "it spreads the large early hash tables over nodes"),
    ("hugetlb_free_vmemmap", "it frees struct pages of huge pages after boot"),
    ("ihash_entries", "it sizes the table of inodes, taken early"),
    ("ima_kexec_extra_memory", "it adds a segment to images that kexec_file_load loads"),
    ("kmemleak", "its early log takes memory"),
    ("mem_encrypt", "memory encryption enlarges the bounce buffers (swiotlb)"),
    ("mhash_entries", "it sizes the table of mounts, taken early"),
    ("mphash_entries", "it sizes the table of mount points, taken early"),
    ("page_owner", "it takes an extension for each page"),
    ("page_table_check", "it takes an extension for each page"),
    ("percpu_alloc", "it changes how the memory of each CPU is placed"),
    ("ramoops.mem_address", "the driver takes this memory after boot"),
    ("ramoops.mem_size", "the driver takes this memory after boot"),
    ("reserve", "it keeps drivers off an address range; memblock does not see it"),
    ("stack_depot_max_pools", "it sizes a table that is taken early"),
    ("thash_entries", "it sizes the table of TCP connections"),
    ("trace_buf_size", "trace buffers are taken from the page allocator"),
    ("trace_instance", "it may map its buffer onto memory reserved by reserve_mem="),
    ("uhash_entries", "it sizes the table of UDP sockets"),
    ("virtio_mem.bbm_block_size", "the driver uses it when it adds memory"),
    ("virtio_mem.force_bbm", "the driver uses it when it adds memory"),
    ("virtio_mem.unplug_online", "the driver uses it when memory is unplugged"),
];

/// Common parameters that affect no memory that physmem predicts: no word is lost on them.
const HARMLESS: &[&str] = &[
    "audit",
    "boot_image",
    "console",
    "consoleblank",
    "debug",
    "earlycon",
    "earlyprintk",
    "elevator",
    "fbcon",
    "fsck.mode",
    "fsck.repair",
    "ignore_loglevel",
    "init",
    "ip",
    "irqpoll",
    "lang",
    "loglevel",
    "mitigations",
    "nmi_watchdog",
    "nomodeset",
    "nowatchdog",
    "oops",
    "panic",
    "pcie_aspm",
    "plymouth.enable",
    "preempt",
    "printk.devkmsg",
    "printk.time",
    "quiet",
    "rd",
    "rdinit",
    "reboot",
    "reset_devices",
    "resume",
    "rhgb",
    "ro",
    "root",
    "rootdelay",
    "rootflags",
    "rootfstype",
    "rootwait",
    "rw",
    "security",
    "selinux",
    "single",
    "splash",
    "sysrq_always_enabled",
    "udev.log_level",
    "vga",
    "vt.handoff",
    "watchdog",
    "apparmor",
    "net.ifnames",
    "biosdevname",
];

/// Real parameters one letter away from one that affects memory.
const LOOK_ALIKE: &[&str] = &["apic", "lapic", "noapic", "nosmap", "nopti"];

/// How a parameter that no prediction reads relates to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// It affects memory in this way, and no prediction follows it.
    NotModelled(&'static str),
    /// It affects no memory.
    Harmless,
    /// It looks like this parameter, misspelt.
    Misspelt(&'static str),
    /// Not known to physmem.
    Unknown,
}

/// Remarks on a parameter that the table of parameters lacks, where there is something to say.
pub(super) fn remark(word: &Word<'_>, remarks: &mut Remarks) {
    word.raw.clone_into(&mut remarks.current);
    match of(word.name) {
        Unread::NotModelled(what) => remarks.say(format!("not modelled: {what}"), DOCUMENT),
        Unread::Misspelt(meant) => {
            remarks.say(format!("not a parameter physmem knows: did you mean {meant}?"), DOCUMENT);
        }
        Unread::Harmless | Unread::Unknown => {}
    }
}

/// The parameters that one of two command lines has and the other lacks, of which physmem does not know whether they
/// affect memory: predictions take them to change nothing. In the order of the lines, without those that look
/// misspelt, which have a [`Remark`](super::Remark).
///
/// ```
/// use machine::command_line::unknown_changes;
/// assert_eq!(unknown_changes("ro quiet", "ro mem=1G foo.bar=1"), ["foo.bar=1"]);
/// assert!(unknown_changes("a=1 ro", "ro a=1 quiet").is_empty());
/// ```
pub fn unknown_changes(before: &str, after: &str) -> Vec<String> {
    let all = |line| words(line).map(|word| (word.raw, word.name)).collect::<Vec<_>>();
    let (mut old, mut new) = (all(before), all(after));
    new.retain(|word| match old.iter().position(|other| other == word) {
        Some(at) => {
            old.remove(at);
            false
        }
        None => true,
    });
    let changed = old.into_iter().chain(new);
    let unknown = changed.filter(|(_, name)| releases::find(name).is_none() && of(name) == Unread::Unknown);
    let mut list: Vec<String> = unknown.map(|(raw, _)| raw.to_owned()).collect();
    list.dedup();
    list
}

fn of(name: &str) -> Unread {
    let named = |known: &&str| is_same_name(known, name);
    if let Some((_, what)) = NOT_MODELLED.iter().find(|(known, _)| named(known)) {
        return Unread::NotModelled(what);
    }
    let lower = name.to_ascii_lowercase();
    let of_user_space = ["rd.", "systemd.", "luks.", "BOOT_", "root."].iter().any(|of| name.starts_with(of));
    if of_user_space || HARMLESS.iter().any(|known| is_same_name(known, &lower)) {
        return Unread::Harmless;
    }
    if LOOK_ALIKE.iter().any(named) {
        return Unread::Unknown;
    }
    meant(name).map_or(Unread::Unknown, Unread::Misspelt)
}

/// The parameter of the table that a name is a misspelling of: one edit away for names of four to seven letters, two
/// for longer ones. Shorter names are too close to each other.
fn meant(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 40;
    let length = name.chars().count();
    let allowed = match length {
        4..=7 => 1,
        8..=LONGEST => 2,
        _ => return None,
    };
    let written = name.to_ascii_lowercase().replace('-', "_");
    let known = releases::TABLE.iter().map(|row| row.name).filter(|known| !known.contains(['=', ' ']));
    let near = known.filter(|known| known.len() > 3).map(|known| (edits(&written, known), known));
    near.filter(|(edits, _)| *edits <= allowed).min().map(|(_, known)| known)
}

/// Letters to insert, drop, replace or swap with their neighbour, to turn one name into the other. O(n m).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i.saturating_add(1)];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
            let right = j.saturating_add(1);
            let step = at(&row, right).min(at(&next, j)).saturating_add(1);
            let mut best = step.min(at(&row, j).saturating_add(usize::from(x != y)));
            let are_swapped = |i: usize, j: usize| a.get(i) == Some(y) && b.get(j) == Some(x);
            if let (Some(i), Some(j)) = (i.checked_sub(1), j.checked_sub(1))
                && are_swapped(i, j)
            {
                best = best.min(at(&before, j).saturating_add(1));
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_parameter_is_recognized() {
        for (written, meant) in [
            ("movable_nod", "movable_node"),
            ("movable-nodes", "movable_node"),
            ("movablenode", "movable_node"),
            ("crashkernal", "crashkernel"),
            ("crash_kernel", "crashkernel"),
            ("kernel_core", "kernelcore"),
            ("mmemap", "memmap"),
            ("nmua", "numa"),
            ("memhp_default_sate", "memhp_default_state"),
            ("memory_hotplug.online_polcy", "memory_hotplug.online_policy"),
            ("Movable_Node", "movable_node"),
        ] {
            assert_eq!(of(written), Unread::Misspelt(meant), "{written}");
        }
    }

    #[test]
    fn real_parameters_are_no_misspellings() {
        for name in [
            "apic",
            "noapic",
            "quiet",
            "ro",
            "nmi_watchdog",
            "mce",
            "edd",
            "console",
            "init",
            "isolcpus",
            "nohz",
            "iommu",
            "intel_iommu",
            "memory_hotplug.foo",
            "cgroup_disable",
            "transparent_hugepage",
            "hugepage",
            "pci",
            "nosmt",
            "nosmp",
            "tsc",
            "idle",
            "rcu_nocbs",
            "default_hugepages",
            "fips",
            "efi_pstore",
        ] {
            let is_misspelt = matches!(of(name), Unread::Misspelt(_));
            assert_eq!(
                is_misspelt,
                ["hugepage", "default_hugepages"].contains(&name),
                "{name}: {:?}",
                of(name)
            );
        }
    }

    #[test]
    fn a_swap_counts_as_one_edit() {
        assert_eq!(edits("nmua", "numa"), 1);
        assert_eq!(edits("numa", "numa"), 0);
        assert_eq!(edits("", "numa"), 4);
        assert_eq!(edits("abc", "xbcd"), 2);
    }

    #[test]
    fn no_list_names_a_parameter_that_the_table_reads() {
        let lists = NOT_MODELLED.iter().map(|(name, _)| *name).chain(HARMLESS.iter().copied());
        for name in lists.chain(LOOK_ALIKE.iter().copied()) {
            assert!(releases::find(name).is_none(), "{name}");
        }
    }
}
