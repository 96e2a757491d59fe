//! The lives, and what must hold in them.

use std::sync::atomic::{AtomicU64, Ordering};

use evidence::Snapshot;
use machine::Machine;
use machine::command_line::hotplug::OnlinePolicy;
use machine::life::{BlockView, Change, Event, Item, Life, Online, Refusal, What};
use memblock::PhysRange;

use crate::compare::compare;
use crate::machines::machine;
use crate::model::{Block, Model};
use crate::random::Random;

/// Events in one life.
const EVENTS: u64 = 60;

/// How many events happen: in a debug build, as many as finish quickly.
fn events() -> u64 {
    let default = if cfg!(debug_assertions) { 12_000 } else { 200_000 };
    number("LIFE_EVENTS").unwrap_or(default)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A life of its own: the machine, and where the model begins.
struct Start {
    snapshot: Snapshot,
    life: Life,
    model: Model,
}

fn start(seed: u64) -> (Start, Random) {
    let mut random = Random::new(seed);
    let (snapshot, model) = machine(&mut random);
    let life = Life::of(&Machine::of(&snapshot).unwrap()).unwrap();
    (Start { snapshot, life, model }, random)
}

/// One event in both; what must hold of it, and the state after it.
fn happen(life: &mut Life, model: &mut Model, words: &str) -> Result<(), String> {
    let event: Event = words.parse().map_err(|error| format!("{error}"))?;
    let again = event.to_string();
    if again.parse().as_ref() != Ok(&event) {
        return Err(format!("it prints `{again}`, which is read as {:?}", again.parse::<Event>()));
    }
    let before = life.clone();
    let result = life.apply(&event);
    let expected = model.happen(&event);
    let ours = match &result {
        Ok(change) => Ok(change.refused.as_ref().map(|refused| refused.rule)),
        Err(refused) => Err(refused.rule),
    };
    if ours != expected {
        return Err(format!("the library says {ours:?}, the model {expected:?}"));
    }
    match &result {
        Err(Refusal { reason, remedy, source, .. }) => {
            if *life != before {
                return Err("it is refused, and something has changed".to_owned());
            }
            if [reason.as_str(), remedy.as_str(), source].iter().any(|words| words.is_empty()) {
                return Err("a refusal without a word".to_owned());
            }
        }
        Ok(change) => told(&before, life, change)?,
    }
    compare(life, model)
}

/// A change leads every block from what it was to what it is.
fn told(before: &Life, after: &Life, change: &Change) -> Result<(), String> {
    let state = |life: &Life, number| {
        life.block_table().get(number).map(|block| match block.online {
            Online::No => "offline".to_owned(),
            Online::In(zone) => format!("online {zone}"),
            Online::InSeveral => "online".to_owned(),
        })
    };
    let numbers = before.block_table().iter().chain(after.block_table().iter()).map(|(number, _)| number);
    for number in numbers {
        let range = after.block_table().range(number).unwrap();
        let is_pin = |word: &Option<String>| word.as_deref().is_some_and(|word| word.starts_with("pages"));
        let is_about = |item: &&Item| {
            item.what == What::Block
                && item.range.is_some_and(|of| of.encloses(range))
                && !is_pin(&item.after)
        };
        let mut left: Vec<&Item> = change.items.iter().filter(is_about).collect();
        let mut now = state(before, number);
        while let Some(at) = left.iter().position(|item| item.before == now) {
            now.clone_from(&left.remove(at).after);
        }
        let is = state(after, number);
        if now != is || !left.is_empty() {
            return Err(format!("memory{number} is {is:?}; by what is told, {now:?}, with {left:?} left"));
        }
    }
    if change.items.is_empty() && change.refused.is_none() && after.iomem() != before.iomem() {
        return Err("nothing is told, and resources changed".to_owned());
    }
    Ok(())
}

/// Lets events happen again from the start; the number of the first that goes wrong, and why.
fn replay(start: &Start, words: &[String]) -> Option<(usize, String)> {
    let (mut life, mut model) = (start.life.clone(), start.model.clone());
    words
        .iter()
        .enumerate()
        .find_map(|(index, words)| happen(&mut life, &mut model, words).err().map(|error| (index, error)))
}

/// The same failure with as few events as can be found.
fn shorten(start: &Start, mut words: Vec<String>) -> String {
    let mut at = 0;
    while at < words.len() {
        let mut fewer = words.clone();
        fewer.remove(at);
        match replay(start, &fewer) {
            Some((last, _)) => {
                fewer.truncate(last + 1);
                words = fewer;
            }
            None => at += 1,
        }
    }
    let why = replay(start, &words).map_or_else(String::new, |(_, why)| why);
    let model = &start.model;
    let shown = |(number, block): (&u64, &Block)| format!("{number} {:?} {}", block.state, block.node);
    let blocks = model.blocks.iter().map(shown).collect::<Vec<_>>().join("; ");
    format!(
        "blocks of {:#x}, {:?}, {:?}\n{}{}\n  {}\n{why}",
        model.size,
        model.kernel,
        model.policy,
        start.life.iomem(),
        blocks,
        words.join("\n  ")
    )
}

/// One life; how many events were refused.
fn live(seed: u64) -> Result<u64, String> {
    let (start, mut random) = start(seed);
    let fail = |words: Vec<String>| format!("LIFE_SEED={seed}\n{}", shorten(&start, words));
    compare(&start.life, &start.model).map_err(|why| format!("{why}\n{}", fail(Vec::new())))?;
    let (mut life, mut model) = (start.life.clone(), start.model.clone());
    let (mut all, mut refused) = (Vec::new(), 0);
    for _ in 0..EVENTS {
        let words = crate::events::event(&mut random, &model);
        all.push(words.clone());
        let was = model.clone();
        if happen(&mut life, &mut model, &words).is_err() {
            return Err(fail(all));
        }
        refused += u64::from(was == model);
    }
    captured(&start.snapshot, &life).map_err(|why| format!("LIFE_SEED={seed}: {why}"))?;
    Ok(refused)
}

/// A capture of the machine as it is now shows the same machine.
fn captured(base: &Snapshot, life: &Life) -> Result<(), String> {
    let snapshot = life.snapshot(base);
    let machine = Machine::of(&snapshot).map_err(|error| error.to_string())?;
    let again = Life::of(&machine).map_err(|error| error.to_string())?;
    let differ = |what: &str| Err(format!("a capture shows other {what} than the life that it is of"));
    if again.iomem() != life.iomem() {
        return differ("resources");
    }
    // The auto-movable policy also asks what no capture shows: how much a device was to bring, and in which units.
    let is_shown = life.policy().online == OnlinePolicy::ContigZones;
    let view = |block: BlockView| {
        let zones = if is_shown || block.is_online { block.valid_zones } else { Vec::new() };
        (block.index, block.is_online, block.node, zones)
    };
    if !again.blocks().map(view).eq(life.blocks().map(view)) {
        let first = again.blocks().map(view).zip(life.blocks().map(view)).find(|(a, b)| a != b);
        return Err(format!("a capture shows other blocks: {first:?}"));
    }
    if again.zone_records() != life.zone_records() {
        return differ("zones");
    }
    if again.firmware_map().map(|map| &map.entries) != life.firmware_map().map(|map| &map.entries) {
        return differ("entries of the firmware's map");
    }
    if again.memblock() != life.memblock() {
        return differ("regions of memblock");
    }
    if again.policy() != life.policy() {
        return differ("settings");
    }
    again.disagreement().map_or(Ok(()), |why| Err(format!("a capture disagrees with itself: {why}")))
}

#[test]
fn whatever_happens_the_library_and_the_model_show_the_same_machine() {
    if let Some(seed) = number("LIFE_SEED").filter(|_| number("LIFE_EVENTS").is_none()) {
        live(seed).unwrap_or_else(|why| panic!("{why}"));
        return;
    }
    let first = number("LIFE_SEED").unwrap_or(0);
    let lives = events().div_ceil(EVENTS);
    let (next, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            loop {
                let life = next.fetch_add(1, Ordering::Relaxed);
                if life >= lives {
                    return None;
                }
                match live(first.wrapping_add(life)) {
                    Ok(more) => refused.fetch_add(more, Ordering::Relaxed),
                    Err(why) => {
                        next.store(lives, Ordering::Relaxed);
                        return Some(why);
                    }
                };
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{}", failed[0]);
    let refused = refused.into_inner();
    println!("{} events in {lives} lives; {refused} changed nothing", lives * EVENTS);
    assert!(refused < lives * EVENTS * 2 / 3, "too few events happen: {refused} changed nothing");
}

#[test]
fn a_device_that_comes_and_goes_leaves_the_machine_as_it_was() {
    let mut tried = 0;
    for seed in 0..events() / 100 {
        let (Start { mut life, model, .. }, mut random) = start(seed);
        let words = loop {
            let words = crate::events::event(&mut random, &model);
            let comes = ["add dimm", "add kmem", "add virtio"].iter().any(|add| words.starts_with(add));
            // What a driver held before it was given to kmem is not given back, and what a device lies on stays.
            if comes && !words.contains("dax0.0") && !words.contains("over") {
                break words;
            }
        };
        let before = life.clone();
        if life.apply(&words.parse().unwrap()).is_err() {
            continue;
        }
        let name = life.devices().iter().last().unwrap().name.clone();
        let ranges = life.devices().iter().last().unwrap().ranges.clone();
        let mut events = vec![format!("resize '{name}' to 0"), format!("remove '{name}'")];
        for range in ranges {
            let size = model.size;
            let blocks = format!("memory{}-memory{}", range.start() / size, range.last() / size);
            events.insert(0, format!("offline {blocks}"));
        }
        for event in &events {
            let _ = life.apply(&event.parse().unwrap());
        }
        if !life.devices().iter().any(|device| device.name == name) {
            tried += 1;
            let why = format!("seed {seed}: {words}");
            assert_eq!(life.iomem(), before.iomem(), "{why}");
            assert_eq!(life.block_table(), before.block_table(), "{why}");
            assert_eq!(life.memblock(), before.memblock(), "{why}");
            let entries = |life: &Life| life.firmware_map().map(|map| map.entries.clone());
            assert_eq!(entries(&life), entries(&before), "{why}");
            // A zone that shrinks ends with a whole subsection.
            let whole = |span: PhysRange| (span.start() >> 21, span.end().div_ceil(2 << 20));
            let zones = |life: &Life| -> Vec<_> {
                life.zones()
                    .iter()
                    .map(|(node, kind, zone)| (node, kind, zone.span().map(whole), zone.present()))
                    .collect()
            };
            assert_eq!(zones(&life), zones(&before), "{why}");
        }
    }
    assert!(tried * 8 > events() / 100, "only {tried} devices came and went");
}

#[test]
fn the_first_of_the_valid_zones_is_the_one_that_online_picks() {
    let mut tried = 0;
    for seed in 0..events() / 1000 {
        let (Start { mut life, mut model, .. }, mut random) = start(seed);
        for _ in 0..EVENTS {
            let words = crate::events::event(&mut random, &model);
            let event: Event = words.parse().unwrap();
            let _ = (life.apply(&event), model.happen(&event));
            let offline: Vec<_> = life.blocks().filter(|block| !block.is_online).collect();
            let Some(block) = offline.get(random.below(offline.len().max(1) as u64) as usize) else {
                continue;
            };
            let mut after = life.clone();
            let words = format!("online memory{}", block.index);
            if after.apply(&words.parse().unwrap()).is_ok() {
                let now = after.blocks().find(|now| now.index == block.index).unwrap();
                assert_eq!(now.valid_zones, block.valid_zones[..1], "seed {seed}: {words}");
                tried += 1;
            }
        }
    }
    assert!(tried > events() / 100, "only {tried} blocks went online");
}
