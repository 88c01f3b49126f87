//! The bytes: one file per blob, written once, never changed.
//!
//! A blob is received into `tmp/`, synced, and renamed to its place before an index row may name it; it is
//! removed only after no row names it and no download reads it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::StorageError;
use super::checksum::{Algorithm, BodyHasher, BodyHashes};
use super::record::{Encryption, Segment};

/// Bytes read from a file at once: large enough that the hop to a blocking thread does not show.
const READ_CHUNK: usize = 512 * 1024;
/// Received chunks that may wait for the disk. Hyper's are at most some hundred KiB.
const RECEIVE_QUEUE: usize = 8;

/// The folder of blobs.
pub struct BlobStore {
    blobs: PathBuf,
    tmp: PathBuf,
    leases: Mutex<HashMap<String, LeaseCount>>,
}

#[derive(Default)]
struct LeaseCount {
    readers: usize,
    doomed: bool,
}

impl BlobStore {
    /// Opens (or makes) the folders below `dir` and empties `tmp`.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let (blobs, tmp) = (dir.join("blobs"), dir.join("tmp"));
        fs::create_dir_all(&tmp)?;
        for entry in fs::read_dir(&tmp)? {
            fs::remove_file(entry?.path())?;
        }
        for shard in 0..=u8::MAX {
            fs::create_dir_all(blobs.join(hex::encode([shard])))?;
        }
        sync_dir(&blobs)?;
        sync_dir(dir)?;
        Ok(Self { blobs, tmp, leases: Mutex::default() })
    }

    /// Removes every blob that `wanted` does not know; returns how many there were.
    pub fn sweep(&self, wanted: impl Fn(&str) -> bool) -> io::Result<usize> {
        let mut removed = 0;
        for shard in fs::read_dir(&self.blobs)? {
            for blob in fs::read_dir(shard?.path())? {
                let blob = blob?;
                if !blob.file_name().to_str().is_some_and(&wanted) {
                    fs::remove_file(blob.path())?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.blobs.join(id.get(..2).unwrap_or("00")).join(id)
    }

    fn leases(&self) -> MutexGuard<'_, HashMap<String, LeaseCount>> {
        // A panic while the lock was held cannot leave a count half changed.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Streams `body` into a synced temporary file, hashing on the way. Nothing refers to it yet: dropping
    /// the result removes it.
    ///
    /// # Errors
    /// [`StorageError::BrokenBody`] when the stream fails, [`StorageError::IncompleteBody`] when it ends at
    /// another length than `declared`.
    pub async fn receive<S, E>(
        self: &Arc<Self>,
        mut body: S,
        declared: Option<u64>,
        algorithm: Algorithm,
    ) -> Result<ReceivedBlob, StorageError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        let (sender, receiver) = mpsc::channel(RECEIVE_QUEUE);
        let store = Arc::clone(self);
        let sink = tokio::task::spawn_blocking(move || store.write_temporary(receiver, algorithm));
        let mut size = 0_u64;
        let mut broken = None;
        while let Some(chunk) = body.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    broken = Some(error.to_string());
                    break;
                }
            };
            size = size.saturating_add(chunk.len() as u64);
            if sender.send(chunk).await.is_err() {
                break; // The writer has failed; its own error says why.
            }
        }
        drop(sender);
        let received = sink.await.map_err(|_| StorageError::TaskEnded)??;
        match broken {
            Some(error) => Err(StorageError::BrokenBody(error)),
            None if declared.is_some_and(|declared| declared != size) => Err(StorageError::IncompleteBody),
            None => Ok(received),
        }
    }

    fn write_temporary(
        self: Arc<Self>,
        mut chunks: mpsc::Receiver<Bytes>,
        algorithm: Algorithm,
    ) -> Result<ReceivedBlob, StorageError> {
        let mut draft = Draft::new(self, algorithm)?;
        while let Some(chunk) = chunks.blocking_recv() {
            draft.write(&chunk)?;
        }
        draft.finish()
    }

    /// Removes blobs that no row names any more; one that is being read goes when its last reader is done.
    pub fn discard<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let mut leases = self.leases();
        for id in ids {
            match leases.get_mut(id) {
                Some(lease) => lease.doomed = true,
                None => self.remove(id),
            }
        }
    }

    fn remove(&self, id: &str) {
        // A failure only leaves an orphan, which the next start sweeps.
        if let Err(error) = fs::remove_file(self.path(id)) {
            tracing::warn!(blob = id, %error, "a blob could not be removed");
        }
    }

    /// Looks something up and pins the blobs it names, as one step against [`discard`](Self::discard).
    // INVARIANT: the row is read while the lease lock is held, and a row leaves the index before its blobs
    // are discarded under the same lock. So a row that was seen still has its blobs.
    pub fn lease<T, E>(
        self: &Arc<Self>,
        find: impl FnOnce() -> Result<T, E>,
        blobs: impl FnOnce(&T) -> Vec<String>,
    ) -> Result<(T, Lease), E> {
        let mut leases = self.leases();
        let found = find()?;
        let ids = blobs(&found);
        for id in &ids {
            leases.entry(id.clone()).or_default().readers += 1;
        }
        drop(leases);
        Ok((found, Lease { store: Arc::clone(self), ids }))
    }

    /// Streams `length` bytes from `offset` of the concatenated segments.
    pub fn read(
        self: &Arc<Self>,
        segments: &[Segment],
        offset: u64,
        length: u64,
        lease: Lease,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + use<> {
        let reader = Reader {
            store: Arc::clone(self),
            runs: runs(segments, offset, length),
            file: None,
            _lease: lease,
        };
        futures::stream::try_unfold(reader, |mut reader| async move {
            let step = tokio::task::spawn_blocking(move || reader.next_chunk().map(|chunk| (chunk, reader)));
            let (chunk, reader) = step.await.map_err(io::Error::other)??;
            Ok(chunk.map(|chunk| (chunk, reader)))
        })
    }

    /// Reads the concatenated segments through `each`, on this thread.
    pub fn read_blocking(
        self: &Arc<Self>,
        segments: &[Segment],
        offset: u64,
        length: u64,
        lease: Lease,
        mut each: impl FnMut(Bytes) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut reader = Reader {
            store: Arc::clone(self),
            runs: runs(segments, offset, length),
            file: None,
            _lease: lease,
        };
        while let Some(chunk) = reader.next_chunk()? {
            each(chunk)?;
        }
        Ok(())
    }
}

