//! What AWS bills, by line.

use std::fmt;

use super::StorageClass;

/// A kind of line on the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A GB kept for a month.
    Storage(StorageClass),
    /// PUT, COPY, POST and LIST.
    Put(StorageClass),
    /// GET and all others but DELETE, which is free.
    Get(StorageClass),
    /// An object that a lifecycle rule moves into the class.
    Transition(StorageClass),
    /// A GB read from the class.
    Retrieval(StorageClass),
    /// Objects that Intelligent-Tiering watches.
    Monitoring,
    /// A GB to the internet.
    Egress,
    /// A GB to another region, for replication.
    Transfer,
    /// A GB replicated under Replication Time Control.
    Rtc,
    /// A GB uploaded through Transfer Acceleration.
    AccelerationIn,
    /// A GB downloaded through it.
    AccelerationOut,
    /// A customer managed KMS key.
    KmsKey,
    /// Calls of KMS.
    KmsRequest,
    /// A CloudWatch metric; a request metric of S3 is one.
    Metric,
    /// A CloudWatch alarm of standard resolution.
    Alarm,
    /// Data events of CloudTrail.
    DataEvent,
    /// A GB from CloudFront to the internet; its "region" is where the devices are.
    CdnEgress,
    /// HTTPS requests to CloudFront.
    CdnRequest,
}

impl Item {
    /// The unit of its price, and how many pieces of the thing make one.
    pub const fn unit(self) -> (&'static str, f64) {
        match self {
            Self::Storage(_) => ("GB-month", 1.0),
            Self::Put(_) | Self::Get(_) | Self::Transition(_) => ("1,000 requests", 1_000.0),
            Self::Monitoring => ("1,000 objects", 1_000.0),
            Self::Retrieval(_)
            | Self::Egress
            | Self::Transfer
            | Self::Rtc
            | Self::AccelerationIn
            | Self::AccelerationOut
            | Self::CdnEgress => ("GB", 1.0),
            Self::KmsKey => ("key-month", 1.0),
            Self::KmsRequest | Self::CdnRequest => ("10,000 requests", 10_000.0),
            Self::Metric => ("metric-month", 1.0),
            Self::Alarm => ("alarm-month", 1.0),
            Self::DataEvent => ("100,000 events", 100_000.0),
        }
    }

    /// Its words on a bill.
    pub fn words(self) -> String {
        match self {
            Self::Storage(class) => format!("storage {class}"),
            Self::Put(class) => format!("PUT, COPY, LIST {class}"),
            Self::Get(class) => format!("GET {class}"),
            Self::Transition(class) => format!("lifecycle into {class}"),
            Self::Retrieval(class) => format!("retrieval {class}"),
            Self::Monitoring => "Intelligent-Tiering monitoring".to_owned(),
            Self::Egress => "transfer to the internet".to_owned(),
            Self::Transfer => "transfer to another region".to_owned(),
            Self::Rtc => "replication time control".to_owned(),
            Self::AccelerationIn => "acceleration, in".to_owned(),
            Self::AccelerationOut => "acceleration, out".to_owned(),
            Self::KmsKey => "KMS key".to_owned(),
            Self::KmsRequest => "KMS requests".to_owned(),
            Self::Metric => "CloudWatch metrics".to_owned(),
            Self::Alarm => "CloudWatch alarms".to_owned(),
            Self::DataEvent => "CloudTrail data events".to_owned(),
            Self::CdnEgress => "CloudFront to the internet".to_owned(),
            Self::CdnRequest => "CloudFront requests".to_owned(),
        }
    }

    /// From its name in the table, e.g. `storage:STANDARD_IA`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, class) = text.split_once(':').unwrap_or((text, ""));
        let of_class: Option<fn(StorageClass) -> Self> = match kind {
            "storage" => Some(Self::Storage),
            "put" => Some(Self::Put),
            "get" => Some(Self::Get),
            "transition" => Some(Self::Transition),
            "retrieval" => Some(Self::Retrieval),
            _ => None,
        };
        if let Some(of_class) = of_class {
            return StorageClass::parse(class).map(of_class);
        }
        PLAIN.into_iter().find(|item| item.to_string() == text)
    }
}

/// Those without a class.
const PLAIN: [Item; 13] = [
    Item::Monitoring,
    Item::Egress,
    Item::Transfer,
    Item::Rtc,
    Item::AccelerationIn,
    Item::AccelerationOut,
    Item::KmsKey,
    Item::KmsRequest,
    Item::Metric,
    Item::Alarm,
    Item::DataEvent,
    Item::CdnEgress,
    Item::CdnRequest,
];

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(class) => write!(f, "storage:{class}"),
            Self::Put(class) => write!(f, "put:{class}"),
            Self::Get(class) => write!(f, "get:{class}"),
            Self::Transition(class) => write!(f, "transition:{class}"),
            Self::Retrieval(class) => write!(f, "retrieval:{class}"),
            Self::Monitoring => f.write_str("monitoring"),
            Self::Egress => f.write_str("egress"),
            Self::Transfer => f.write_str("transfer"),
            Self::Rtc => f.write_str("rtc"),
            Self::AccelerationIn => f.write_str("acceleration-in"),
            Self::AccelerationOut => f.write_str("acceleration-out"),
            Self::KmsKey => f.write_str("kms-key"),
            Self::KmsRequest => f.write_str("kms-request"),
            Self::Metric => f.write_str("metric"),
            Self::Alarm => f.write_str("alarm"),
            Self::DataEvent => f.write_str("data-event"),
            Self::CdnEgress => f.write_str("cdn-egress"),
            Self::CdnRequest => f.write_str("cdn-request"),
        }
    }
}

impl serde::Serialize for Item {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let of_class = StorageClass::ALL.into_iter().flat_map(|class| {
            [
                Item::Storage(class),
                Item::Put(class),
                Item::Get(class),
                Item::Transition(class),
                Item::Retrieval(class),
            ]
        });
        for item in of_class.chain(PLAIN) {
            assert_eq!(Item::parse(&item.to_string()), Some(item));
        }
        for text in ["", "storage", "storage:standard", "egress:STANDARD", "put:"] {
            assert_eq!(Item::parse(text), None, "{text}");
        }
    }
}
