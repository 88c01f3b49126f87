//! Where the data may lie.

use std::fmt;
use std::str::FromStr;

use firmhold_core::{Code, Problem};
use serde::{Serialize, Serializer};

use super::country::country;

/// The members of the European Union.
const EU: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];
/// Of the European Economic Area besides.
const EEA_BESIDES: [&str; 3] = ["IS", "LI", "NO"];

/// A rule on the countries that a region may be in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Residency {
    /// Anywhere.
    #[default]
    Anywhere,
    /// In the European Union.
    EuropeanUnion,
    /// In the European Economic Area.
    EuropeanEconomicArea,
    /// In one of these countries (ISO codes).
    Countries(Vec<String>),
}

impl Residency {
    /// Whether a region in the country with this code keeps the rule.
    pub fn allows(&self, code: &str) -> bool {
        match self {
            Self::Anywhere => true,
            Self::EuropeanUnion => EU.contains(&code),
            Self::EuropeanEconomicArea => EU.contains(&code) || EEA_BESIDES.contains(&code),
            Self::Countries(codes) => codes.iter().any(|own| own == code),
        }
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anywhere => f.write_str("anywhere"),
            Self::EuropeanUnion => f.write_str("the European Union"),
            Self::EuropeanEconomicArea => f.write_str("the European Economic Area"),
            Self::Countries(codes) => f.write_str(&codes.join(" or ")),
        }
    }
}

impl Serialize for Residency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Residency {
    type Err = Problem;

    /// `anywhere`, `eu`, `eea`, or ISO codes with commas between.
    fn from_str(text: &str) -> Result<Self, Problem> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "anywhere" => Ok(Self::Anywhere),
            "eu" => Ok(Self::EuropeanUnion),
            "eea" => Ok(Self::EuropeanEconomicArea),
            codes => codes.split(',').map(one).collect::<Result<_, _>>().map(Self::Countries),
        }
    }
}

fn one(code: &str) -> Result<String, Problem> {
    country(code.trim()).map(|country| country.code.to_owned()).ok_or_else(|| {
        Problem::new(Code::Usage, format!("{:?} is neither a residency rule nor a country", code.trim()))
            .with_hint("Say anywhere, eu, eea, or the two letters of countries: DE,FR.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_kept() {
        for (text, shown, inside, outside) in [
            ("eu", "the European Union", "IE", "GB"),
            ("EEA", "the European Economic Area", "NO", "CH"),
            ("de, fr", "DE or FR", "FR", "IE"),
        ] {
            let rule: Residency = text.parse().unwrap();
            assert_eq!(rule.to_string(), shown);
            assert!(rule.allows(inside) && !rule.allows(outside), "{text}");
        }
        assert_eq!("".parse::<Residency>().unwrap(), Residency::Anywhere);
        assert_eq!("europe".parse::<Residency>().unwrap_err().code(), Code::Usage);
    }
}
