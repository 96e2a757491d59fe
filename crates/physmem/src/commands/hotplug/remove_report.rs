//! A planned removal, for people: the answer, the blocks, what breaks, what to do.

use std::io::Write;

use machine::hotplug::{Answer, Breaks, By, OfflineAnswer, Owner, Removal};

use super::remove::Planned;
use super::words::{run, sentence, zones};
use crate::failure::Failure;
use crate::output::lines::{labelled, printable, wrapped};
use crate::output::size::human;
use crate::output::style::{Ink, Style};
use crate::output::unknown;

/// Prints the plan.
pub(super) fn print(planned: &Planned, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let removal = &planned.removal;
    wrapped(out, "", "  ", &verdict(removal))?;
    for one in &removal.objections {
        let text = format!("{} ({}; {})", one.reason, one.rule, one.source);
        labelled(out, ("refused:", &style.paint(Ink::No, "refused:")), "  ", &text)?;
        wrapped(out, "  help: ", "    ", &one.remedy)?;
    }
    writeln!(out)?;
    for owner in &removal.owners {
        wrapped(out, "", "  ", &whose(owner))?;
    }
    writeln!(out)?;
    for blocks in &removal.blocks {
        self::blocks(blocks, style, out)?;
    }
    writeln!(out, "\nafterwards:")?;
    for effect in &removal.effects {
        let label = format!("  {}:", effect.subject.as_str());
        let ink = match effect.breaks {
            Breaks::No => Ink::Yes,
            Breaks::Yes | Breaks::CannotTell => Ink::No,
        };
        labelled(out, (&label, &style.paint(ink, &label)), "    ", &effect.text)?;
    }
    if !removal.todo.is_empty() {
        writeln!(out, "\nwhat to do:")?;
    }
    for (step, number) in removal.todo.iter().zip(1..) {
        wrapped(out, &format!("  {number}. "), "     ", &step.text)?;
        for (index, command) in step.commands.iter().enumerate() {
            let or = if index == 0 { "" } else { "or: " };
            // Commands are copied: they are not broken.
            writeln!(out, "       {or}{}", printable(command))?;
        }
    }
    if !planned.unknown.is_empty() {
        writeln!(out)?;
    }
    unknown::print(&planned.unknown, style, out)
}

fn verdict(removal: &Removal) -> String {
    let count = |answer| removal.count(answer);
    let all = [Answer::Already, Answer::Can, Answer::RunTime, Answer::Cannot].map(count).iter().sum::<u64>();
    let size = human(removal.bytes);
    let blocks = |count: u64| if count == 1 { "1 block".to_owned() } else { format!("{count} blocks") };
    let (cannot, run_time) = (count(Answer::Cannot), count(Answer::RunTime));
    if cannot > 0 {
        return format!("{cannot} of {} ({size}) cannot go offline: the memory stays", blocks(all));
    }
    if !removal.objections.is_empty() {
        return format!("{size} in {}: they may go offline, but the memory cannot be removed", blocks(all));
    }
    if run_time > 0 {
        return format!(
            "nothing refuses beforehand; only run time tells of {run_time} of {} ({size}), in kernel zones",
            blocks(all)
        );
    }
    format!("nothing refuses: {size} in {} can go", blocks(all))
}

fn whose(owner: &Owner) -> String {
    let name = owner.name.as_deref().unwrap_or("memory");
    let ranges: Vec<String> = owner.ranges.iter().map(ToString::to_string).collect();
    let ranges = ranges.join(", ");
    let by = match &owner.by {
        By::Acpi(Some(device)) if owner.name.is_none() => {
            format!("boot memory that the ACPI device {device} announces")
        }
        By::Acpi(_) => "an ACPI memory device".to_owned(),
        By::Kmem => "under the kmem driver".to_owned(),
        By::VirtioMem => "a virtio-mem device".to_owned(),
        By::Balloon => "of a balloon driver".to_owned(),
        By::Other(driver) => format!("of the driver {driver}"),
        By::Boot => "boot memory without a device".to_owned(),
    };
    let part = if owner.is_whole { "" } else { "; only a part of it is meant" };
    format!("{}: {ranges}, {by}{part}", printable(name))
}

/// Blocks that are alike: the answer, the reason, what helps.
pub(crate) fn blocks(blocks: &OfflineAnswer, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let name = run(blocks);
    let ink = match blocks.answer {
        Answer::Can | Answer::Already => Ink::Yes,
        Answer::RunTime | Answer::Cannot => Ink::No,
    };
    let label = format!("{name}:");
    let text =
        format!("offline: {} ({}; {}; {})", sentence(blocks), zones(blocks), blocks.rule, blocks.source);
    labelled(out, (&label, &style.paint(ink, &label)), "  ", &text)?;
    if matches!(blocks.answer, Answer::RunTime | Answer::Cannot) {
        wrapped(out, "  help: ", "    ", &blocks.help)?;
    }
    Ok(())
}
