//! A tree of keys for exact and longest-prefix look-ups.
//!
//! It is a radix tree over bytes whose nodes are shared: a copy costs nothing, and a change makes new nodes only along
//! the way to its key. Snapshots for readers are therefore cheap, however many keys there are, and an attacker who
//! chooses keys gains nothing: a look-up takes no more steps than the subject has bytes.

use std::sync::Arc;

use crate::item::{Bucket, Item, Left};

/// A key: bytes, and for networks up to seven bits behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key<'k> {
    bytes: &'k [u8],
    bits: Bits,
}

/// The first bits of a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Bits {
    /// How many.
    count: u8,
    /// The byte, with zeroes for the other bits.
    byte: u8,
}

impl Bits {
    fn of(byte: u8, count: u8) -> Self {
        let mask = u8::MAX.checked_shl(8 - u32::from(count)).unwrap_or(0);
        Self { count, byte: byte & mask }
    }
}

impl<'k> Key<'k> {
    /// A whole number of bytes.
    pub(crate) fn bytes(bytes: &'k [u8]) -> Self {
        Self { bytes, bits: Bits::default() }
    }

    /// The first `len` bits of some bytes.
    pub(crate) fn bits(bytes: &'k [u8], len: usize) -> Self {
        let (whole, count) = (len / 8, (len % 8) as u8);
        let bits = bytes.get(whole).map_or(Bits::default(), |byte| Bits::of(*byte, count));
        Self { bytes: &bytes[..whole], bits }
    }
}

/// All keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree(Option<Arc<Node>>);

#[derive(Clone, Debug, Default)]
struct Node {
    /// What comes before all keys below, behind the byte that led here.
    prefix: Box<[u8]>,
    /// The key that ends here.
    here: Option<Bucket>,
    /// The keys that end within the next byte, the longest first.
    #[expect(clippy::box_collection, reason = "nodes are many, and only those of networks have any")]
    partial: Option<Box<Vec<(Bits, Bucket)>>>,
    /// Where longer keys go on; most nodes are the end of a single one.
    fork: Option<Box<Fork>>,
}

/// The nodes below a node.
#[derive(Clone, Debug, Default)]
struct Fork {
    /// The bytes that lead on, one bit for each.
    bytes: [u64; 4],
    /// The nodes behind those bytes.
    below: Vec<Arc<Node>>,
}

/// Deep trees would overflow the stack if each node dropped those below.
impl Drop for Node {
    fn drop(&mut self) {
        let Some(fork) = self.fork.take() else { return };
        let mut pending = fork.below;
        while let Some(node) = pending.pop() {
            if let Some(fork) = Arc::into_inner(node).and_then(|mut node| node.fork.take()) {
                pending.extend(fork.below);
            }
        }
    }
}

impl Fork {
    /// Whether a byte leads on, and how many smaller ones do.
    fn rank(&self, byte: u8) -> (bool, usize) {
        let (word, bit) = (usize::from(byte >> 6), byte & 63);
        let before: u32 = self.bytes[..word].iter().map(|w| w.count_ones()).sum();
        let within = (self.bytes[word] & ((1 << bit) - 1)).count_ones();
        (self.bytes[word] >> bit & 1 == 1, (before + within) as usize)
    }

    /// The smallest byte that leads on.
    fn first(&self) -> u8 {
        let word = self.bytes.iter().position(|w| *w != 0).unwrap_or(0);
        (word * 64) as u8 + self.bytes[word].trailing_zeros() as u8
    }
}

impl Node {
    fn leaf(prefix: &[u8]) -> Self {
        let mut leaf = Self::default();
        leaf.prefix = prefix.into();
        leaf
    }

    fn below(&self, byte: u8) -> Option<&Self> {
        let fork = self.fork.as_ref()?;
        match fork.rank(byte) {
            (true, at) => fork.below.get(at).map(|node| &**node),
            (false, _) => None,
        }
    }

    fn below_mut(&mut self, byte: u8) -> Option<&mut Arc<Self>> {
        let fork = self.fork.as_mut()?;
        match fork.rank(byte) {
            (true, at) => fork.below.get_mut(at),
            (false, _) => None,
        }
    }

    /// How many nodes there are below.
    fn ways(&self) -> usize {
        self.fork.as_ref().map_or(0, |fork| fork.below.len())
    }

