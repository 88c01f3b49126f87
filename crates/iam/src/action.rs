//! The `Action` element of a statement.

use crate::pattern::Glob;

/// `service:Action` with wildcards, or `*`. Names of actions have no case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionPattern {
    /// `*`
    All,
    /// Neither part has a colon, so that each is compared by itself.
    Named {
        /// In lower case.
        service: Glob,
        /// In lower case.
        name: Glob,
    },
}

impl ActionPattern {
    /// Reads a pattern; `None` if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let (service, name) = text.split_once(':')?;
        let word = |part: &str| {
            let ok = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'*' | b'?');
            !part.is_empty() && part.bytes().all(ok)
        };
        let glob = |part: &str| Glob::of(&part.to_ascii_lowercase());
        (word(service) && word(name)).then(|| Self::Named { service: glob(service), name: glob(name) })
    }

    /// Whether it covers an action, given as service and name in lower case.
    pub fn covers(&self, (service, name): (&str, &str)) -> bool {
        match self {
            Self::All => true,
            Self::Named { service: own, name: pattern } => own.fits(service) && pattern.fits(name),
        }
    }
}
