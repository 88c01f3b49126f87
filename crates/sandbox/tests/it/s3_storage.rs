//! The storage by itself: what survives a crash, what is swept, what is pinned.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use firmhold_core::Clock;
use firmhold_sandbox::storage::checksum::Algorithm;
use firmhold_sandbox::storage::listing::Query;
use firmhold_sandbox::storage::object::Condition;
use firmhold_sandbox::storage::record::{Description, Encryption, ObjectData, Versioning};
use firmhold_sandbox::storage::{ReceivedBlob, Storage, StorageError};
use futures::TryStreamExt;

const ACCOUNT: &str = "111122223333";

fn open(dir: &Path) -> Storage {
    Storage::open(dir, Clock::system()).unwrap()
}

async fn receive(storage: &Storage, bytes: &[u8]) -> ReceivedBlob {
    let chunks: Vec<Result<Bytes, std::io::Error>> =
        bytes.chunks(7).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    storage.receive(futures::stream::iter(chunks), Some(bytes.len() as u64), Algorithm::Sha256).await.unwrap()
}

fn object(blob: &ReceivedBlob) -> ObjectData {
    ObjectData {
        size: blob.size,
        etag: blob.etag(&Encryption::sse_s3()).unwrap(),
        segments: vec![blob.segment()],
        multipart: false,
        checksum: Some(blob.hashes.checksum.clone()),
        description: Description::default(),
        encryption: Encryption::sse_s3(),
    }
}

async fn put(storage: &Storage, key: &str, bytes: &[u8]) -> Option<String> {
    let blob = receive(storage, bytes).await;
    let object = object(&blob);
    storage.put_object("b", key, blob, object, None).unwrap().answered_version()
}

async fn get(storage: &Storage, key: &str, version: Option<&str>) -> Result<Vec<u8>, StorageError> {
    let pinned = storage.pin("b", key, version)?;
    let size = pinned.object.size;
    let chunks: Vec<Bytes> = storage.read(pinned, 0, size).try_collect().await.unwrap();
    Ok(chunks.concat())
}

fn blobs(dir: &Path) -> Vec<std::path::PathBuf> {
    let shards = std::fs::read_dir(dir.join("blobs")).unwrap();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test]
async fn reopening_keeps_what_was_written_and_sweeps_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.create_bucket("b", ACCOUNT, "eu-west-1").unwrap();
    storage.update_bucket("b", |facts| facts.versioning = Versioning::Enabled).unwrap();
    let first = put(&storage, "k", b"one").await.unwrap();
    put(&storage, "k", b"two").await;
    drop(storage);

    std::fs::write(dir.path().join("blobs/ab/ab00"), b"an orphan").unwrap();
    std::fs::write(dir.path().join("tmp/half"), b"half a write").unwrap();
    let storage = open(dir.path());
    assert_eq!(blobs(dir.path()).len(), 2, "the orphan is gone, both versions are there");
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    assert_eq!(get(&storage, "k", None).await.unwrap(), b"two");
    assert_eq!(get(&storage, "k", Some(&first)).await.unwrap(), b"one");
    assert_eq!(storage.bucket_facts("b").unwrap().region, "eu-west-1");
}

#[tokio::test]
async fn a_refused_write_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.create_bucket("b", ACCOUNT, "eu-west-1").unwrap();
    put(&storage, "k", b"one").await;
    let blob = receive(&storage, b"two").await;
    let new = object(&blob);
    let refused = storage.put_object("b", "k", blob, new, Some(&Condition::Absent));
    assert!(matches!(refused, Err(StorageError::PreconditionFailed("If-None-Match"))));
    assert_eq!(blobs(dir.path()).len(), 1);

    let cut: Vec<Result<Bytes, std::io::Error>> =
        vec![Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("cut"))];
    let cut = storage.receive(futures::stream::iter(cut), Some(8), Algorithm::Sha256).await;
    assert!(matches!(cut, Err(StorageError::BrokenBody(_))));
    let short: Vec<Result<Bytes, std::io::Error>> = vec![Ok(Bytes::from_static(b"half"))];
    let short = storage.receive(futures::stream::iter(short), Some(8), Algorithm::Sha256).await;
    assert!(matches!(short, Err(StorageError::IncompleteBody)));
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_download_outlives_the_delete() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.create_bucket("b", ACCOUNT, "eu-west-1").unwrap();
    put(&storage, "k", b"still here").await;
    let pinned = storage.pin("b", "k", None).unwrap();
    storage.delete_object("b", "k", None, None).unwrap();
    assert!(matches!(storage.find("b", "k", None), Err(StorageError::NoSuchKey { marker: None })));
    let chunks: Vec<Bytes> = storage.read(pinned, 0, 10).try_collect().await.unwrap();
    assert_eq!(chunks.concat(), b"still here");
    assert!(blobs(dir.path()).is_empty(), "the last reader takes the blob with it");
}

