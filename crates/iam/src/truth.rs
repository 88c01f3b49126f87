//! Three-valued logic, so that what cannot be told never opens a door.

/// Whether something holds.
///
/// INVARIANT: `Unknown` makes a statement that denies apply, and keeps one that allows from applying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    /// The operator cannot read the value, or the key has several and the operator is for one.
    Unknown,
}

impl Truth {
    /// True if one is.
    pub fn any(all: impl IntoIterator<Item = Self>) -> Self {
        let mut result = Self::False;
        for one in all {
            match one {
                Self::True => return Self::True,
                Self::Unknown => result = Self::Unknown,
                Self::False => {}
            }
        }
        result
    }

    /// True if all are.
    pub fn all(all: impl IntoIterator<Item = Self>) -> Self {
        Self::any(all.into_iter().map(Self::not)).not()
    }

    pub fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl From<Option<bool>> for Truth {
    fn from(holds: Option<bool>) -> Self {
        holds.map_or(Self::Unknown, Self::from)
    }
}
