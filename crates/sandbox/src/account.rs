//! The accounts of the sandbox with their users and roles, kept in one file of the data folder.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use firmhold_core::Clock;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::ids;
use crate::role::Role;
use crate::seed;
use crate::session::Seal;

/// The seeded account that owns buckets and roles: the customer's (design D12).
pub const CUSTOMER_ACCOUNT: &str = "111122223333";
/// The seeded account that runs the platform (design D12).
pub const PLATFORM_ACCOUNT: &str = "999999999999";

/// A user that exists from the first start on, with its access key.
#[derive(Clone)]
pub struct SeededUser {
    /// Twelve digits.
    pub account_id: String,
    /// The IAM user's name.
    pub user_name: String,
    /// `AKIA…`
    pub access_key_id: String,
    /// The secret that signs. `Debug` does not show it.
    pub secret_access_key: String,
    /// The user's ARN.
    pub arn: String,
}

impl fmt::Debug for SeededUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededUser")
            .field("arn", &self.arn)
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"[redacted]")
            .finish_non_exhaustive()
    }
}

/// Why the accounts cannot be opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The file cannot be read or written.
    #[error("cannot keep the accounts in {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file is not one of ours.
    #[error("{path} does not hold sandbox accounts")]
    Format {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: serde_json::Error,
    },
    /// The machine gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// A seeded user is missing from the file.
    #[error("the accounts have lost the seeded user {0}")]
    Unseeded(&'static str),
}

/// A user with one access key. No `Debug`: it holds the secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    /// `AIDA…`
    pub(crate) id: String,
    pub(crate) created: firmhold_core::Timestamp,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    /// Inline policies by name.
    pub(crate) policies: BTreeMap<String, String>,
}

/// One account.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) users: BTreeMap<String, User>,
    /// By name: IAM role names are unique in an account, whatever their path.
    pub(crate) roles: BTreeMap<String, Role>,
}

/// All accounts: what the file holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccountsState {
    /// The key, in hex, that seals session tokens.
    pub(crate) seal: String,
    pub(crate) accounts: BTreeMap<String, Account>,
}

impl AccountsState {
    /// Whether a principal named in a policy exists, if it is in one of our accounts. Others are taken on trust:
    /// there is no one to ask.
    pub(crate) fn knows_principal(&self, arn: &str) -> bool {
        let Some((account, name)) = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':'))
        else {
            return true;
        };
        let Some(account) = self.accounts.get(account) else {
            return true;
        };
        let last = name.rsplit('/').next().unwrap_or(name);
        if name.starts_with("role/") {
            account.roles.get(last).is_some_and(|role| format!("role{}{}", role.path, role.name) == name)
        } else if name.starts_with("user/") {
            account.users.contains_key(last)
        } else {
            true
        }
    }
}

/// The accounts, shared by all services.
#[derive(Clone)]
pub(crate) struct Accounts {
    file: Arc<PathBuf>,
    state: Arc<RwLock<Arc<AccountsState>>>,
    /// One writer at a time; readers never wait for the disk.
    writing: Arc<Mutex<()>>,
    seal: Arc<Seal>,
}

impl Accounts {
    /// Opens the accounts in `dir`, making and seeding them at the first start.
    pub(crate) fn open(dir: &Path, clock: &Clock) -> Result<Self, AccountsError> {
        let file = dir.join("accounts.json");
        let state = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| AccountsError::Format { path: file.clone(), source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let state = seed::accounts(clock.now()).map_err(AccountsError::Random)?;
                save(&file, &state)?;
                state
            }
            Err(source) => return Err(AccountsError::Io { path: file, source }),
        };
        let seal = Arc::new(Seal::new(state.seal.as_bytes()));
        Ok(Self {
            file: Arc::new(file),
            state: Arc::new(RwLock::new(Arc::new(state))),
            writing: Arc::default(),
            seal,
        })
    }

    /// The accounts as they are now.
    pub(crate) fn read(&self) -> Arc<AccountsState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes and opens session tokens.
    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Changes the accounts. The change is on disk when this returns, or has not happened.
    pub(crate) fn change<T, E: From<AccountsError>>(
        &self,
        change: impl FnOnce(&mut AccountsState) -> Result<T, E>,
    ) -> Result<T, E> {
        let _writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = AccountsState::clone(&self.read());
        let answer = change(&mut next)?;
        save(&self.file, &next)?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(answer)
    }

    /// The user that an access key belongs to, with its account.
    pub(crate) fn user_of_key(&self, access_key_id: &str) -> Option<(String, User)> {
        let state = self.read();
        state.accounts.iter().find_map(|(id, account)| {
            let user = account.users.values().find(|user| user.access_key_id == access_key_id)?;
            Some((id.clone(), user.clone()))
        })
    }

    /// The account's role.
    pub(crate) fn role(&self, account: &str, name: &str) -> Option<Role> {
        self.read().accounts.get(account)?.roles.get(name).cloned()
    }

    /// A seeded user as the API shows it.
    pub(crate) fn seeded(&self, account: &str, name: &'static str) -> Result<SeededUser, AccountsError> {
        let state = self.read();
        let user = state
            .accounts
            .get(account)
            .and_then(|account| account.users.get(name))
            .ok_or(AccountsError::Unseeded(name))?;
        Ok(SeededUser {
            account_id: account.to_owned(),
            user_name: user.name.clone(),
            access_key_id: user.access_key_id.clone(),
            secret_access_key: user.secret_access_key.clone(),
            arn: ids::user_arn(account, &user.name),
        })
    }
}

fn save(file: &Path, state: &AccountsState) -> Result<(), AccountsError> {
    let bytes = serde_json::to_vec_pretty(state)
        .map_err(|source| AccountsError::Format { path: file.to_owned(), source })?;
    durable::write(file, &bytes, 0o600).map_err(|source| AccountsError::Io { path: file.to_owned(), source })
}
