//! The settings of a backend in a request, and their limits (API contract 12.2).

use firmhold_core::backend::{Delivery, Encryption, ExternalIdMode, Replica, partition_of};
use firmhold_core::import::has_dot_segment;
use firmhold_core::{DeliveryMode, FieldErrors, Prefix, Problem, RoleArn};
use firmhold_store::Endpoint;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::BackendRow;
use crate::api::body::unknown_keys;
use crate::api::fields::{self, Fields, Read};
use crate::secrets::{self, Secrets};

/// Every key that a backend has on the wire. Those that are only read are ignored in requests.
pub const KEYS: &[&str] = &[
    "prn",
    "organization_prn",
    "inserted_at",
    "updated_at",
    "revision",
    "name",
    "kind",
    "bucket",
    "region",
    "partition",
    "endpoint_url",
    "path_style",
    "use_fips",
    "use_dualstack",
    "prefix",
    "import_prefix",
    "role_arn",
    "credentials_ref",
    "external_id_mode",
    "external_id",
    "external_id_next",
    "principal_mode",
    "principal",
    "trust_policy",
    "permission_policy",
    "bucket_policy",
    "encryption",
    "replicas",
    "cdn",
    "delivery",
    "requested",
    "allow_delete",
    "default",
    "state",
    "state_reason",
    "bucket_owner",
    "upload_mode",
    "capabilities",
    "presign_ceiling_seconds",
    "binary_count",
    "stored_bytes",
    "last_verification",
];

const MAX_REPLICAS: usize = 3;
const NOT_YET: &str = "is not supported yet by this version";

/// What a PATCH asks for beside the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `default`, if it is named.
    pub default: Option<bool>,
    /// Whether `state: suspended` is asked for.
    pub suspend: bool,
}

/// What of the settings depends on the server.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Where key pairs are kept.
    pub secrets: &'a Secrets,
    /// Whether an endpoint may be `http`, or private.
    pub allow_private_endpoints: bool,
}

/// Fills a new `row` from the body of a create or validate.
///
/// # Errors
/// 422 with all that is wrong.
pub fn create(
    row: &mut BackendRow,
    object: Map<String, Value>,
    rules: &Rules<'_>,
) -> Result<Wanted, Problem> {
    let unknown = unknown_keys(&object, KEYS);
    let mut fields = Fields::create(object);
    fields.errors = unknown;
    let name = fields.required("name", short_name);
    let mode = fields.defaulted("external_id_mode", parsed::<ExternalIdMode>("random or organization"));
    fields.defaulted("kind", only("s3"));
    fields.defaulted("principal_mode", principal_mode);
    let partition = fields.defaulted("partition", partition);
    let mut wanted = Wanted { default: fields.defaulted("default", fields::boolean), suspend: false };
    if wanted.default == Some(false) {
        wanted.default = None;
    }
    apply(row, &mut fields, rules);
    if let Some(name) = name {
        row.name = name;
    }
    if let Some(mode) = mode {
        row.external_id_mode = mode;
        if mode == ExternalIdMode::Organization {
            row.external_id = row.organization.to_string();
        }
    }
    if let Some(partition) = partition
        && partition != row.partition
        && !row.region.is_empty()
    {
        fields.errors.add("partition", format!("{} is not a region of {partition}", row.region));
    }
    check(row, &mut fields.errors);
    fields.finish()?;
    row.upload_mode = row.unproved_upload_mode();
    Ok(wanted)
}

/// Changes `row` as the body of a PATCH asks.
///
/// # Errors
/// 422 with all that is wrong.
pub fn patch(row: &mut BackendRow, object: Map<String, Value>, rules: &Rules<'_>) -> Result<Wanted, Problem> {
    let unknown = unknown_keys(&object, KEYS);
    let fixed = [
        ("name", row.name.as_str()),
        ("kind", "s3"),
        ("partition", row.partition.as_str()),
        ("external_id_mode", row.external_id_mode.as_str()),
        ("principal_mode", "shared"),
    ];
    let mut errors = unknown;
    for (key, present) in fixed {
        if object.get(key).is_some_and(|value| value.as_str() != Some(present)) {
            errors.add(key, "cannot be changed");
        }
    }
    let mut fields = Fields::patch(object);
    fields.errors = errors;
    let default = fields.defaulted("default", fields::boolean);
    if default == Some(false) && row.is_default {
        fields.errors.add("default", "cannot be taken away: make another backend the default");
    }
    let present = row.state;
    let state = fields.defaulted("state", |value| match fields::string(value)? {
        "suspended" => Ok(true),
        state if state == present.as_str() => Ok(false),
        _ => Err("can be set to suspended only".to_owned()),
    });
    apply(row, &mut fields, rules);
    check(row, &mut fields.errors);
    fields.finish()?;
    Ok(Wanted { default, suspend: state == Some(true) })
}