/// Blobs that may not be removed while this lives.
pub struct Lease {
    store: Arc<BlobStore>,
    ids: Vec<String>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut leases = self.store.leases();
        for id in &self.ids {
            let Some(lease) = leases.get_mut(id) else { continue };
            lease.readers -= 1;
            if lease.readers == 0 {
                let doomed = lease.doomed;
                leases.remove(id);
                if doomed {
                    self.store.remove(id);
                }
            }
        }
    }
}

/// A stretch of one blob still to be read.
struct Run {
    blob: String,
    offset: u64,
    left: u64,
}

/// The runs to read, the next one last.
fn runs(segments: &[Segment], offset: u64, length: u64) -> Vec<Run> {
    let (mut skip, mut left) = (offset, length);
    let mut runs = Vec::new();
    for segment in segments {
        if left == 0 {
            break;
        }
        if skip >= segment.size {
            skip -= segment.size;
            continue;
        }
        let take = left.min(segment.size - skip);
        runs.push(Run { blob: segment.blob.clone(), offset: skip, left: take });
        left -= take;
        skip = 0;
    }
    runs.reverse();
    runs
}

struct Reader {
    store: Arc<BlobStore>,
    runs: Vec<Run>,
    file: Option<File>,
    /// Held for its `Drop`: it keeps the blobs in place.
    _lease: Lease,
}

impl Reader {
    fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let Some(run) = self.runs.last_mut() else { return Ok(None) };
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let mut file = File::open(self.store.path(&run.blob))?;
                file.seek(SeekFrom::Start(run.offset))?;
                empty.insert(file)
            }
        };
        let take = usize::try_from(run.left).unwrap_or(usize::MAX).min(READ_CHUNK);
        let mut buffer = vec![0_u8; take];
        file.read_exact(&mut buffer)?;
        run.left -= take as u64;
        if run.left == 0 {
            self.runs.pop();
            self.file = None;
        }
        Ok(Some(buffer.into()))
    }
}

/// A temporary file that is being written and hashed.
pub struct Draft {
    store: Arc<BlobStore>,
    id: String,
    file: File,
    hasher: BodyHasher,
    size: u64,
    finished: bool,
}

impl Draft {
    /// An empty one.
    pub fn new(store: Arc<BlobStore>, algorithm: Algorithm) -> Result<Self, StorageError> {
        let id = super::random_hex::<16>()?;
        let file = File::create_new(store.tmp.join(&id))?;
        Ok(Self { store, id, file, hasher: BodyHasher::new(algorithm), size: 0, finished: false })
    }

    /// Appends.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Syncs the file; its bytes are then on the disk, under a temporary name.
    pub fn finish(mut self) -> Result<ReceivedBlob, StorageError> {
        self.file.sync_all()?;
        self.finished = true;
        let algorithm = self.hasher.algorithm();
        let hashes = std::mem::replace(&mut self.hasher, BodyHasher::new(algorithm)).finish();
        Ok(ReceivedBlob {
            store: Arc::clone(&self.store),
            id: self.id.clone(),
            size: self.size,
            hashes,
            state: State::Temporary,
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // Left behind on failure; the next start empties the folder.
            let _ = fs::remove_file(self.store.tmp.join(&self.id));
        }
    }
}

#[derive(PartialEq)]
enum State {
    Temporary,
    Placed,
    Kept,
}

/// A blob on the disk that no row names yet. Dropped without [`keep`](Self::keep), its file is removed.
pub struct ReceivedBlob {
    store: Arc<BlobStore>,
    /// Its id and file name.
    pub id: String,
    /// Bytes.
    pub size: u64,
    /// MD5 and checksum of the bytes.
    pub hashes: BodyHashes,
    state: State,
}

impl ReceivedBlob {
    /// Gives the file its place, durably.
    pub fn place(&mut self) -> io::Result<()> {
        let path = self.store.path(&self.id);
        fs::rename(self.store.tmp.join(&self.id), &path)?;
        self.state = State::Placed;
        path.parent().map_or(Ok(()), sync_dir)
    }

    /// A committed row names the blob now.
    pub fn keep(mut self) {
        self.state = State::Kept;
    }

    /// The entity tag: MD5 of the bytes, but something else under KMS, as on AWS, so that nobody comes to rely
    /// on it.
    pub fn etag(&self, encryption: &Encryption) -> Result<String, StorageError> {
        match encryption.is_kms() {
            true => super::random_hex::<16>(),
            false => Ok(hex::encode(self.hashes.md5)),
        }
    }

    /// As a segment of an object.
    pub fn segment(&self) -> Segment {
        Segment { blob: self.id.clone(), size: self.size, checksum: None }
    }
}

impl Drop for ReceivedBlob {
    fn drop(&mut self) {
        let path = match self.state {
            State::Kept => return,
            State::Temporary => self.store.tmp.join(&self.id),
            State::Placed => self.store.path(&self.id),
        };
        // Left behind on failure; the next start sweeps it.
        let _ = fs::remove_file(path);
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
