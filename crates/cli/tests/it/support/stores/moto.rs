//! moto in server mode.

use std::process::Command;

use super::super::child::clean;
use super::super::daemon::Daemon;
use super::super::tools;
use super::{ForeignStore, folder};

/// Starts one on a port of its own choice.
pub fn start() -> ForeignStore {
    let folder = folder();
    let mut moto = Command::new(tools().join("venv/bin/moto_server"));
    clean(&mut moto, folder.path());
    moto.args(["--host", "127.0.0.1", "--port", "0"]).env("PYTHONUNBUFFERED", "1");
    let mut moto = Daemon::start(&mut moto, &folder.path().join("moto.log"));
    let url = moto.wait_for(|said| {
        let rest = said.split_once("Running on ")?.1;
        rest.contains('\n').then(|| rest.split_whitespace().next().map(str::to_owned))?
    });
    ForeignStore {
        url,
        region: "us-east-1",
        // It believes any.
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_key: "moto-believes-any".to_owned(),
        encrypts: true,
        prefix: None,
        folder,
        _running: vec![Box::new(moto)],
    }
    .with_bucket()
}