    fn attach(&mut self, byte: u8, node: Self) {
        let fork = self.fork.get_or_insert_default();
        let (_, at) = fork.rank(byte);
        fork.bytes[usize::from(byte >> 6)] |= 1 << (byte & 63);
        // Most forks have two or three ways.
        if fork.below.len() == fork.below.capacity() {
            fork.below.reserve_exact(1 + fork.below.len() / 4);
        }
        fork.below.insert(at, Arc::new(node));
    }

    fn detach(&mut self, byte: u8) {
        let Some(fork) = &mut self.fork else { return };
        let (_, at) = fork.rank(byte);
        fork.bytes[usize::from(byte >> 6)] &= !(1 << (byte & 63));
        fork.below.remove(at);
        if fork.below.is_empty() {
            self.fork = None;
        }
    }

    /// Cuts the node in two, so that its prefix has `at` bytes.
    fn split(&mut self, at: usize) {
        let byte = self.prefix[at];
        let mut upper = Self::leaf(&self.prefix[..at]);
        let mut lower = std::mem::take(self);
        lower.prefix = lower.prefix[at + 1..].into();
        upper.attach(byte, lower);
        *self = upper;
    }

    /// Undoes a split that nothing needs any more.
    fn join(&mut self) {
        if self.ways() != 1 || self.holds_keys() {
            return;
        }
        let Some(mut fork) = self.fork.take() else { return };
        let byte = fork.first();
        let Some(below) = fork.below.pop() else { return };
        let mut lower = Arc::unwrap_or_clone(below);
        lower.prefix = [&self.prefix, &[byte][..], &lower.prefix].concat().into();
        *self = lower;
    }

    fn holds_keys(&self) -> bool {
        self.here.is_some() || self.partial.is_some()
    }

    fn bucket(&self, bits: Bits) -> Option<&Bucket> {
        if bits.count == 0 {
            return self.here.as_ref();
        }
        self.partial.as_ref()?.iter().find(|(b, _)| *b == bits).map(|(_, bucket)| bucket)
    }

    fn bucket_mut(&mut self, bits: Bits) -> Option<&mut Bucket> {
        if bits.count == 0 {
            return self.here.as_mut();
        }
        self.partial.as_mut()?.iter_mut().find(|(b, _)| *b == bits).map(|(_, bucket)| bucket)
    }

    fn add(&mut self, bits: Bits, item: Arc<Item>) {
        if let Some(bucket) = self.bucket_mut(bits) {
            bucket.push(item);
        } else if bits.count == 0 {
            self.here = Some(Bucket::new(item));
        } else {
            let partial = self.partial.get_or_insert_default();
            let at = partial.partition_point(|(b, _)| *b > bits);
            partial.insert(at, (bits, Bucket::new(item)));
        }
    }

    fn clear(&mut self, bits: Bits) {
        if bits.count == 0 {
            self.here = None;
            return;
        }
        let Some(partial) = &mut self.partial else { return };
        partial.retain(|(b, _)| *b != bits);
        if partial.is_empty() {
            self.partial = None;
        }
    }

    /// The longest key that ends within this byte.
    fn within(&self, byte: u8) -> Option<&Bucket> {
        let mut keys = self.partial.as_ref()?.iter();
        keys.find(|(bits, _)| Bits::of(byte, bits.count) == *bits).map(|(_, bucket)| bucket)
    }
}

impl Tree {
    /// The entries of exactly this key.
    pub(crate) fn exact(&self, key: Key<'_>) -> Option<&Bucket> {
        let (mut node, mut rest) = (&**self.0.as_ref()?, key.bytes);
        loop {
            rest = rest.strip_prefix(&*node.prefix)?;
            let Some((byte, behind)) = rest.split_first() else { return node.bucket(key.bits) };
            (node, rest) = (node.below(*byte)?, behind);
        }
    }

    /// The entries of the longest key that the subject begins with.
    pub(crate) fn longest(&self, subject: &[u8]) -> Option<&Bucket> {
        let (mut node, mut rest, mut found) = (&**self.0.as_ref()?, subject, None);
        loop {
            let Some(behind) = rest.strip_prefix(&*node.prefix) else { return found };
            found = node.here.as_ref().or(found);
            let Some((byte, behind)) = behind.split_first() else { return found };
            found = node.within(*byte).or(found);
            let Some(below) = node.below(*byte) else { return found };
            (node, rest) = (below, behind);
        }
    }

