//! Amazon Resource Names, and patterns of them.

use crate::facts::Facts;
use crate::pattern::{Case, Template, may_fit};

/// An ARN in its six parts, borrowed: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>). The last part may hold colons.
///
/// ```
/// use firmhold_iam::Arn;
///
/// let arn = Arn::parse("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234").expect("six parts");
/// assert_eq!((arn.partition, arn.service, arn.resource), ("aws-us-gov", "kms", "key/1234"));
/// assert!(Arn::parse("arn:aws:s3:acme-fw").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: &'a str,
    /// `s3`, `iam`, …
    pub service: &'a str,
    /// Empty for global services and S3.
    pub region: &'a str,
    /// Empty for S3.
    pub account: &'a str,
    /// Everything after the fifth colon.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` if the text is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }

    /// The six parts, the leading `arn` included.
    fn parts(self) -> [&'a str; 6] {
        ["arn", self.partition, self.service, self.region, self.account, self.resource]
    }
}

/// An ARN of a policy: part by part, so that a wildcard never reaches over a colon into the next part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArnPattern {
    /// `*`
    All,
    /// Six templates.
    Parts(Vec<Template>),
    /// One variable that stands for the whole ARN.
    Variable(Template),
}

impl ArnPattern {
    /// Reads a pattern.
    pub fn parse(text: &str, variables: bool) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::All);
        }
        let template = Template::parse(text, true, variables)?;
        if template.is_variable() {
            return Ok(Self::Variable(template));
        }
        let parts = template.split(6);
        match parts.first() {
            Some(first) if parts.len() == 6 && first.is_text("arn") => Ok(Self::Parts(parts)),
            _ => Err(format!("{text:?} is neither an ARN nor \"*\"")),
        }
    }

    /// Whether a variable stands elsewhere than after the fifth colon.
    pub fn has_variables_up_front(&self) -> bool {
        match self {
            Self::All => false,
            Self::Variable(_) => true,
            Self::Parts(parts) => parts.iter().rev().skip(1).any(Template::has_variables),
        }
    }

    /// Whether a text is an ARN of this pattern. One that has a variable without a value fits none.
    pub fn fits(&self, name: &Resource<'_>, facts: &Facts<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Variable(template) => {
                name.parts.is_some() && template.fits(name.text, Case::Sensitive, facts)
            }
            Self::Parts(templates) => name.parts.is_some_and(|parts| {
                templates
                    .iter()
                    .zip(parts)
                    .all(|(template, part)| template.fits(part, Case::Sensitive, facts))
            }),
        }
    }

    /// Whether it is everything of a service, as `arn:aws:s3:::*`.
    pub fn is_all_of(&self, service: &str) -> bool {
        match self {
            Self::All => true,
            Self::Variable(_) => false,
            Self::Parts(parts) => {
                let own = parts.get(2).is_some_and(|own| own.is_text(service));
                own && parts.last().is_some_and(Template::is_all)
            }
        }
    }

    /// Whether it can be the ARN of a role whose path is not known, but not `/`.
    pub fn may_be_role(&self, (partition, account, role): (&str, &str, &str), facts: &Facts<'_>) -> bool {
        let Self::Parts(parts) = self else { return false };
        let known = ["arn", partition, "iam", "", account];
        let fit = parts.iter().zip(known).all(|(own, part)| own.fits(part, Case::Sensitive, facts));
        let resource = parts.last().and_then(|last| last.resolve(facts)).filter(|_| fit);
        resource.is_some_and(|units| may_fit(&units, "role/", &format!("/{role}"), Case::Sensitive))
    }
}

/// The name of a resource, taken apart once for all patterns.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    pub text: &'a str,
    /// If it is an ARN.
    parts: Option<[&'a str; 6]>,
}

impl<'a> Resource<'a> {
    pub fn of(text: &'a str) -> Self {
        Self { text, parts: Arn::parse(text).map(Arn::parts) }
    }
}
