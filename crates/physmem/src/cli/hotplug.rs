//! The options of `physmem hotplug`.

use clap::{Args, Subcommand, ValueEnum};
use machine::hotplug::{RemovalTarget, Settings, Via};

use super::address::parse_address;
use super::boot::EditArguments;
use super::input::{InputArguments, MachineArguments};
use super::target::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum HotplugCommand {
    /// Plan to add memory: its zones, what its struct pages cost, how far the auto-movable policy carries, and how much
    /// can be taken out again
    ///
    /// Lives the steps on a copy of the machine, as Linux does them; nothing changes on the machine. --base stands in
    /// for a machine: sizes for a fleet of virtual machines need no capture.
    ///
    /// Exit status: 0 success, 1 failure, 2 usage, 3 Linux refuses a step, or less is plugged than was asked for.
    #[command(after_long_help = POLICY_HELP)]
    Plan(HotplugPlanArguments),
    /// Plan to take memory away: what refuses it, block by block, what breaks afterwards, and what to do in which order
    ///
    /// Exit status: 0 nothing refuses, as far as can be told beforehand, 1 failure, 2 usage, 3 something refuses.
    Remove(HotplugRemoveArguments),
}

#[derive(Args, Debug)]
pub(crate) struct HotplugRemoveArguments {
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    /// Print JSON; schema/hotplug-remove.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
    /// memory40 or memory40-memory47 (memory blocks), node1 (a NUMA node), 140000000-17fffffff (a range as in
    /// /proc/iomem, end included) or 5G..6G, 0x140000000 or 5G (the device there, or else the block), dax0.0 or
    /// PNP0C80:00 or virtio2 (a device, as `physmem show` names it)
    #[arg(value_name = "memoryN|memoryN-memoryM|nodeN|RANGE|ADDRESS|NAME", value_parser = removal_target)]
    pub(crate) target: RemovalTarget,
}

fn removal_target(text: &str) -> Result<RemovalTarget, String> {
    if let Some((first, last)) = text.split_once("-memory") {
        let number = |digits: &str| digits.parse::<u64>().ok();
        let ends = first.strip_prefix("memory").and_then(number).zip(number(last));
        return match ends {
            Some((first, last)) if first <= last => Ok(RemovalTarget::Blocks(first, last)),
            _ => Err("expected memoryN-memoryM, N and M decimal numbers, N not above M".to_owned()),
        };
    }
    match text.parse::<Target>() {
        Ok(Target::Block(number)) => Ok(RemovalTarget::Blocks(number, number)),
        Ok(Target::Node(node)) => Ok(RemovalTarget::Node(node)),
        Ok(Target::Range(range)) => Ok(RemovalTarget::Range(range)),
        Ok(Target::Address(address)) => Ok(RemovalTarget::Address(address)),
        // A name begins with a letter, and is no block's or node's that went wrong.
        Err(_)
            if text.starts_with(|c: char| c.is_ascii_alphabetic())
                && !["memory", "node"].iter().any(|word| text.starts_with(word)) =>
        {
            Ok(RemovalTarget::Name(text.to_owned()))
        }
        Err(error) => Err(error),
    }
}

const POLICY_HELP: &str = "\
POLICY
  state=offline|online|online_kernel|online_movable
      what happens to added blocks: auto_online_blocks, at boot memhp_default_state=
  online_policy=contig-zones|auto-movable, ratio=PERCENT, numa_aware=Y|N
      which zone `online` picks: parameters of the module memory_hotplug
  memmap_on_memory=Y|N|force, movable_node
      only a boot changes these

EXAMPLES
  physmem hotplug plan --base 4G --add 60G --via virtio-mem --policy online_policy=auto-movable
  physmem hotplug plan --add 64G --step 1G --node 1 --compare
  physmem hotplug plan --add 16G --via kmem --at 0x1040000000 --from capture.tar.gz";

#[derive(Args, Debug)]
pub(crate) struct HotplugPlanArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) edits: EditArguments,
    /// Plan for a virtual machine with this much memory that nobody captured: QEMU's pc, one node, Linux 6.12
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with_all = ["from", "sysroot", "cmdline", "append", "remove", "kernel_release"])]
    pub(crate) base: Option<u64>,
    /// Add so much, e.g. 60G
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) add: u64,
    /// Add so much at a time: with acpi and kmem each step is a device of its own [default: all at once]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) step: Option<u64>,
    /// The node of the memory
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) node: u32,
    /// How it comes
    #[arg(long, value_enum, default_value_t = ViaWord::Acpi)]
    pub(crate) via: ViaWord,
    /// Where it goes [default: the first free place]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) at: Option<u64>,
    /// Take these settings instead of the machine's; see POLICY below
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    pub(crate) policy: Vec<Settings>,
    /// Compare the policies: contig-zones with and without movable_node, auto-movable, online_kernel, online_movable
    #[arg(long)]
    pub(crate) compare: bool,
    /// Print JSON; schema/hotplug-plan.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

/// A way for memory to come, as an option.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ViaWord {
    /// ACPI memory devices (DIMMs)
    Acpi,
    /// One virtio-mem device, which grows
    VirtioMem,
    /// Dax devices under the kmem driver: CXL, persistent memory
    Kmem,
}

impl From<ViaWord> for Via {
    fn from(word: ViaWord) -> Self {
        match word {
            ViaWord::Acpi => Self::Acpi,
            ViaWord::VirtioMem => Self::VirtioMem,
            ViaWord::Kmem => Self::Kmem,
        }
    }
}

fn size(text: &str) -> Result<u64, String> {
    parse_address(text).ok_or_else(|| "expected a size such as 60G, 512M or 0x8000000".to_owned())
}

fn address(text: &str) -> Result<u64, String> {
    parse_address(text).ok_or_else(|| "expected an address such as 0x140000000 or 5G".to_owned())
}
