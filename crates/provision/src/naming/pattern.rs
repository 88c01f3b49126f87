//! How a name is put together: the guide's three patterns, or one's own.

use std::str::FromStr;

use firmhold_core::{Code, Problem};

/// What names are made of. Each is made fit for a name by lower case and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// Whose bucket it is.
    pub company: String,
    /// What lies in it, e.g. `firmware`.
    pub purpose: String,
    /// `prod`, `staging`, `dev`, …
    pub environment: Option<String>,
    /// The bucket's region.
    pub region: Option<String>,
}

/// A pattern: text with `{company}`, `{purpose}`, `{environment}` and `{region}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// `acme-firmhold-firmware-prod`: company, platform, purpose, environment.
    pub const ENVIRONMENT: &'static str = "{company}-firmhold-{purpose}-{environment}";
    /// `acme-firmhold-binaries-us-west-2`: company, platform, purpose, region.
    pub const REGION: &'static str = "{company}-firmhold-{purpose}-{region}";
    /// `acme-iot-updates-production`: company, purpose, environment.
    pub const PLAIN: &'static str = "{company}-{purpose}-{environment}";

    const FIELDS: [&'static str; 4] = ["company", "purpose", "environment", "region"];

    /// The one that fits the parts: by environment if there is one, else by region.
    pub fn fitting(parts: &Parts) -> Self {
        let text = if parts.environment.is_none() && parts.region.is_some() {
            Self::REGION
        } else {
            Self::ENVIRONMENT
        };
        Self(text.to_owned())
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that it gives.
    ///
    /// # Errors
    /// [`Code::Usage`] for a part that the pattern needs and that is missing, or of which nothing is left that a name
    /// may hold.
    pub fn fill(&self, parts: &Parts) -> Result<String, Problem> {
        let mut name = self.0.clone();
        for field in Self::FIELDS {
            let place = format!("{{{field}}}");
            if name.contains(&place) {
                name = name.replace(&place, &slug(field, part(parts, field))?);
            }
        }
        Ok(name)
    }
}

impl FromStr for Pattern {
    type Err = Problem;

    /// `environment`, `region` or `plain` for the guide's three, or a text with places in braces.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let text = match text {
            "environment" => Self::ENVIRONMENT,
            "region" => Self::REGION,
            "plain" => Self::PLAIN,
            own => own,
        };
        let left = Self::FIELDS
            .iter()
            .fold(text.to_owned(), |left, field| left.replace(&format!("{{{field}}}"), ""));
        if left.len() == text.len() || left.contains(['{', '}']) {
            return Err(Problem::new(Code::Usage, format!("{text:?} is no pattern for bucket names")).with_hint(
                "Say environment, region or plain, or write one with {company}, {purpose}, {environment}, {region}.",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

fn part<'a>(parts: &'a Parts, field: &str) -> &'a str {
    match field {
        "company" => &parts.company,
        "purpose" => &parts.purpose,
        "environment" => parts.environment.as_deref().unwrap_or_default(),
        _ => parts.region.as_deref().unwrap_or_default(),
    }
}

/// `ACME Robotics, Inc.` as `acme-robotics-inc`. A letter that a name cannot hold is refused rather than dropped:
/// `Müller` must not become `m-ller` unseen.
fn slug(field: &str, text: &str) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(Code::Usage, format!("the pattern needs the {field}, and there is none"))
            .with_hint(format!("Add `--{field}`, or choose another pattern.")));
    }
    if let Some(odd) = text.chars().find(|c| c.is_alphanumeric() && !c.is_ascii()) {
        return Err(Problem::new(
            Code::Usage,
            format!("the {field} {text:?} holds {odd:?}, and bucket names cannot"),
        )
        .with_hint("Write it in the letters a to z."));
    }
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Err(Problem::new(
            Code::Usage,
            format!("nothing of the {field} {text:?} can stand in a bucket name"),
        ));
    }
    Ok(words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        Parts {
            company: "ACME Robotics, Inc.".to_owned(),
            purpose: "firmware".to_owned(),
            environment: Some("prod".to_owned()),
            region: Some("us-west-2".to_owned()),
        }
    }

    #[test]
    fn the_three_patterns_and_ones_own() {
        for (pattern, name) in [
            ("environment", "acme-robotics-inc-firmhold-firmware-prod"),
            ("region", "acme-robotics-inc-firmhold-firmware-us-west-2"),
            ("plain", "acme-robotics-inc-firmware-prod"),
            ("fw.{company}.{environment}", "fw.acme-robotics-inc.prod"),
        ] {
            assert_eq!(pattern.parse::<Pattern>().unwrap().fill(&parts()).unwrap(), name, "{pattern}");
        }
        let by_region = Parts { environment: None, ..parts() };
        assert_eq!(Pattern::fitting(&by_region).as_str(), Pattern::REGION);
        assert_eq!(Pattern::fitting(&parts()).as_str(), Pattern::ENVIRONMENT);
    }

    #[test]
    fn what_is_no_pattern_and_what_is_missing() {
        for text in ["", "fixed", "{company}-{team}", "{company", "{company}}"] {
            assert_eq!(text.parse::<Pattern>().unwrap_err().code(), Code::Usage, "{text}");
        }
        let pattern: Pattern = "region".parse().unwrap();
        let nowhere = Parts { region: None, ..parts() };
        assert_eq!(
            pattern.fill(&nowhere).unwrap_err().to_string(),
            "the pattern needs the region, and there is none"
        );
        let accented = Parts { company: "Müller".to_owned(), ..parts() };
        assert!(pattern.fill(&accented).unwrap_err().to_string().contains("'ü'"));
        let nothing = Parts { company: "--- !".to_owned(), ..parts() };
        assert!(pattern.fill(&nothing).is_err());
    }
}
