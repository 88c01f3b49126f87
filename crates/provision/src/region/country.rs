//! Countries: code, name, and the middle of each.

use serde::Serialize;

use super::country_table::COUNTRIES;
use super::distance::Place;

/// A country or territory of ISO 3166-1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Country {
    /// The two letters.
    pub code: &'static str,
    /// Its short name.
    pub name: &'static str,
    /// About its middle: where its devices are taken to be.
    pub place: Place,
}

/// All of the table, by code.
pub fn countries() -> &'static [Country] {
    COUNTRIES
}

/// One by its code, in either case.
pub fn country(code: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_unique_and_places_are_on_earth() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for country in COUNTRIES {
            assert!(country.code.len() == 2 && country.code.bytes().all(|b| b.is_ascii_uppercase()));
            assert!(country.place.latitude.abs() <= 90.0 && country.place.longitude.abs() <= 180.0);
        }
        assert_eq!(country("de").unwrap().name, "Germany");
        assert!(country("XX").is_none());
    }
}
