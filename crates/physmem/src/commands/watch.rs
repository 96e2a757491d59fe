//! `physmem watch`.

mod clock;
mod line;
mod live;
mod metrics;
mod rearm;
mod rivals;
mod run;

pub(crate) use run::run;
