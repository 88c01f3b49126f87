//! AWS's rules for the names of general purpose buckets, as a table.

use serde::Serialize;

/// The page that all rules but the reserved endings rest on.
const NAMING: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html";
const ACCELERATION: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html";
const ALIAS: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html";
const OBJECT_LAMBDA: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/olap-use.html";
const MULTI_REGION: &str =
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/multi-region-access-point-naming.html";
const DIRECTORY: &str =
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html";
const TABLES: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-tables-buckets-naming.html";

/// One rule.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Rule {
    /// A stable name.
    pub id: &'static str,
    /// What a name must be, as the end of "the name …".
    pub says: &'static str,
    /// AWS's page.
    pub page: &'static str,
    #[serde(skip)]
    holds: fn(&str, Use) -> bool,
}

/// What the bucket is for, where that adds rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Use {
    /// S3 Transfer Acceleration is wanted (T39).
    pub acceleration: bool,
}

/// A rule that a name breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The rule's.
    pub id: &'static str,
    /// A sentence.
    pub says: String,
    /// AWS's page.
    pub page: &'static str,
}

/// Every rule that `name` breaks, in the order of the table; none for a good name.
pub fn check(name: &str, usage: Use) -> Vec<Broken> {
    let broken = rules().iter().filter(|rule| !(rule.holds)(name, usage));
    broken
        .map(|rule| Broken { id: rule.id, says: format!("`{name}` {}", rule.says), page: rule.page })
        .collect()
}

/// The table.
pub fn rules() -> &'static [Rule] {
    RULES
}

const RULES: &[Rule] = &[
    rule("length", "must have 3 to 63 characters", NAMING, |name, _| {
        (3..=63).contains(&name.chars().count())
    }),
    rule("characters", "must hold lower-case letters, digits, dots and hyphens only", NAMING, |name, _| {
        name.bytes().all(|b| plain(b) || b == b'.' || b == b'-')
    }),
    rule("ends", "must begin and end with a letter or a digit", NAMING, |name, _| {
        let ends = [name.bytes().next(), name.bytes().next_back()];
        ends.into_iter().flatten().all(|b| b != b'.' && b != b'-')
    }),
    rule("adjacent-dots", "must not hold two dots in a row", NAMING, |name, _| !name.contains("..")),
    rule("ip-address", "must not look like an IP address", NAMING, |name, _| !looks_like_ip(name)),
    rule("prefix-xn", "must not begin with `xn--`", NAMING, |name, _| !name.starts_with("xn--")),
    rule("prefix-sthree", "must not begin with `sthree-`", NAMING, |name, _| !name.starts_with("sthree-")),
    rule("prefix-amzn-s3-demo", "must not begin with `amzn-s3-demo-`", NAMING, |name, _| {
        !name.starts_with("amzn-s3-demo-")
    }),
    rule("suffix-s3alias", "must not end with `-s3alias`: aliases of access points do", ALIAS, |name, _| {
        !name.ends_with("-s3alias")
    }),
    rule(
        "suffix-ol-s3",
        "must not end with `--ol-s3`: aliases of Object Lambda do",
        OBJECT_LAMBDA,
        |name, _| !name.ends_with("--ol-s3"),
    ),
    rule(
        "suffix-mrap",
        "must not end with `.mrap`: multi-Region access points do",
        MULTI_REGION,
        |name, _| !name.ends_with(".mrap"),
    ),
    rule("suffix-x-s3", "must not end with `--x-s3`: directory buckets do", DIRECTORY, |name, _| {
        !name.ends_with("--x-s3")
    }),
    rule("suffix-table-s3", "must not end with `--table-s3`: table buckets do", TABLES, |name, _| {
        !name.ends_with("--table-s3")
    }),
    rule(
        "suffix-an",
        "must not end with `-an`: buckets of an account's regional namespace do",
        NAMING,
        |name, _| !name.ends_with("-an"),
    ),
    // With a dot the name matches no certificate of `*.s3-accelerate.amazonaws.com`, and S3 refuses the setting.
    rule(
        "acceleration-dots",
        "must hold no dots: S3 Transfer Acceleration does not work with them",
        ACCELERATION,
        |name, usage| !usage.acceleration || !name.contains('.'),
    ),
];

const fn rule(
    id: &'static str,
    says: &'static str,
    page: &'static str,
    holds: fn(&str, Use) -> bool,
) -> Rule {
    Rule { id, says, page, holds }
}

fn plain(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// Four numbers with dots between, whatever their size: S3 refuses `999.1.1.1` as well.
fn looks_like_ip(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    parts.len() == 4
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(name: &str) -> Vec<&'static str> {
        check(name, Use::default()).into_iter().map(|rule| rule.id).collect()
    }

    /// Every row of the table is broken by exactly one of these, and by nothing else in them.
    #[test]
    fn each_rule_is_broken_alone() {
        let long = "a".repeat(64);
        let cases = [
            ("ab", "length"),
            (long.as_str(), "length"),
            ("acme_firmware", "characters"),
            ("Acme", "characters"),
            ("acmé-firmware", "characters"),
            ("acme firmware", "characters"),
            ("-acme", "ends"),
            ("acme-", "ends"),
            (".acme", "ends"),
            ("acme..fw", "adjacent-dots"),
            ("192.168.5.4", "ip-address"),
            ("999.168.5.4", "ip-address"),
            ("xn--acme", "prefix-xn"),
            ("sthree-acme", "prefix-sthree"),
            ("sthree-configurator", "prefix-sthree"),
            ("amzn-s3-demo-acme", "prefix-amzn-s3-demo"),
            ("acme-s3alias", "suffix-s3alias"),
            ("acme--ol-s3", "suffix-ol-s3"),
            ("acme.mrap", "suffix-mrap"),
            ("acme--use1-az4--x-s3", "suffix-x-s3"),
            ("acme--table-s3", "suffix-table-s3"),
            ("acme-111122223333-us-west-2-an", "suffix-an"),
        ];
        for (name, id) in cases {
            assert_eq!(broken(name), [id], "{name}");
        }
        let dotted = check("acme.fw", Use { acceleration: true });
        assert_eq!(dotted.iter().map(|rule| rule.id).collect::<Vec<_>>(), ["acceleration-dots"]);
        let told: Vec<&str> = cases.iter().map(|(_, id)| *id).chain(["acceleration-dots"]).collect();
        for rule in rules() {
            assert!(told.contains(&rule.id), "no name breaks {}", rule.id);
            assert!(rule.page.starts_with("https://docs.aws.amazon.com/"), "{}", rule.id);
        }
    }

    #[test]
    fn good_names_break_none() {
        for name in
            ["acme-firmhold-firmware-prod-k2m4q7xw", "abc", "1.2.3.4.5", "1.2.3", "a.b-c.d", "tan", "an-an-1"]
        {
            assert_eq!(broken(name), Vec::<&str>::new(), "{name}");
        }
    }

    #[test]
    fn several_are_told_together() {
        assert_eq!(broken("-A"), ["length", "characters", "ends"]);
    }
}
