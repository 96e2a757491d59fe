//! A machine's files, wherever they are kept: live, in a copied directory, or in an archive.

pub(crate) mod archive;
pub(crate) mod bare;
pub(crate) mod compression;
pub(crate) mod directory;
pub(crate) mod files;
pub(crate) mod manifest;
pub(crate) mod source;
pub(crate) mod tree;
pub(crate) mod unpack;