/// The settings that both a create and a PATCH may hold.
fn apply(row: &mut BackendRow, fields: &mut Fields, rules: &Rules<'_>) {
    refuse_what_is_not_built(fields);
    refuse_external_ids(fields);
    set(&mut row.bucket, fields.required("bucket", bucket_name));
    if let Some(region) = fields.required("region", region) {
        partition_of(&region).clone_into(&mut row.partition);
        row.region = region;
    }
    set(&mut row.endpoint_url, fields.nullable("endpoint_url", |value| endpoint_url(value, rules)));
    set(&mut row.path_style, fields.defaulted("path_style", fields::boolean));
    let organization = row.organization;
    let reference = |value: &Value| credentials_ref(value, organization, rules.secrets);
    set(&mut row.credentials_ref, fields.nullable("credentials_ref", reference));
    set(&mut row.prefix, fields.defaulted("prefix", prefix));
    set(&mut row.import_prefix, fields.nullable("import_prefix", import_prefix));
    set(&mut row.role_arn, fields.nullable("role_arn", role_arn));
    set(&mut row.encryption, fields.defaulted("encryption", encryption));
    set(&mut row.delivery, fields.defaulted("delivery", delivery));
    set(&mut row.requested, fields.nullable("requested", requested));
    set(&mut row.allow_delete, fields.defaulted("allow_delete", fields::boolean));
    let mut nested = FieldErrors::new();
    let replicas = fields.defaulted("replicas", |value| replicas(value, &mut nested));
    for (field, texts) in nested.0 {
        for text in texts {
            fields.errors.add(field.clone(), text);
        }
    }
    set(&mut row.replicas, replicas);
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// CDNs and AWS's special hosts are part of the contract, but not of this version.
fn refuse_what_is_not_built(fields: &mut Fields) {
    fields.nullable::<()>("cdn", |_| Err(NOT_YET.to_owned()));
    for name in ["use_fips", "use_dualstack"] {
        fields.defaulted(name, |value| match fields::boolean(value)? {
            true => Err(NOT_YET.to_owned()),
            false => Ok(()),
        });
    }
}

/// INVARIANT: external ids are made by the server (design D5): one that a caller chose could be another's.
fn refuse_external_ids(fields: &mut Fields) {
    for name in ["external_id", "external_id_next"] {
        fields.defaulted::<()>(name, |_| Err("is made by the server and cannot be sent".to_owned()));
    }
}

/// What depends on several fields.
fn check(row: &BackendRow, errors: &mut FieldErrors) {
    if row.region.is_empty() {
        return;
    }
    if errors.0.contains_key("endpoint_url") {
        // Which of the two it is to be is not known, so what goes with it is not judged.
    } else if row.is_by_keys() {
        check_store(row, errors);
    } else {
        check_aws(row, errors);
    }
    if let Some(role) = &row.role_arn
        && role.partition != row.partition
    {
        errors
            .add("role_arn", format!("is of partition {}, the region of {}", role.partition, row.partition));
    }
    if let Encryption::SseKms { kms_key_arn } = &row.encryption {
        check_key(kms_key_arn, &row.partition, &row.region, "encryption.kms_key_arn", errors);
    }
    for (index, replica) in row.replicas.iter().enumerate() {
        check_replica(row, index, replica, errors);
    }
    if let Some(import) = &row.import_prefix
        && begins_with_either(import, row.prefix.as_str())
    {
        errors.add("import_prefix", "and prefix may not begin with one another");
    }
}

/// What an S3-compatible store cannot have.
fn check_store(row: &BackendRow, errors: &mut FieldErrors) {
    if row.role_arn.is_some() {
        let text = "cannot go with endpoint_url: S3-compatible stores do not check external ids, so their way in is credentials_ref";
        errors.add("role_arn", text);
    }
    for (index, _) in row.replicas.iter().enumerate().filter(|(_, replica)| replica.role_arn.is_some()) {
        errors.add(format!("replicas.{index}.role_arn"), "cannot go with endpoint_url");
    }
}

/// What only an S3-compatible store can have.
fn check_aws(row: &BackendRow, errors: &mut FieldErrors) {
    if !is_aws_region(&row.region) {
        errors.add("region", "must be an AWS region such as us-west-2");
    }
    if row.credentials_ref.is_some() {
        errors.add(
            "credentials_ref",
            "is for stores with an endpoint_url only: at AWS, role_arn is the way in",
        );
    }
    if row.path_style {
        errors.add("path_style", "is for stores with an endpoint_url only");
    }
    if row.encryption == Encryption::None {
        errors.add("encryption", "none is for stores with an endpoint_url only");
    }
}

fn check_replica(row: &BackendRow, index: usize, replica: &Replica, errors: &mut FieldErrors) {
    let field = |name: &str| format!("replicas.{index}.{name}");
    if replica.bucket == row.bucket {
        errors.add(field("bucket"), "is the backend's own bucket");
    }
    if partition_of(&replica.region) != row.partition {
        errors.add(field("region"), format!("is not a region of {}", row.partition));
    }
    let role = replica.role_arn.as_deref().and_then(|arn| arn.parse::<RoleArn>().ok());
    if role.is_some_and(|role| role.partition != row.partition) {
        errors.add(field("role_arn"), format!("is not of partition {}", row.partition));
    }
    if let Some(key) = &replica.kms_key_arn {
        check_key(key, &row.partition, &replica.region, &field("kms_key_arn"), errors);
    }
}

/// A bucket is encrypted with a key of its own region; an id or alias would mean another key in another account.
fn check_key(arn: &str, partition: &str, region: &str, field: &str, errors: &mut FieldErrors) {
    if let Some((key_partition, key_region)) = kms_key(arn)
        && (key_partition, key_region) != (partition, region)
    {
        errors.add(field, format!("must be a key of {region}, the bucket's region"));
    }
}

/// Whether one of two prefixes begins with the other.
pub fn begins_with_either(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn short_name(value: &Value) -> Read<String> {
    let text = fields::string(value)?;
    let fits = (1..=10).contains(&text.len()) && text.bytes().all(is_name_byte);
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 10 of a-z, 0-9 and -".to_owned()) }
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
}

fn bucket_name(value: &Value) -> Read<String> {
    let text = fields::string(value)?;
    if text.contains('.') {
        return Err("must hold no dots: the store's certificate does not cover such names".to_owned());
    }
    let fits = (3..=63).contains(&text.len())
        && text.bytes().all(is_name_byte)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be 3 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit".to_owned())
    }
}

/// What requests are signed for: at AWS `us-west-2`, at other stores also `auto` or `default`.
fn region(value: &Value) -> Read<String> {
    let text = fields::string(value)?;
    if (1..=32).contains(&text.len()) && text.bytes().all(is_name_byte) && !text.starts_with('-') {
        Ok(text.to_owned())
    } else {
        Err("must be a region such as us-west-2".to_owned())
    }
}

/// `us-west-2`, `us-gov-east-1`: two letters, words, a number.
fn is_aws_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [area, words @ .., number] if !words.is_empty() => {
            area.len() == 2
                && std::iter::once(area).chain(words).all(|word| is_word(word))
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    }
}

