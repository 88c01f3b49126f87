//! Names of the role and of its sessions, and what else is written on a role.

use firmhold_core::{FieldErrors, Problem};

/// Characters that IAM allows in names beside letters and digits.
const MARKS: &[u8] = b"_+=,.@-";
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_ROLE_NAME: usize = 64;
/// Same page.
const MAX_DESCRIPTION: usize = 1000;
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;
/// Of a session: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_NAME: std::ops::RangeInclusive<usize> = 2..=64;

/// What is written on the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleNaming {
    /// Its name; not the backend's short name (T25).
    pub name: String,
    /// For the person who finds it in the console.
    pub description: String,
    /// Key and value each.
    pub tags: Vec<(String, String)>,
}

impl RoleNaming {
    /// Refuses what IAM would refuse, all fields at once: `role.name`, `role.description`, `role.tags.KEY`.
    ///
    /// # Errors
    /// [`firmhold_core::Code::InvalidFields`].
    pub fn check(&self) -> Result<(), Problem> {
        let mut errors = FieldErrors::new();
        if let Some(says) = check_role_name(&self.name) {
            errors.add("role.name", says);
        }
        let length = self.description.chars().count();
        if length > MAX_DESCRIPTION {
            errors.add(
                "role.description",
                format!("must have at most {MAX_DESCRIPTION} characters, has {length}"),
            );
        }
        if let Some(odd) = self.description.chars().find(|c| !describable(*c)) {
            errors.add(
                "role.description",
                format!("must not hold {odd:?}: IAM takes Latin letters and marks only"),
            );
        }
        if self.tags.len() > MAX_TAGS {
            errors.add("role.tags", format!("must be at most {MAX_TAGS}, are {}", self.tags.len()));
        }
        for (index, (key, value)) in self.tags.iter().enumerate() {
            check_tag(&mut errors, key, value);
            // IAM compares keys without case.
            if self.tags[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(key)) {
                errors
                    .add(format!("role.tags.{key}"), "must not stand there twice (IAM ignores case in keys)");
            }
        }
        errors.into_result()
    }
}

fn check_tag(errors: &mut FieldErrors, key: &str, value: &str) {
    let field = format!("role.tags.{key}");
    let fits =
        |c: char| c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c);
    if key.is_empty() || key.chars().count() > MAX_TAG_KEY {
        errors.add(&field, format!("must have a key of 1 to {MAX_TAG_KEY} characters"));
    }
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        errors.add(&field, "must not begin with `aws:`, which AWS keeps for itself");
    }
    if value.chars().count() > MAX_TAG_VALUE {
        errors.add(&field, format!("must have a value of at most {MAX_TAG_VALUE} characters"));
    }
    if !key.chars().chain(value.chars()).all(fits) {
        errors.add(&field, "must hold letters, digits, spaces and `_.:/=+-@` only");
    }
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
    fn all_that_iam_would_refuse_is_told_at_once() {
        let naming = RoleNaming {
            name: "Firmhold Backend".to_owned(),
            description: "für Gerätesoftware 固件".to_owned(),
            tags: vec![
                ("aws:team".to_owned(), "x".to_owned()),
                ("Team".to_owned(), "a".to_owned()),
                ("team".to_owned(), "b".to_owned()),
                ("cost".to_owned(), "a;b".to_owned()),
            ],
        };
        let problem = naming.check().unwrap_err();
        let fields: Vec<&str> = problem.field_errors().0.keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            ["role.description", "role.name", "role.tags.aws:team", "role.tags.cost", "role.tags.team"]
        );
        let good = RoleNaming {
            name: "FirmholdBackend".to_owned(),
            description: "Lets Firmhold keep firmware".to_owned(),
            tags: vec![("firmhold".to_owned(), "acme/fw/".to_owned())],
        };
        assert!(good.check().is_ok());
    }
}
