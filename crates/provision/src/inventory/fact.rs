//! What is known of one thing.

use firmhold_core::Problem;
use serde::Serialize;

use crate::refusal::denied;

/// What is known of one thing in the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// It is there, and this is it.
    Known(T),
    /// It is not there.
    Absent,
    /// It was not shown: this action is denied.
    Denied(String),
}

impl<T> Fact<T> {
    /// It, if it is known to be there.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Denied(_) => None,
        }
    }

    /// What `f` makes of it.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        self.and_then(|value| Some(f(value)))
    }

    /// What `f` makes of it; nothing is [`Fact::Absent`].
    pub(crate) fn and_then<U>(self, f: impl FnOnce(T) -> Option<U>) -> Fact<U> {
        match self {
            Self::Known(value) => f(value).map_or(Fact::Absent, Fact::Known),
            Self::Absent => Fact::Absent,
            Self::Denied(action) => Fact::Denied(action),
        }
    }

    /// It or nothing; what was not shown is an error.
    pub(crate) fn seen(self, resource: &str) -> Result<Option<T>, Problem> {
        match self {
            Self::Known(value) => Ok(Some(value)),
            Self::Absent => Ok(None),
            Self::Denied(action) => Err(denied(&action, resource)),
        }
    }
}
