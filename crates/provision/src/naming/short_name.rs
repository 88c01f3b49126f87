//! The short name of a backend, as a hosted platform wants it.

/// Most characters of a backend's short name. The guide says so and gives an example of 19 (T25).
pub const MAX_SHORT_NAME: usize = 10;

/// What is wrong with a backend's short name, as the end of "it …"; `None` for a good one.
///
/// It is not the IAM role's name, however the guide calls it (T25): an ARN is refused with a word on that.
pub fn check_short_name(name: &str) -> Option<String> {
    let length = name.chars().count();
    if name.starts_with("arn:") {
        return Some("must be the backend's short name, not the ARN of its role".to_owned());
    }
    if length == 0 {
        return Some("is missing".to_owned());
    }
    if length > MAX_SHORT_NAME {
        return Some(format!("must have at most {MAX_SHORT_NAME} characters, and `{name}` has {length}"));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match name.chars().find(|c| !plain(*c)) {
        Some(odd) => Some(format!("must hold lower-case letters, digits and hyphens only, not {odd:?}")),
        None if name.starts_with('-') || name.ends_with('-') => {
            Some("must not begin or end with a hyphen".to_owned())
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_characters_at_most() {
        for name in ["prod", "prod-eu-1", "ten-chars0"] {
            assert_eq!(check_short_name(name), None, "{name}");
        }
        assert!(check_short_name("prod-binary-backend").unwrap().contains("has 19"));
        for name in ["", "Prod", "pröd", "-prod", "prod-", "arn:aws:iam::1:role/x"] {
            assert!(check_short_name(name).is_some(), "{name}");
        }
    }
}
