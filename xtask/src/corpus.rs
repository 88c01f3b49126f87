//! `cargo xtask corpus`: real firmware, taken from Debian's arm64 packages. Nothing of it is committed and
//! nothing on the system changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::apt_root::{AptRoot, Deb};
use crate::process::{self, command};
use crate::report::say;
use crate::workspace::Workspace;

/// A package, and the folders in it whose files a device would be sent.
const PACKAGES: [(&str, &[&str]); 2] =
    [("raspi-firmware", &["usr/lib/raspi-firmware"]), ("u-boot-rpi", &["usr/lib/u-boot"])];
/// Depends on the current kernel's package, whose name has a version in it.
const KERNEL: &str = "linux-image-arm64";
const KERNEL_FOLDERS: &[&str] = &["boot"];

/// Options of `cargo xtask corpus`.
#[derive(clap::Args)]
pub struct Args {
    /// Print the list as one line of JSON
    #[arg(long)]
    json: bool,
}

/// One firmware file.
#[derive(Clone, Debug, Serialize)]
pub struct Firmware {
    /// Debian package it comes from.
    pub package: String,
    /// That package's version.
    pub version: String,
    /// Its path in the package.
    pub inside: PathBuf,
    /// Where it lies now.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Lower hex, as `sha256sum` says.
    pub sha256: String,
}

/// Fetches and lists.
pub fn run(args: Args) -> Result<ExitCode> {
    let files = fetch(&Workspace::find()?)?;
    if args.json {
        say(serde_json::to_string(&files)?);
        return Ok(ExitCode::SUCCESS);
    }
    for file in &files {
        say(format_args!("{:>10}  {}  {} {}", file.size, file.sha256, file.package, file.inside.display()));
    }
    say(format_args!("{} files, {} bytes", files.len(), files.iter().map(|file| file.size).sum::<u64>()));
    Ok(ExitCode::SUCCESS)
}

/// Fetches the packages, unpacks them and lists the firmware, sorted by package and path. The list also goes
/// to `corpus.json` beside the files.
pub fn fetch(workspace: &Workspace) -> Result<Vec<Firmware>> {
    let dir = workspace.target.join("corpus");
    let apt = AptRoot::create(dir.join("apt"))?;
    let kernel = apt.depends(KERNEL)?.into_iter().find(|name| name.starts_with("linux-image-"));
    let kernel = kernel.with_context(|| format!("{KERNEL} depends on no kernel"))?;
    let mut wanted: Vec<(String, &[&str])> =
        PACKAGES.map(|(name, folders)| (name.to_owned(), folders)).to_vec();
    wanted.push((kernel, KERNEL_FOLDERS));

    let names: Vec<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
    let debs = apt.download(&names, &dir.join("debs"))?;
    let mut files = Vec::new();
    for (deb, (_, folders)) in debs.iter().zip(&wanted) {
        files.extend(unpack(deb, folders, &dir.join("files"))?);
    }
    std::fs::write(dir.join("corpus.json"), serde_json::to_vec_pretty(&files)?)?;
    Ok(files)
}

fn unpack(deb: &Deb, folders: &[&str], into: &Path) -> Result<Vec<Firmware>> {
    let tree = into.join(&deb.package);
    if tree.exists() {
        std::fs::remove_dir_all(&tree)?;
    }
    std::fs::create_dir_all(&tree)?;
    process::run(command("dpkg-deb").arg("--extract").arg(&deb.file).arg(&tree))?;
    let mut paths = Vec::new();
    for folder in folders {
        collect(&tree.join(folder), &mut paths)?;
    }
    paths.retain(|path| is_firmware(path));
    paths.sort();
    if paths.is_empty() {
        bail!("{} {} holds no firmware below {}", deb.package, deb.version, folders.join(", "));
    }
    paths.into_iter().map(|path| describe(deb, &tree, path)).collect()
}

/// Regular files only: a link would be the same bytes twice.
fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), into)?;
        } else if kind.is_file() {
            into.push(entry.path());
        }
    }
    Ok(())
}

/// Boot loaders, their data, U-Boot images and kernels; not licences, configuration and symbol maps.
fn is_firmware(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    matches!(extension, Some("bin" | "elf" | "dat" | "dtb" | "img")) || name.starts_with("vmlinuz")
}

fn describe(deb: &Deb, tree: &Path, path: PathBuf) -> Result<Firmware> {
    let line = process::capture(command("sha256sum").arg("--binary").arg(&path))?;
    let sha256 = line.split_whitespace().next().context("sha256sum said nothing")?.to_owned();
    let size = std::fs::metadata(&path)?.len();
    let inside = path.strip_prefix(tree)?.to_owned();
    Ok(Firmware { package: deb.package.clone(), version: deb.version.clone(), inside, path, size, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_is_what_a_device_boots() {
        let yes = ["bootcode.bin", "start4.elf", "fixup.dat", "bcm2711-rpi-4-b.dtb", "vmlinuz-6.1.0-1-arm64"];
        assert!(yes.iter().all(|name| is_firmware(Path::new(name))));
        let no = ["LICENCE.broadcom", "System.map-6.1.0-1-arm64", "config-6.1.0-1-arm64", "README.md"];
        assert!(no.iter().all(|name| !is_firmware(Path::new(name))));
    }
}
