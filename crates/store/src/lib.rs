//! The data plane: everything that touches the owner's bucket.

mod bucket;
mod config;
mod identity;
mod session;
mod target;
mod ticket;

use std::sync::Arc;

use firmhold_core::Problem;

pub use bucket::{
    Bucket, ByteRange, ListedObject, Listing, ObjectBody, ObjectInfo, PutObject, Stored, StoredPart, Tag,
    UploadEntry, VersionEntry,
};
pub use config::{StaticKeys, StoreConfig};
pub use firmhold_iam::SessionScope;
pub use identity::Identity;
pub use session::{ExternalId, RoleSession};
pub use target::Target;
pub use ticket::{Ticket, TicketRequest};

/// All buckets that the platform can reach; one per server, cheap to clone.
#[derive(Debug, Clone)]
pub struct Stores {
    config: Arc<StoreConfig>,
}

impl Stores {
    /// Sets up.
    pub async fn connect(config: StoreConfig) -> Result<Self, Problem> {
        Ok(Self { config: Arc::new(config) })
    }
    /// Who the platform is.
    pub async fn identity(&self) -> Result<Identity, Problem> {
        Err(self.not_yet())
    }
    /// A bucket.
    pub async fn bucket(&self, target: &Target, scope: SessionScope) -> Result<Arc<dyn Bucket>, Problem> {
        let _ = (target, scope);
        Err(self.not_yet())
    }
    /// A ticket.
    pub async fn ticket(&self, target: &Target, request: TicketRequest, seconds: u32) -> Result<Ticket, Problem> {
        let _ = (target, request, seconds);
        Err(self.not_yet())
    }
    /// A session, uncached.
    pub async fn assume(&self, target: &Target, how: ExternalId) -> Result<RoleSession, Problem> {
        let _ = (target, how);
        Err(self.not_yet())
    }
    /// The bucket as this session sees it.
    pub fn open(&self, target: &Target, session: &RoleSession) -> Arc<dyn Bucket> {
        let _ = (target, session);
        unreachable!("{:?}", self.config)
    }
    fn not_yet(&self) -> Problem {
        Problem::new(firmhold_core::Code::Internal, "not yet")
    }
}
