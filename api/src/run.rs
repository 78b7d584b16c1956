//! Opens the ports, serves, drains: unready first, then no new connections, then what is under
//! way, then the database.

use std::sync::Arc;

use anyhow::Context as _;
use ledger::postgres::{Ledger, PoolSettings};
use telemetry::{admin, shutdown};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    form::FormLimits,
    memory::{self, Memory},
    metrics::{self, Metrics},
    readiness::Readiness,
    routes, serve,
    settings::{Settings, UploadSettings},
    state::App,
    uploads::Uploads,
};

/// Connections that one upload needs: its transaction, and one beside it for comparing.
const CONNECTIONS_PER_UPLOAD: u32 = 2;

/// Serves until a signal, and then until what is under way has ended or the time is over.
pub async fn until_shutdown(settings: &Settings) -> anyhow::Result<()> {
    let registry = telemetry::metrics::registry(env!("CARGO_PKG_VERSION"))?;
    let app = Arc::new(app(settings, Metrics::register(&registry)?)?);
    let register = register(settings)?;
    metrics::count_connections(&registry, app.pools())?;
    let draining = shutdown::on_signal()?;
    let listener = TcpListener::bind(settings.listen).await.with_context(|| {
        format!("{} can't be listened on; set --listen or TAKINGS_LISTEN", settings.listen)
    })?;
    tracing::info!(address = %listener.local_addr()?, "the API is open");

    let readiness = Arc::new(Readiness::new(draining.clone()));
    let check = Arc::clone(&readiness);
    let admin =
        admin::serve(&settings.admin, registry, move || check.check(), CancellationToken::new());
    let work = async {
        let served = serve::serve(
            listener,
            routes::routes(app.clone()),
            settings.header_timeout,
            draining.clone(),
        );
        tokio::join!(served, remember(&app, &readiness, register, draining.clone()));
        app.finish().await;
    };
    tokio::select! {
        ended = admin => {
            return ended.context(
                "the admin port can't be served; set --admin-listen or TAKINGS_ADMIN_LISTEN",
            );
        }
        () = work => tracing::info!("all requests have ended"),
        () = over(&draining, settings) => {
            tracing::warn!("the time for the shutdown is over: requests under way are cut off");
            app.give_up().await;
        }
    }
    Ok(())
}

/// Answers from memory as soon as the database is there, where that is wanted.
async fn remember(
    app: &App,
    readiness: &Readiness,
    register: Option<Ledger>,
    draining: CancellationToken,
) {
    readiness.wait_for(&app.ledger).await;
    if let Some(register) = register {
        memory::keep(app.memory.clone(), register, draining).await;
    }
}

async fn over(draining: &CancellationToken, settings: &Settings) {
    draining.cancelled().await;
    tokio::time::sleep(settings.shutdown_timeout).await;
}

fn app(settings: &Settings, metrics: Metrics) -> anyhow::Result<App> {
    let (url, pool) = (settings.database.url()?, settings.database.pool());
    let ledger = Ledger::connect_lazy(&url, &pool);
    Ok(App {
        memory: Arc::new(Memory::new(ledger.clone(), settings.memory << 20)),
        ledger,
        uploads: uploads(&settings.uploads, &pool, &metrics)?,
        read_timeout: settings.database.read_timeout(),
        metrics,
    })
}

/// Connections for the register of replicas alone: one listens, one renews.
fn register(settings: &Settings) -> anyhow::Result<Option<Ledger>> {
    let pool = PoolSettings { max_connections: 2, ..settings.database.pool() };
    let url = settings.database.url()?;
    Ok((settings.memory > 0).then(|| Ledger::connect_lazy(&url, &pool)))
}

fn uploads(
    settings: &UploadSettings,
    reads: &PoolSettings,
    metrics: &Metrics,
) -> anyhow::Result<Option<Uploads>> {
    let Some(url) = settings.url()? else { return Ok(None) };
    let pool = PoolSettings {
        max_connections: settings.uploads_at_once.saturating_mul(CONNECTIONS_PER_UPLOAD),
        acquire_timeout: reads.acquire_timeout,
        ..PoolSettings::default()
    };
    Ok(Some(Uploads {
        ledger: Ledger::connect_lazy(&url, &pool),
        limits: FormLimits {
            bytes: settings.upload_max_bytes,
            pause: settings.upload_idle_timeout,
            whole: settings.upload_timeout,
        },
        load_timeout: settings.upload_timeout,
        folder: settings.import_folder.clone(),
        slots: Arc::new(Semaphore::new(settings.uploads_at_once as usize)),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        metrics: metrics.clone(),
    }))
}
