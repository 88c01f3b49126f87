//! The data plane: everything that touches the owner's bucket. Roles are assumed, sessions kept, objects moved and
//! tickets signed here, and nowhere else.

mod aws;
mod backend_role;
mod bucket;
pub mod checks;
mod config;
mod copy;
mod endpoint;
mod error;
mod expired_session;
pub mod failpoint;
pub mod fault;
mod identity;
mod keeper;
mod key_pair;
mod memory;
mod object_stream;
mod part_put;
mod parts_list;
pub mod plan;
mod presign;
mod s3;
pub mod s3_error;
mod session;
mod stores;
mod target;
mod ticket;
mod timeouts;
mod whole_answer;

pub use bucket::{
    Bucket, ByteRange, CopiedPart, ListedObject, Listing, ObjectBody, ObjectInfo, PutObject, Stored,
    StoredPart, Tag, UploadEntry, VersionEntry,
};
pub use config::{StaticKeys, StoreConfig};
pub use copy::{CopyObject, CopySource, MAX_COPY, copy_in_parts};
pub use endpoint::{BadEndpoint, Endpoint, PublicOnly, is_public_host};
pub use error::AwsError;
pub use firmhold_iam::SessionScope;
pub use identity::Identity;
pub use memory::MemoryBucket;
pub use part_put::{PartPut, SentPart};
pub use session::{ExternalId, LONGEST_SESSION, LONGEST_TICKET, RoleSession, SKEW};
pub use stores::Stores;
pub use target::{Access, KeyAccess, RoleAccess, Target};
pub use ticket::{Ticket, TicketRequest};
pub use timeouts::Timeouts;
