//! What kexec-tools tells the next kernel on x86_64.

use rules::Loader;

use crate::context::LoadContext;
use crate::dump::header::HeaderSize;
use crate::error::PlanError;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::x86_tools_common::{crash, memory};
use crate::segment::SegmentKind;
use crate::tell::by_rules;
use crate::tell::e820::NextMap;

/// The map and the command line of the next kernel. For a crash load, also places the backup and the header,
/// which they describe.
pub(crate) fn tell(
    placer: &mut SegmentPlacer<'_>,
    context: &LoadContext<'_>,
) -> Result<(NextMap, String), PlanError> {
    let (machine, request) = (context.machine, context.request);
    if let Some(crash) = &context.crash {
        let saved = crash::backup_area(machine)?;
        let backup = placer.place(SegmentNeeds::highest(SegmentKind::Backup, saved.size(), saved.size()))?;
        let HeaderSize { loaded, room } = crash.header;
        let header = placer.place(SegmentNeeds::highest(SegmentKind::ElfCoreHeader, loaded, room))?;
        let taken = [(header, room), (backup, saved.size())];
        let map = crash::map(machine, &crash.kernel, saved, taken)?;
        let rsdp = crash::told_rsdp(&request.kernel, &machine.state);
        return Ok((map, crash::command_line(request.command_line, rsdp, header)?));
    }
    let told = memory::told_after_reboot(machine)?;
    let told = by_rules::corrected(told, machine, Loader::KexecLoad, context.rules);
    Ok((NextMap::of_all(told), request.command_line.to_owned()))
}
