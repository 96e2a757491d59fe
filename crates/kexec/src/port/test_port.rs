//! A made-up port of a third architecture: what a new one takes, shown by a test.

use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::context::LoadContext;
use crate::error::PlanError;
use crate::place::kernel_search;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::steps::{Begun, Layout, Port};
use crate::request::Purgatory;
use crate::segment::SegmentKind;
use crate::tell::by_rules::told;
use crate::tell::e820::NextMap;

/// Places everything as low as it fits.
#[derive(Debug)]
pub(crate) struct TestPort;

impl Port for TestPort {
    fn search_ranges(&self, machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
        kernel_search::search_ranges(machine, rules)
    }

    fn purgatory(&self) -> Option<Purgatory> {
        None
    }

    fn begin<'c>(&self, context: &'c LoadContext<'_>) -> Result<Begun<'c>, PlanError> {
        let mut placer = SegmentPlacer::new(&context.space);
        placer.place(SegmentNeeds::lowest(SegmentKind::Kernel, 0x1000, 0x20_0000))?;
        let told = told(context.machine, Loader::KexecFileLoad, context.rules);
        let ram = |range| firmware::e820::Entry { range, kind: firmware::e820::E820Type::Ram };
        Ok(Begun {
            placer,
            map: NextMap::of_all(told.into_iter().map(ram).collect()),
            command_line: context.request.command_line.to_owned(),
        })
    }

    fn complete(
        &self,
        _: &LoadContext<'_>,
        begun: &Begun<'_>,
        initrd: Option<u64>,
    ) -> Result<Layout, PlanError> {
        let mut placer = begun.placer.clone();
        if let Some(size) = initrd {
            placer.place(SegmentNeeds::lowest(SegmentKind::Initrd, size, size))?;
        }
        Ok(Layout { segments: placer.segments(), chosen: None })
    }
}

mod tests {
    use evidence::{Snapshot, Source};
    use images::{ElfKernel, KernelImage};
    use machine::Architecture;

    use super::*;
    use crate::testing::REQUEST;
    use crate::{Request, plan};

    #[test]
    fn a_third_architecture_is_a_row_of_facts_and_a_port() {
        let memblock = evidence::snapshot::MemblockFiles {
            memory: Source::Read("   0: 0x0000000080000000..0x00000000ffffffff    0 NONE\n".into()),
            reserved: Source::Read("   0: 0x0000000080000000..0x00000000801fffff    x NONE\n".into()),
            ..Default::default()
        };
        let snapshot = Snapshot {
            architecture: Source::Read("riscv64".into()),
            iomem: Source::Read("80000000-ffffffff : System RAM\n".into()),
            memblock,
            ..Snapshot::default()
        };
        let machine = Machine::of(snapshot).unwrap();
        assert_eq!(machine.kernel.architecture, Some(Architecture::Riscv64));
        let kernel = ElfKernel { segments: Vec::new() };
        let request = Request { kernel: KernelImage::Elf(&kernel), ..REQUEST };
        let plan = plan(&machine, &request, &Rules::LINUX).unwrap();
        let starts: Vec<u64> = plan.segments.iter().map(|segment| segment.range.start()).collect();
        assert_eq!(starts, [0x8020_0000, 0x8040_0000]);
        // A kernel of another architecture has no port there.
        assert!(matches!(
            crate::plan(&machine, &REQUEST, &Rules::LINUX),
            Err(PlanError::OtherArchitecture { .. })
        ));
    }
}
