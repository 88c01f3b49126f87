//! A symptom, as its file has it.

use serde::{Deserialize, Serialize};

/// What one sees, and what may be behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symptom {
    /// The name of its file.
    pub id: String,
    /// What is wrong, as a heading.
    pub title: String,
    /// Where it belongs.
    pub area: Area,
    /// Error texts, as AWS or a tool writes them; `*` stands for what differs.
    #[serde(default)]
    pub texts: Vec<String>,
    /// Figures, and from where on they are too much.
    #[serde(default)]
    pub figures: Vec<Threshold>,
    /// What happens there, in a sentence or two.
    pub what: String,
    /// Causes, the likeliest first.
    #[serde(rename = "cause")]
    pub causes: Vec<Cause>,
    /// Trap of the setup guide, if it is one of those.
    #[serde(default)]
    pub trap: Option<String>,
}

/// Where a symptom belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Somebody is refused.
    Access,
    /// Keys and encryption.
    Encryption,
    /// Clocks, credentials, links.
    Time,
    /// Names, regions, endpoints.
    Place,
    /// Configuration documents.
    Configuration,
    /// Uploads and downloads that fail.
    Transfer,
    /// Slow ones.
    Speed,
    /// The bill.
    Cost,
}

impl Area {
    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Access => "Access",
            Self::Encryption => "Encryption",
            Self::Time => "Clocks, credentials and links",
            Self::Place => "Names, regions and endpoints",
            Self::Configuration => "Configuration",
            Self::Transfer => "Transfers",
            Self::Speed => "Speed",
            Self::Cost => "Cost",
        }
    }
}

/// A figure that is too large, or too small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// One of [`super::FIGURES`].
    pub name: String,
    /// Too much from here on.
    #[serde(default)]
    pub from: Option<f64>,
    /// Too little up to here.
    #[serde(default)]
    pub up_to: Option<f64>,
}

/// A cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// What it is, as a sentence.
    pub says: String,
    /// Parts of the text that show that it is this one; any of them.
    #[serde(default)]
    pub shown_by: Vec<String>,
    /// The command that decides.
    pub test: String,
    /// Its answer, if it is this cause.
    pub decides: String,
    /// What ends it: a command, or the text to send to who can.
    pub remedy: String,
    /// Whose it is to do.
    pub who: Who,
}

/// Who can end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The bucket's owner.
    Owner,
    /// The platform's operator.
    Platform,
    /// The administrator of the AWS organization.
    Organization,
    /// The owner of a key in another account.
    KeyOwner,
    /// Whoever runs the machine or the network that asks.
    Client,
    /// AWS.
    Aws,
}

impl Who {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Owner => "you, the bucket's owner",
            Self::Platform => "the platform's operator",
            Self::Organization => "the administrator of your AWS organization",
            Self::KeyOwner => "the owner of the key",
            Self::Client => "whoever runs the machine that asks",
            Self::Aws => "AWS",
        }
    }
}
