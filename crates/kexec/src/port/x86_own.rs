//! What physmem does on x86_64 with a bzImage, by kexec_load.
//!
//! It places by the rules of this program, not as another is seen to do: for a reboot, in System RAM of exactly that
//! name which the next kernel is told about as RAM, so that no image lies in memory that a driver manages or that is
//! lost to the kernel in it. Parts, order and direction are those of kexec_file_load: for a crash load, the header of
//! the dump goes to the lowest place, where the kernel can rebuild it, and all else to the highest.
//!
//! The next kernel is told about the firmware's map as it is now, with memory added since, and with the types that
//! kexec-tools has no names for; where memory that can be unplugged is to be avoided, without it: told of memory that is
//! gone when it starts, a kernel uses it and dies, and what stays, its driver adds again. A crash kernel is told about
//! what kexec_file_load tells it, and its dump contains the same. What the zero page has no room for is handed on as
//! setup_data, so that nothing is lost.

use firmware::e820::{E820Type, Entry};
use images::{KernelImage, SetupHeader};
use machine::Machine;
use machine::range_set::RangeSet;
use memblock::{PhysRange, ranges};
use rules::{Loader, Rules, Use};

use crate::contents::layout::Layout as Parameters;
use crate::context::LoadContext;
use crate::dump::header::HeaderSize;
use crate::error::PlanError;
use crate::place::allowed::allowed;
use crate::place::removable::removable;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::steps::{Begun, Layout, Port};
use crate::port::x86_image::{self, MIN_KERNEL, Parts};
use crate::request::Purgatory;
use crate::segment::SegmentKind;
use crate::tell::by_rules;
use crate::tell::e820::NextMap;
use crate::trampoline;

/// The end of what a kernel without XLF_CAN_BE_LOADED_ABOVE_4G can use (Documentation/arch/x86/boot.rst, "xloadflags").
const BELOW_4G: u64 = 1 << 32;

/// kexec_load by physmem on x86_64, with a bzImage.
#[derive(Debug)]
pub(crate) struct X86Own;

impl Port for X86Own {
    fn search_ranges(&self, machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
        let tree = machine.resources().ok_or(PlanError::NoIomem)?;
        let named: Vec<PhysRange> =
            tree.system_ram_not_driver_managed().filter_map(|resource| resource.range().ok()).collect();
        let allowed = allowed(machine, &named, &[], Use::KexecImage(Loader::KexecLoad), rules)?;
        let told = told_after_reboot(machine, rules)?;
        let of = |is_ram: bool| -> RangeSet {
            let entries = told.iter().filter(|entry| (entry.kind == E820Type::Ram) == is_ram);
            entries.map(|entry| entry.range).collect()
        };
        // Where entries overlap, the next kernel takes the type with the higher number, and RAM has the lowest.
        let (ram, others) = (of(true), of(false));
        let told = ranges::difference(ram.iter(), others.iter());
        Ok(ranges::intersection(allowed.into_iter(), told).collect())
    }

    fn purgatory(&self) -> Option<Purgatory> {
        Some(trampoline::SEGMENT)
    }

    fn begin<'c>(&self, context: &'c LoadContext<'_>) -> Result<Begun<'c>, PlanError> {
        let (machine, request) = (context.machine, context.request);
        let KernelImage::BzImage(kernel) = &request.kernel else {
            return Err(PlanError::NotByPhysmem);
        };
        let mut placer = SegmentPlacer::new(&context.space);
        let (entries, added) = if let Some(crash) = &context.crash {
            let HeaderSize { loaded, room } = crash.header;
            let header = placer.place(SegmentNeeds::lowest(SegmentKind::ElfCoreHeader, loaded, room))?;
            let entries = NextMap::all_after_crash(machine, &crash.kernel, header, crash.header)?;
            (entries, format!("elfcorehdr={:#x} ", header.start()))
        } else {
            let told = told_after_reboot(machine, context.rules)?;
            let told =
                if request.avoid_removable { told_to_stay(told, machine, context.rules)? } else { told };
            (told, String::new())
        };
        let command_line = format!("{added}{}", request.command_line);
        let (length, added) = (length(request.command_line).saturating_add(1), length(&added));
        if length.saturating_add(added) > kernel.cmdline_size {
            return Err(PlanError::CommandLineTooLong { length, added, most: kernel.cmdline_size });
        }
        let parameters =
            Parameters::of(command_line.len(), entries.len()).ok_or(PlanError::EfiMap { size: u64::MAX })?;
        let parts = Parts {
            purgatory: trampoline::SEGMENT,
            parameters: parameters.size,
            low_min: MIN_KERNEL,
            // Below its preferred address, a kernel moves itself up to it, over whatever is there
            // (Documentation/arch/x86/boot.rst, "init_size").
            kernel_min: kernel.pref_address.max(MIN_KERNEL),
            limit: limit(kernel),
        };
        x86_image::place(&mut placer, kernel, &parts)?;
        Ok(Begun { placer, map: NextMap::of_all(entries), command_line })
    }

    fn complete(
        &self,
        context: &LoadContext<'_>,
        begun: &Begun<'_>,
        initrd: Option<u64>,
    ) -> Result<Layout, PlanError> {
        let mut placer = begun.placer.clone();
        let limit = match &context.request.kernel {
            KernelImage::BzImage(kernel) => limit(kernel),
            KernelImage::Elf(_) | KernelImage::Arm64(_) => return Err(PlanError::NotByPhysmem),
        };
        x86_image::place_initrd(&mut placer, initrd, limit)?;
        Ok(Layout { segments: placer.segments(), chosen: None })
    }
}

/// The highest end of everything that the kernel is given.
const fn limit(kernel: &SetupHeader) -> u64 {
    if kernel.above_4g { u64::MAX } else { BELOW_4G }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// The map of a kernel started by a reboot, by address: the firmware's map as it is now, including DIMMs that were
/// added; what `mem=` and `memmap=` changed is not in it.
fn told_after_reboot(machine: &Machine, rules: &Rules) -> Result<Vec<Entry>, PlanError> {
    let map = machine.state.firmware_map_now.clone();
    let mut map = map.filter(|map| !map.is_empty()).ok_or(PlanError::NoFirmwareMap)?;
    map.sort_by_key(|entry| entry.range);
    Ok(by_rules::corrected(map, machine, Loader::KexecLoad, rules))
}

/// The same without RAM that can be unplugged before the next kernel starts.
fn told_to_stay(map: Vec<Entry>, machine: &Machine, rules: &Rules) -> Result<Vec<Entry>, PlanError> {
    let removable: RangeSet = removable(machine, rules)?.into_iter().collect();
    let stays = |entry: Entry| -> Vec<Entry> {
        if entry.kind != E820Type::Ram {
            return vec![entry];
        }
        let parts = ranges::difference([entry.range].into_iter(), removable.within(entry.range));
        parts.map(|range| Entry { range, ..entry }).collect()
    };
    Ok(map.into_iter().flat_map(stays).collect())
}

#[cfg(test)]
pub(crate) mod tests;
