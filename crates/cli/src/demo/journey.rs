//! From an empty account to a device's download.

use std::path::Path;
use std::time::Duration;

use firmhold_core::check::RunStatus;
use firmhold_core::{
    Backend, BackendState, Binary, BinaryState, Check, Clock, Code, PrivateKey, Problem, Secret,
};
use firmhold_provision::{OwnerAccess, OwnerCredentials, Spec};
use firmhold_sandbox::{Fault, FaultAction};
use serde_json::json;

use super::attacks;
use super::device::{Device, Update};
use super::story::Story;
use super::world::{Places, REGION, World};
use crate::client::{self, Client};
use crate::commands::push::Push;
use crate::commands::{Session, backend, binary, link, signing_key};
use crate::network::NetworkArgs;
use crate::printer::{self, Printer};
use crate::profile::Profile;
use crate::pusher::Pushed;
use crate::signer::SignerArgs;

const BUCKET: &str = "acme-gateway-firmware-demo";
const ROLE: &str = "FirmholdBackend";

/// What the journey leaves behind.
pub struct Journey {
    /// The running world.
    pub world: World,
    /// The organization's admin key.
    pub api_key: Secret,
    /// The binary that was pushed.
    pub binary: Binary,
}

/// Tells the whole story of `file`.
///
/// # Errors
/// The first step that does not happen.
pub async fn tell(
    file: &Path,
    places: &Places,
    story: &mut Story<'_>,
    quiet: &Printer,
) -> Result<Journey, Problem> {
    story.record.file = file.display().to_string();
    story.heading("The journey");
    let clock = Clock::system();
    let world = story.step("two AWS accounts and a server", start(places, clock)).await?;
    let api_key = story.step("an organization", organization(&world)).await?;
    let session = session(&world, &api_key, quiet)?;
    let registered = story.step("a backend is registered", register(&session.client, &world)).await?;
    story.step("bucket and role are set up", set_up(&world, &registered)).await?;
    let checks = story.step("the platform verifies both", verify(&session.client, &registered)).await?;
    story.checks(checks);
    let key = story.step("a signing key is made", make_key(&session.client, places)).await?;
    let pushed = story.step("the file is pushed and signed", push(&session, file, places)).await?;
    story.record.size = pushed.size;
    story.record.sha256 = Some(pushed.hash);
    let update = offer(&session, &pushed).await?;
    let device = Device::trusting(key.public())?;
    story.step("a device downloads, the line is cut", install(&world, &device, &update, places)).await?;
    story.heading("Four attacks");
    let binary = binary::by_prn(&session.client, &pushed.prn.to_string()).await?;
    let backend = backend::find(&session.client, &registered.name).await?;
    attacks::all_refused(story, &world, &backend, &device, &update, places).await?;
    Ok(Journey { world, api_key, binary })
}

fn session<'a>(world: &World, key: &Secret, printer: &'a Printer) -> Result<Session<'a>, Problem> {
    let client = Client::with(&world.server.admin_url, key.clone(), None)?;
    Ok(Session { client, profile: Profile::default(), printer })
}

async fn start(places: &Places, clock: Clock) -> Result<(World, String), Problem> {
    let world = World::start(places, clock).await?;
    let (owner, platform) = (&world.sandbox.customer().account_id, &world.sandbox.platform().account_id);
    let detail = format!("owner {owner}, platform {platform}");
    Ok((world, detail))
}

async fn organization(world: &World) -> Result<(Secret, String), Problem> {
    let data = &world.server.app().config.server.data_dir;
    let (prn, key) = firmhold_server::create_organization(data, &world.clock, "Acme").await?;
    Ok((key, prn.to_string()))
}

async fn register(client: &Client, world: &World) -> Result<(Backend, String), Problem> {
    let role_arn = format!("arn:aws:iam::{}:role/{ROLE}", world.sandbox.customer().account_id);
    let body = json!({ "name": "demo", "bucket": BUCKET, "region": REGION, "role_arn": role_arn });
    let backend: Backend = client::object(client.post("/backends", &body).await?, "backend")?;
    let external_id = backend.external_id.as_deref().unwrap_or_default();
    let short = external_id.get(..12).unwrap_or(external_id);
    let detail = format!("{}, external ID {short}…", backend.state);
    Ok((backend, detail))
}

