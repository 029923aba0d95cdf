//! Pseudo-random numbers that repeat with the same seed.

/// `SplitMix64`: small, and good enough to throw dice with.
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice for one purpose, told apart by three numbers.
    pub(crate) fn of(seed: u64, client: u64, request: u64) -> Self {
        let mut dice = Self(seed);
        for part in [client, request] {
            dice.0 = dice.next() ^ part;
        }
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
