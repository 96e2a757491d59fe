//! A kernel in a contiguous memory area that aligns to less than the kernel needs.
//!
//! kexec_file_load places in the default contiguous area first (6.17). The area aligns to CONFIG_CMA_ALIGNMENT at most,
//! usually 1 MiB, and says nothing about it. A kernel that starts below its alignment moves up to the next multiple, over
//! what lies behind it.

use memblock::PhysRange;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::outcome::{Answer, Nothing, hidden, not_found};
use crate::subject::{Subject, sized};

/// The kernel of an image, loaded or planned, below its alignment.
pub(crate) fn misaligned(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    let Some((kernel, alignment)) = image.kernel else { return Err(no_kernel(image)) };
    let Some(runs) = moved(kernel, alignment).filter(|runs| runs.start() != kernel.start()) else {
        return Err(not_found(format!(
            "the kernel at {} starts at a multiple of {alignment:#x} ({})",
            sized(kernel),
            image.known_from
        )));
    };
    let mut evidence = vec![format!(
        "kernel at {} is no multiple of {alignment:#x}: it moves up to {}",
        sized(kernel),
        sized(runs)
    )];
    let others = image.segments.iter().filter(|(_, range)| *range != kernel);
    let hit: Vec<_> =
        others.filter_map(|(name, range)| Some((name, range, range.intersect(runs)?))).collect();
    for (name, range, part) in &hit {
        evidence.push(format!("{name} at {}: {} of it are overwritten", sized(**range), sized(*part)));
    }
    if let Some(area) = subject.machine.state.contiguous {
        evidence.push(format!("the kernel log: a contiguous memory area (CMA) at {}", sized(area.range)));
    }
    evidence.push(image.known_from.clone());
    let (severity, what) = if hit.is_empty() {
        (Severity::Warning, "starts below the kernel's alignment, and the kernel moves up beyond its segment")
    } else {
        (Severity::Error, "starts below the kernel's alignment, and the kernel moves up over the rest of it")
    };
    Ok(Finding {
        code: Code::ImageInMisalignedCma,
        severity,
        what: format!("{} {what}", image.words()),
        evidence,
        remedy: "load it with KEXEC_FILE_NO_CMA (--no-cma of kexec-tools newer than 2.0.32), or by kexec_load (kexec -c)"
            .to_owned(),
    })
}

/// Where a kernel runs that is loaded here; `None` beyond all addresses.
fn moved(kernel: PhysRange, alignment: u64) -> Option<PhysRange> {
    PhysRange::from_size(kernel.start().checked_next_multiple_of(alignment)?, kernel.size()).ok()
}

/// Why no kernel is compared with its alignment.
fn no_kernel(image: &Image<'_>) -> Nothing {
    if image.is_loaded {
        let why = "the kernel log does not name the kernel among the loaded segments";
        hidden(why, "physmem kexec plan shows the place and the alignment of a load like it")
    } else {
        not_found(format!("the kernel is placed at the alignment that it asks for ({})", image.known_from))
    }
}

#[cfg(test)]
mod tests {
    use kexec::{Plan, Purpose};
    use memblock::PhysRange;
    use rules::Loader;

    use super::*;
    use crate::testing::{IOMEM, of_plan, plan, r, x86};

    /// A plan with a kernel here, for which 2 MiB was asked, and an initial ramdisk there.
    fn planned(kernel: PhysRange, alignment: u64, initrd: PhysRange) -> Plan {
        let mut plan = plan(Purpose::Reboot, kernel);
        plan.segments[0].wanted_alignment = 0x20_0000;
        plan.segments[0].alignment = alignment;
        let behind = plan.segments[0].clone();
        plan.segments.push(kexec::Segment { kind: kexec::SegmentKind::Initrd, range: initrd, ..behind });
        plan
    }

    fn found(plan: &Plan) -> Option<Finding> {
        let found = of_plan(&x86(IOMEM, "", &[]), plan, Loader::KexecFileLoad);
        found.into_iter().find(|finding| finding.code == Code::ImageInMisalignedCma)
    }

    #[test]
    fn a_kernel_below_its_alignment_moves_up_over_the_ramdisk_behind_it() {
        let (kernel, behind) = (r(0x2010_0000, 0x2400_0000), r(0x2400_0000, 0x2480_0000));
        let finding = found(&planned(kernel, 0x10_0000, behind)).unwrap();
        assert_eq!(finding.severity, Severity::Error);
        assert!(finding.evidence[1].starts_with("initrd at 24000000-247fffff"), "{:?}", finding.evidence);
        let below = found(&planned(kernel, 0x10_0000, r(0x1000_0000, 0x1080_0000))).unwrap();
        assert_eq!(below.severity, Severity::Warning);
    }

    #[test]
    fn a_kernel_at_its_alignment_or_outside_the_area_is_no_finding() {
        let behind = r(0x2400_0000, 0x2480_0000);
        assert_eq!(found(&planned(r(0x2020_0000, 0x2400_0000), 0x10_0000, behind)), None);
        // A kernel with a text_offset starts that far into a hole that is aligned.
        assert_eq!(found(&planned(r(0x2010_0000, 0x2400_0000), 0x20_0000, behind)), None);
    }
}
