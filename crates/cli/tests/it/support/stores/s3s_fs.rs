//! `s3s-fs` in the test's own process.

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{ForeignStore, folder};

const ACCESS_KEY: &str = "s3s-fs";
const SECRET_KEY: &str = "the-secret-of-s3s-fs";

/// Starts one on a free port.
pub fn start() -> ForeignStore {
    let folder = folder();
    let root = folder.path().join("buckets");
    std::fs::create_dir(&root).expect("a folder");
    let mut service = S3ServiceBuilder::new(FileSystem::new(&root).expect("a file system"));
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let runtime = Runtime::new().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new();
                // A client that hangs up is no failure of the test's.
                let _ = connection.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    ForeignStore {
        url: format!("http://{address}"),
        region: "us-east-1",
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        encrypts: false,
        // It keeps a key in the name of a file, encoded, and such a name has at most 255 bytes.
        prefix: Some("f/"),
        folder,
        _running: vec![Box::new(runtime)],
    }
    .with_bucket()
}