async fn set_up(world: &World, backend: &Backend) -> Result<((), String), Problem> {
    let owner = world.sandbox.customer();
    let spec = Spec::of(backend, &owner.account_id, ROLE)?;
    let access = OwnerAccess {
        region: REGION.to_owned(),
        endpoint_url: Some(world.sandbox.http_url()),
        ca_bundle: None,
        credentials: OwnerCredentials::Static {
            access_key_id: owner.access_key_id.clone(),
            secret_access_key: Secret::new(owner.secret_access_key.clone()),
            session_token: None,
        },
        clock: world.clock.clone(),
    };
    let steps = firmhold_provision::set_up(&spec, &access).await?;
    Ok(((), format!("{} steps with the owner's own credentials, read back", steps.len())))
}

async fn verify(client: &Client, backend: &Backend) -> Result<(Vec<Check>, String), Problem> {
    let verification = backend::run_checks(client, backend).await?;
    let now = backend::find(client, &backend.name).await?;
    if verification.status != RunStatus::Pass || now.state != BackendState::Active {
        return Err(Problem::new(
            Code::StateForbids,
            format!("the backend is {} after its checks", now.state),
        )
        .with_hint(backend::check_table(&verification.checks)));
    }
    Ok((verification.checks, "the backend is active".to_owned()))
}

async fn make_key(client: &Client, places: &Places) -> Result<(PrivateKey, String), Problem> {
    let key = PrivateKey::generate().map_err(Problem::internal)?;
    crate::local_file::create_private(&places.signing_key(), key.to_pem().as_bytes())?;
    let added = signing_key::register(client, "release", key.public().to_base64()).await?;
    let short = added.keyid.get(..16).unwrap_or_default().to_owned();
    Ok((key, format!("key id {short}…; the private half stays here")))
}

async fn push(session: &Session<'_>, file: &Path, places: &Places) -> Result<(Pushed, String), Problem> {
    let push = Push {
        files: vec![file.to_owned()],
        product: None,
        artifact: "gateway".to_owned(),
        version: "1.0.0".to_owned(),
        target: "portable".to_owned(),
        target_from: None,
        description: None,
        backend: None,
        part_size: None,
        parallel: 4,
        signer: SignerArgs {
            sign_key: Some(places.signing_key()),
            sign_command: None,
            sign_public_key: None,
        },
        network: NetworkArgs { give_up_after: Duration::from_secs(60), stall_after: Duration::from_secs(60) },
    };
    let pushed = push.push(session).await?;
    if pushed.state != BinaryState::Signed {
        return Err(Problem::new(Code::StateForbids, format!("the binary is {}", pushed.state)));
    }
    let short = pushed.hash.to_hex().get(..16).unwrap_or_default().to_owned();
    let detail = format!("{} in {} parts, sha256 {short}…", printer::bytes(pushed.size), pushed.parts_sent);
    Ok((pushed, detail))
}

/// What a device would be told of the binary.
async fn offer(session: &Session<'_>, pushed: &Pushed) -> Result<Update, Problem> {
    let binary = binary::by_prn(&session.client, &pushed.prn.to_string()).await?;
    let link = link::make(session, &pushed.prn.to_string()).await?;
    Ok(Update { url: link.download_url, hash: binary.hash, size: binary.size, signatures: binary.signatures })
}

async fn install(
    world: &World,
    device: &Device,
    update: &Update,
    places: &Places,
) -> Result<((), String), Problem> {
    let cut = Fault::new()
        .service("s3")
        .operation("GetObject")
        .key_contains(update.hash.to_hex())
        .times(2)
        .then(FaultAction::Reset(update.size / 3));
    world.sandbox.faults().add(cut);
    let target = places.device("installed.img");
    let resumes = device.install(update, &target).await;
    world.sandbox.faults().clear();
    let resumes = resumes?;
    if resumes != 2 || Device::digest_of(target).await? != update.hash {
        return Err(Problem::new(
            Code::DigestMismatch,
            format!("the device resumed {resumes} times instead of twice"),
        ));
    }
    Ok(((), "twice; it resumed, and verified digest and signature".to_owned()))
}
