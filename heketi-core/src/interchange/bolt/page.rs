//! One page: its header and its elements.

use std::collections::BTreeSet;

use super::super::ReadError;
use super::Bolt;
use super::meta::PAGE_HEADER;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const FREELIST: u16 = 0x10;
/// Size of the fixed part of an element.
const ELEMENT: usize = 16;
/// Marks a leaf element whose value is a bucket.
const IS_BUCKET: u32 = 0x01;
/// Stands for the page of the list where there is none.
const NO_FREELIST: u64 = u64::MAX;
/// A count that does not fit in 16 bits stands in the first entry of a list of free pages.
const COUNT_ELSEWHERE: u16 = 0xffff;

/// A page with all pages that it overflows into, or an inline page.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    /// Number for messages; of an inline page, that of the page it lies in.
    pub number: u64,
    bytes: &'a [u8],
    big_endian: bool,
}

/// What the elements of a page are.
pub(super) enum Elements<'a> {
    /// Keys and the pages they lead to.
    Branch(Vec<(&'a [u8], u64)>),
    /// Keys and values; true marks a bucket.
    Leaf(Vec<(&'a [u8], &'a [u8], bool)>),
}

impl<'a> Bolt<'a> {
    /// The page of this number, whose pages are `used` from now on.
    pub(super) fn page(&self, number: u64, used: &mut BTreeSet<u64>) -> Result<Page<'a>, ReadError> {
        let damaged = |why: String| ReadError::Page { page: number, why };
        if number < 2 || number >= self.meta.pages {
            return Err(damaged(format!("there is no such page among the file's {}", self.meta.pages)));
        }
        let header = self.span(number, 1).and_then(|bytes| self.header(bytes));
        let (id, _, _, overflow) = header.ok_or_else(|| damaged("it lies beyond the end of the file".into()))?;
        if id != number {
            return Err(damaged(format!("it says that it is page {id}")));
        }
        let count = 1 + u64::from(overflow);
        if number.saturating_add(count) > self.meta.pages {
            return Err(damaged(format!("it reaches over the file's {} pages", self.meta.pages)));
        }
        for each in number..number + count {
            if self.free.as_ref().is_some_and(|free| free.contains(&each)) {
                return Err(damaged(format!("page {each} is in use and listed as free")));
            }
            if !used.insert(each) {
                return Err(damaged(format!("page {each} is used twice")));
            }
        }
        let bytes = self.span(number, count).ok_or_else(|| damaged("it lies beyond the end of the file".into()))?;
        Ok(Page { number, bytes, big_endian: self.meta.big_endian })
    }

    /// The page inside the value of a bucket that lies in page `number`.
    pub(super) fn inline_page(&self, number: u64, bytes: &'a [u8]) -> Page<'a> {
        Page { number, bytes, big_endian: self.meta.big_endian }
    }

    /// An 8-byte number as this file writes it.
    pub(super) fn number(&self, bytes: &[u8], at: usize) -> Option<u64> {
        let page = Page { number: 0, bytes, big_endian: self.meta.big_endian };
        page.u64(at)
    }

    /// The pages listed as free, with those of the list. Nothing is read from them; the list only tells a page in use
    /// from a leftover. Its writer may keep none.
    pub(super) fn free_pages(&self) -> Result<Option<BTreeSet<u64>>, ReadError> {
        match self.meta.freelist {
            NO_FREELIST => Ok(None),
            page => {
                let why = "the list of free pages is damaged".to_owned();
                self.read_free_pages(page).map(Some).ok_or(ReadError::Page { page, why })
            }
        }
    }

    fn read_free_pages(&self, number: u64) -> Option<BTreeSet<u64>> {
        let (id, flags, count, overflow) = self.header(self.span(number, 1)?)?;
        let own = id..id.checked_add(1 + u64::from(overflow))?;
        if id != number || flags != FREELIST || own.start < 2 || own.end > self.meta.pages {
            return None;
        }
        let bytes = self.span(id, 1 + u64::from(overflow))?;
        let page = Page { number: id, bytes, big_endian: self.meta.big_endian };
        let (count, skip) = match count {
            COUNT_ELSEWHERE => (usize::try_from(page.u64(PAGE_HEADER)?).ok()?, 1),
            count => (usize::from(count), 0),
        };
        if count > bytes.len() / 8 {
            return None;
        }
        let pages = (skip..skip + count).map(|i| page.u64(PAGE_HEADER + 8 * i));
        let listed: Option<BTreeSet<u64>> =
            pages.map(|page| page.filter(|page| (2..self.meta.pages).contains(page))).collect();
        // A page that is listed twice, or is the list itself, is a sign of damage.
        listed
            .filter(|listed| listed.len() == count && !own.clone().any(|page| listed.contains(&page)))
            .map(|listed| listed.into_iter().chain(own).collect())
    }

    /// The keys of a page that nothing leads to; none if it is no leaf page.
    pub(super) fn keys_of_loose_page(&self, number: u64) -> Result<Vec<&'a [u8]>, ReadError> {
        let header = self.span(number, 1).and_then(|bytes| self.header(bytes));
        let Some((id, LEAF, _, overflow)) = header else {
            return Ok(Vec::new());
        };
        let Some(bytes) = self.span(number, 1 + u64::from(overflow)).filter(|_| id == number) else {
            return Ok(Vec::new());
        };
        let page = Page { number, bytes, big_endian: self.meta.big_endian };
        match page.elements(false)? {
            Elements::Leaf(elements) => Ok(elements.into_iter().map(|(key, ..)| key).collect()),
            Elements::Branch(_) => Ok(Vec::new()),
        }
    }

    /// Number, flags, count of elements and count of further pages.
    fn header(&self, bytes: &[u8]) -> Option<(u64, u16, u16, u32)> {
        let page = Page { number: 0, bytes, big_endian: self.meta.big_endian };
        Some((page.u64(0)?, page.u16(8)?, page.u16(10)?, page.u32(12)?))
    }

    fn span(&self, number: u64, count: u64) -> Option<&'a [u8]> {
        let size = u64::from(self.meta.page_size);
        let start = usize::try_from(number.checked_mul(size)?).ok()?;
        let length = usize::try_from(count.checked_mul(size)?).ok()?;
        self.bytes.get(start..start.checked_add(length)?)
    }
}

