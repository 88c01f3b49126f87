//! The suite that every `Bucket` passes (`crates/store/tests/it/conformance.rs`), against a store that runs.

use anyhow::Result;
use serde_json::json;

use crate::bench::store::{Kind, Store};
use crate::process;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// The test that asks the store which `FIRMHOLD_TEST_S3` names.
const TEST: &str = "test(=conformance::real_endpoint)";

/// What a store came to.
pub struct Outcome {
    /// Name and version of the store.
    pub store: String,
    /// Whether it passed.
    pub passed: bool,
}

/// Starts a store and holds it against the suite. The workspace's tests have to be built.
pub fn run(workspace: &Workspace, tools: &Tools, kind: Kind) -> Result<Outcome> {
    let scratch = workspace.target.join("conformance");
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch)?;
    }
    let firmhold = workspace.target.join("debug/firmhold");
    let store = Store::start(kind, tools, &workspace.root, &firmhold, &scratch)?;
    let (access_key, secret_key) = store.keys();
    let named = json!({
        "endpoint_url": store.url(),
        "bucket": Store::BUCKET,
        "region": store.region(),
        "access_key_id": access_key,
        "secret_access_key": secret_key,
    });
    let mut cargo = process::cargo(&workspace.root);
    tools.equip(&mut cargo)?;
    cargo.args(["nextest", "run", "--workspace", "--test", "store", "--locked", "--profile", "ci"]);
    cargo.args(["--cargo-quiet", "-E", TEST]);
    let passed = process::status(cargo.env("FIRMHOLD_TEST_S3", named.to_string()))?.success();
    Ok(Outcome { store: store.name().to_owned(), passed })
}
