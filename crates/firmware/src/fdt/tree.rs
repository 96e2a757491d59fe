//! The structure block: nodes and properties.
//!
//! [`Tree::new`] walks the whole block once, which proves that it nests, ends, and stays inside its bounds.
//! Everything else reads again what that walk has read; should that ever fail, iterators end.

use super::error::FdtError;
use crate::bytes::{be32, big_endian};

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// A walked structure block, and the strings with its property names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree<'a> {
    structure: &'a [u8],
    /// Offset of the structure block in the blob, for errors.
    base: usize,
    /// The strings block up to its last NUL. So every offset in it is that of a terminated string, and there
    /// is no need to search for the end of each property's name.
    strings: &'a [u8],
    /// Offset in the structure block after the root's name.
    root_body: usize,
    /// Offset in the structure block after its end token.
    end: usize,
}

/// One node of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    tree: Tree<'a>,
    /// Where its properties start in the structure block.
    body: usize,
    name: &'a str,
    /// Offset of the node in the blob.
    pub(super) offset: usize,
}

/// One property of a node.
#[derive(Clone, Copy, Debug)]
pub struct Property<'a> {
    /// The strings block from the name on. The name ends at the first NUL.
    name: &'a [u8],
    pub(super) value: &'a [u8],
    /// Offset of the value in the blob.
    pub(super) offset: usize,
}

/// One token of the structure block.
enum Token<'a> {
    BeginNode { name: &'a str },
    EndNode,
    Prop(Property<'a>),
    Nop,
    End,
}

impl<'a> Tree<'a> {
    pub(super) fn new(structure: &'a [u8], base: usize, strings: &'a [u8]) -> Result<Self, FdtError> {
        let end = strings.iter().rposition(|byte| *byte == 0).map_or(0, |last| last.saturating_add(1));
        let strings = strings.get(..end).unwrap_or(&[]);
        let mut tree = Self { structure, base, strings, root_body: 0, end: 0 };
        let mut depth: usize = 0;
        let mut at = 0;
        // Properties come before child nodes.
        let mut properties_may_come = false;
        loop {
            let (token, next) = tree.token(at)?;
            match token {
                Token::BeginNode { .. } => {
                    if depth == 0 {
                        if tree.root_body != 0 {
                            return Err(tree.unexpected(at, BEGIN_NODE, "the end of the structure block"));
                        }
                        tree.root_body = next;
                    }
                    depth = depth.saturating_add(1);
                    properties_may_come = true;
                }
                Token::EndNode => {
                    depth =
                        depth.checked_sub(1).ok_or_else(|| tree.unexpected(at, END_NODE, "a node to end"))?;
                    properties_may_come = false;
                }
                Token::Prop(_) if !properties_may_come => {
                    return Err(tree.unexpected(at, PROP, "properties before child nodes"));
                }
                Token::Prop(_) | Token::Nop => {}
                Token::End if depth == 0 && tree.root_body != 0 => {
                    tree.end = next;
                    return Ok(tree);
                }
                Token::End => return Err(tree.unexpected(at, END, "all nodes to be ended first")),
            }
            at = next;
        }
    }

    /// Number of bytes up to and including the end token.
    pub(super) const fn end(&self) -> usize {
        self.end
    }

    pub(super) fn root(&self) -> Node<'a> {
        Node { tree: *self, body: self.root_body, name: "", offset: self.base }
    }

    fn unexpected(&self, at: usize, token: u32, expected: &'static str) -> FdtError {
        let offset = self.base.saturating_add(at);
        FdtError::Value { what: "structure block token", offset, value: u64::from(token), expected }
    }

    /// The token at `at` and the offset of the next one, which is always larger.
    fn token(&self, at: usize) -> Result<(Token<'a>, usize), FdtError> {
        // The padding of the last name or value may go past the end.
        let at = at.min(self.structure.len());
        let offset = self.base.saturating_add(at);
        let truncated = |what, needed| FdtError::Truncated {
            what,
            offset,
            needed,
            available: self.structure.len().saturating_sub(at),
        };
        let token = be32(self.structure, at).ok_or_else(|| truncated("structure block token", 4))?;
        let body = at.saturating_add(4);
        Ok(match token {
            BEGIN_NODE => {
                let name = string(self.structure, body, "node name", self.base)?;
                let end = body.saturating_add(name.len()).saturating_add(1);
                let name = core::str::from_utf8(name).map_err(|_| FdtError::Text {
                    what: "node name",
                    offset: self.base.saturating_add(body),
                    expected: "UTF-8",
                })?;
                (Token::BeginNode { name }, end.next_multiple_of(4))
            }
            END_NODE => (Token::EndNode, body),
            PROP => {
                let len = be32(self.structure, body).ok_or_else(|| truncated("property", 12))?;
                let name_at =
                    be32(self.structure, at.saturating_add(8)).ok_or_else(|| truncated("property", 12))?;
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                let start = at.saturating_add(12);
                let value = start
                    .checked_add(len)
                    .and_then(|end| self.structure.get(start..end))
                    .ok_or_else(|| truncated("property", len.saturating_add(12)))?;
                let name_at = usize::try_from(name_at).unwrap_or(usize::MAX);
                let name =
                    self.strings.get(name_at..).filter(|name| !name.is_empty()).ok_or(FdtError::Value {
                        what: "property name offset",
                        offset: offset.saturating_add(8),
                        value: name_at as u64,
                        expected: "a terminated string in the strings block",
                    })?;
                let property = Property { name, value, offset: self.base.saturating_add(start) };
                (Token::Prop(property), start.saturating_add(len).next_multiple_of(4))
            }
            NOP => (Token::Nop, body),
            END => (Token::End, body),
            other => return Err(self.unexpected(at, other, "1, 2, 3, 4 or 9")),
        })
    }
}

