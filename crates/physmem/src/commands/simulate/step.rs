//! What one event did.

use machine::life::{Change, Event, Life, Refusal};

/// What one event did.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: Option<String>,
    /// `start` for the state before any event.
    pub(crate) event: String,
    pub(crate) change: Change,
    /// Why nothing happened, or why what had begun was rolled back or not finished.
    pub(crate) refused: Option<Refusal>,
    pub(crate) kexec: Option<String>,
    pub(crate) kdump: Option<String>,
}

impl Step {
    /// The state before any event.
    pub(crate) fn start(life: &Life) -> Self {
        Self {
            name: None,
            event: "start".to_owned(),
            change: Change::default(),
            refused: None,
            kexec: life.images().stale_kexec(),
            kdump: life.images().stale_kdump(),
        }
    }

    /// Lets an event happen.
    pub(crate) fn of(life: &mut Life, name: Option<String>, event: &Event) -> Self {
        let (change, refused) = match life.apply(event) {
            Ok(mut change) => {
                let refused = change.refused.take();
                (change, refused)
            }
            Err(refusal) => (Change::default(), Some(refusal)),
        };
        Self { name, event: event.to_string(), change, refused, ..Self::start(life) }
    }
}
