//! How an import reads names from keys (API contract 4.7).

use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};

use crate::text;

/// Characters that a mapping may have.
pub const MAX_LENGTH: usize = 512;

/// Steps that are spent on one key, each an end that is tried for a wildcard or a placeholder. A pattern that needs more
/// is as good as ambiguous; this keeps a pattern of many wildcards from holding the server up.
const MAX_STEPS: usize = 10_000;

/// A pattern for the whole key after an import's source prefix. `{artifact}`, `{version}` and `{target}` each stand for
/// one or more characters other than `/`, `*` for any number of them; everything else stands for itself. A placeholder
/// that comes twice stands for the same text both times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(String),
    Any,
    Slot(Slot),
}

/// A placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// `{artifact}`
    Artifact,
    /// `{version}`
    Version,
    /// `{target}`
    Target,
}

impl Slot {
    const ALL: [Self; 3] = [Self::Artifact, Self::Version, Self::Target];

    /// As it stands in a pattern.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Artifact => "{artifact}",
            Self::Version => "{version}",
            Self::Target => "{target}",
        }
    }

    /// How many characters it stands for.
    const fn limit(self) -> RangeInclusive<usize> {
        match self {
            Self::Artifact => text::NAME,
            Self::Version => text::VERSION,
            Self::Target => text::TARGET,
        }
    }
}

/// The text was not a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMapping {
    /// Too short or too long.
    #[error("must have 1 to {MAX_LENGTH} characters, has {0}")]
    Length(usize),
    /// Control characters.
    #[error("must hold no control characters")]
    Control,
    /// Braces around something else.
    #[error("{0:?} is none of {{artifact}}, {{version}} and {{target}}")]
    Unknown(String),
    /// A brace alone.
    #[error("a brace stands alone; keys with braces can be given as entries")]
    Brace,
}

/// What a key says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Names<'k> {
    /// What stands for `{artifact}`.
    pub artifact: Option<&'k str>,
    /// What stands for `{version}`.
    pub version: Option<&'k str>,
    /// What stands for `{target}`.
    pub target: Option<&'k str>,
}

