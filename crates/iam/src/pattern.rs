//! Wildcards and policy variables.

use std::str::Chars;

use crate::facts::{Facts, Given};

/// What a pattern is made of once its variables have values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// This character.
    Char(char),
    /// `?`: any one character.
    One,
    /// `*`: any number of characters.
    Any,
}

/// Whether capital and small letters are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Sensitive,
    Insensitive,
}

/// No text of a policy needs more; it bounds what a long value can be multiplied to.
const MAX_VARIABLES: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Unit(Unit),
    Variable { key: String, default: Option<String> },
}

/// A text in which `*` and `?` are wildcards.
pub fn units(text: &str) -> Vec<Unit> {
    let unit = |c| match c {
        '*' => Unit::Any,
        '?' => Unit::One,
        c => Unit::Char(c),
    };
    text.chars().map(unit).collect()
}

/// A pattern without variables. Nearly all are a plain text, or one with a `*` at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glob {
    Text(String),
    Prefix(String),
    Units(Vec<Unit>),
}

impl Glob {
    /// Of a text in which `*` and `?` are wildcards.
    pub fn of(text: &str) -> Self {
        Self::of_units(units(text))
    }

    fn of_units(units: Vec<Unit>) -> Self {
        let plain = |units: &[Unit]| units.iter().all(|unit| matches!(unit, Unit::Char(_)));
        match units.split_last() {
            Some((Unit::Any, before)) if plain(before) => Self::Prefix(as_text(before)),
            _ if plain(&units) => Self::Text(as_text(&units)),
            _ => Self::Units(units),
        }
    }

    /// Whether a text fits, capital and small letters told apart.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Text(own) => own == text,
            Self::Prefix(own) => text.starts_with(own.as_str()),
            Self::Units(units) => fits(units, text, Case::Sensitive),
        }
    }

    /// Whether it is `*`.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::Prefix(own) if own.is_empty())
    }
}

/// A text of a policy in which `*` and `?` may be wildcards, and `${…}` may be variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    tokens: Vec<Token>,
    /// The same, if there is no variable in it.
    plain: Option<Glob>,
}

impl Template {
    /// Reads a text. `variables` is true for documents of version 2012-10-17: in older ones `${` is plain text
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>).
    pub fn parse(text: &str, wildcards: bool, variables: bool) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(inner) = rest.strip_prefix("${").filter(|_| variables) {
                let (token, after) =
                    variable(inner).ok_or_else(|| format!("a broken variable in {text:?}"))?;
                tokens.push(token);
                rest = after;
                continue;
            }
            tokens.push(Token::Unit(match c {
                '*' if wildcards => Unit::Any,
                '?' if wildcards => Unit::One,
                c => Unit::Char(c),
            }));
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
        let variables = tokens.iter().filter(|token| matches!(token, Token::Variable { .. })).count();
        if variables > MAX_VARIABLES {
            return Err(format!("more than {MAX_VARIABLES} variables in one text"));
        }
        Ok(Self::of(tokens))
    }

    fn of(tokens: Vec<Token>) -> Self {
        let units: Option<Vec<Unit>> = tokens
            .iter()
            .map(|token| match token {
                Token::Unit(unit) => Some(*unit),
                Token::Variable { .. } => None,
            })
            .collect();
        Self { tokens, plain: units.map(Glob::of_units) }
    }

    /// Splits at the first `n - 1` colons; a colon inside a variable's name is none.
    pub fn split(self, n: usize) -> Vec<Self> {
        let mut parts = vec![Vec::new()];
        let mut count = 1;
        for token in self.tokens {
            if token == Token::Unit(Unit::Char(':')) && count < n {
                parts.push(Vec::new());
                count += 1;
            } else if let Some(last) = parts.last_mut() {
                last.push(token);
            }
        }
        parts.into_iter().map(Self::of).collect()
    }

    /// Whether it is one variable and nothing else.
    pub fn is_variable(&self) -> bool {
        matches!(self.tokens.as_slice(), [Token::Variable { .. }])
    }

    /// Whether there is a variable in it.
    pub fn has_variables(&self) -> bool {
        self.plain.is_none()
    }

    /// Whether it is this text, without wildcard or variable.
    pub fn is_text(&self, text: &str) -> bool {
        matches!(&self.plain, Some(Glob::Text(own)) if own == text)
    }

    /// Whether it is `*`.
    pub fn is_all(&self) -> bool {
        self.plain.as_ref().is_some_and(Glob::is_all)
    }

    /// Whether a text fits. None does where a variable has no value.
    pub fn fits(&self, text: &str, case: Case, facts: &Facts<'_>) -> bool {
        match (&self.plain, case) {
            (Some(plain), Case::Sensitive) => plain.fits(text),
            _ => self.resolve(facts).is_some_and(|units| fits(&units, text, case)),
        }
    }

    /// The pattern with the values of its variables. `None` if one has no single value and no default. An empty
    /// value is none: a tag without a value must not turn `home/${tag}/*` into `home//*`.
    ///
    /// INVARIANT: a variable's value is text. A `*` in it is never a wildcard, and a `${` in it never a variable.
    pub fn resolve(&self, facts: &Facts<'_>) -> Option<Vec<Unit>> {
        let mut units = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Unit(unit) => units.push(*unit),
                Token::Variable { key, default } => {
                    let value = match facts.get(key) {
                        Some(Given::One(value)) if !value.is_empty() => value,
                        _ => default.as_deref()?,
                    };
                    units.extend(value.chars().map(Unit::Char));
                }
            }
        }
        Some(units)
    }
}

