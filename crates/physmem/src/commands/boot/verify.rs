//! The result of `--verify`, for people.

use std::io::Write;

use machine::boot::verify::compare::{Compared, Comparison};

use crate::boot_input::Boot;
use crate::failure::Failure;
use crate::output::lines::wrapped;
use crate::output::style::{Ink, Style};
use crate::output::unknown;

pub(crate) fn print(
    boot: &Boot,
    comparison: &Comparison,
    style: Style,
    out: &mut impl Write,
) -> Result<(), Failure> {
    for fact in &comparison.facts {
        let name = fact_name(fact.fact);
        match &fact.result {
            Compared::Equal { .. } if fact.fact == "panic" => {
                writeln!(out, "{} {name}", style.paint(Ink::Yes, "equal    "))?;
            }
            Compared::Equal { entries } => {
                let entries = match entries {
                    0 => "none on either side".to_owned(),
                    1 => "1 entry".to_owned(),
                    many => format!("{many} entries"),
                };
                writeln!(out, "{} {name}: {entries}", style.paint(Ink::Yes, "equal    "))?;
            }
            Compared::NotCompared { why } => {
                writeln!(out, "{} {name}", style.paint(Ink::Faint, "not shown"))?;
                wrapped(out, "          because ", "          ", why)?;
            }
            Compared::Differs(differences) => {
                writeln!(out, "{} {name}", style.paint(Ink::No, "differs  "))?;
                for difference in differences {
                    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
                    wrapped(out, "          ", "            ", &difference.what)?;
                    wrapped(out, "            predicted ", "              ", &side(&difference.predicted))?;
                    wrapped(out, "            seen      ", "              ", &side(&difference.seen))?;
                }
            }
        }
    }
    let seeds = boot.input.seeded.clone();
    if !seeds.is_empty() {
        writeln!(out)?;
        writeln!(
            out,
            "given to the prediction because nothing before the boot decides it, so not verified:"
        )?;
        for seed in seeds {
            wrapped(out, "  ", "    ", &format!("{}: {}", seed.what, seed.why))?;
        }
    }
    if !boot.prediction.assumed.is_empty() {
        writeln!(out)?;
        unknown::print_as("assumed:", &boot.prediction.assumed, style, out)?;
    }
    Ok(())
}

/// A fact in words.
fn fact_name(fact: &str) -> &str {
    match fact {
        "panic" => "the boot reaches zone setup",
        "memory" => "memory regions, node and flags",
        "memory_after_boot" => "memory regions after boot, in debugfs",
        "reserved" => "reserved regions",
        "early_node_ranges" => "memory of each node",
        "zone_limits" => "limits of the zones",
        "movable_start" => "start of each node's movable memory",
        "crashkernel" => "crash kernel",
        "zones" => "zones of each node, with their pages",
        "fallback_order" => "node fallback order",
        "kho_scratch" => "scratch areas of kexec handover",
        other => other,
    }
}
