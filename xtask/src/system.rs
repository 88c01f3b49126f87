//! System packages that the tests need. On Debian, as root, a missing one is installed; anywhere else the
//! error is the command to type.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{self, command};
use crate::report::say;

/// A program that must be there, and the Debian package that brings it.
pub struct Need {
    /// Debian's name of the package.
    pub package: &'static str,
    /// A command that succeeds when the package is not needed any more.
    pub probe: &'static [&'static str],
}

/// `python3 -m venv` works, with pip in it.
pub const PYTHON_VENV: Need =
    Need { package: "python3-venv", probe: &["python3", "-c", "import venv, ensurepip"] };
/// curl, for the links' tests.
pub const CURL: Need = Need { package: "curl", probe: &["curl", "--version"] };
/// GNU time, which knows the peak memory of a child.
pub const TIME: Need = Need { package: "time", probe: &["/usr/bin/time", "--version"] };
/// Ceph, of which the tests run one node: its gateway is a store that many people have.
pub const CEPH: [Need; 3] = [
    Need { package: "ceph-mon", probe: &["ceph-mon", "--version"] },
    Need { package: "ceph-osd", probe: &["ceph-osd", "--version"] },
    Need { package: "radosgw", probe: &["radosgw", "--version"] },
];
/// rclone, to be compared with.
pub const RCLONE: Need = Need { package: "rclone", probe: &["rclone", "version"] };

/// Node.js, for packages that only JavaScript has.
pub const NODE: Need = Need { package: "nodejs", probe: &["node", "--version"] };
/// npm, which fetches them.
pub const NPM: Need = Need { package: "npm", probe: &["npm", "--version"] };

/// Makes sure that each need is met.
pub fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> = needs.iter().filter(|need| !is_met(need)).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install --yes --no-install-recommends {}", missing.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "missing: {}. Install what these Debian packages hold, then run this again",
            missing.join(", ")
        );
    }
    if process::capture(command("id").arg("-u"))?.trim() != "0" {
        bail!("missing: {}. Run `sudo {install}`, then this again", missing.join(", "));
    }
    say(format_args!("installing {}", missing.join(", ")));
    let apt_get = || {
        let mut apt_get = command("apt-get");
        apt_get.env("DEBIAN_FRONTEND", "noninteractive");
        apt_get
    };
    process::run(apt_get().args(["--quiet", "update"]))?;
    process::run(apt_get().args(["--quiet", "install", "--yes", "--no-install-recommends"]).args(&missing))?;
    match needs.iter().find(|need| !is_met(need)) {
        Some(need) => bail!("{} is installed, but `{}` still fails", need.package, need.probe.join(" ")),
        None => Ok(()),
    }
}

fn is_met(need: &Need) -> bool {
    process::output(command(need.probe[0]).args(&need.probe[1..])).is_ok_and(|output| output.status.success())
}
