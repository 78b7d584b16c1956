//! The settings of the election: flags and environment variables in, times that fit together out.

use std::time::Duration;

use clap::{ArgAction, Args, value_parser};

/// How the operator that reconciles is elected.
#[derive(Args, Clone, Debug)]
pub struct LeaderArguments {
    /// Reconcile only while holding a Lease, so that there can be several operators. Without it,
    /// see to it that there is one.
    #[arg(long, env = "TAKINGS_LEADER_ELECT", action = ArgAction::Set, num_args = 0..=1,
        default_value_t = true, default_missing_value = "true", value_name = "BOOL")]
    pub leader_elect: bool,
    /// Namespace of the Lease: the operator's own.
    #[arg(long, env = "TAKINGS_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Name of the Lease, the same for all operators of which one is to reconcile.
    #[arg(
        long,
        env = "TAKINGS_LEASE_NAME",
        default_value = "takings-operator",
        value_name = "NAME"
    )]
    pub lease_name: String,
    /// Seconds that a leader which no longer renews is waited for before another takes over.
    #[arg(long, env = "TAKINGS_LEASE_DURATION_SECONDS", default_value_t = 12,
        value_name = "SECONDS", value_parser = value_parser!(u32).range(1..=3_600))]
    pub lease_duration_seconds: u32,
    /// Seconds after its last renewal at which a leader writes no more, and gives up.
    #[arg(long, env = "TAKINGS_LEASE_RENEW_DEADLINE_SECONDS", default_value_t = 8,
        value_name = "SECONDS", value_parser = value_parser!(u32).range(1..=3_600))]
    pub lease_renew_deadline_seconds: u32,
    /// Seconds between two renewals; who stands by looks twice as often.
    #[arg(long, env = "TAKINGS_LEASE_RETRY_PERIOD_SECONDS", default_value_t = 2,
        value_name = "SECONDS", value_parser = value_parser!(u32).range(1..=3_600))]
    pub lease_retry_period_seconds: u32,
}

/// Which Lease, and its times.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How long it is another's, in whole seconds, after it was last seen to change.
    pub duration: Duration,
    /// How long after a renewal was sent the sender is the leader.
    pub renew_deadline: Duration,
    /// From one renewal to the next.
    pub retry_period: Duration,
}

/// Settings that each are possible and together are not.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody knows where the Lease lies.
    #[error(
        "The namespace of the Lease is missing: set --lease-namespace (TAKINGS_LEASE_NAMESPACE), \
         or --leader-elect=false where this is the only operator."
    )]
    NoNamespace,
    /// A leader would write when another one may be there, or would have no time to renew.
    #[error(
        "The Lease's times don't fit: its duration ({duration} s) must be longer than the renew \
         deadline ({renew_deadline} s), and that longer than the retry period ({retry_period} s). \
         Set --lease-duration-seconds, --lease-renew-deadline-seconds and \
         --lease-retry-period-seconds so."
    )]
    Times {
        /// The Lease's duration.
        duration: u32,
        /// The renew deadline.
        renew_deadline: u32,
        /// The retry period.
        retry_period: u32,
    },
}

impl LeaderArguments {
    /// What the election needs of them; `None` where nobody is elected.
    pub fn settings(&self) -> Result<Option<LeaseSettings>, SettingsError> {
        if !self.leader_elect {
            return Ok(None);
        }
        let namespace = self.lease_namespace.clone().filter(|namespace| !namespace.is_empty());
        let (duration, renew_deadline, retry_period) = (
            self.lease_duration_seconds,
            self.lease_renew_deadline_seconds,
            self.lease_retry_period_seconds,
        );
        if duration <= renew_deadline || renew_deadline <= retry_period {
            return Err(SettingsError::Times { duration, renew_deadline, retry_period });
        }
        Ok(Some(LeaseSettings {
            namespace: namespace.ok_or(SettingsError::NoNamespace)?,
            name: self.lease_name.clone(),
            duration: Duration::from_secs(duration.into()),
            renew_deadline: Duration::from_secs(renew_deadline.into()),
            retry_period: Duration::from_secs(retry_period.into()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn settings(flags: &[&str]) -> Result<Option<LeaseSettings>, SettingsError> {
        let cli = Cli::parse_from([&["takings-operator"][..], flags].concat());
        cli.operator.leader.settings()
    }

    #[test]
    fn nothing_said_means_an_election_that_needs_to_know_where() {
        let missing = settings(&[]).unwrap_err().to_string();
        assert!(missing.contains("TAKINGS_LEASE_NAMESPACE"), "{missing}");
        let settings = settings(&["--lease-namespace=takings"]).unwrap().unwrap();
        assert_eq!((&*settings.namespace, &*settings.name), ("takings", "takings-operator"));
        // It was seen to change up to half a retry period late, and is looked at as late.
        let longest = settings.duration + settings.retry_period;
        assert!(longest < Duration::from_secs(15), "another one takes over within 15 s");
    }

    #[test]
    fn without_an_election_nothing_is_needed() {
        assert!(
            settings(&["--leader-elect=false", "--lease-duration-seconds=1"]).unwrap().is_none()
        );
    }

    #[test]
    fn times_that_let_two_lead_or_none_renew_are_refused() {
        for (duration, deadline, retry) in [(8, 8, 2), (7, 8, 2), (12, 2, 2), (12, 1, 2)] {
            let flags = [
                "--lease-namespace=takings".to_owned(),
                format!("--lease-duration-seconds={duration}"),
                format!("--lease-renew-deadline-seconds={deadline}"),
                format!("--lease-retry-period-seconds={retry}"),
            ];
            let flags: Vec<_> = flags.iter().map(String::as_str).collect();
            let error = settings(&flags).unwrap_err().to_string();
            assert!(error.contains(&format!("({deadline} s)")), "{error}");
        }
    }
}