fn endpoint_url(value: &Value, rules: &Rules<'_>) -> Read<String> {
    let endpoint = Endpoint::parse(fields::string(value)?).map_err(|wrong| wrong.to_string())?;
    if !rules.allow_private_endpoints {
        endpoint.must_be_public().map_err(|wrong| wrong.to_string())?;
    }
    Ok(endpoint.to_string())
}

/// INVARIANT: a name of another organization's is as unknown as one that nobody has.
fn credentials_ref(value: &Value, organization: uuid::Uuid, secrets: &Secrets) -> Read<String> {
    let name = fields::string(value)?;
    if secrets::is_name(name) && secrets.has_key_pair(organization, name) {
        return Ok(name.to_owned());
    }
    Err("names no key pair of this organization (`firmhold secret put` on the server's host)".to_owned())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase())
}

fn partition(value: &Value) -> Read<String> {
    match fields::string(value)? {
        known @ ("aws" | "aws-cn" | "aws-us-gov") => Ok(known.to_owned()),
        _ => Err("must be aws, aws-cn or aws-us-gov".to_owned()),
    }
}

fn principal_mode(value: &Value) -> Read<()> {
    match fields::string(value)? {
        "shared" => Ok(()),
        "per_backend" => Err(NOT_YET.to_owned()),
        _ => Err("must be shared or per_backend".to_owned()),
    }
}

