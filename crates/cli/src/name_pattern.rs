//! File names that stand for targets: `gateway-{target}.img`.

use std::str::FromStr;

use firmhold_core::{Code, Problem};

const PLACE: &str = "{target}";

/// A file's name with `{target}` in it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    before: String,
    after: String,
}

impl FromStr for NamePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (before, after) =
            text.split_once(PLACE).ok_or_else(|| format!("write a file's name with {PLACE} in it"))?;
        if after.contains(PLACE) {
            return Err(format!("{PLACE} may stand in it once"));
        }
        if text.contains(['/', '\\']) {
            return Err("the pattern is for a file's name, without folders".to_owned());
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }
}

impl NamePattern {
    /// The target that a file's name stands for, if it fits.
    pub fn target_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        let target = name.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?;
        (!target.is_empty()).then_some(target)
    }

    /// The name that stands for `target`.
    ///
    /// # Errors
    /// [`Code::Usage`] if that is no file's name: a target is free text, and not trusted to stay in the folder.
    pub fn name_for(&self, target: &str) -> Result<String, Problem> {
        let name = format!("{}{target}{}", self.before, self.after);
        let leaves = target.contains(['/', '\\', ':', '\0']) || matches!(name.as_str(), "." | "..");
        if leaves || name.len() > 255 || target.chars().any(char::is_control) {
            return Err(Problem::new(Code::Usage, format!("the target {target:?} cannot be a file's name"))
                .with_hint("pull it by itself, with --target and --output"));
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_targets_are_two_sides_of_a_pattern() {
        let pattern: NamePattern = "gateway-{target}.img".parse().unwrap();
        assert_eq!(pattern.target_of("gateway-imx8.img"), Some("imx8"));
        assert_eq!(pattern.name_for("imx8").unwrap(), "gateway-imx8.img");
        for name in ["gateway-.img", "gateway-imx8.bin", "imx8.img", "gateway.img"] {
            assert_eq!(pattern.target_of(name), None, "{name}");
        }
        for text in ["gateway.img", "{target}{target}", "out/{target}"] {
            assert!(text.parse::<NamePattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_target_does_not_leave_the_folder() {
        let pattern: NamePattern = "{target}".parse().unwrap();
        for target in ["../../etc/passwd", "a/b", "..", ".", "c:x", "a\\b", "a\nb"] {
            assert_eq!(pattern.name_for(target).unwrap_err().code(), Code::Usage, "{target}");
        }
    }
}
