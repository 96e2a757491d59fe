//! Raw bytes in JSON.

use serde::{Deserialize, Serialize};

/// Raw bytes; a hexadecimal string in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = String::with_capacity(self.0.len().saturating_mul(2));
        for byte in &self.0 {
            for nibble in [byte >> 4, byte & 0xf] {
                digits.extend(char::from_digit(nibble.into(), 16));
            }
        }
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let digits = String::deserialize(deserializer)?;
        let bytes = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair).map_err(D::Error::custom)?;
                match pair.len() {
                    2 => u8::from_str_radix(pair, 16).map_err(D::Error::custom),
                    _ => Err(D::Error::custom("an odd number of hexadecimal digits")),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_hexadecimal_pairs_are_rejected() {
        assert!(serde_json::from_str::<Bytes>("\"0g\"").is_err());
        assert!(serde_json::from_str::<Bytes>("\"012\"").is_err());
        assert!(serde_json::from_str::<Bytes>("\"é0\"").is_err());
    }
}