    /// Adds an entry behind those of the same key.
    pub(crate) fn insert(&mut self, key: Key<'_>, item: Arc<Item>) {
        let root = self.0.get_or_insert_with(|| Arc::new(Node::leaf(key.bytes)));
        let (mut node, mut rest) = (Arc::make_mut(root), key.bytes);
        loop {
            let common = node.prefix.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if common < node.prefix.len() {
                node.split(common);
            }
            let Some((&byte, behind)) = rest[common..].split_first() else { return node.add(key.bits, item) };
            if node.below(byte).is_none() {
                node.attach(byte, Node::leaf(behind));
            }
            let below = node.below_mut(byte).expect("the byte leads on: it was attached if it did not");
            (node, rest) = (Arc::make_mut(below), behind);
        }
    }

    /// Puts an entry in the place of the one with its number.
    pub(crate) fn replace(&mut self, key: Key<'_>, item: &Arc<Item>) {
        if self.exact(key).is_none() {
            return;
        }
        if let Some(node) = self.node_mut(key.bytes)
            && let Some(bucket) = node.bucket_mut(key.bits)
        {
            bucket.replace(item);
        }
    }

    /// Removes the entry with this number.
    pub(crate) fn remove(&mut self, key: Key<'_>, id: u64) {
        if self.exact(key).is_none() {
            return;
        }
        let Some(node) = self.node_mut(key.bytes) else { return };
        if let Some(bucket) = node.bucket_mut(key.bits)
            && bucket.remove(id) == Left::Something
        {
            return;
        }
        node.clear(key.bits);
        if node.holds_keys() || node.ways() > 1 {
            return;
        }
        if node.ways() == 1 {
            return node.join();
        }
        self.prune(key.bytes);
    }

    /// The node at which this key, which is there, ends.
    fn node_mut(&mut self, mut rest: &[u8]) -> Option<&mut Node> {
        let mut node = Arc::make_mut(self.0.as_mut()?);
        loop {
            rest = rest.strip_prefix(&*node.prefix)?;
            let Some((byte, behind)) = rest.split_first() else { return Some(node) };
            (node, rest) = (Arc::make_mut(node.below_mut(*byte)?), behind);
        }
    }

    /// Takes away the node of a key without entries, together with those above that lead nowhere else.
    fn prune(&mut self, key: &[u8]) {
        let Some(depth) = self.last_fork(key) else {
            self.0 = None;
            return;
        };
        let Some(root) = self.0.as_mut() else { return };
        let (mut node, mut rest) = (Arc::make_mut(root), key);
        for _ in 0..depth {
            rest = &rest[node.prefix.len()..];
            let below = node.below_mut(rest[0]).expect("the way to the key was walked before");
            (node, rest) = (Arc::make_mut(below), &rest[1..]);
        }
        let byte = rest[node.prefix.len()];
        node.detach(byte);
        node.join();
    }

