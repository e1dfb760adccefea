//! Reads BoltDB files; they are never written.
//!
//! A file is a row of pages. Pages 0 and 1 hold a meta page each, of which the newer valid one counts; it names the
//! root of a tree of branch and leaf pages, whose leaves hold keys with values or with buckets: trees of their own, or
//! small pages inline. Branch and leaf pages carry no checksum, so everything their writer guarantees is checked:
//! elements lie in a row without gaps, keys ascend within the bounds of their branch, no page is used twice, and none is
//! both in use and free, or neither.

mod meta;
mod page;
mod tree;

use std::collections::BTreeSet;

pub use meta::is_bolt;
pub(super) use tree::{Bucket, Item};

use super::ReadError;
use meta::Meta;

/// An opened file: its bytes, the meta page that counts, and the pages that are free.
pub(super) struct Bolt<'a> {
    bytes: &'a [u8],
    meta: Meta,
    /// Pages listed as free, and those of the list itself; none where the file has no such list.
    free: Option<BTreeSet<u64>>,
}

impl<'a> Bolt<'a> {
    /// Opens a file by all its bytes.
    ///
    /// # Errors
    /// `NotBolt`, `Truncated`, or `Page` for meta pages that are both damaged.
    pub fn open(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let meta = Meta::choose(bytes)?;
        let needed = meta.pages.saturating_mul(u64::from(meta.page_size));
        if (bytes.len() as u64) < needed {
            return Err(ReadError::Truncated { found: bytes.len() as u64, needed });
        }
        let mut bolt = Self { bytes, meta, free: None };
        bolt.free = bolt.free_pages()?;
        Ok(bolt)
    }

    /// Is the newest meta page damaged, so that this is the state before the last change?
    pub fn is_older_revision(&self) -> bool {
        self.meta.other_is_damaged
    }

    /// The buckets of the file by name.
    ///
    /// # Errors
    /// `Page` for the first page that is damaged; `NotBolt` when there is anything but buckets.
    pub fn buckets(&self) -> Result<Vec<(&'a [u8], Bucket<'a>)>, ReadError> {
        let mut used = BTreeSet::new();
        let root = tree::read(self, self.meta.root, &mut used)?;
        let mut buckets = Vec::new();
        for (name, item) in root {
            match item {
                Item::Bucket(bucket) => buckets.push((name, bucket.read(self, &mut used)?)),
                Item::Value(_) => {
                    let why = format!("key {:?} lies outside of all buckets", String::from_utf8_lossy(name));
                    return Err(ReadError::Page { page: self.meta.root, why });
                }
            }
        }
        self.nothing_is_lost(&used, &buckets)?;
        Ok(buckets)
    }

    /// A page that is neither in use nor free is a leftover or, if it holds keys that no bucket has, it was cut off by
    /// a damaged page number elsewhere.
    fn nothing_is_lost(&self, used: &BTreeSet<u64>, buckets: &[(&[u8], Bucket<'a>)]) -> Result<(), ReadError> {
        let Some(free) = &self.free else {
            return Ok(());
        };
        let loose: Vec<u64> =
            (2..self.meta.pages).filter(|page| !used.contains(page) && !free.contains(page)).collect();
        if loose.is_empty() {
            return Ok(());
        }
        let names = buckets.iter().map(|(name, _)| *name);
        let keys = buckets.iter().flat_map(|(_, bucket)| bucket.iter().map(|(key, _)| *key));
        let known: BTreeSet<&[u8]> = names.chain(keys).collect();
        for number in loose {
            let lost = self.keys_of_loose_page(number)?.into_iter().find(|key| !known.contains(key));
            if let Some(key) = lost {
                let why = format!("it holds {:?}, and nothing leads to it", String::from_utf8_lossy(key));
                return Err(ReadError::Page { page: number, why });
            }
        }
        Ok(())
    }
}
