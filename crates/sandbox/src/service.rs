//! The services that the sandbox has. The one of a request is in its credential scope.

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Sts,
    Iam,
}

impl Service {
    /// By its name in a credential scope.
    pub(crate) fn of_scope(name: &str) -> Option<Self> {
        match name {
            "s3" => Some(Self::S3),
            "sts" => Some(Self::Sts),
            "iam" => Some(Self::Iam),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    /// The namespace of its XML.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::S3 => "http://s3.amazonaws.com/doc/2006-03-01/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        }
    }
}
