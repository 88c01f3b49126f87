//! The accounts of the sandbox with their users and roles, kept in one file of the data folder.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use firmhold_core::{Clock, Timestamp};
use firmhold_iam::PolicyError;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::ids;
use crate::managed_policy::{self, ManagedPolicy};
use crate::organization::{ControlPolicies, OrganizationState};
use crate::role::Role;
use crate::seed;
use crate::session::Seal;
use crate::storage::record::PublicAccessBlock;
use crate::usage::Usage;

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
    /// A control policy of the organization is none.
    #[error("a control policy of the organization cannot be read: {0}")]
    Control(PolicyError),
    /// No such user or account.
    #[error("no such user or account")]
    NoSuchUser,
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
    /// Serial numbers of its MFA devices.
    #[serde(default)]
    pub(crate) mfa_devices: Vec<String>,
}

/// One account.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) users: BTreeMap<String, User>,
    /// By name: IAM role names are unique in an account, whatever their path.
    pub(crate) roles: BTreeMap<String, Role>,
    /// Customer managed policies by name.
    #[serde(default)]
    pub(crate) policies: BTreeMap<String, ManagedPolicy>,
    /// Whether the root user has an MFA device.
    #[serde(default)]
    pub(crate) root_has_mfa: bool,
    /// The public-access block of all of the account's buckets.
    #[serde(default)]
    pub(crate) public_access_block: Option<PublicAccessBlock>,
}

/// All accounts: what the file holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccountsState {
    /// The key, in hex, that seals session tokens.
    pub(crate) seal: String,
    pub(crate) accounts: BTreeMap<String, Account>,
    /// The organization over them.
    #[serde(default)]
    pub(crate) organization: Option<OrganizationState>,
}

impl AccountsState {
    /// A managed policy's document, by its ARN.
    pub(crate) fn managed_document(&self, arn: &str) -> Option<&str> {
        if let Some(document) = managed_policy::of_aws(arn) {
            return Some(document);
        }
        let (account, _) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
        let policy = self.accounts.get(account)?.policies.get(arn.rsplit('/').next()?)?;
        (policy.arn(account) == arn).then(|| policy.default_document()).flatten()
    }

    /// All identity policies of a role, inline and attached, by name or ARN.
    pub(crate) fn policies_of(&self, role: &Role) -> BTreeMap<String, String> {
        let attached = role.attached.iter().filter_map(|arn| {
            let document = self.managed_document(arn)?;
            Some((arn.clone(), document.to_owned()))
        });
        role.policies.clone().into_iter().chain(attached).collect()
    }

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

type Replaced = VecDeque<(Timestamp, Arc<AccountsState>)>;

/// The accounts, shared by all services.
#[derive(Clone)]
pub(crate) struct Accounts {
    file: Arc<PathBuf>,
    state: Arc<RwLock<Arc<AccountsState>>>,
    /// One writer at a time; readers never wait for the disk.
    writing: Arc<Mutex<()>>,
    seal: Arc<Seal>,
    control: Arc<RwLock<Option<Arc<ControlPolicies>>>>,
    usage: Arc<Usage>,
    clock: Clock,
    /// Milliseconds until a change has effect.
    delay_millis: Arc<AtomicU64>,
    /// States that were replaced, and when, oldest first: those that may still have effect.
    replaced: Arc<Mutex<Replaced>>,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("file", &self.file).finish_non_exhaustive()
    }
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
        let usage = Usage::open(dir).map_err(|source| AccountsError::Io { path: dir.to_owned(), source })?;
        Ok(Self {
            control: Arc::new(RwLock::new(control(&state)?)),
            usage: Arc::new(usage),
            clock: clock.clone(),
            delay_millis: Arc::default(),
            replaced: Arc::default(),
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

    /// The accounts as they have effect now: decisions may lag behind changes, as they do on AWS
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
    pub(crate) fn effective(&self) -> Arc<AccountsState> {
        let delay = Duration::from_millis(self.delay_millis.load(Ordering::SeqCst));
        if delay.is_zero() {
            return self.read();
        }
        let now = self.clock.now();
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        while replaced.front().is_some_and(|(at, _)| at.plus(delay) <= now) {
            replaced.pop_front();
        }
        let lagging = replaced.front().map(|(_, state)| Arc::clone(state));
        drop(replaced);
        lagging.unwrap_or_else(|| self.read())
    }

    /// Sets how long it takes until a change has effect.
    pub(crate) fn set_delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.delay_millis.store(millis, Ordering::SeqCst);
        if millis == 0 {
            // What changes while there is no delay is not written down: an older state must not come back later.
            self.replaced.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// What the organization says, if the accounts are in one.
    pub(crate) fn control(&self) -> Option<Arc<ControlPolicies>> {
        self.control.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The public-access block of all of an account's buckets.
    pub(crate) fn public_access_block(&self, account: &str) -> Option<PublicAccessBlock> {
        self.read().accounts.get(account)?.public_access_block
    }

    /// The time by which changes have effect.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who did what when.
    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
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
        let before = self.read();
        let mut next = AccountsState::clone(&before);
        let answer = change(&mut next)?;
        let control = control(&next)?;
        save(&self.file, &next)?;
        if self.delay_millis.load(Ordering::SeqCst) > 0 {
            let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
            replaced.push_back((self.clock.now(), before));
        }
        *self.control.write().unwrap_or_else(PoisonError::into_inner) = control;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(answer)
    }

    /// The user that an access key belongs to, with its account.
    pub(crate) fn user_of_key(&self, access_key_id: &str) -> Option<(String, User)> {
        let state = self.effective();
        state.accounts.iter().find_map(|(id, account)| {
            let user = account.users.values().find(|user| user.access_key_id == access_key_id)?;
            Some((id.clone(), user.clone()))
        })
    }

    /// The account's role, as it has effect now.
    pub(crate) fn role(&self, account: &str, name: &str) -> Option<Role> {
        self.effective().accounts.get(account)?.roles.get(name).cloned()
    }

    /// The account's role, as it was last written.
    pub(crate) fn written_role(&self, account: &str, name: &str) -> Option<Role> {
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

fn control(state: &AccountsState) -> Result<Option<Arc<ControlPolicies>>, AccountsError> {
    let read = state.organization.as_ref().map(ControlPolicies::read).transpose();
    Ok(read.map_err(AccountsError::Control)?.map(Arc::new))
}

fn save(file: &Path, state: &AccountsState) -> Result<(), AccountsError> {
    let bytes = serde_json::to_vec_pretty(state)
        .map_err(|source| AccountsError::Format { path: file.to_owned(), source })?;
    durable::write(file, &bytes, 0o600).map_err(|source| AccountsError::Io { path: file.to_owned(), source })
}
