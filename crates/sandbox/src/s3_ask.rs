//! An S3 request as the gate sees it, and its condition keys
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>).

use firmhold_iam::ContextValue;
use http::HeaderMap;
use serde_json::{Map, Value};

use crate::authorize::{bucket_arn, object_arn};

/// Request headers that are condition keys, as `s3:` and their own name.
const HEADER_KEYS: [&str; 16] = [
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-acl",
    "x-amz-storage-class",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-content-sha256",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-website-redirect-location",
    "x-amz-object-ownership",
    "if-none-match",
];

/// Operations on an object that is there, whose tags are condition keys. Of a deletion and a restore they are not: a
/// statement that has them there never holds.
const READS_TAGS: [&str; 7] = [
    "GetObject",
    "HeadObject",
    "GetObjectAttributes",
    "GetObjectTagging",
    "DeleteObjectTagging",
    "GetObjectAcl",
    "PutObjectAcl",
];

/// Parameters of lists that are condition keys.
const LIST_KEYS: [(&str, &str); 3] =
    [("prefix", "s3:prefix"), ("delimiter", "s3:delimiter"), ("max-keys", "s3:max-keys")];

/// An operation on a bucket or an object.
pub(crate) struct S3Ask<'a> {
    pub(crate) operation: &'a str,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: &'a HeaderMap,
}

impl S3Ask<'_> {
    /// The ARN of what is asked for.
    pub(crate) fn resource(&self) -> String {
        match (self.bucket, self.key) {
            (Some(bucket), Some(key)) => object_arn(bucket, key),
            (Some(bucket), None) => bucket_arn(bucket),
            (None, _) => "*".to_owned(),
        }
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The request as CloudTrail writes it.
    pub(crate) fn parameters(&self) -> Value {
        let mut parameters = Map::new();
        for (name, value) in [("bucketName", self.bucket), ("Host", self.header("host")), ("key", self.key)] {
            if let Some(value) = value {
                parameters.insert(name.to_owned(), value.into());
            }
        }
        // Which configuration is meant, which version or part; a signature is not told.
        let told = self
            .query
            .iter()
            .filter(|(name, _)| !name.to_ascii_lowercase().starts_with("x-amz-") && name != "x-id");
        parameters.extend(told.map(|(name, value)| (name.clone(), value.clone().into())));
        Value::Object(parameters)
    }

    /// The condition keys of this request. `existing_tags` reads the object's tags, if the operation looks at them.
    pub(crate) fn context(
        &self,
        existing_tags: impl FnOnce() -> Vec<(String, String)>,
    ) -> Vec<(String, ContextValue)> {
        let mut context = Vec::new();
        let mut set = |key: &str, value: ContextValue| context.push((key.to_owned(), value));
        if self.operation.starts_with("List") {
            for (parameter, key) in LIST_KEYS {
                if let Some(value) = self.query(parameter) {
                    set(key, value.into());
                }
            }
        }
        if let Some(version) = self.query("versionId") {
            set("s3:VersionId", version.into());
        }
        for header in HEADER_KEYS {
            if let Some(value) = self.header(header) {
                set(&format!("s3:{header}"), value.into());
            }
        }
        if READS_TAGS.contains(&self.operation) {
            for (key, value) in existing_tags() {
                set(&format!("s3:ExistingObjectTag/{key}"), value.into());
            }
        }
        if let Some(tags) = self.header("x-amz-tagging") {
            let tags = crate::sigv4::query_pairs(tags);
            for (key, value) in &tags {
                set(&format!("s3:RequestObjectTag/{key}"), value.into());
            }
            let keys: Vec<String> = tags.into_iter().map(|(key, _)| key).collect();
            set("s3:RequestObjectTagKeys", keys.into());
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objects_tags_are_no_keys_of_its_deletion() {
        let headers = HeaderMap::new();
        let keys = |operation: &str| {
            let ask =
                S3Ask { operation, bucket: Some("b"), key: Some("k"), query: Vec::new(), headers: &headers };
            ask.context(|| vec![("a".to_owned(), "b".to_owned())]).len()
        };
        assert_eq!((keys("GetObject"), keys("DeleteObject"), keys("RestoreObject")), (1, 0, 0));
    }

    #[test]
    fn lists_and_tags_are_condition_keys() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-tagging", "firmhold=retired&a=b%20c".parse().unwrap());
        let ask = S3Ask {
            operation: "ListObjectsV2",
            bucket: Some("b"),
            key: None,
            query: vec![("prefix".into(), "fw/".into()), ("list-type".into(), "2".into())],
            headers: &headers,
        };
        let context = ask.context(|| unreachable!("a list has no object"));
        let get = |name: &str| {
            context.iter().find(|(key, _)| key == name).map(|(_, value)| value.values().to_vec())
        };
        assert_eq!(get("s3:prefix").unwrap(), ["fw/"]);
        assert_eq!(get("s3:delimiter"), None);
        assert_eq!(get("s3:RequestObjectTag/a").unwrap(), ["b c"]);
        assert_eq!(get("s3:RequestObjectTagKeys").unwrap(), ["firmhold", "a"]);
        assert_eq!(ask.resource(), "arn:aws:s3:::b");
    }
}
