//! What commands print: tables, pictures, wrapped text and JSON.

pub(crate) mod columns;
pub(crate) mod finding;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod picture;
pub(crate) mod size;
pub(crate) mod state;
pub(crate) mod strip;
pub(crate) mod style;
pub(crate) mod unknown;
