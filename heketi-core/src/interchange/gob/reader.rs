/// Reads the numbers and texts that gob is made of.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn must_be_empty(&self, what: &str) -> Result<(), String> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(format!("{left} bytes follow after {what}")),
        }
    }

    fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(|| {
            format!("it ends in {what}, which has {length} bytes where only {} are left", self.bytes.len())
        })?;
        self.bytes = rest;
        Ok(taken)
    }

    /// An unsigned number: one byte below 128, or the negated count of bytes and those, high byte first.
    pub fn uint(&mut self, what: &str) -> Result<u64, String> {
        match self.take(1, what)? {
            [small @ ..128] => Ok(u64::from(*small)),
            [count] => match 256 - usize::from(*count) {
                count @ 1..=8 => {
                    Ok(self.take(count, what)?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
                }
                count => Err(format!("a number of {count} bytes in {what}")),
            },
            _ => Err(format!("no number in {what}")),
        }
    }

    /// A signed number: the sign is the lowest bit.
    pub fn int(&mut self, what: &str) -> Result<i64, String> {
        let bits = self.uint(what)?;
        let magnitude = (bits >> 1) as i64;
        Ok(if bits & 1 == 1 { !magnitude } else { magnitude })
    }

    /// A floating-point number: its bytes, the low ones first, as an unsigned number.
    pub fn float(&mut self, what: &str) -> Result<f64, String> {
        self.uint(what).map(|bits| f64::from_bits(bits.swap_bytes()))
    }

    pub fn bytes(&mut self, what: &str) -> Result<&'a [u8], String> {
        let length = self.uint(what)?;
        let left = self.bytes.len();
        match usize::try_from(length) {
            Ok(length) => self.take(length, what),
            Err(_) => Err(format!("it ends in {what}, which has {length} bytes where only {left} are left")),
        }
    }

    pub fn text(&mut self, what: &str) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes(what)?).map_err(|_| format!("{what} is no text"))
    }

    /// The part of the stream whose length comes first.
    pub fn part(&mut self, what: &str) -> Result<Self, String> {
        self.bytes(what).map(Self::new)
    }

    /// How many elements follow. Each takes a byte at least.
    pub fn count(&mut self, what: &str) -> Result<usize, String> {
        let count = self.uint(what)?;
        match usize::try_from(count) {
            Ok(count) if count <= self.bytes.len() => Ok(count),
            _ => Err(format!("{count} elements in {what}, where only {} bytes are left", self.bytes.len())),
        }
    }
}
