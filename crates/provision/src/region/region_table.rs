//! AWS's regions of the partition `aws`, and about where they are.

use serde::Serialize;

use super::distance::Place;

/// A region.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Region {
    /// `us-west-2`
    pub code: &'static str,
    /// As AWS calls it.
    pub name: &'static str,
    /// ISO 3166-1 code of the country that it is in.
    pub country: &'static str,
    /// The city or area that AWS names it after: near enough for distances, no more than that.
    pub place: Place,
    /// An account must turn it on before it can be used.
    pub opt_in: bool,
}

/// The partition of a region of any partition, by how it is named.
pub fn partition(code: &str) -> &'static str {
    match code {
        _ if code.starts_with("cn-") => "aws-cn",
        _ if code.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// All of the table.
pub fn regions() -> &'static [Region] {
    REGIONS
}

/// One by its code.
pub fn region(code: &str) -> Option<&'static Region> {
    REGIONS.iter().find(|region| region.code == code)
}

const fn on(
    code: &'static str,
    name: &'static str,
    country: &'static str,
    latitude: f64,
    longitude: f64,
) -> Region {
    Region { code, name, country, place: Place { latitude, longitude }, opt_in: false }
}

const fn opt_in(
    code: &'static str,
    name: &'static str,
    country: &'static str,
    latitude: f64,
    longitude: f64,
) -> Region {
    Region { opt_in: true, ..on(code, name, country, latitude, longitude) }
}

/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>, with the coordinates of the
/// city or area in each name.
const REGIONS: &[Region] = &[
    on("us-east-1", "US East (N. Virginia)", "US", 39.0, -77.5),
    on("us-east-2", "US East (Ohio)", "US", 40.0, -83.0),
    on("us-west-1", "US West (N. California)", "US", 37.4, -121.9),
    on("us-west-2", "US West (Oregon)", "US", 45.8, -119.7),
    on("ca-central-1", "Canada (Central)", "CA", 45.5, -73.6),
    on("sa-east-1", "South America (São Paulo)", "BR", -23.6, -46.6),
    on("eu-west-1", "Europe (Ireland)", "IE", 53.3, -6.3),
    on("eu-west-2", "Europe (London)", "GB", 51.5, -0.1),
    on("eu-west-3", "Europe (Paris)", "FR", 48.9, 2.4),
    on("eu-central-1", "Europe (Frankfurt)", "DE", 50.1, 8.7),
    on("eu-north-1", "Europe (Stockholm)", "SE", 59.3, 18.1),
    on("ap-south-1", "Asia Pacific (Mumbai)", "IN", 19.1, 72.9),
    on("ap-northeast-1", "Asia Pacific (Tokyo)", "JP", 35.7, 139.7),
    on("ap-northeast-2", "Asia Pacific (Seoul)", "KR", 37.6, 127.0),
    on("ap-northeast-3", "Asia Pacific (Osaka)", "JP", 34.7, 135.5),
    on("ap-southeast-1", "Asia Pacific (Singapore)", "SG", 1.4, 103.8),
    on("ap-southeast-2", "Asia Pacific (Sydney)", "AU", -33.9, 151.2),
    opt_in("af-south-1", "Africa (Cape Town)", "ZA", -33.9, 18.4),
    opt_in("ap-east-1", "Asia Pacific (Hong Kong)", "HK", 22.3, 114.2),
    opt_in("ap-east-2", "Asia Pacific (Taipei)", "TW", 25.0, 121.6),
    opt_in("ap-south-2", "Asia Pacific (Hyderabad)", "IN", 17.4, 78.5),
    opt_in("ap-southeast-3", "Asia Pacific (Jakarta)", "ID", -6.2, 106.8),
    opt_in("ap-southeast-4", "Asia Pacific (Melbourne)", "AU", -37.8, 145.0),
    opt_in("ap-southeast-5", "Asia Pacific (Malaysia)", "MY", 3.1, 101.7),
    opt_in("ap-southeast-6", "Asia Pacific (New Zealand)", "NZ", -36.8, 174.8),
    opt_in("ap-southeast-7", "Asia Pacific (Thailand)", "TH", 13.8, 100.5),
    opt_in("ca-west-1", "Canada West (Calgary)", "CA", 51.0, -114.1),
    opt_in("eu-central-2", "Europe (Zurich)", "CH", 47.4, 8.5),
    opt_in("eu-south-1", "Europe (Milan)", "IT", 45.5, 9.2),
    opt_in("eu-south-2", "Europe (Spain)", "ES", 41.6, -0.9),
    opt_in("il-central-1", "Israel (Tel Aviv)", "IL", 32.1, 34.8),
    opt_in("me-central-1", "Middle East (UAE)", "AE", 24.4, 54.4),
    opt_in("me-south-1", "Middle East (Bahrain)", "BH", 26.1, 50.6),
    opt_in("mx-central-1", "Mexico (Central)", "MX", 20.6, -100.4),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_places_are_on_earth() {
        for (index, region) in REGIONS.iter().enumerate() {
            assert!(REGIONS[..index].iter().all(|other| other.code != region.code), "{} twice", region.code);
            assert!(region.place.latitude.abs() <= 90.0 && region.place.longitude.abs() <= 180.0);
            assert!(super::super::country(region.country).is_some(), "{} is in no country", region.code);
        }
    }
}
