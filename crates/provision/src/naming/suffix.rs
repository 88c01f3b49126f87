//! The random end of a bucket name.

use std::fmt;

/// Lower case and digits that nobody mistakes for each other.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Eight characters that nobody guesses (T36): 40 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suffix(String);

impl Suffix {
    /// From five random bytes.
    pub fn of(entropy: [u8; 5]) -> Self {
        let bits = entropy.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let letters = (0..8).rev().map(|place| {
            let index = (bits >> (place * 5)) & 31;
            char::from(LETTERS[usize::try_from(index).unwrap_or_default()])
        });
        Self(letters.collect())
    }

    /// The text, without the hyphen before it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bits_count() {
        assert_eq!(Suffix::of([0; 5]).as_str(), "aaaaaaaa");
        assert_eq!(Suffix::of([255; 5]).as_str(), "99999999");
        assert_eq!(Suffix::of([0, 0, 0, 0, 1]).as_str(), "aaaaaaab");
        assert_eq!(Suffix::of([0x08, 0, 0, 0, 0]).as_str(), "baaaaaaa");
    }

    #[test]
    fn no_letter_twice() {
        let mut seen = LETTERS.to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 32);
    }
}
