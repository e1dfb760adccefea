use heketi_core::IdSource;

/// Random ids from the operating system, fetched in blocks.
#[derive(Debug)]
pub(super) struct RandomIds {
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
