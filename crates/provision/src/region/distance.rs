//! Distances on the globe.

use serde::Serialize;

/// The earth's mean radius (IUGG), in kilometres.
const EARTH_KM: f64 = 6371.0;

/// A point, in degrees; north and east are positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Place {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// The great circle from `a` to `b`, in kilometres (haversine).
pub fn kilometres(a: Place, b: Place) -> f64 {
    let (from, to) = (a.latitude.to_radians(), b.latitude.to_radians());
    let half_north = (to - from) / 2.0;
    let half_east = (b.longitude - a.longitude).to_radians() / 2.0;
    let chord = half_north.sin().powi(2) + from.cos() * to.cos() * half_east.sin().powi(2);
    2.0 * EARTH_KM * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(latitude: f64, longitude: f64) -> Place {
        Place { latitude, longitude }
    }

    #[test]
    fn known_distances() {
        // A quarter of the globe, half of it, and across the date line.
        for (a, b, km) in [
            (at(0.0, 0.0), at(0.0, 90.0), 10_007.5),
            (at(90.0, 0.0), at(-90.0, 0.0), 20_015.1),
            (at(0.0, 179.0), at(0.0, -179.0), 222.4),
            // London to Paris.
            (at(51.5074, -0.1278), at(48.8566, 2.3522), 343.6),
        ] {
            let told = kilometres(a, b);
            assert!((told - km).abs() < 1.0, "{a:?} to {b:?}: {told}, not {km}");
        }
        assert!(kilometres(at(10.0, 10.0), at(10.0, 10.0)).abs() < 1e-9);
    }
}
