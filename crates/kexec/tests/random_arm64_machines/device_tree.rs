//! The device tree of a boot: memory nodes and an empty `/chosen`.

use memblock::PhysRange;

/// A flattened tree (Devicetree Specification 0.4, chapter 5) with this memory.
pub(crate) fn device_tree(memory: &[PhysRange]) -> Vec<u8> {
    let mut tree = Tree::default();
    tree.begin("");
    tree.property("#address-cells", &2_u32.to_be_bytes());
    tree.property("#size-cells", &2_u32.to_be_bytes());
    for range in memory {
        tree.begin(&format!("memory@{:x}", range.start()));
        tree.property("device_type", b"memory\0");
        tree.property("reg", &[range.start().to_be_bytes(), range.size().to_be_bytes()].concat());
        tree.end();
    }
    tree.begin("chosen");
    tree.end();
    tree.end();
    tree.blob()
}

/// A tree being written: its structure block, and its strings.
#[derive(Default)]
struct Tree {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Tree {
    fn word(&mut self, word: usize) {
        self.structure.extend(u32::try_from(word).unwrap().to_be_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.structure.extend(bytes);
        self.structure.resize(self.structure.len().next_multiple_of(4), 0);
    }

    fn begin(&mut self, name: &str) {
        self.word(1);
        self.padded(&[name.as_bytes(), &[0]].concat());
    }

    fn end(&mut self) {
        self.word(2);
    }

    fn property(&mut self, name: &str, value: &[u8]) {
        self.word(3);
        self.word(value.len());
        self.word(self.strings.len());
        self.strings.extend(name.bytes().chain([0]));
        self.padded(value);
    }

    fn blob(mut self) -> Vec<u8> {
        self.word(9);
        // The header, and the entry that ends the memory reservation block.
        let (structure_at, structure, strings) = (40 + 16, self.structure.len(), self.strings.len());
        let strings_at = structure_at + structure;
        let total = strings_at + strings;
        let header = [0xd00d_feed, total, structure_at, strings_at, 40, 17, 16, 0, strings, structure];
        let mut blob: Vec<u8> =
            header.into_iter().flat_map(|word| u32::try_from(word).unwrap().to_be_bytes()).collect();
        blob.extend([0; 16]);
        blob.extend(self.structure);
        blob.extend(self.strings);
        blob
    }
}