/// The bytes from `at` to the next NUL, without it.
fn terminated(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    rest.get(..rest.iter().position(|byte| *byte == 0)?)
}

fn string<'a>(bytes: &'a [u8], at: usize, what: &'static str, base: usize) -> Result<&'a [u8], FdtError> {
    terminated(bytes, at).ok_or(FdtError::Text {
        what,
        offset: base.saturating_add(at),
        expected: "a terminated string",
    })
}

impl<'a> Node<'a> {
    /// Name with unit address, for instance `memory@40000000`; empty for the root.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The properties, in the blob's order. O(bytes of the node's own properties).
    pub fn properties(&self) -> impl Iterator<Item = Property<'a>> + 'a {
        let tree = self.tree;
        let mut at = self.body;
        core::iter::from_fn(move || {
            loop {
                let (token, next) = tree.token(at).ok()?;
                match token {
                    Token::Prop(property) => {
                        at = next;
                        return Some(property);
                    }
                    Token::Nop => at = next,
                    // Stay here, so that the next call returns `None` again.
                    _ => return None,
                }
            }
        })
    }

    /// The first property with this name. Linear in the number of properties.
    pub fn property(&self, name: &[u8]) -> Option<Property<'a>> {
        self.properties().find(|property| property.is_named(name))
    }

    /// The children, in the blob's order. O(bytes of the subtree) for all.
    pub fn children(&self) -> Children<'a> {
        Children { tree: self.tree, at: self.body }
    }

    /// The first child with this full name.
    pub(super) fn child(&self, name: &[u8]) -> Option<Node<'a>> {
        self.children().find(|child| child.name.as_bytes() == name)
    }

    /// Whether `status` is absent, `okay` or `ok`, so that the node is in use
    /// (`drivers/of/fdt.c:of_fdt_device_is_available`).
    pub fn is_available(&self) -> bool {
        self.property(b"status").is_none_or(|status| matches!(status.text(), b"okay" | b"ok"))
    }
}

/// Every node of a tree with its depth, parents before their children. The root's depth is 0.
#[derive(Clone, Debug)]
pub struct Nodes<'a> {
    tree: Tree<'a>,
    at: usize,
    depth: usize,
}

impl<'a> Nodes<'a> {
    pub(super) const fn new(tree: Tree<'a>) -> Self {
        Self { tree, at: 0, depth: 0 }
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = (usize, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (token, next) = self.tree.token(self.at).ok()?;
            match token {
                Token::BeginNode { name } => {
                    let offset = self.tree.base.saturating_add(self.at);
                    let node = Node { tree: self.tree, body: next, name, offset };
                    let depth = self.depth;
                    self.at = next;
                    self.depth = depth.saturating_add(1);
                    return Some((depth, node));
                }
                Token::EndNode => self.depth = self.depth.saturating_sub(1),
                Token::Prop(_) | Token::Nop => {}
                // Stay here, so that the next call returns `None` again.
                Token::End => return None,
            }
            self.at = next;
        }
    }
}

impl core::iter::FusedIterator for Nodes<'_> {}

/// Iterator over the children of a node.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    tree: Tree<'a>,
    at: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut depth: usize = 0;
        let mut found = None;
        loop {
            let (token, next) = self.tree.token(self.at).ok()?;
            match token {
                Token::BeginNode { name } => {
                    if depth == 0 {
                        let offset = self.tree.base.saturating_add(self.at);
                        found = Some(Node { tree: self.tree, body: next, name, offset });
                    }
                    depth = depth.saturating_add(1);
                }
                Token::EndNode => match depth.checked_sub(1) {
                    // The end of the parent: stay, so that the next call returns `None` again.
                    None => return None,
                    Some(0) => {
                        self.at = next;
                        return found;
                    }
                    Some(left) => depth = left,
                },
                Token::Prop(_) | Token::Nop => {}
                Token::End => return None,
            }
            self.at = next;
        }
    }
}

impl<'a> Property<'a> {
    /// The name, without its NUL.
    pub fn name(&self) -> &'a [u8] {
        terminated(self.name, 0).unwrap_or(self.name)
    }

    /// The raw value.
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// The value as one cell, or `None` if it has another length.
    pub fn cell(&self) -> Option<u32> {
        self.u32("").ok()
    }

    /// The value as 32-bit cells, without any bytes left over at the end.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = u32> + Clone + 'a {
        self.value.as_chunks::<4>().0.iter().map(|cell| u32::from_be_bytes(*cell))
    }

    /// Whether the value is a list of strings that contains `text`.
    pub fn lists(&self, text: &[u8]) -> bool {
        self.value.split(|byte| *byte == 0).any(|one| one == text && !one.is_empty())
    }

    fn is_named(&self, name: &[u8]) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
    }

    /// The value up to its first NUL: a string, or the first one of a list.
    pub fn text(&self) -> &'a [u8] {
        terminated(self.value, 0).unwrap_or(self.value)
    }

    pub(super) fn u32(&self, what: &'static str) -> Result<u32, FdtError> {
        match self.value {
            &[a, b, c, d] => Ok(u32::from_be_bytes([a, b, c, d])),
            _ => Err(self.bad_length(what, "4")),
        }
    }

    /// A number of one or two cells.
    pub(super) fn number(&self, what: &'static str) -> Result<u64, FdtError> {
        match self.value.len() {
            4 | 8 => Ok(big_endian(self.value)),
            _ => Err(self.bad_length(what, "4 or 8")),
        }
    }

    pub(super) fn bad_length(&self, what: &'static str, expected: &'static str) -> FdtError {
        FdtError::Length { what, offset: self.offset, len: self.value.len(), expected }
    }
}
