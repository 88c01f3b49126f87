//! A backend's row.

use firmhold_core::backend::{
    Capabilities, Delivery, Encryption, ExternalIdMode, LastVerification, PrincipalMode, Replica, UploadMode,
};
use firmhold_core::{
    Backend, BackendState, Meta, OrganizationPrn, Prefix, Prn, PrnKind, Problem, RoleArn, Secret, Timestamp,
};
use firmhold_store::Target;
use serde_json::Value;
use uuid::Uuid;

use super::policies;
use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};
use crate::jobs;
use crate::secrets::Secrets;

/// The columns that [`BackendRow::from_row`] reads. What is here and what is in it is counted from the contents: each
/// of them once, whoever uses it.
pub const SELECT: &str = "SELECT backends.*,
    (SELECT count(*) FROM binaries JOIN contents ON contents.id = binaries.content_id
     WHERE binaries.backend_id = backends.id AND contents.state IN ('stored', 'proved')) AS binary_count,
    (SELECT coalesce(sum(contents.size), 0) FROM contents
     WHERE contents.backend_id = backends.id AND contents.state IN ('stored', 'proved', 'delete_pending'))
        AS stored_bytes
    FROM backends";

/// A backend, as kept in the database.
#[derive(Debug, Clone, PartialEq)]
pub struct BackendRow {
    /// The last part of its PRN.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// Short role name.
    pub name: String,
    /// See [`Backend`], as for all that follow.
    pub bucket: String,
    /// Of the bucket.
    pub region: String,
    /// Of the region.
    pub partition: String,
    /// Where an S3-compatible store listens; at AWS without it.
    pub endpoint_url: Option<String>,
    /// Whether the bucket's name must not be in the store's host.
    pub path_style: bool,
    /// The name of the store's key pair among the organization's secrets.
    pub credentials_ref: Option<String>,
    /// What of the bucket is ours.
    pub prefix: Prefix,
    /// What imports may read.
    pub import_prefix: Option<String>,
    /// The role in the owner's account.
    pub role_arn: Option<RoleArn>,
    /// How the external id is made.
    pub external_id_mode: ExternalIdMode,
    /// Sent when the role is assumed.
    pub external_id: String,
    /// The second one during a rotation.
    pub external_id_next: Option<String>,
    /// What objects must be encrypted with.
    pub encryption: Encryption,
    /// In fail-over order.
    pub replicas: Vec<Replica>,
    /// How links are answered.
    pub delivery: Delivery,
    /// Wishes, information only.
    pub requested: Option<Value>,
    /// Whether the role may delete firmware.
    pub allow_delete: bool,
    /// Whether new binaries go here.
    pub is_default: bool,
    /// Where it stands.
    pub state: BackendState,
    /// Why.
    pub state_reason: Option<String>,
    /// Found by V7.
    pub upload_mode: UploadMode,
    /// Found by V7.
    pub capabilities: Capabilities,
    /// Found by V12.
    pub presign_ceiling_seconds: Option<u32>,
    /// The ids that V2 found to work in the latest run.
    pub accepted_external_ids: Vec<String>,
    /// When it first became active.
    pub activated_at: Option<Timestamp>,
    /// When V2 and V5 first passed on the present bucket and prefix: who is first keeps them.
    pub proved_at: Option<Timestamp>,
    /// Summary of the latest run.
    pub last_verification: Option<LastVerification>,
    /// The run in progress.
    pub run: Option<RunLease>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows with each change.
    pub revision: u64,
    /// Binaries whose content is here; computed.
    pub binary_count: u64,
    /// Bytes of content here; computed.
    pub stored_bytes: u64,
}

/// A verification in progress. When the server dies, the run ends with its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLease {
    /// The verification's id.
    pub id: Uuid,
    /// The state to go back to.
    pub from: BackendState,
    /// When it counts as given up.
    pub until: Timestamp,
}

