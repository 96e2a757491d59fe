//! Loads by physmem itself: whatever a machine looks like, they keep their promises.

use firmware::e820::E820Type;
use kexec::{Caller, PlanError, Purpose, Request, SegmentKind};
use machine::range_set::RangeSet;
use proptest::prelude::*;
use rules::Loader;

use crate::brute_force::PAGE;
use crate::machines::{Kind, layouts};
use crate::requests;

fn own() -> impl Strategy<Value = Request<'static>> {
    requests().prop_map(|request| Request { loader: Loader::KexecLoad, caller: Caller::Physmem, ..request })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn segments_lie_in_memory_of_its_own_kernel_that_the_next_one_is_told_about(layout in layouts(), request in own()) {
        let plan = match layout.plan(&request) {
            Ok(plan) => plan,
            Err(PlanError::NoHole { .. }) => return Ok(()),
            Err(PlanError::NoCrashKernel) => { prop_assert!(layout.crash.is_none()); return Ok(()) }
            Err(PlanError::NoFirmwareMap) => {
                prop_assert!(layout.of(&[Kind::Boot]).is_empty());
                return Ok(())
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        let may = match request.purpose {
            Purpose::Crash => Vec::from_iter(layout.crash),
            Purpose::Reboot if request.avoid_removable => layout.of(&[Kind::Boot]),
            Purpose::Reboot => layout.of(&[Kind::Boot, Kind::HotAdded]),
        };
        let ram = plan.next_kernel.iter().filter(|entry| entry.kind == E820Type::Ram);
        let told: RangeSet = ram.map(|entry| entry.range).collect();
        prop_assert!(plan.next_kernel_lacks.is_empty());
        for (index, segment) in plan.segments.iter().enumerate() {
            let range = segment.range;
            prop_assert!(may.iter().any(|may| may.encloses(range)), "{segment:?}");
            prop_assert!(range.start().is_multiple_of(segment.alignment) && range.size().is_multiple_of(PAGE));
            prop_assert!(segment.loaded <= range.size());
            prop_assert!(plan.segments.iter().skip(index + 1).all(|other| !other.range.overlaps(range)));
            if segment.kind != SegmentKind::ElfCoreHeader {
                prop_assert_eq!(told.bytes_within(range), range.size(), "{:?}", segment);
            }
        }
    }

    #[test]
    fn a_crash_kernel_gets_the_dump_the_map_and_the_line_of_kexec_file_load(layout in layouts(), request in own()) {
        let own = layout.plan(&Request { purpose: Purpose::Crash, avoid_removable: false, ..request });
        let by_file = layout.plan(&Request {
            purpose: Purpose::Crash,
            avoid_removable: false,
            loader: Loader::KexecFileLoad,
            ..request
        });
        // What physmem loads beside is smaller.
        if by_file.is_ok() {
            prop_assert!(own.is_ok(), "{own:?}");
        }
        let (Ok(own), Ok(by_file)) = (own, by_file) else { return Ok(()) };
        prop_assert_eq!(own.vmcore, by_file.vmcore);
        prop_assert_eq!(own.next_kernel, by_file.next_kernel);
        prop_assert_eq!(own.command_line, by_file.command_line);
    }
}
