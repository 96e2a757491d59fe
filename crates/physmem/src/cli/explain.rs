//! The options of `physmem explain`.

use clap::Args;

use super::input::MachineArguments;
use super::target::Target;

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    /// Print JSON; schema/show.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
    /// 0x140000000 or 5G (an address), 140000000-17fffffff (a range as in /proc/iomem, end
    /// included), memory40 (a memory block), node1 (a NUMA node)
    #[arg(value_name = "ADDRESS|RANGE|memoryN|nodeN")]
    pub(crate) target: Target,
}
