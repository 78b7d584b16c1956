//! Takes part in the election: looks at the Lease, writes it, and does the work while this process
//! is the leader. Async, decides nothing: `candidate` does.

use std::time::Duration;

use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::{Api, Client, api::PostParams};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    LeaseSettings,
    candidate::Candidate,
    leadership::{Leadership, boot_time},
};

/// The leadership ended before the work did.
#[derive(Debug, thiserror::Error)]
#[error(
    "The leadership was lost: the Lease {0} was not renewed in time, or another operator took it. \
     This one ends, and stands by once it is started again."
)]
pub struct Lost(String);

/// Why a look at the Lease, or a write, came to nothing.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("The API server failed: {0}")]
    Api(#[from] kube::Error),
    #[error("The API server did not answer in time.")]
    Timeout(#[from] tokio::time::error::Elapsed),
}

/// One candidate and its Lease.
pub struct Elector {
    api: Api<Lease>,
    settings: LeaseSettings,
    candidate: Candidate,
    leadership: Leadership,
}

impl Elector {
    /// A candidate that has not looked yet.
    #[must_use]
    pub fn new(client: Client, settings: LeaseSettings) -> Self {
        // The Pod's name tells people who it is; the rest tells it from what ran there before.
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let candidate = Candidate::new(format!("{host}_{}", Uuid::new_v4()), &settings);
        let api = Api::namespaced(client, &settings.namespace);
        Self { api, settings, candidate, leadership: Leadership::vacant() }
    }

    /// What the work asks before each write.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Waits to be the leader, does the work, then lets go of the Lease. Without being the leader
    /// it ends once it is to stop; as the leader it ends with the work.
    ///
    /// # Errors
    /// Where it ceases to be the leader before the work has ended, which is then dropped.
    pub async fn lead(
        mut self,
        stop: &CancellationToken,
        work: impl Future<Output = ()>,
    ) -> Result<(), Lost> {
        if !self.acquire(stop).await {
            return Ok(());
        }
        let ended = CancellationToken::new();
        let work = async {
            work.await;
            ended.cancel();
            Ok(())
        };
        tokio::try_join!(self.hold(&ended), work).map(drop)
    }

    /// Whether it became the leader before it was to stop.
    async fn acquire(&mut self, stop: &CancellationToken) -> bool {
        tracing::info!(lease = self.lease(), "waiting to be the leader");
        let mut leader = None;
        while !stop.is_cancelled() {
            self.try_once().await;
            if self.candidate.leads(boot_time()).is_some() {
                tracing::info!(lease = self.lease(), "this operator is the leader");
                return true;
            }
            let holder = self.candidate.holder().map(str::to_owned);
            if holder != leader {
                tracing::info!(lease = self.lease(), holder, "the Lease changed hands");
                leader = holder;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(self.settings.retry_period / 2) => {}
            }
        }
        false
    }

    /// Renews until the work has ended.
    async fn hold(&mut self, ended: &CancellationToken) -> Result<(), Lost> {
        loop {
            tokio::select! {
                () = ended.cancelled() => {
                    self.release().await;
                    return Ok(());
                }
                () = sleep(self.settings.retry_period) => {}
            }
            self.try_once().await;
            if self.candidate.leads(boot_time()).is_none() {
                let lost = Lost(self.lease());
                tracing::error!("{lost}");
                return Err(lost);
            }
        }
    }

    /// Looks where it has to, and writes where it may. A failure is told; the next time may do.
    async fn try_once(&mut self) {
        let result = self.look_and_claim().await;
        self.leadership.set(self.candidate.leads(boot_time()).unwrap_or_default());
        if let Err(error) = result {
            tracing::warn!(lease = self.lease(), %error, "the Lease is tried again");
        }
    }

    async fn look_and_claim(&mut self) -> Result<(), AskError> {
        if !self.candidate.is_sure() {
            self.look().await?;
        }
        if let Some(lease) = self.candidate.claim(boot_time(), Timestamp::now()) {
            let sent = boot_time();
            if let Some(lease) = self.write(lease).await? {
                self.candidate.wrote(lease, sent, boot_time());
            }
        }
        Ok(())
    }

    /// Lets go of the Lease, so that another one takes it at its next look.
    async fn release(&mut self) {
        self.leadership.set(Duration::ZERO);
        match self.look_and_release().await {
            Ok(()) => tracing::info!(lease = self.lease(), "the leadership was handed over"),
            Err(error) => {
                tracing::warn!(lease = self.lease(), %error, "the others wait for the Lease to expire");
            }
        }
    }

    async fn look_and_release(&mut self) -> Result<(), AskError> {
        if !self.candidate.is_sure() {
            self.look().await?;
        }
        if let Some(lease) = self.candidate.release() {
            self.write(lease).await?;
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), AskError> {
        let lease = timeout(self.patience(), self.api.get_opt(&self.settings.name)).await??;
        self.candidate.saw(lease, boot_time());
        Ok(())
    }

    /// Writes over the version that was seen; `None` where somebody was faster.
    async fn write(&self, mut lease: Lease) -> Result<Option<Lease>, AskError> {
        let name = &self.settings.name;
        let parameters = PostParams::default();
        lease.metadata.name = Some(name.clone());
        lease.metadata.managed_fields = None;
        let written = async {
            match lease.metadata.resource_version {
                Some(_) => self.api.replace(name, &parameters, &lease).await,
                None => self.api.create(&parameters, &lease).await,
            }
        };
        match timeout(self.patience(), written).await? {
            Ok(lease) => Ok(Some(lease)),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How long an answer is waited for: a renewal can be tried a second time.
    fn patience(&self) -> Duration {
        self.settings.renew_deadline / 2
    }

    fn lease(&self) -> String {
        format!("{}/{}", self.settings.namespace, self.settings.name)
    }
}
