//! Secrets as the server's host sees them: put, listed and removed beside a server that may be running.

use std::path::{Path, PathBuf};

use firmhold_core::{Code, OrganizationPrn, Problem};
use firmhold_store::StaticKeys;
use uuid::Uuid;

use crate::app::{is_used, lock, make_folder};
use crate::db::{Db, DbResult as _, RowExt as _};
use crate::master_key;
use crate::secrets::Secrets;

/// One organization's secrets.
#[derive(Debug)]
pub struct HostSecrets {
    secrets: Secrets,
    organization: Uuid,
    db: Db,
}

impl HostSecrets {
    /// Those of `organization` (PRN or UUID; without it, the only one that there is) in the server's data folder.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such organization, [`Code::Usage`] if there are several and none is named;
    /// [`Code::LocalFile`] if the folder, its database or its master key cannot be used.
    pub async fn open(
        data: &Path,
        secrets: Option<PathBuf>,
        organization: Option<&str>,
    ) -> Result<(Self, OrganizationPrn), Problem> {
        make_folder(data)?;
        let db = Db::open(data).await?;
        let organization = find(&db, organization).await?;
        let folder = secrets.unwrap_or_else(|| data.join("secrets"));
        let master = match master_key::load_or_make(data, false) {
            Ok(master) => master,
            // Before the server's first start. The lock keeps that start from making another one meanwhile.
            Err(problem) => {
                if is_used(&db, &folder).await? {
                    return Err(problem);
                }
                let _lock = lock(data)?;
                master_key::load_or_make(data, true)?
            }
        };
        let opened = Self { secrets: Secrets::new(folder, &master), organization, db };
        Ok((opened, OrganizationPrn(organization)))
    }

    /// Keeps a key pair, in place of what had its name.
    ///
    /// # Errors
    /// [`Code::Usage`] for a name that is none; [`Code::LocalFile`] if it cannot be written.
    pub fn put_key_pair(&self, name: &str, keys: &StaticKeys) -> Result<(), Problem> {
        self.secrets.put_key_pair(self.organization, name, keys)
    }

    /// The names of all, in order.
    ///
    /// # Errors
    /// [`Code::LocalFile`] if the folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Problem> {
        self.secrets.names(self.organization)
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is none; [`Code::InUse`] if a backend uses it, unless forced.
    pub async fn remove(&self, name: &str, force: bool) -> Result<(), Problem> {
        let row =
            sqlx::query("SELECT name FROM backends WHERE organization_id = $1 AND credentials_ref = $2")
                .bind(self.organization.to_string())
                .bind(name)
                .fetch_optional(self.db.reader())
                .await
                .db()?;
        if let Some(row) = row.filter(|_| !force) {
            let detail = format!("backend {} uses the secret {name:?}", row.text("name")?);
            return Err(Problem::new(Code::InUse, detail).with_hint("--force removes it all the same."));
        }
        match self.secrets.remove(self.organization, name)? {
            true => Ok(()),
            false => Err(Problem::new(Code::NotFound, format!("there is no secret {name:?}"))),
        }
    }
}

async fn find(db: &Db, organization: Option<&str>) -> Result<Uuid, Problem> {
    let rows = sqlx::query("SELECT id, name FROM organizations ORDER BY inserted_at, id")
        .fetch_all(db.reader())
        .await
        .db()?;
    if let Some(text) = organization {
        let id = text.strip_prefix("prn:1:").unwrap_or(text).to_ascii_lowercase();
        for row in &rows {
            if row.text("id")? == id {
                return row.uuid("id");
            }
        }
        return Err(Problem::new(Code::NotFound, format!("there is no organization {text} here")));
    }
    match rows.as_slice() {
        [] => Err(Problem::new(Code::NotFound, "there is no organization here yet")
            .with_hint("`firmhold org create NAME` makes one.")),
        [only] => only.uuid("id"),
        several => {
            let names: Result<Vec<String>, Problem> = several
                .iter()
                .take(10)
                .map(|row| Ok(format!("{} ({})", row.text("id")?, row.text("name")?)))
                .collect();
            let detail = format!("there are several organizations: {}", names?.join(", "));
            Err(Problem::new(Code::Usage, detail).with_hint("Name one with --organization."))
        }
    }
}

#[cfg(test)]
mod tests {
    use firmhold_core::Clock;

    use super::*;

    #[tokio::test]
    async fn a_lost_master_key_is_not_replaced_while_secrets_are_sealed_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        crate::create_organization(data, &Clock::system(), "Acme").await.unwrap();
        let (secrets, _) = HostSecrets::open(data, None, None).await.unwrap();
        std::fs::remove_file(data.join("master.key")).unwrap();
        // Nothing depends on it yet.
        let (again, _) = HostSecrets::open(data, None, None).await.unwrap();
        again.put_key_pair("minio", &StaticKeys::new("AKID", "hunter2")).unwrap();
        std::fs::remove_file(data.join("master.key")).unwrap();
        let refused = HostSecrets::open(data, None, None).await.unwrap_err();
        assert_eq!(refused.code(), Code::LocalFile);
        assert!(refused.hint().unwrap().contains("backup"), "{refused:?}");
        assert!(!data.join("master.key").exists());
        assert!(is_used(&secrets.db, &data.join("secrets")).await.unwrap(), "the server asks the same");
    }
}