#[tokio::test]
async fn tampering_changes_the_byte_and_makes_the_checksum_fit() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.create_bucket("b", ACCOUNT, "eu-west-1").unwrap();
    put(&storage, "k", b"firmware").await;
    let (_, before) = storage.find("b", "k", None).unwrap();
    storage.tamper("b", "k", None, 3, 0x20).unwrap();
    assert_eq!(get(&storage, "k", None).await.unwrap(), b"firMware");
    let (_, after) = storage.find("b", "k", None).unwrap();
    let honest = receive(&storage, b"firMware").await;
    assert_eq!(after.checksum.unwrap(), honest.hashes.checksum);
    assert_eq!(after.etag, hex::encode(honest.hashes.md5));
    assert_ne!(after.etag, before.etag);
    assert!(storage.tamper("b", "k", None, 8, 1).is_err(), "past the end");
    drop(honest);
    assert_eq!(blobs(dir.path()).len(), 1);
}

#[tokio::test]
async fn pages_fold_prefixes_and_skip_what_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.create_bucket("b", ACCOUNT, "eu-west-1").unwrap();
    storage.update_bucket("b", |facts| facts.versioning = Versioning::Enabled).unwrap();
    for key in ["a", "p/1", "p/2", "p!", "q/1", "r"] {
        put(&storage, key, b"x").await;
        put(&storage, key, b"y").await;
    }
    storage.delete_object("b", "q/1", None, None).unwrap();
    let mut query = Query { delimiter: "/".to_owned(), limit: 2, ..Query::default() };
    let mut seen = Vec::new();
    loop {
        let page = storage.list_objects("b", &query).unwrap();
        seen.push((page.entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), page.prefixes));
        let Some((after, _)) = page.next else { break };
        query.after = Some(after);
    }
    insta::assert_debug_snapshot!(seen, @r#"
    [
        (
            [
                "a",
                "p!",
            ],
            [],
        ),
        (
            [
                "r",
            ],
            [
                "p/",
            ],
        ),
    ]
    "#);
}

/// Not a test by itself: the process that [`what_was_acknowledged_survives_kill_9`] kills.
#[tokio::test]
#[ignore = "run as a child process"]
async fn child_that_writes_until_it_is_killed() {
    let Ok(dir) = std::env::var("FIRMHOLD_TEST_STORAGE") else { return };
    let storage = open(Path::new(&dir));
    storage.create_bucket("b", ACCOUNT, "eu-west-1").unwrap();
    for number in 0.. {
        put(&storage, &format!("{number:06}"), format!("content of {number}").as_bytes()).await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "s3_storage::child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env("FIRMHOLD_TEST_STORAGE", dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut acknowledged = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if line.unwrap().contains("acknowledged ") {
            acknowledged += 1;
        }
        if acknowledged == 25 {
            break;
        }
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    assert_eq!(acknowledged, 25);

    let storage = open(dir.path());
    for number in 0..acknowledged {
        let bytes = get(&storage, &format!("{number:06}"), None).await.unwrap();
        assert_eq!(bytes, format!("content of {number}").as_bytes());
    }
    let all = storage.list_objects("b", &Query { limit: 1000, ..Query::default() }).unwrap();
    assert_eq!(blobs(dir.path()).len(), all.entries.len(), "no file without a row");
}