/// How a key fits a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit<'k> {
    /// In one way.
    One(Names<'k>),
    /// Not at all.
    None,
    /// Only if there were an artifact of this name.
    UnknownArtifact(&'k str),
    /// In these two ways, and perhaps in more.
    Several(Names<'k>, Names<'k>),
    /// In so many ways that not all were tried.
    TooMany,
}

impl Mapping {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadMapping`].
    pub fn parse(text: &str) -> Result<Self, BadMapping> {
        let length = text.chars().count();
        if !(1..=MAX_LENGTH).contains(&length) {
            return Err(BadMapping::Length(length));
        }
        if text.chars().any(char::is_control) {
            return Err(BadMapping::Control);
        }
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (token, after) = match first {
                '*' => (Token::Any, rest.trim_start_matches('*')),
                '{' => {
                    let end = rest.find('}').ok_or(BadMapping::Brace)? + 1;
                    let (name, after) = rest.split_at(end);
                    let slot = Slot::ALL.into_iter().find(|slot| slot.as_str() == name);
                    (Token::Slot(slot.ok_or_else(|| BadMapping::Unknown(name.to_owned()))?), after)
                }
                '}' => return Err(BadMapping::Brace),
                _ => {
                    let end = rest.find(['*', '{', '}']).unwrap_or(rest.len());
                    let (literal, after) = rest.split_at(end);
                    (Token::Literal(literal.to_owned()), after)
                }
            };
            tokens.push(token);
            rest = after;
        }
        Ok(Self(tokens))
    }

    /// Whether the pattern has this placeholder.
    #[must_use]
    pub fn has(&self, slot: Slot) -> bool {
        self.0.contains(&Token::Slot(slot))
    }

    /// How `key` (what follows the source prefix) fits, where `is_artifact` knows the artifacts that there are.
    pub fn fit<'k>(&self, key: &'k str, is_artifact: impl Fn(&str) -> bool) -> Fit<'k> {
        let reach = reach(&self.0, key.as_bytes());
        let mut walk = Walk {
            tokens: &self.0,
            key,
            reach,
            is_artifact: &is_artifact,
            seen: HashSet::new(),
            steps: 0,
            found: Vec::new(),
            unknown: None,
            exhausted: false,
        };
        walk.step(0, 0, Bound::default());
        match (walk.found.as_slice(), walk.exhausted, walk.unknown) {
            ([one, other, ..], _, _) => Fit::Several(*one, *other),
            (_, true, _) => Fit::TooMany,
            ([one], false, _) => Fit::One(*one),
            ([], false, Some(unknown)) => Fit::UnknownArtifact(unknown),
            ([], false, None) => Fit::None,
        }
    }
}

/// `reach[t][p]`: whether tokens from `t` on can stand for the key from byte `p` on, whatever the placeholders' values.
/// What cannot is never tried, which keeps the search small.
fn reach(tokens: &[Token], key: &[u8]) -> Vec<Vec<bool>> {
    let end = key.len();
    let mut table = vec![vec![false; end + 1]; tokens.len() + 1];
    if let Some(last) = table.last_mut() {
        last[end] = true;
    }
    for (place, token) in tokens.iter().enumerate().rev() {
        let after = table[place + 1].clone();
        let row = &mut table[place];
        match token {
            Token::Literal(literal) => {
                for at in 0..=end {
                    let fits = key[at..].starts_with(literal.as_bytes());
                    row[at] = fits && after[at + literal.len()];
                }
            }
            Token::Any | Token::Slot(_) => {
                // Whether the rest can begin at `at`, or, with no slash between, further on.
                let mut later = false;
                for at in (0..=end).rev() {
                    let runs_on = at < end && key[at] != b'/' && later;
                    later = after[at] || runs_on;
                    row[at] = if *token == Token::Any { later } else { runs_on };
                }
            }
        }
    }
    table
}

type Bound = [Option<(usize, usize)>; 3];

struct Walk<'a, 'k> {
    tokens: &'a [Token],
    key: &'k str,
    reach: Vec<Vec<bool>>,
    is_artifact: &'a dyn Fn(&str) -> bool,
    seen: HashSet<(usize, usize, Bound)>,
    steps: usize,
    found: Vec<Names<'k>>,
    unknown: Option<&'k str>,
    exhausted: bool,
}

impl<'k> Walk<'_, 'k> {
    fn step(&mut self, place: usize, at: usize, bound: Bound) {
        if self.is_over() || !self.reach[place][at] || !self.seen.insert((place, at, bound)) {
            return;
        }
        match self.tokens.get(place) {
            None => self.take(bound),
            Some(Token::Literal(literal)) => self.step(place + 1, at + literal.len(), bound),
            Some(Token::Any) => {
                for end in self.ends(at, 0..=usize::MAX) {
                    if self.is_over() {
                        return;
                    }
                    self.step(place + 1, end, bound);
                }
            }
            Some(Token::Slot(slot)) => self.slot(*slot, place, at, bound),
        }
    }

    fn slot(&mut self, slot: Slot, place: usize, at: usize, mut bound: Bound) {
        if let Some((from, to)) = bound[slot as usize] {
            let before = &self.key[from..to];
            if self.key[at..].starts_with(before) {
                self.step(place + 1, at + before.len(), bound);
            }
            return;
        }
        for end in self.ends(at, slot.limit()) {
            if self.is_over() {
                return;
            }
            if !self.reach[place + 1][end] || !self.may_be(slot, at..end) {
                continue;
            }
            bound[slot as usize] = Some((at, end));
            self.step(place + 1, end, bound);
        }
    }

    /// Counts a step. Whether no more are to be made: what was found tells enough, or there were too many.
    fn is_over(&mut self) -> bool {
        self.steps += 1;
        self.exhausted |= self.steps > MAX_STEPS;
        self.exhausted || self.found.len() > 1
    }

    /// Where a run of characters other than `/` may end that begins at `at` and has so many characters.
    fn ends(&self, at: usize, limit: RangeInclusive<usize>) -> impl Iterator<Item = usize> + use<'k> {
        let run = &self.key[at..];
        let run = &run[..run.find('/').unwrap_or(run.len())];
        let starts = run.char_indices().map(|(start, _)| start).chain([run.len()]);
        let (least, most) = limit.into_inner();
        starts.skip(least).take(most.saturating_sub(least).saturating_add(1)).map(move |end| at + end)
    }

    /// Whether this may stand for a slot; its length does.
    fn may_be(&mut self, slot: Slot, range: Range<usize>) -> bool {
        let value = &self.key[range];
        if value.chars().any(char::is_control) {
            return false;
        }
        let is_known = slot != Slot::Artifact || (self.is_artifact)(value);
        if !is_known {
            self.unknown.get_or_insert(value);
        }
        is_known
    }

    fn take(&mut self, bound: Bound) {
        let value = |slot: Slot| bound[slot as usize].map(|(from, to)| &self.key[from..to]);
        let names = Names {
            artifact: value(Slot::Artifact),
            version: value(Slot::Version),
            target: value(Slot::Target),
        };
        if !self.found.contains(&names) {
            self.found.push(names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(pattern: &str, key: &str) -> String {
        let mapping = Mapping::parse(pattern).unwrap();
        let known = ["gateway", "gateway-pro", "sensor"];
        let show = |names: Names<'_>| {
            let all = [names.artifact, names.version, names.target];
            all.map(|name| name.unwrap_or("-")).join(" ")
        };
        match mapping.fit(key, |name| known.contains(&name)) {
            Fit::One(names) => show(names),
            Fit::None => "none".to_owned(),
            Fit::UnknownArtifact(name) => format!("unknown {name}"),
            Fit::Several(one, other) => format!("{} or {}", show(one), show(other)),
            Fit::TooMany => "too many".to_owned(),
        }
    }

    #[test]
    fn three_habits() {
        assert_eq!(fit("{artifact}/{version}/{target}.bin", "gateway/2.1.0/imx8.bin"), "gateway 2.1.0 imx8");
        assert_eq!(
            fit("{version}/{artifact}_{target}*", "2023-05-17/sensor_esp32.img.gz"),
            "sensor 2023-05-17 e or sensor 2023-05-17 es"
        );
        assert_eq!(
            fit("{version}/{artifact}_{target}.*", "2023-05-17/sensor_esp32.img"),
            "sensor 2023-05-17 esp32"
        );
        assert_eq!(fit("{artifact}-{version}-{target}.bin", "sensor-1.4-esp32.bin"), "sensor 1.4 esp32");
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        let flat = "{artifact}-{version}-{target}.bin";
        assert_eq!(fit(flat, "gateway-pro-1.4-imx8.bin"), "gateway pro 1.4-imx8 or gateway pro-1.4 imx8",);
        assert_eq!(fit(flat, "modem-1.4-imx8.bin"), "unknown modem");
        assert_eq!(fit(flat, "README.txt"), "none");
        assert_eq!(fit("{artifact}/{version}/{target}.bin", "gateway/a/b/imx8.bin"), "none");
        assert_eq!(fit("{artifact}/{version}/{target}.bin", "gateway//imx8.bin"), "none");
        assert_eq!(fit("{version}", &"9".repeat(129)), "none");
    }

    #[test]
    fn a_placeholder_that_comes_twice_is_the_same_text() {
        let pattern = "{artifact}/{version}/{artifact}-{version}-{target}.bin";
        assert_eq!(fit(pattern, "gateway/1.0-rc1/gateway-1.0-rc1-imx8.bin"), "gateway 1.0-rc1 imx8");
        assert_eq!(fit(pattern, "gateway/1.0/gateway-1.1-imx8.bin"), "none");
    }

    #[test]
    fn wildcards_alone_make_no_second_way() {
        assert_eq!(fit("*/*/{version}.bin", "a/b/1.bin"), "- 1 -");
        assert_eq!(fit("**{version}.bin", "1.bin"), "- 1 -");
        assert_eq!(fit("é/{version}*é", "é/1é"), "- 1 -");
    }

    #[test]
    fn a_pattern_of_many_wildcards_ends() {
        let key = "a".repeat(1000);
        assert_eq!(fit(&"*a".repeat(200), &key), "none".replace("none", "too many"));
        assert_eq!(fit(&format!("{}b", "*a".repeat(200)), &key), "none");
    }

    /// Every end that is tried is a step, whatever comes of it: keys of one letter, and artifacts that are none.
    #[test]
    fn a_pattern_of_many_placeholders_ends() {
        use std::cell::Cell;
        let asked = Cell::new(0);
        let key = "a".repeat(1000);
        for pattern in
            ["*{artifact}*{artifact}*", "*{artifact}*{version}*{target}*", "*{version}*b*{artifact}*"]
        {
            let mapping = Mapping::parse(pattern).unwrap();
            asked.set(0);
            mapping.fit(&key, |name| {
                assert!(name.chars().count() <= *text::NAME.end(), "longer than any artifact's name");
                asked.set(asked.get() + 1);
                false
            });
            assert!(asked.get() <= MAX_STEPS, "{pattern}: {}", asked.get());
        }
        // The limits are in characters.
        assert_eq!(fit("{version}", &"é".repeat(128)), format!("- {} -", "é".repeat(128)));
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_said() {
        let wrong = |text: &str| Mapping::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(wrong("{product}/{version}"), @r#""{product}" is none of {artifact}, {version} and {target}"#);
        insta::assert_snapshot!(wrong("{version"), @"a brace stands alone; keys with braces can be given as entries");
        insta::assert_snapshot!(wrong("version}"), @"a brace stands alone; keys with braces can be given as entries");
        insta::assert_snapshot!(wrong(""), @"must have 1 to 512 characters, has 0");
        insta::assert_snapshot!(wrong("a\n{version}"), @"must hold no control characters");
        assert!(Mapping::parse("{version}").unwrap().has(Slot::Version));
    }

    /// Every pattern of these pieces against every key of those: none of them panics or runs away, and what is found is
    /// in the key.
    #[test]
    fn any_key_and_pattern_come_to_an_end() {
        let pieces = ["{artifact}", "{version}", "{target}", "*", "a", "é", "/"];
        let letters = ["a", "é", "/", "b"];
        let words = |pieces: &[&str], length: u32| -> Vec<String> {
            let base = pieces.len();
            let word = |mut code: usize| -> String {
                (0..length)
                    .map(|_| {
                        let digit = code % base;
                        code /= base;
                        digit
                    })
                    .map(|at| pieces[at])
                    .collect()
            };
            (0..base.pow(length)).map(word).collect()
        };
        let keys: Vec<String> = (0..5).flat_map(|length| words(&letters, length)).collect();
        for pattern in words(&pieces, 4) {
            let mapping = Mapping::parse(&pattern).unwrap();
            for key in &keys {
                let Fit::One(names) = mapping.fit(key, |_| true) else { continue };
                for name in [names.artifact, names.version, names.target].into_iter().flatten() {
                    assert!(key.contains(name) && !name.contains('/') && !name.is_empty(), "{pattern} {key}");
                }
            }
        }
    }
}
