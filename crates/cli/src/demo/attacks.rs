//! What must not work.

use std::time::Duration;

use firmhold_core::{Backend, Code, Problem};
use firmhold_store::{ExternalId, SessionScope, Stores, Target};

use super::device::{Device, Update};
use super::story::Story;
use super::world::{Places, World};

/// A second more than the longest link lives unless told otherwise.
const PAST_EVERY_LINK: Duration = Duration::from_secs(86_401);

/// Tries the four attacks; each must be refused in the way it should be.
///
/// # Errors
/// [`Code::RoleOpen`], or another, at the first that is not.
pub async fn all_refused(
    story: &mut Story<'_>,
    world: &World,
    backend: &Backend,
    device: &Device,
    update: &Update,
    places: &Places,
) -> Result<(), Problem> {
    let stores = world.stores().await?;
    let target = Target::of(backend, None)?;
    story.attack("assume the role, no external ID", assume(&stores, &target, ExternalId::Missing)).await?;
    let wrong = ExternalId::Other("fh-guessed".to_owned());
    story.attack("assume the role, a wrong one", assume(&stores, &target, wrong)).await?;
    story.attack("flip a byte in the bucket", flip(world, &stores, &target, device, update, places)).await?;
    story.attack("use an expired link", expired(world, device, update)).await?;
    Ok(())
}

/// The platform itself asks: its own role is trusted, so that nothing but the external ID stands in the way.
async fn assume(stores: &Stores, target: &Target, how: ExternalId) -> Result<((), String), Problem> {
    match stores.assume(target, how).await {
        Ok(_) => Err(Problem::new(Code::RoleOpen, "the role let somebody in without the right external ID")),
        Err(problem) if problem.code() == Code::AssumeDenied => {
            Ok(((), format!("refused by STS: {}", problem.aws_code().unwrap_or("AccessDenied"))))
        }
        Err(problem) => Err(problem),
    }
}

async fn flip(
    world: &World,
    stores: &Stores,
    target: &Target,
    device: &Device,
    update: &Update,
    places: &Places,
) -> Result<((), String), Problem> {
    let key = content_key(stores, target, update).await?;
    let tamper =
        || world.sandbox.tamper(&target.bucket, &key, None, update.size / 2, 1).map_err(Problem::internal);
    tamper()?;
    let path = places.device("tampered.img");
    let installed = device.install(update, &path).await;
    // The same flip again mends it: what is kept by --keep is the true file.
    tamper()?;
    match installed {
        Err(problem) if problem.code() == Code::DigestMismatch && !Device::has(&path) => {
            Ok(((), "the device refuses it: SHA-256 differs; no file".to_owned()))
        }
        Err(problem) => Err(problem),
        Ok(_) => Err(Problem::new(Code::DigestMismatch, "the device took a file with a flipped byte")),
    }
}

/// Where the content lies, found as anyone with the bucket could.
async fn content_key(stores: &Stores, target: &Target, update: &Update) -> Result<String, Problem> {
    let bucket = stores.bucket(target, SessionScope::Read).await?;
    let hash = update.hash.to_hex();
    let folder = format!("{}binaries/sha256/{}/{hash}/", target.prefix, hash.get(..2).unwrap_or_default());
    let listing = bucket.list(&folder, None, 100).await?;
    listing
        .objects
        .into_iter()
        .map(|object| object.key.to_string())
        .find(|key| !key.contains("/manifests/"))
        .ok_or_else(|| Problem::new(Code::ContentMissing, "the content is not where it should be"))
}

async fn expired(world: &World, device: &Device, update: &Update) -> Result<((), String), Problem> {
    world.clock.advance(PAST_EVERY_LINK);
    match device.status(&update.url).await? {
        410 => Ok(((), "410 Gone, a day later by the clock".to_owned())),
        status => Err(Problem::new(Code::LinkExpired, format!("an expired link answered {status}"))),
    }
}
