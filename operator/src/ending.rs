//! The running of a controller: a controller and a shutdown in, and out soon after the shutdown.
//!
//! kube's controllers end once what is under way has ended, which a call without an answer may
//! put off, and never where the shutdown comes before their first listing.

use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _};
use kube::runtime::{controller::Error, watcher};
use tokio::time::sleep;

/// How long a controller may take to end: less than the Pod's grace period, so that there is time
/// to hand over the Lease. This module's test doesn't wait as long.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 20 });

/// Runs a controller until it ends, or is cut off some time after the shutdown. A reconcile that
/// is cut off is as one whose program has ended, which every plan allows for.
pub(crate) async fn soon_after<T, E>(
    shutdown: impl Future<Output = ()>,
    controller: impl Stream<Item = Result<T, Error<E, watcher::Error>>>,
) where
    E: std::error::Error + 'static,
{
    let controller = controller.for_each(|result| async {
        if let Err(Error::QueueError(error)) = result {
            tracing::warn!(%error, "a watch was interrupted and is taken up again");
        }
    });
    let limit = shutdown.then(|()| sleep(GRACE));
    tokio::select! {
        () = controller => {}
        () = limit => tracing::warn!("a controller was cut off, {GRACE:?} after it was to end"),
    }
}

#[cfg(test)]
mod tests {
    use kube::{Client, Config};
    use prometheus::Registry;
    use tokio::net::TcpListener;

    use crate::{leader::Leadership, metrics::Metrics, sales_import::ImporterSettings, schedule};

    #[tokio::test]
    async fn a_controller_ends_also_where_the_api_server_has_never_answered() {
        // It takes connections and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", silent.local_addr().unwrap());
        let client = Client::try_from(Config::new(address.parse().unwrap())).unwrap();
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let with = (ImporterSettings::default(), metrics, Leadership::unchallenged());
        schedule::run(client, None, with, std::future::ready(())).await;
    }
}
