//! Where ids come from.

use heketi_core::IdSource;
use heketi_core::id::SeededIds;

/// Where the ids of an engine come from.
#[derive(Debug)]
pub(crate) enum Ids {
    /// Unique everywhere.
    Random(Box<RandomIds>),
    /// The same in every run.
    Seeded(SeededIds),
}

impl Ids {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        match seed {
            Some(seed) => Self::Seeded(SeededIds::new(seed)),
            None => Self::Random(Box::default()),
        }
    }
}

impl IdSource for Ids {
    fn next_bytes(&mut self) -> [u8; 16] {
        match self {
            Self::Random(ids) => ids.next_bytes(),
            Self::Seeded(ids) => ids.next_bytes(),
        }
    }
}

/// Random ids from the operating system, fetched in blocks.
#[derive(Debug)]
pub struct RandomIds {
    block: [u8; 1024],
    used: usize,
}

impl Default for RandomIds {
    fn default() -> Self {
        Self { block: [0; 1024], used: 1024 }
    }
}

impl IdSource for RandomIds {
    fn next_bytes(&mut self) -> [u8; 16] {
        if self.used == self.block.len() {
            // Without randomness ids could repeat and two bricks share a logical volume: stop at once.
            getrandom::fill(&mut self.block).expect("the operating system has no random numbers");
            self.used = 0;
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.block[self.used..self.used + 16]);
        self.used += 16;
        bytes
    }
}
