//! Names of buckets and keys, and who owns them.

use s3s::{S3Error, S3Result, s3_error};
use sha2::{Digest, Sha256};

const LENGTH: std::ops::RangeInclusive<usize> = 3..=63;
const PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// The rules for a new bucket of general purpose
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
pub fn check_bucket_name(name: &str) -> S3Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = LENGTH.contains(&name.len())
        && name.chars().all(allowed)
        && edge(name.chars().next())
        && edge(name.chars().next_back())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        && !SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    match fits {
        true => Ok(()),
        false => Err(s3_error!(InvalidBucketName, "The specified bucket is not valid.")),
    }
}

/// A key that the index can hold and XML can carry.
pub fn check_key(key: &str) -> S3Result<()> {
    match key.contains('\0') {
        true => Err(s3_error!(InvalidArgument, "Object keys cannot contain the NUL character.")),
        false => Ok(()),
    }
}

/// A version id that could exist; anything else is not "absent" but wrong.
pub fn check_version(version: Option<&str>) -> S3Result<()> {
    let fits = |id: &str| id == "null" || (id.len() == 32 && id.bytes().all(|b| b.is_ascii_alphanumeric()));
    match version.is_none_or(fits) {
        true => Ok(()),
        false => Err(invalid_version()),
    }
}

fn invalid_version() -> S3Error {
    s3_error!(InvalidArgument, "Invalid version id specified")
}

/// The canonical user id of an account: 64 hex digits, always the same for the same account.
pub fn canonical_id(account: &str) -> String {
    hex::encode(Sha256::digest(format!("canonical user id of {account}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules() {
        for good in ["abc", "acme-firmware", "a.b.c", "1-2-3"] {
            assert!(check_bucket_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "ab",
            &long,
            "Acme",
            "-abc",
            "abc-",
            "a..b",
            "192.168.5.4",
            "xn--abc",
            "abc-s3alias",
            "a_b",
            "åbc",
        ] {
            assert!(check_bucket_name(bad).is_err(), "{bad}");
        }
    }
}
