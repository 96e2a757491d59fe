//! The JSON of a check. `schema/check.schema.json` describes it; a change that could break a reader raises [`SCHEMA`].

use machine::Unknown;
use serde::Serialize;

use super::checked::Checked;
use crate::output::finding::FindingRecord;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What `check -J` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    origin: &'a str,
    findings: Vec<FindingRecord<'a>>,
    unknown: &'a [Unknown],
}

impl<'a> Document<'a> {
    pub(crate) fn of(checked: &'a Checked) -> Self {
        let Checked { origin, findings, unknown } = checked;
        Self { schema: SCHEMA, origin, findings: findings.iter().map(FindingRecord::of).collect(), unknown }
    }
}