/// What follows `${`, as a token and the rest after `}`.
fn variable(inner: &str) -> Option<(Token, &str)> {
    for special in ['*', '?', '$'] {
        if let Some(rest) = inner.strip_prefix(special).and_then(|rest| rest.strip_prefix('}')) {
            return Some((Token::Unit(Unit::Char(special)), rest));
        }
    }
    let end = inner.find(['}', ','])?;
    let key = inner.get(..end)?.trim();
    let name = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    if key.is_empty() || !key.chars().all(name) {
        return None;
    }
    let key = key.to_ascii_lowercase();
    let rest = inner.get(end..)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((Token::Variable { key, default: None }, rest));
    }
    let quoted = rest.strip_prefix(',')?.trim_start().strip_prefix('\'')?;
    let (default, rest) = quoted.split_once('\'')?;
    let rest = rest.trim_start().strip_prefix('}')?;
    Some((Token::Variable { key, default: Some(default.to_owned()) }, rest))
}

/// The text of a pattern without wildcards.
pub fn as_text(units: &[Unit]) -> String {
    let char = |unit: &Unit| match unit {
        Unit::Char(c) => *c,
        Unit::One => '?',
        Unit::Any => '*',
    };
    units.iter().map(char).collect()
}

/// Whether a text fits a pattern.
///
/// Never recurses, and looks back to the last `*` only: at worst the product of the two lengths.
pub fn fits(units: &[Unit], text: &str, case: Case) -> bool {
    let mut at = 0;
    let mut rest = text.chars();
    let mut star: Option<(usize, Chars<'_>)> = None;
    loop {
        match units.get(at) {
            Some(Unit::Any) => {
                at += 1;
                if at == units.len() {
                    return true;
                }
                star = Some((at, rest.clone()));
                continue;
            }
            Some(unit) => match rest.clone().next() {
                None => return false,
                Some(c) if fits_one(*unit, c, case) => {
                    rest.next();
                    at += 1;
                    continue;
                }
                Some(_) => {}
            },
            None if rest.as_str().is_empty() => return true,
            None => {}
        }
        let Some((after, tail)) = &mut star else { return false };
        if tail.next().is_none() {
            return false;
        }
        at = *after;
        rest = tail.clone();
    }
}

fn fits_one(unit: Unit, c: char, case: Case) -> bool {
    match unit {
        Unit::Any => false,
        Unit::One => true,
        Unit::Char(own) if own == c => true,
        Unit::Char(_) if case == Case::Sensitive => false,
        // Nearly all there is, and much the quicker.
        Unit::Char(own) if own.is_ascii() && c.is_ascii() => own.eq_ignore_ascii_case(&c),
        Unit::Char(own) => own.to_lowercase().eq(c.to_lowercase()),
    }
}

/// Whether a text can fit that begins and ends so, with at least one character of which nothing is known between.
pub fn may_fit(units: &[Unit], before: &str, after: &str, case: Case) -> bool {
    let mut states = vec![false; units.len() + 1];
    if let Some(first) = states.first_mut() {
        *first = true;
    }
    let states = before.chars().fold(open(units, states), |states, c| step(units, &states, c, case));
    // Whatever a unit wants, the unknown text may have it, and any number of characters more.
    let Some(first) = states.iter().position(|reached| *reached) else { return false };
    let stays = units.get(first) == Some(&Unit::Any);
    let states = (0..states.len()).map(|at| at > first || at == first && stays).collect();
    let states: Vec<bool> = after.chars().fold(states, |states, c| step(units, &states, c, case));
    states.last() == Some(&true)
}

/// Past every `*` that is reached, which may stand for nothing.
fn open(units: &[Unit], mut states: Vec<bool>) -> Vec<bool> {
    for (at, unit) in units.iter().enumerate() {
        if *unit == Unit::Any
            && states.get(at) == Some(&true)
            && let Some(next) = states.get_mut(at + 1)
        {
            *next = true;
        }
    }
    states
}

fn step(units: &[Unit], states: &[bool], c: char, case: Case) -> Vec<bool> {
    let mut next = vec![false; states.len()];
    for (at, unit) in units.iter().enumerate().filter(|(at, _)| states.get(*at) == Some(&true)) {
        let to = match unit {
            Unit::Any => at,
            unit if fits_one(*unit, c, case) => at + 1,
            _ => continue,
        };
        if let Some(reached) = next.get_mut(to) {
            *reached = true;
        }
    }
    open(units, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Principal, Request};

    fn request(context: Context) -> Request {
        Request {
            principal: Principal::Anonymous,
            action: "s3:GetObject".to_owned(),
            resource: "*".to_owned(),
            resource_account: None,
            context,
        }
    }

    /// By each of the ways to compare.
    fn glob(pattern: &str, text: &str) -> bool {
        let template = Template::parse(pattern, true, false).unwrap();
        let request = request(Context::new());
        let facts = Facts::new(&request, false);
        let found = template.fits(text, Case::Sensitive, &facts);
        assert_eq!(
            found,
            fits(&template.resolve(&facts).unwrap(), text, Case::Sensitive),
            "{pattern} {text}"
        );
        assert_eq!(found, Glob::of(pattern).fits(text), "{pattern} {text}");
        found
    }

    #[test]
    fn texts_with_an_unknown_middle() {
        for (pattern, expected) in [
            ("role/R", false),
            ("role/service/R", true),
            ("role/service/*", true),
            ("role/service/a/b/R", true),
            ("role/service/Other", false),
            ("role/?/R", true),
            ("role/*", true),
            ("*", true),
            ("role/*/Ra", false),
            ("user/*", false),
            ("role//R", false),
        ] {
            assert_eq!(may_fit(&units(pattern), "role/", "/R", Case::Sensitive), expected, "{pattern}");
        }
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "abc", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("a*b*c", "a-b-b-c", true),
            ("?", "é", true),
            ("?", "", false),
            ("*?", "", false),
            ("*.bin", "x.bin.bin", true),
            ("*a", "aab", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_patterns_end() {
        assert!(!glob(&"*a".repeat(300), &"a".repeat(299)));
        assert!(!glob(&format!("{}b", "*a".repeat(100)), &"a".repeat(5_000)));
    }

    #[test]
    fn variables() {
        let mut context = Context::new();
        context.set("aws:username", "a*").set("many", vec!["x"]);
        let request = request(context);
        let facts = Facts::new(&request, false);
        let resolve = |text: &str| Template::parse(text, true, true).unwrap().resolve(&facts);
        let text = |text: &str| text.chars().map(Unit::Char).collect::<Vec<_>>();
        assert_eq!(resolve("${AWS:UserName}"), Some(text("a*")));
        assert_eq!(resolve("${*}${?}${$}"), Some(text("*?$")));
        assert_eq!(resolve("${none, 'x}y'}"), Some(text("x}y")));
        assert_eq!(resolve("${none}"), None);
        assert_eq!(resolve("${many}"), None);
        assert_eq!(resolve("$x{}"), Some(text("$x{}")));
        assert!(Template::parse(&"${a}".repeat(17), true, true).is_err());
        for broken in ["${", "${}", "${a", "${a,b}", "${a,'b}", "${a*}", "${${a}}"] {
            assert!(Template::parse(broken, true, true).is_err(), "{broken}");
            assert!(Template::parse(broken, true, false).is_ok(), "{broken}");
        }
    }
}
