//! Why the kernel did not do what was written to a block's `state`: the error number, what it means there, what helps.
//!
//! Sources: Documentation/admin-guide/mm/memory-hotplug.rst; drivers/base/memory.c:state_store,
//! mm/memory_hotplug.c:offline_pages, arch/arm64/mm/mmu.c:prevent_bootmem_remove_notifier,
//! drivers/virtio/virtio_mem.c:virtio_mem_memory_notifier_cb (6.12).

use rustix::io::Errno;

use crate::block::{Block, state_word};
use crate::change::{Change, SEVERAL, is_movable};

/// Why a block is not as it was asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error's name, such as `EBUSY`; `None` if the kernel reported none.
    pub errno: Option<String>,
    /// A stable name of the reason.
    pub rule: &'static str,
    /// What the error means for this block, and what the block shows.
    pub reason: String,
    /// What would help.
    pub remedy: String,
}

impl Refusal {
    /// The rule of a block at which the work was stopped.
    pub(crate) const INTERRUPTED: &'static str = "interrupted";

    /// Every rule, ascending.
    pub const RULES: [&'static str; 19] = [
        "block-gone",
        "block-not-whole",
        "block-spans-zones",
        "driver-busy",
        Self::INTERRUPTED,
        "kept-offline",
        "kept-online",
        "no-free-memory",
        "no-hot-remove",
        "no-privilege",
        "not-onlinable",
        "online-in-another-zone",
        "other-error",
        "pages-pinned",
        "poisoned",
        "read-only",
        "try-again",
        "undone",
        "unmovable-pages",
    ];

    fn new(errno: Errno, rule: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        let errno = Some(name(errno));
        Self { errno, rule, reason: reason.into(), remedy: remedy.into() }
    }

    /// What is certain before anything is written; `None` if only the kernel can tell.
    pub(crate) fn beforehand(change: Change, block: &Block) -> Option<Self> {
        match change {
            Change::Offline if block.spans_zones() => Some(Self::new(
                Errno::INVAL,
                "block-spans-zones",
                "it spans several zones or nodes, or has holes (valid_zones: none)",
                "leave it online: no such block can be taken offline",
            )),
            Change::Online(to) => {
                let zone = block.zone()?;
                (!to.is(Some(zone))).then(|| {
                    let spans = zone == SEVERAL;
                    let zone = if spans { "several zones".to_owned() } else { format!("zone {zone}") };
                    let remedy = if spans {
                        "leave it: no such block can be taken offline".to_owned()
                    } else {
                        format!("take it offline first: physmem offline {block}")
                    };
                    Self::new(
                        Errno::INVAL,
                        "online-in-another-zone",
                        format!("it is online already, in {zone}"),
                        remedy,
                    )
                })
            }
            Change::Offline => None,
        }
    }

    /// What an error means that the kernel answered, or that a write would meet. `block` is as it was before.
    pub(crate) fn of(errno: Errno, change: Change, block: &Block, path: &str) -> Self {
        let zones = zones(block);
        let (rule, reason, remedy) = match (errno, change) {
            (Errno::BUSY, Change::Offline) => return busy(block, &zones),
            (Errno::BUSY, Change::Online(_)) => (
                "driver-busy",
                format!("the driver that added it is taking it away ({zones})"),
                "add the memory again".to_owned(),
            ),
            (Errno::INVAL, Change::Offline) if block.zones.is_empty() => (
                "no-hot-remove",
                format!("it was online, and {zones}: this kernel was built without CONFIG_MEMORY_HOTREMOVE"),
                "boot a kernel with CONFIG_MEMORY_HOTREMOVE".to_owned(),
            ),
            (Errno::INVAL, Change::Offline) => (
                "block-not-whole",
                format!("it has holes, or spans several zones or nodes ({zones})"),
                format!("leave it online; physmem explain {block} shows what is in it"),
            ),
            (Errno::INVAL, Change::Online(_)) => (
                "not-onlinable",
                format!("the kernel does not take it in this way in its state ({}, {zones})", state_word(block.state)),
                "try physmem online without --kernel or --movable; the kernel log may say more".to_owned(),
            ),
            (Errno::PERM, Change::Offline) => (
                "kept-online",
                format!(
                    "a part of the kernel keeps it: on arm64 memory of the boot never goes offline, and drivers may keep \
                     theirs ({zones})"
                ),
                "leave it online; memory of a driver goes by the driver: shrink the virtio-mem device, or unplug the DIMM"
                    .to_owned(),
            ),
            (Errno::PERM, Change::Online(_)) => (
                "kept-offline",
                format!("the driver that added it keeps it offline, as virtio-mem does with what is not plugged ({zones})"),
                "grow the device on the host".to_owned(),
            ),
            (Errno::ACCESS, _) => (
                "no-privilege",
                format!("{path} may not be written"),
                "run as root".to_owned(),
            ),
            (Errno::ROFS, _) => (
                "read-only",
                format!("{path} is on a file system that is mounted read-only, as in a container"),
                "run on the host, outside of containers".to_owned(),
            ),
            (Errno::AGAIN, _) => (
                "try-again",
                format!("the kernel is busy with another hotplug and asks to come again ({zones})"),
                "run the same command again".to_owned(),
            ),
            (Errno::NOENT | Errno::NODEV | Errno::NXIO, _) => (
                "block-gone",
                "it is not there, or was removed meanwhile".to_owned(),
                "physmem show lists the blocks that are there".to_owned(),
            ),
            (Errno::NOMEM, _) => (
                "no-free-memory",
                format!("too little memory is free for it ({zones})"),
                "free memory on the other nodes and zones, then run the same command again".to_owned(),
            ),
            (Errno::HWPOISON, _) => (
                "poisoned",
                format!("it holds pages with memory errors ({zones})"),
                "replace the memory; the kernel log names the pages".to_owned(),
            ),
            (Errno::INTR, _) => (
                Self::INTERRUPTED,
                format!("a signal ended the write, and the kernel put the block back ({zones})"),
                "run the same command again, with a longer --timeout".to_owned(),
            ),
            (errno, _) => (
                "other-error",
                format!("{} ({zones})", std::io::Error::from(errno)),
                "the kernel log may say more".to_owned(),
            ),
        };
        Self::new(errno, rule, reason, remedy)
    }