    /// How deep the last node above a key's own lies that holds keys or leads elsewhere too.
    fn last_fork(&self, key: &[u8]) -> Option<usize> {
        let (mut node, mut rest, mut depth, mut last) = (&**self.0.as_ref()?, key, 0, None);
        loop {
            rest = rest.strip_prefix(&*node.prefix)?;
            let Some((byte, behind)) = rest.split_first() else { return last };
            if node.holds_keys() || node.ways() > 1 {
                last = Some(depth);
            }
            (node, rest, depth) = (node.below(*byte)?, behind, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(id: u64, key: &[u8]) -> Arc<Item> {
        Arc::new(Item::new(id, 0, key, None))
    }

    fn tree(keys: &[&str]) -> Tree {
        let mut tree = Tree::default();
        for (i, key) in keys.iter().enumerate() {
            tree.insert(Key::bytes(key.as_bytes()), item(i as u64, key.as_bytes()));
        }
        tree
    }

    #[test]
    fn the_longest_prefix_wins() {
        let tree = tree(&["", "/a", "/abc", "/abd", "/x"]);
        let found = |s: &str| tree.longest(s.as_bytes()).map(|b| b.first().id);
        assert_eq!(found("/abcd"), Some(2));
        assert_eq!(found("/ab"), Some(1));
        assert_eq!(found("q"), Some(0));
        assert_eq!(found(""), Some(0));
    }

    #[test]
    fn the_first_of_equal_keys_counts_until_it_is_gone() {
        let mut tree = tree(&["a", "a", "ab"]);
        let found = |tree: &Tree| tree.exact(Key::bytes(b"a")).map(|b| b.first().id);
        assert_eq!(found(&tree), Some(0));
        tree.remove(Key::bytes(b"a"), 0);
        assert_eq!(found(&tree), Some(1));
        tree.remove(Key::bytes(b"a"), 1);
        assert_eq!(found(&tree), None);
        tree.remove(Key::bytes(b"ab"), 2);
        assert!(tree.0.is_none());
    }

    #[test]
    fn a_copy_does_not_see_later_changes() {
        let mut tree = tree(&["a", "ab"]);
        let copy = tree.clone();
        tree.remove(Key::bytes(b"ab"), 1);
        tree.replace(Key::bytes(b"a"), &Arc::new(Item::new(0, 0, b"a", Some(b"v"))));
        assert_eq!(copy.exact(Key::bytes(b"ab")).map(|b| b.first().id), Some(1));
        assert_eq!(copy.exact(Key::bytes(b"a")).unwrap().first().value(), None);
        assert_eq!(tree.exact(Key::bytes(b"a")).unwrap().first().value(), Some(&b"v"[..]));
    }

    #[test]
    fn a_tree_as_deep_as_its_longest_key_takes_little_stack() {
        let work = || {
            let mut tree = Tree::default();
            let long = vec![b'a'; 4000];
            for len in 0..long.len() {
                tree.insert(Key::bytes(&long[..len]), item(len as u64, b""));
            }
            tree.longest(&long).map(|b| b.first().id)
        };
        let small = std::thread::Builder::new().stack_size(64 * 1024);
        assert_eq!(small.spawn(work).unwrap().join().unwrap(), Some(3999));
    }

    /// Keys of up to three bytes in an alphabet of few letters, cut at any bit.
    fn keys() -> impl Strategy<Value = Vec<(Vec<u8>, usize)>> {
        let bytes = prop::collection::vec(prop::sample::select(vec![0u8, 0x40, 0x41, 0x80, 0xff]), 0..4);
        let key = (bytes, 0..8usize).prop_map(|(b, cut)| {
            let len = (b.len() * 8).saturating_sub(cut);
            (b, len)
        });
        prop::collection::vec(key, 0..40)
    }

    fn begins(subject: &[u8], key: &[u8], len: usize) -> bool {
        let bit = |bytes: &[u8], i: usize| bytes.get(i / 8).map(|b| b >> (7 - i % 8) & 1);
        (0..len).all(|i| bit(subject, i) == bit(key, i))
    }

    proptest! {
        #[test]
        fn look_ups_agree_with_a_search_of_all(
            keys in keys(),
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            subject in prop::collection::vec(prop::sample::select(vec![0u8, 0x40, 0x41, 0x7f, 0x80, 0xff]), 0..4),
        ) {
            let mut tree = Tree::default();
            for (id, (key, len)) in keys.iter().enumerate() {
                tree.insert(Key::bits(key, *len), item(id as u64, key));
            }
            let mut left: Vec<_> = keys.iter().enumerate().collect();
            let full = tree.clone();
            for index in gone {
                if !left.is_empty() {
                    let (id, (key, len)) = left.remove(index.index(left.len()));
                    tree.remove(Key::bits(key, *len), id as u64);
                }
            }
            let best = |all: &[(usize, &(Vec<u8>, usize))]| {
                let fit = all.iter().filter(|(_, (key, len))| begins(&subject, key, *len));
                fit.max_by_key(|(id, (_, len))| (*len, std::cmp::Reverse(*id))).map(|(id, _)| *id as u64)
            };
            prop_assert_eq!(tree.longest(&subject).map(|b| b.first().id), best(&left));
            let all: Vec<_> = keys.iter().enumerate().collect();
            prop_assert_eq!(full.longest(&subject).map(|b| b.first().id), best(&all));
            for (_, (key, len)) in &left {
                let same = |(_, (k, l)): &&(usize, &(Vec<u8>, usize))| Key::bits(k, *l) == Key::bits(key, *len);
                let first = left.iter().find(same).map(|(id, _)| *id as u64);
                prop_assert_eq!(tree.exact(Key::bits(key, *len)).map(|b| b.first().id), first);
            }
        }
    }
}
