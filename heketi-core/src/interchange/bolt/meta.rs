use super::super::ReadError;

/// Header of any page.
pub(super) const PAGE_HEADER: usize = 16;
/// Length of a meta page's content before its checksum.
const SUMMED: usize = 56;
/// Page sizes that are looked for when the first meta page is damaged.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 9..=20;
const MAGIC: u32 = 0xed0c_daed;
const VERSION: u32 = 2;

/// What a meta page says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    pub page_size: u32,
    /// First page of the root bucket.
    pub root: u64,
    /// First page of the list of free pages.
    pub freelist: u64,
    /// How many pages the file speaks of.
    pub pages: u64,
    transaction: u64,
    /// Was the file written on a machine that puts the high byte first?
    pub big_endian: bool,
    pub other_is_damaged: bool,
}

/// Do these bytes begin like a BoltDB file, or like one whose first page is damaged? The first 32 bytes tell for
/// nearly all files, the first 2 MiB for all.
pub fn is_bolt(bytes: &[u8]) -> bool {
    magic(bytes, 0).is_some() || PAGE_SIZES.map(|bits| 1usize << bits).any(|size| Meta::read(bytes, size).is_ok())
}

/// True for the magic number of a machine with the high byte first, false for the usual one.
fn magic(bytes: &[u8], at: usize) -> Option<bool> {
    let magic: [u8; 4] = field(bytes, at, PAGE_HEADER)?;
    match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (MAGIC, _) => Some(false),
        (_, MAGIC) => Some(true),
        _ => None,
    }
}

fn field<const N: usize>(bytes: &[u8], page: usize, at: usize) -> Option<[u8; N]> {
    let start = page.checked_add(at)?;
    bytes.get(start..start.checked_add(N)?)?.try_into().ok()
}

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Meta {
    /// The meta page that counts: the valid one of the later transaction.
    pub fn choose(bytes: &[u8]) -> Result<Self, ReadError> {
        let first = Self::read(bytes, 0);
        let second = match &first {
            Ok(meta) => Self::read(bytes, meta.page_size as usize),
            Err(_) => PAGE_SIZES
                .map(|bits| 1usize << bits)
                .map(|size| Self::read(bytes, size).ok().filter(|meta| meta.page_size as usize == size))
                .find_map(|found| found)
                .ok_or_else(|| "no second meta page is found".to_owned()),
        };
        match (first, second) {
            (Ok(first), Ok(second)) if second.page_size != first.page_size => {
                let why = format!("its page size is {}, that of page 0 is {}", second.page_size, first.page_size);
                Err(ReadError::Page { page: 1, why })
            }
            (Ok(first), Ok(second)) => Ok(if second.transaction > first.transaction { second } else { first }),
            (Ok(only), Err(_)) | (Err(_), Ok(only)) => Ok(Self { other_is_damaged: true, ..only }),
            (Err(why), Err(_)) if magic(bytes, 0).is_some() => match bytes.len() {
                // The smallest file its writer makes has four pages.
                found @ ..2048 => Err(ReadError::Truncated { found: found as u64, needed: 2048 }),
                _ => Err(ReadError::Page { page: 0, why }),
            },
            (Err(why), Err(_)) => Err(ReadError::NotBolt(why)),
        }
    }

    /// The meta page at `at`.
    fn read(bytes: &[u8], at: usize) -> Result<Self, String> {
        let Some(big_endian) = magic(bytes, at) else {
            return Err("it does not begin like one".to_owned());
        };
        let short = || "it ends in a meta page".to_owned();
        let word = |offset| {
            let word = field::<4>(bytes, at, PAGE_HEADER + offset)?;
            Some(if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
        };
        let long = |offset| {
            let long = field::<8>(bytes, at, PAGE_HEADER + offset)?;
            Some(if big_endian { u64::from_be_bytes(long) } else { u64::from_le_bytes(long) })
        };
        let summed = field::<SUMMED>(bytes, at, PAGE_HEADER).ok_or_else(short)?;
        let version = word(4).ok_or_else(short)?;
        if version != VERSION {
            return Err(format!("it has format version {version}, and heketi v10 writes version {VERSION}"));
        }
        if long(SUMMED) != Some(checksum(&summed)) {
            return Err("the checksum of its meta page is wrong".to_owned());
        }
        let page_size = word(8).ok_or_else(short)?;
        if !page_size.is_power_of_two() || !(512..=1 << 20).contains(&page_size) {
            return Err(format!("its page size is {page_size}"));
        }
        Ok(Self {
            page_size,
            root: long(16).ok_or_else(short)?,
            freelist: long(32).ok_or_else(short)?,
            pages: long(40).ok_or_else(short)?,
            transaction: long(48).ok_or_else(short)?,
            big_endian,
            other_is_damaged: false,
        })
    }
}