    /// The kernel took the word, but the block is in another state.
    pub(crate) fn undone(change: Change, now: &Block) -> Self {
        Self {
            errno: None,
            rule: "undone",
            reason: format!(
                "the kernel took `{}` without an error, but the block is {} now: something else changed it",
                change.word(),
                state_word(now.state)
            ),
            remedy: "look for a udev rule or a service that takes memory online or offline by itself"
                .to_owned(),
        }
    }
}

/// Pages in the block cannot be moved elsewhere.
fn busy(block: &Block, zones: &str) -> Refusal {
    if block.zones.first().is_some_and(|zone| is_movable(zone)) {
        return Refusal::new(
            Errno::BUSY,
            "pages-pinned",
            format!("pages in it are pinned, or found no room elsewhere ({zones})"),
            "end what pins memory (RDMA, VFIO, io_uring, huge pages), free memory elsewhere, then run the same command again; \
             the kernel log names such a page",
        );
    }
    Refusal::new(
        Errno::BUSY,
        "unmovable-pages",
        format!(
            "the kernel keeps pages in it that cannot be moved, as it may in any zone but Movable ({zones})"
        ),
        "memory that is to go away later belongs into zone Movable: after the next boot, physmem online --movable, or boot \
         with memhp_default_state=online_movable or movable_node; sysctl vm.drop_caches=3 and another try may help now",
    )
}

/// What `valid_zones` shows, for a message.
fn zones(block: &Block) -> String {
    if block.zones.is_empty() {
        "no valid_zones are shown".to_owned()
    } else {
        format!("valid_zones: {}", block.zones.join(" "))
    }
}

/// The error's name in errno(3).
fn name(errno: Errno) -> String {
    match nix::errno::Errno::from_raw(errno.raw_os_error()) {
        nix::errno::Errno::UnknownErrno => errno.raw_os_error().to_string(),
        known => format!("{known:?}"),
    }
}

#[cfg(test)]
mod tests {
    use evidence::snapshot::BlockState;

    use super::*;
    use crate::change::To;

    fn block(state: BlockState, zones: &[&str]) -> Block {
        Block {
            number: 40,
            state,
            zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
            nodes: vec![0],
        }
    }

    #[test]
    fn the_same_error_means_another_thing_in_another_zone() {
        let of = |errno, zones: &[&str]| {
            let refusal = Refusal::of(errno, Change::Offline, &block(BlockState::Online, zones), "state");
            (refusal.errno.unwrap(), refusal.rule)
        };
        assert_eq!(of(Errno::BUSY, &["Movable"]), ("EBUSY".to_owned(), "pages-pinned"));
        assert_eq!(of(Errno::BUSY, &["Normal"]), ("EBUSY".to_owned(), "unmovable-pages"));
        assert_eq!(of(Errno::INVAL, &["Normal"]), ("EINVAL".to_owned(), "block-not-whole"));
        assert_eq!(of(Errno::INVAL, &[]), ("EINVAL".to_owned(), "no-hot-remove"));
        assert_eq!(of(Errno::PERM, &["Normal"]), ("EPERM".to_owned(), "kept-online"));
        assert_eq!(of(Errno::HWPOISON, &["Normal"]), ("EHWPOISON".to_owned(), "poisoned"));
        assert_eq!(of(Errno::from_raw_os_error(4000), &["Normal"]), ("4000".to_owned(), "other-error"));
    }

    #[test]
    fn every_refusal_of_the_kernel_names_the_valid_zones() {
        for errno in
            [Errno::BUSY, Errno::INVAL, Errno::PERM, Errno::AGAIN, Errno::NOMEM, Errno::INTR, Errno::IO]
        {
            for change in [Change::Offline, Change::Online(To::Movable)] {
                let refusal = Refusal::of(errno, change, &block(BlockState::Online, &["DMA32"]), "state");
                assert!(refusal.reason.contains("valid_zones: DMA32"), "{refusal:?}");
                assert!(!refusal.remedy.is_empty());
                assert!(Refusal::RULES.contains(&refusal.rule), "{}", refusal.rule);
            }
        }
    }

    #[test]
    fn what_valid_zones_says_for_certain_is_known_before() {
        use BlockState::{Offline, Online};
        let rule = |change, state, zones: &[&str]| {
            Refusal::beforehand(change, &block(state, zones)).map(|refusal| refusal.rule)
        };
        assert_eq!(rule(Change::Offline, Online, &["none"]), Some("block-spans-zones"));
        assert_eq!(rule(Change::Offline, Online, &["Normal"]), None);
        assert_eq!(rule(Change::Online(To::Movable), Online, &["Normal"]), Some("online-in-another-zone"));
        assert_eq!(rule(Change::Online(To::Kernel), Online, &["Movable"]), Some("online-in-another-zone"));
        assert_eq!(rule(Change::Online(To::Movable), Online, &["Movable"]), None);
        assert_eq!(rule(Change::Online(To::Policy), Online, &["none"]), None);
        assert_eq!(rule(Change::Online(To::Movable), Offline, &["Normal", "Movable"]), None);
    }
}
