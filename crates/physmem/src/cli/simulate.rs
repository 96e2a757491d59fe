//! The options of `physmem simulate`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::boot::{BootSourceArguments, EditArguments};

#[derive(Args, Debug)]
pub(crate) struct SimulateArguments {
    #[command(flatten)]
    pub(crate) source: BootSourceArguments,
    #[command(flatten)]
    pub(crate) edits: EditArguments,
    /// Let this happen, after the scenario's events and in the order given; see EVENTS below
    #[arg(short, long = "event", value_name = "EVENT")]
    pub(crate) events: Vec<String>,
    /// Print JSON, with the whole state after each event; schema/simulate.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
    /// Print /proc/iomem after each event
    #[arg(long)]
    pub(crate) iomem: bool,
    /// Print the memory blocks after each event
    #[arg(long)]
    pub(crate) blocks: bool,
    /// Write the simulated machine as a capture, which every other command reads with --from
    #[arg(short, long, value_name = "FILE.json", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// A scenario: a TOML file with events
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) scenario: Option<PathBuf>,
}

/// The events and the scenario file, for the long help.
pub(crate) fn help() -> &'static str {
    "\
EVENTS
  add dimm SIZE [at ADDRESS] [node N] [as NAME]
      an ACPI memory device; without an address, the first place where the firmware lets memory be added
  add virtio-mem SIZE at ADDRESS [node N] [up to SIZE] [in SIZE] [as NAME]
      a virtio-mem device whose region starts at ADDRESS and is `up to` large, plugged `in` device blocks (2M)
  resize NAME|ADDRESS to SIZE
      the size that the host requests of a virtio-mem device
  add kmem [DAX] SIZE at ADDRESS [and SIZE at ADDRESS]... [node N] [over RESOURCE] [online STATE]
      a dax device under the kmem driver; `online` is the driver's own choice, which newer kernels have
  add hv-balloon SIZE at ADDRESS [node N]
  add xen SIZE at ADDRESS [node N]
      memory that a hypervisor's balloon driver adds
  remove NAME|ADDRESS
      a device's memory goes away; an ACPI eject takes it offline first
  online memory40|memory40-memory43|node1 [kernel|movable]
  offline memory40|memory40-memory43|node1
  policy [state=offline|online|online_kernel|online_movable] [online_policy=contig-zones|auto-movable]
         [ratio=PERCENT] [numa_aware=Y|N]
  pin memory40|memory40-memory43|node1, unpin ...
      what only run time decides: these blocks hold pages that cannot move
  load kexec|kdump by file|load [at 0xSTART-0xLAST]..., unload kexec|kdump
      an image is loaded, so that what makes it stale shows

SCENARIO
  title = \"A DIMM comes and goes\"
  from = \"capture.tar.gz\"          # relative to the file; --from takes another
  [[step]]
  name = \"plugged\"                 # optional
  events = [\"add dimm 1G node 1 as dimm0\", \"remove dimm0\"]"
}