impl BackendRow {
    /// A new one, with the contract's defaults and no names yet.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(organization: Uuid, now: Timestamp) -> Result<Self, Problem> {
        Ok(Self {
            id: Uuid::new_v4(),
            organization,
            name: String::new(),
            bucket: String::new(),
            region: String::new(),
            partition: String::new(),
            endpoint_url: None,
            path_style: false,
            credentials_ref: None,
            prefix: Prefix::default(),
            import_prefix: None,
            role_arn: None,
            external_id_mode: ExternalIdMode::Random,
            external_id: random_external_id()?,
            external_id_next: None,
            encryption: Encryption::SseS3,
            replicas: Vec::new(),
            delivery: Delivery::default(),
            requested: None,
            allow_delete: false,
            is_default: false,
            state: BackendState::PendingTrust,
            state_reason: None,
            upload_mode: UploadMode::Direct,
            capabilities: Capabilities::default(),
            presign_ceiling_seconds: None,
            accepted_external_ids: Vec::new(),
            activated_at: None,
            proved_at: None,
            last_verification: None,
            run: None,
            inserted_at: now,
            updated_at: now,
            revision: 0,
            binary_count: 0,
            stored_bytes: 0,
        })
    }

    /// Reads a row of [`SELECT`].
    ///
    /// # Errors
    /// If a column is not what it should be.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        let run = match row.maybe_uuid("run_id")? {
            Some(id) => Some(RunLease {
                id,
                from: row.parsed("run_from_state")?,
                until: row.time("run_lease_until")?,
            }),
            None => None,
        };
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            name: row.text("name")?,
            bucket: row.text("bucket")?,
            region: row.text("region")?,
            partition: row.text("partition")?,
            endpoint_url: row.maybe_text("endpoint_url")?,
            path_style: row.flag("path_style")?,
            credentials_ref: row.maybe_text("credentials_ref")?,
            prefix: row.parsed("prefix")?,
            import_prefix: row.maybe_text("import_prefix")?,
            role_arn: row.maybe_parsed("role_arn")?,
            external_id_mode: row.parsed("external_id_mode")?,
            external_id: row.text("external_id")?,
            external_id_next: row.maybe_text("external_id_next")?,
            encryption: row.json("encryption")?,
            replicas: row.json("replicas")?,
            delivery: row.json("delivery")?,
            requested: row.maybe_json("requested")?,
            allow_delete: row.flag("allow_delete")?,
            is_default: row.flag("is_default")?,
            state: row.parsed("state")?,
            state_reason: row.maybe_text("state_reason")?,
            upload_mode: row.parsed("upload_mode")?,
            capabilities: row.json("capabilities")?,
            presign_ceiling_seconds: row
                .maybe_number("presign_ceiling_seconds")?
                .map(u32::try_from)
                .transpose()
                .map_err(Problem::internal)?,
            accepted_external_ids: row.json("accepted_external_ids")?,
            activated_at: row.maybe_time("activated_at")?,
            proved_at: row.maybe_time("proved_at")?,
            last_verification: row.maybe_json("last_verification")?,
            run,
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
            binary_count: row.count("binary_count")?,
            stored_bytes: row.count("stored_bytes")?,
        })
    }

    /// The organization's backend with this id.
    ///
    /// # Errors
    /// [`firmhold_core::Code::NotFound`], or those of the database.
    pub async fn find(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Self, Problem> {
        let sql = format!("{SELECT} WHERE backends.organization_id = $1 AND backends.id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(conn)
            .await
            .db()?;
        row.as_ref().map(Self::from_row).transpose()?.ok_or_else(Problem::not_found)
    }

    /// As [`BackendRow::find`], without counting what is in it: for whoever only wants to reach the bucket, which each
    /// request for a link does.
    ///
    /// # Errors
    /// As there.
    pub async fn find_uncounted(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Self, Problem> {
        let row = sqlx::query(
            "SELECT backends.*, 0 AS binary_count, 0 AS stored_bytes FROM backends
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_optional(conn)
        .await
        .db()?;
        row.as_ref().map(Self::from_row).transpose()?.ok_or_else(Problem::not_found)
    }

    /// The backend with this id, uncounted, for jobs; nothing if it was deleted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find_any(conn: &mut Conn, id: Uuid) -> Result<Option<Self>, Problem> {
        let row = sqlx::query(
            "SELECT backends.*, 0 AS binary_count, 0 AS stored_bytes FROM backends WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(conn)
        .await
        .db()?;
        row.as_ref().map(Self::from_row).transpose()
    }

    /// The organization's default backend, if it has one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find_default(conn: &mut Conn, organization: Uuid) -> Result<Option<Self>, Problem> {
        let sql = format!("{SELECT} WHERE backends.organization_id = $1 AND backends.is_default = 1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .fetch_optional(conn)
            .await
            .db()?;
        row.as_ref().map(Self::from_row).transpose()
    }

    /// Stores a new one, with the job that reaps its abandoned uploads.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn insert(&self, tx: &mut Tx) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO backends (id, organization_id, name, external_id_mode, external_id, inserted_at, updated_at,
                 bucket, region, partition, prefix, encryption, replicas, delivery, allow_delete, is_default, state,
                 upload_mode)
             VALUES ($1, $2, $3, $4, $5, $6, $6, '', '', '', '', '', '', '', 0, 0, '', '')",
        )
        .bind(self.id.to_string())
        .bind(self.organization.to_string())
        .bind(&self.name)
        .bind(self.external_id_mode.as_str())
        .bind(&self.external_id)
        .bind(self.inserted_at.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
        self.write(tx).await?;
        jobs::reap::begin(tx, self.organization, self.id, self.inserted_at).await
    }

    /// Stores what changed of it as the next revision. The row was read in the same transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn save(&mut self, tx: &mut Tx, now: Timestamp) -> Result<(), Problem> {
        self.revision += 1;
        self.updated_at = now;
        self.write(tx).await
    }

    /// Stores what shows in no field, or is no change of stored data in the contract's sense: no new revision.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write(&self, tx: &mut Tx) -> Result<(), Problem> {
        let json = |value: serde_json::Result<String>| value.map_err(Problem::internal);
        sqlx::query(
            "UPDATE backends SET bucket = $2, region = $3, partition = $4, prefix = $5, import_prefix = $6,
                 role_arn = $7, external_id_mode = $8, external_id = $9, external_id_next = $10, encryption = $11,
                 replicas = $12, delivery = $13, requested = $14, allow_delete = $15, is_default = $16, state = $17,
                 state_reason = $18, upload_mode = $19, presign_ceiling_seconds = $20, accepted_external_ids = $21,
                 activated_at = $22, proved_at = $23, last_verification = $24, run_id = $25, run_from_state = $26,
                 run_lease_until = $27, updated_at = $28, revision = $29, endpoint_url = $30, path_style = $31,
                 credentials_ref = $32, capabilities = $33
             WHERE id = $1",
        )
        .bind(self.id.to_string())
        .bind(&self.bucket)
        .bind(&self.region)
        .bind(&self.partition)
        .bind(self.prefix.as_str())
        .bind(self.import_prefix.as_deref())
        .bind(self.role_arn.as_ref().map(RoleArn::to_string))
        .bind(self.external_id_mode.as_str())
        .bind(&self.external_id)
        .bind(self.external_id_next.as_deref())
        .bind(json(serde_json::to_string(&self.encryption))?)
        .bind(json(serde_json::to_string(&self.replicas))?)
        .bind(json(serde_json::to_string(&self.delivery))?)
        .bind(self.requested.as_ref().map(Value::to_string))
        .bind(i64::from(self.allow_delete))
        .bind(i64::from(self.is_default))
        .bind(self.state.as_str())
        .bind(self.state_reason.as_deref())
        .bind(self.upload_mode.as_str())
        .bind(self.presign_ceiling_seconds.map(i64::from))
        .bind(json(serde_json::to_string(&self.accepted_external_ids))?)
        .bind(self.activated_at.map(Timestamp::as_millis))
        .bind(self.proved_at.map(Timestamp::as_millis))
        .bind(self.last_verification.as_ref().map(|last| json(serde_json::to_string(last))).transpose()?)
        .bind(self.run.as_ref().map(|run| run.id.to_string()))
        .bind(self.run.as_ref().map(|run| run.from.as_str()))
        .bind(self.run.as_ref().map(|run| run.until.as_millis()))
        .bind(self.updated_at.as_millis())
        .bind(self.revision.cast_signed())
        .bind(self.endpoint_url.as_deref())
        .bind(i64::from(self.path_style))
        .bind(self.credentials_ref.as_deref())
        .bind(json(serde_json::to_string(&self.capabilities))?)
        .execute(&mut **tx)
        .await
        .db()?;
        Ok(())
    }

    /// Its name.
    pub const fn prn(&self) -> Prn {
        Prn::new(self.organization, PrnKind::Backend, self.id)
    }

    /// The external ids that the role is to trust: the present one, and during a rotation the new one.
    pub fn external_ids(&self) -> Vec<String> {
        std::iter::once(&self.external_id).chain(&self.external_id_next).cloned().collect()
    }

    /// Whether it is an S3-compatible store, to which a key pair leads and no role.
    pub const fn is_by_keys(&self) -> bool {
        self.endpoint_url.is_some()
    }

    /// Uploads and other writes need a backend that is `active` or `degraded` (API contract 12.5).
    ///
    /// # Errors
    /// [`firmhold_core::Code::BackendNotWritable`].
    pub fn must_take_writes(&self) -> Result<(), Problem> {
        if self.state.takes_writes() {
            return Ok(());
        }
        let detail = format!("the backend {} is {}: it takes no writes", self.name, self.state);
        Err(Problem::new(firmhold_core::Code::BackendNotWritable, detail))
    }

    /// How parts are sent until a verification has looked: an S3-compatible store may check nothing.
    pub const fn unproved_upload_mode(&self) -> UploadMode {
        if self.is_by_keys() { UploadMode::Proxy } else { UploadMode::Direct }
    }

    /// What `store` needs to reach the bucket. The key pair is read each time: one that was put anew counts at once.
    ///
    /// # Errors
    /// [`firmhold_core::Code::BackendNotWritable`] while there is no way in yet;
    /// [`firmhold_core::Code::CredentialsMissing`] if the key pair is gone.
    pub fn target(&self, secrets: &Secrets) -> Result<Target, Problem> {
        let name = self.credentials_ref.as_deref();
        let keys = name.map(|name| secrets.key_pair(self.organization, name)).transpose()?;
        Target::of(&self.bare(), keys)
    }

    /// As the API writes it; `platform` is the role that is to be trusted.
    pub fn to_wire(&self, platform: &RoleArn) -> Backend {
        Backend {
            principal: (!self.is_by_keys()).then(|| platform.to_string()),
            trust_policy: (!self.is_by_keys()).then(|| policies::trust(platform, self.external_ids())),
            permission_policy: policies::permission(self),
            bucket_policy: policies::bucket(self),
            ..self.bare()
        }
    }

    /// Without what is rendered from it.
    fn bare(&self) -> Backend {
        Backend {
            meta: Meta {
                prn: self.prn(),
                organization_prn: OrganizationPrn(self.organization),
                inserted_at: self.inserted_at,
                updated_at: self.updated_at,
                revision: self.revision,
            },
            name: self.name.clone(),
            kind: "s3".to_owned(),
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            partition: self.partition.clone(),
            endpoint_url: self.endpoint_url.clone(),
            path_style: self.path_style,
            use_fips: false,
            use_dualstack: false,
            prefix: self.prefix.clone(),
            import_prefix: self.import_prefix.clone(),
            role_arn: self.role_arn.as_ref().map(RoleArn::to_string),
            credentials_ref: self.credentials_ref.clone(),
            external_id_mode: self.external_id_mode,
            external_id: Some(self.external_id.clone()).filter(|_| !self.is_by_keys()),
            external_id_next: self.external_id_next.clone().filter(|_| !self.is_by_keys()),
            principal_mode: PrincipalMode::Shared,
            principal: None,
            trust_policy: None,
            permission_policy: Value::Null,
            bucket_policy: Value::Null,
            encryption: self.encryption.clone(),
            replicas: self.replicas.clone(),
            cdn: None,
            delivery: self.delivery,
            requested: self.requested.clone(),
            allow_delete: self.allow_delete,
            default: self.is_default,
            state: self.state,
            state_reason: self.state_reason.clone(),
            bucket_owner: self.role_arn.as_ref().map(|role| role.account.clone()),
            upload_mode: self.upload_mode,
            capabilities: self.capabilities,
            presign_ceiling_seconds: self.presign_ceiling_seconds,
            binary_count: self.binary_count,
            stored_bytes: self.stored_bytes,
            last_verification: self.last_verification.clone(),
        }
    }
}

/// `fh-` and 256 random bits (design D5). No secret between the two parties, so it is kept as text.
///
/// # Errors
/// If the system has no randomness.
pub fn random_external_id() -> Result<String, Problem> {
    let id = Secret::random::<32>("fh-").map_err(Problem::internal)?;
    Ok(id.expose().to_owned())
}
