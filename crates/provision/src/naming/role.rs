//! Names of the role and of its sessions, and what else is written on a role.

/// Characters that IAM allows in names beside letters and digits.
const MARKS: &[u8] = b"_+=,.@-";
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_ROLE_NAME: usize = 64;
/// Same page.
const MAX_DESCRIPTION: usize = 1000;
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;
/// Of a session: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_NAME: std::ops::RangeInclusive<usize> = 2..=64;

/// What is wrong with a role's description, as the end of "it …"; `None` for a good one.
pub fn check_description(text: &str) -> Option<String> {
    let length = text.chars().count();
    if length > MAX_DESCRIPTION {
        return Some(format!("must have at most {MAX_DESCRIPTION} characters, has {length}"));
    }
    let odd = text.chars().find(|c| !describable(*c))?;
    Some(format!("must not hold {odd:?}: IAM takes Latin letters and marks only"))
}

/// What is wrong with a tag of a role or a bucket, as a sentence on it; `None` for a good one.
pub fn check_tag(key: &str, value: &str) -> Option<String> {
    let fits =
        |c: char| c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c);
    if key.is_empty() || key.chars().count() > MAX_TAG_KEY {
        return Some(format!("the key {key:?} must have 1 to {MAX_TAG_KEY} characters"));
    }
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Some(format!("the key {key:?} must not begin with `aws:`, which AWS keeps for itself"));
    }
    if value.chars().count() > MAX_TAG_VALUE {
        return Some(format!("the value of {key:?} must have at most {MAX_TAG_VALUE} characters"));
    }
    let fine = key.chars().chain(value.chars()).all(fits);
    (!fine).then(|| format!("the tag {key:?} must hold letters, digits, spaces and `_.:/=+-@` only"))
}

/// IAM's `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]`.
fn describable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}')
}

/// What is wrong with a role's name, as the end of "it …"; `None` for a good one.
pub fn check_role_name(name: &str) -> Option<String> {
    check_characters(name, 1..=MAX_ROLE_NAME)
}

/// `firmhold-PURPOSE-BACKEND`: who it is and what for, in every line of CloudTrail. Characters that a session's name
/// cannot hold become hyphens, and what is too long is cut at the end.
pub fn session_name(purpose: &str, backend: &str) -> String {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if u8::try_from(c).is_ok_and(allowed) { c } else { '-' }).collect()
    };
    let mut name = format!("firmhold-{}-{}", plain(purpose), plain(backend));
    name.truncate(*SESSION_NAME.end());
    name
}

/// What is wrong with a session's name, as the end of "it …"; `None` for a good one.
pub fn check_session_name(name: &str) -> Option<String> {
    check_characters(name, SESSION_NAME)
}

fn check_characters(name: &str, limit: std::ops::RangeInclusive<usize>) -> Option<String> {
    let length = name.chars().count();
    if !limit.contains(&length) {
        return Some(format!("must have {} to {} characters, has {length}", limit.start(), limit.end()));
    }
    let odd = name.chars().find(|c| !u8::try_from(*c).is_ok_and(allowed))?;
    Some(format!("must hold letters, digits and `_+=,.@-` only, not {odd:?}"))
}

fn allowed(b: u8) -> bool {
    b.is_ascii_alphanumeric() || MARKS.contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_say_who_and_what_for() {
        assert_eq!(session_name("verify", "prod"), "firmhold-verify-prod");
        assert_eq!(session_name("write", "prod eu/1"), "firmhold-write-prod-eu-1");
        let long = session_name("write", &"é".repeat(100));
        assert_eq!(long.len(), 64);
        for name in [session_name("a", "b"), long] {
            assert_eq!(check_session_name(&name), None, "{name}");
        }
        assert!(check_session_name("x").is_some());
        assert!(check_session_name("a b").unwrap().contains("' '"));
    }

    #[test]
    fn what_iam_would_refuse_on_a_role() {
        assert!(check_role_name("Firmhold Backend").is_some());
        assert!(check_description("für Gerätesoftware 固件").unwrap().contains("'固'"));
        assert_eq!(check_description("für Gerätesoftware"), None);
        assert_eq!(check_tag("firmhold", "acme/fw/"), None);
        for (key, value) in [("", "x"), ("aws:team", "x"), ("AWS:team", "x"), ("cost", "a;b")] {
            assert!(check_tag(key, value).is_some(), "{key}={value}");
        }
        assert!(check_tag(&"k".repeat(129), "x").is_some());
        assert!(check_tag("k", &"x".repeat(257)).is_some());
    }
}