impl<'a> Page<'a> {
    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn u64(&self, at: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    pub(super) fn damaged(&self, why: impl Into<String>) -> ReadError {
        ReadError::Page { page: self.number, why: why.into() }
    }

    /// The elements. Their data follows them in a row without gaps, as the writer lays it out: a wrong count or
    /// length shows. `exact` if the page must end with them, as an inline page does.
    pub(super) fn elements(&self, exact: bool) -> Result<Elements<'a>, ReadError> {
        let short = || self.damaged("it is too short for its elements");
        let (flags, count) = self.u16(8).zip(self.u16(10)).ok_or_else(short)?;
        let (mut next, count) = (PAGE_HEADER + ELEMENT * usize::from(count), usize::from(count));
        let headers = (0..count).map(|i| PAGE_HEADER + ELEMENT * i);
        let elements = match flags {
            BRANCH => {
                let mut elements = Vec::with_capacity(count);
                for at in headers {
                    let (offset, key) = self.u32(at).zip(self.u32(at + 4)).ok_or_else(short)?;
                    let child = self.u64(at + 8).ok_or_else(short)?;
                    let [key] = self.data(at, offset, [key], &mut next)?;
                    elements.push((key, child));
                }
                Elements::Branch(elements)
            }
            LEAF => {
                let mut elements = Vec::with_capacity(count);
                for at in headers {
                    let (flags, offset) = self.u32(at).zip(self.u32(at + 4)).ok_or_else(short)?;
                    let (key, value) = self.u32(at + 8).zip(self.u32(at + 12)).ok_or_else(short)?;
                    let [key, value] = self.data(at, offset, [key, value], &mut next)?;
                    if flags > IS_BUCKET {
                        return Err(self.damaged(format!("one of its elements has flags {flags:#x}")));
                    }
                    elements.push((key, value, flags == IS_BUCKET));
                }
                Elements::Leaf(elements)
            }
            _ => return Err(self.damaged(format!("it has flags {flags:#x} and is neither a branch nor a leaf"))),
        };
        if exact && next != self.bytes.len() {
            return Err(self.damaged("an inline page has bytes that belong to no element"));
        }
        Ok(elements)
    }

    /// The parts of an element's data, which begins where the data of the one before ended.
    fn data<const N: usize>(
        &self,
        element: usize,
        offset: u32,
        lengths: [u32; N],
        next: &mut usize,
    ) -> Result<[&'a [u8]; N], ReadError> {
        if element.checked_add(offset as usize) != Some(*next) {
            return Err(self.damaged("the data of its elements does not lie in a row"));
        }
        let mut parts = [[].as_slice(); N];
        for (part, length) in parts.iter_mut().zip(lengths) {
            let end = next.checked_add(length as usize);
            let bytes = end.and_then(|end| self.bytes.get(*next..end));
            *part = bytes.ok_or_else(|| self.damaged("an element reaches over its end"))?;
            *next += part.len();
        }
        Ok(parts)
    }
}
