//! The tree of pages of one bucket.

use std::collections::BTreeSet;

use super::super::ReadError;
use super::Bolt;
use super::page::{Elements, Page};

/// Deeper trees need more pages than a file can have.
const MAX_DEPTH: u32 = 32;
/// Header of a bucket: first page and sequence number.
const BUCKET_HEADER: usize = 16;

/// What a key stands for.
pub(in super::super) enum Item<'a> {
    /// Bytes.
    Value(&'a [u8]),
    /// A bucket that was not read yet.
    Bucket(Nested<'a>),
}

/// Keys and what they stand for, ascending.
pub(in super::super) type Bucket<'a> = Vec<(&'a [u8], Item<'a>)>;

/// Where a bucket lies.
pub(in super::super) struct Nested<'a> {
    /// The page its header lies in.
    page: u64,
    header: &'a [u8],
}

impl<'a> Nested<'a> {
    /// What the bucket holds.
    pub(super) fn read(&self, bolt: &Bolt<'a>, used: &mut BTreeSet<u64>) -> Result<Bucket<'a>, ReadError> {
        let short = || ReadError::Page { page: self.page, why: "the header of a bucket is too short".into() };
        let root = bolt.number(self.header, 0).ok_or_else(short)?;
        if root != 0 {
            if self.header.len() != BUCKET_HEADER {
                return Err(ReadError::Page { page: self.page, why: "the header of a bucket is too long".into() });
            }
            let bucket = read(bolt, root, used)?;
            // Its writer puts a bucket without keys inline.
            return if bucket.is_empty() {
                Err(ReadError::Page { page: root, why: "it is the root of a bucket and has no elements".into() })
            } else {
                Ok(bucket)
            };
        }
        let page = bolt.inline_page(self.page, self.header.get(BUCKET_HEADER..).ok_or_else(short)?);
        match page.elements(true)? {
            Elements::Leaf(elements) => {
                let mut bucket = Vec::with_capacity(elements.len());
                leaf(&page, elements, None, &mut bucket)?;
                Ok(bucket)
            }
            Elements::Branch(_) => Err(page.damaged("an inline page is a branch")),
        }
    }
}

/// What the tree whose root is page `root` holds.
pub(super) fn read<'a>(bolt: &Bolt<'a>, root: u64, used: &mut BTreeSet<u64>) -> Result<Bucket<'a>, ReadError> {
    let mut bucket = Vec::new();
    walk(bolt, root, None, 0, used, &mut bucket)?;
    Ok(bucket)
}

/// Appends what the page and those below it hold. Their keys are not before `first`. That no key comes before an
/// earlier one is checked over the whole tree, which bounds them above as well.
fn walk<'a>(
    bolt: &Bolt<'a>,
    number: u64,
    first: Option<&[u8]>,
    depth: u32,
    used: &mut BTreeSet<u64>,
    bucket: &mut Bucket<'a>,
) -> Result<(), ReadError> {
    let page = bolt.page(number, used)?;
    if depth > MAX_DEPTH {
        return Err(page.damaged("the tree of pages is too deep"));
    }
    match page.elements(false)? {
        Elements::Leaf(elements) if elements.is_empty() && depth > 0 => Err(page.damaged("it has no elements")),
        Elements::Leaf(elements) => leaf(&page, elements, first, bucket),
        Elements::Branch(elements) => {
            if elements.is_empty() {
                return Err(page.damaged("it has no elements"));
            }
            for (key, child) in elements {
                walk(bolt, child, Some(key), depth + 1, used, bucket)?;
            }
            Ok(())
        }
    }
}

fn leaf<'a>(
    page: &Page<'a>,
    elements: Vec<(&'a [u8], &'a [u8], bool)>,
    first: Option<&[u8]>,
    bucket: &mut Bucket<'a>,
) -> Result<(), ReadError> {
    for (key, value, is_bucket) in elements {
        if first.is_some_and(|first| key < first) || bucket.last().is_some_and(|(last, _)| key <= *last) {
            return Err(page.damaged("its keys are not in order"));
        }
        let item = match is_bucket {
            true => Item::Bucket(Nested { page: page.number, header: value }),
            false => Item::Value(value),
        };
        bucket.push((key, item));
    }
    Ok(())
}