fn only(known: &'static str) -> impl FnOnce(&Value) -> Read<()> {
    move |value| if value.as_str() == Some(known) { Ok(()) } else { Err(format!("must be {known}")) }
}

fn parsed<T: std::str::FromStr>(expected: &'static str) -> impl FnOnce(&Value) -> Read<T> {
    move |value| fields::string(value)?.parse().map_err(|_| format!("must be {expected}"))
}

fn prefix(value: &Value) -> Read<Prefix> {
    fields::string(value)?.parse().map_err(|error: firmhold_core::object_key::BadPrefix| error.to_string())
}

fn import_prefix(value: &Value) -> Read<String> {
    let text = fields::text(1..=512)(value)?;
    if text.contains(['*', '?', '$']) {
        return Err("must hold none of * ? $: they are wildcards in a policy".to_owned());
    }
    if has_dot_segment(&text) {
        return Err("must have no segment that is . or ..".to_owned());
    }
    Ok(text)
}

fn role_arn(value: &Value) -> Read<RoleArn> {
    fields::string(value)?.parse().map_err(|error: firmhold_core::backend::BadRoleArn| error.to_string())
}

fn encryption(value: &Value) -> Read<Encryption> {
    let encryption = strictly::<Encryption>(value)?;
    match &encryption {
        Encryption::SseKms { kms_key_arn } if kms_key(kms_key_arn).is_none() => Err(KEY_FORM.to_owned()),
        Encryption::SseKms { .. } | Encryption::SseS3 | Encryption::None => Ok(encryption),
    }
}

const KEY_FORM: &str = "kms_key_arn must be arn:PARTITION:kms:REGION:ACCOUNT:key/ID, not an id or alias";

/// Partition and region of a KMS key's ARN.
fn kms_key(arn: &str) -> Option<(&str, &str)> {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "kms", region, account, key] = fields.as_slice() else { return None };
    let id = key.strip_prefix("key/")?;
    let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    (plain && digits && !region.is_empty()).then_some((partition, region))
}

fn delivery(value: &Value) -> Read<Delivery> {
    let delivery = strictly::<Delivery>(value)?;
    if delivery.mode == DeliveryMode::Cdn {
        return Err("mode cdn needs cdn".to_owned());
    }
    if !(300..=604_800).contains(&delivery.link_ttl_seconds) {
        return Err("link_ttl_seconds must be 300 to 604800".to_owned());
    }
    Ok(delivery)
}

fn requested(value: &Value) -> Read<Value> {
    let Value::Object(wishes) = value else { return Err("must be an object".to_owned()) };
    for (key, wish) in wishes {
        match key.as_str() {
            "cdn" | "multi_region" if wish.is_boolean() => {}
            "expected_traffic" => {
                drop(fields::text(1..=256)(wish).map_err(|wrong| format!("{key} {wrong}"))?)
            }
            "go_live" if wish.as_str().is_some_and(is_date) => {}
            "cdn" | "multi_region" => return Err(format!("{key} must be true or false")),
            "go_live" => return Err("go_live must be a date such as 2027-03-01".to_owned()),
            _ => return Err(format!("{key} is not a field")),
        }
    }
    Ok(value.clone())
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && firmhold_core::Timestamp::parse(&format!("{text}T00:00:00Z")).is_ok()
}

fn replicas(value: &Value, nested: &mut FieldErrors) -> Read<Vec<Replica>> {
    let Value::Array(items) = value else { return Err("must be a list".to_owned()) };
    if items.len() > MAX_REPLICAS {
        return Err(format!("must have at most {MAX_REPLICAS} entries"));
    }
    let read = items.iter().enumerate().filter_map(|(index, item)| replica(index, item, nested));
    Ok(read.collect())
}

fn replica(index: usize, value: &Value, nested: &mut FieldErrors) -> Option<Replica> {
    let field = |name: &str| format!("replicas.{index}.{name}");
    let Value::Object(object) = value else {
        nested.add(format!("replicas.{index}"), "must be an object");
        return None;
    };
    let mut fields = Fields::create(object.clone());
    fields.errors = unknown_keys(object, &["bucket", "region", "role_arn", "kms_key_arn"]);
    let bucket = fields.required("bucket", bucket_name);
    let region = fields.required("region", region);
    let role = fields.nullable("role_arn", role_arn);
    let key = fields.nullable("kms_key_arn", |value| {
        let arn = fields::string(value)?;
        kms_key(arn).map(|_| arn.to_owned()).ok_or_else(|| KEY_FORM.to_owned())
    });
    for (name, texts) in fields.errors.0 {
        for text in texts {
            nested.add(field(&name), text);
        }
    }
    Some(Replica {
        bucket: bucket?,
        region: region?,
        role_arn: role.flatten().map(|role| role.to_string()),
        kms_key_arn: key.flatten(),
    })
}

/// A value in one of core's own strict types.
fn strictly<T: DeserializeOwned>(value: &Value) -> Read<T> {
    serde_json::from_value(value.clone()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use firmhold_core::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn row() -> BackendRow {
        BackendRow::new(Uuid::from_u128(1), Timestamp::EPOCH).unwrap()
    }

    /// Secrets with one key pair of the row's organization, and one of another's.
    fn secrets(folder: &std::path::Path) -> Secrets {
        let secrets = Secrets::new(folder.to_owned(), &firmhold_core::MasterKey::from_bytes([1; 32]));
        let keys = firmhold_store::StaticKeys::new("AKID", "hunter2");
        secrets.put_key_pair(Uuid::from_u128(1), "minio", &keys).unwrap();
        secrets.put_key_pair(Uuid::from_u128(2), "theirs", &keys).unwrap();
        secrets
    }

    fn made(body: Value, allow_private_endpoints: bool) -> Result<BackendRow, Problem> {
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets(folder.path());
        let rules = Rules { secrets: &secrets, allow_private_endpoints };
        let mut row = row();
        create(&mut row, body.as_object().cloned().unwrap(), &rules)?;
        Ok(row)
    }

    fn errors(body: Value) -> Value {
        json!(made(body, false).unwrap_err().field_errors())
    }

    fn store(field: &str, value: Value) -> Value {
        let mut body = json!({
            "name": "own", "bucket": "firmware", "region": "auto", "endpoint_url": "https://s3.example.com",
            "credentials_ref": "minio", "encryption": {"mode": "none"},
        });
        body[field] = value;
        body
    }

    #[test]
    fn an_s3_compatible_store() {
        let row = made(store("path_style", json!(true)), false).unwrap();
        assert_eq!(row.endpoint_url.as_deref(), Some("https://s3.example.com"));
        assert_eq!((row.credentials_ref.as_deref(), row.path_style), (Some("minio"), true));
        assert_eq!(row.upload_mode.as_str(), "proxy", "until it was seen to look at what it is sent");
        let wire = row.to_wire(&"arn:aws:iam::999999999999:role/p".parse().unwrap());
        assert_eq!((wire.external_id, wire.principal, wire.trust_policy), (None, None, None));
        assert_eq!(wire.encryption, Encryption::None);
        // Both may come later.
        made(store("credentials_ref", Value::Null), false).unwrap();
        made(store("endpoint_url", json!("http://127.0.0.1:9000")), true).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_store() {
        let wrong = |field: &str, value: Value| {
            let errors = errors(store(field, value));
            errors
                .as_object()
                .unwrap()
                .iter()
                .map(|(field, texts)| format!("{field} {}\n", texts[0].as_str().unwrap()))
                .collect::<String>()
        };
        let role = json!("arn:aws:iam::111122223333:role/x");
        let all = [
            ("endpoint_url", json!("https://s3.example.com/path")),
            ("endpoint_url", json!("https://s3.us-west-2.amazonaws.com")),
            ("endpoint_url", json!("http://s3.example.com")),
            ("endpoint_url", json!("https://10.0.0.1")),
            ("endpoint_url", json!("https://localhost:9000")),
            ("endpoint_url", Value::Null),
            ("credentials_ref", json!("nobodys")),
            ("credentials_ref", json!("theirs")),
            ("credentials_ref", json!("../2/theirs")),
            ("role_arn", role.clone()),
            ("replicas", json!([{"bucket": "copy", "region": "auto", "role_arn": role}])),
        ]
        .map(|(field, value)| wrong(field, value));
        insta::assert_snapshot!(all.concat(), @r"
        endpoint_url must be https://HOST[:PORT] with nothing after it
        endpoint_url is a host of AWS: leave it out and give a role_arn, no static keys lead there
        endpoint_url must be https: this server does not allow private endpoints (allow_private_endpoints)
        endpoint_url is a private, loopback or link-local address, which this server does not allow (allow_private_endpoints)
        endpoint_url is a private, loopback or link-local address, which this server does not allow (allow_private_endpoints)
        credentials_ref is for stores with an endpoint_url only: at AWS, role_arn is the way in
        encryption none is for stores with an endpoint_url only
        region must be an AWS region such as us-west-2
        credentials_ref names no key pair of this organization (`firmhold secret put` on the server's host)
        credentials_ref names no key pair of this organization (`firmhold secret put` on the server's host)
        credentials_ref names no key pair of this organization (`firmhold secret put` on the server's host)
        role_arn cannot go with endpoint_url: S3-compatible stores do not check external ids, so their way in is credentials_ref
        replicas.0.role_arn cannot go with endpoint_url
        ");
    }

    #[test]
    fn the_least_that_a_backend_needs() {
        let mut row = row();
        let body =
            json!({"name": "prod", "bucket": "acme-firmware", "region": "us-gov-west-1", "revision": 7});
        let folder = tempfile::tempdir().unwrap();
        let rules = Rules { secrets: &secrets(folder.path()), allow_private_endpoints: false };
        create(&mut row, body.as_object().cloned().unwrap(), &rules).unwrap();
        assert_eq!((row.partition.as_str(), row.prefix.as_str()), ("aws-us-gov", "firmhold/"));
        assert!(row.external_id.starts_with("fh-") && row.external_id.len() == 46);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        insta::assert_json_snapshot!(errors(json!({
            "bucket": "acme.firmware", "region": "us-west", "prefix": "/x", "role_arn": "arn:aws:iam::1:role/x",
            "external_id": "mine", "bukket": 1, "cdn": {}, "use_fips": true,
            "encryption": {"mode": "sse-kms", "kms_key_arn": "alias/mine"}, "allow_delete": "yes",
            "delivery": {"mode": "proxy", "link_ttl_seconds": 1}, "requested": {"cdn": 1},
            "replicas": [{"bucket": "b", "region": "eu-west-1", "roles": 1}, 7], "principal_mode": "per_backend",
        })), @r#"
        {
          "allow_delete": [
            "must be true or false"
          ],
          "bucket": [
            "must hold no dots: the store's certificate does not cover such names"
          ],
          "bukket": [
            "is not a field"
          ],
          "cdn": [
            "is not supported yet by this version"
          ],
          "delivery": [
            "link_ttl_seconds must be 300 to 604800"
          ],
          "encryption": [
            "kms_key_arn must be arn:PARTITION:kms:REGION:ACCOUNT:key/ID, not an id or alias"
          ],
          "external_id": [
            "is made by the server and cannot be sent"
          ],
          "name": [
            "is missing"
          ],
          "prefix": [
            "expected 1 to 128 characters of letters, digits, '/', '_' and '-', not starting with '/'"
          ],
          "principal_mode": [
            "is not supported yet by this version"
          ],
          "region": [
            "must be an AWS region such as us-west-2"
          ],
          "replicas.0.bucket": [
            "must be 3 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
          ],
          "replicas.0.roles": [
            "is not a field"
          ],
          "replicas.1": [
            "must be an object"
          ],
          "requested": [
            "cdn must be true or false"
          ],
          "role_arn": [
            "expected arn:PARTITION:iam::ACCOUNT:role/NAME with an account of twelve digits"
          ],
          "use_fips": [
            "is not supported yet by this version"
          ]
        }
        "#);
    }

    #[test]
    fn what_must_fit_together() {
        insta::assert_json_snapshot!(errors(json!({
            "name": "prod", "bucket": "acme-firmware", "region": "eu-west-1", "partition": "aws-cn",
            "role_arn": "arn:aws-cn:iam::111122223333:role/x", "import_prefix": "firmhold/old",
            "encryption": {"mode": "sse-kms", "kms_key_arn": "arn:aws:kms:us-east-1:111122223333:key/k"},
            "replicas": [{"bucket": "acme-firmware", "region": "cn-north-1"}],
        })), @r#"
        {
          "encryption.kms_key_arn": [
            "must be a key of eu-west-1, the bucket's region"
          ],
          "import_prefix": [
            "and prefix may not begin with one another"
          ],
          "partition": [
            "eu-west-1 is not a region of aws-cn"
          ],
          "replicas.0.bucket": [
            "is the backend's own bucket"
          ],
          "replicas.0.region": [
            "is not a region of aws"
          ],
          "role_arn": [
            "is of partition aws-cn, the region of aws"
          ]
        }
        "#);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let value = json!(text);
            let _ = (region(&value), bucket_name(&value), role_arn(&value), kms_key(&text), requested(&value));
            let _ = (is_aws_region(&text), Endpoint::parse(&text));
        }
    }
}
