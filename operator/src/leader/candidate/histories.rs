//! Random histories of candidates with one Lease, in model time: calls and answers that take long
//! or are lost, processes that are stopped between any two steps and go on, or are killed and come
//! back, clocks that differ and run at different speed, a Lease that somebody deletes.

use kube::core::ObjectMeta;
use proptest::{collection::vec, prelude::*};

use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

/// The API server.
#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    version: u32,
}

impl Server {
    fn write(&mut self, mut lease: Lease) -> Option<Lease> {
        if version(self.lease.as_ref()) != lease.metadata.resource_version.as_deref() {
            return None;
        }
        self.version += 1;
        let resource_version = Some(self.version.to_string());
        lease.metadata = ObjectMeta { resource_version, ..ObjectMeta::default() };
        self.lease = Some(lease);
        self.lease.clone()
    }
}

/// What a process does next, as `elector` does it.
enum Next {
    Try,
    Look,
    See(Option<Lease>),
    Claim,
    Write(Lease, Duration),
    Learn(Option<Lease>, Duration),
}

struct Process {
    candidate: Candidate,
    next: Next,
    /// When, in model time.
    due: Duration,
    /// Its clock: what it showed at the beginning, and its speed in per cent.
    clock: (Duration, u32),
}

impl Process {
    fn start(identity: String, due: Duration, clock: (Duration, u32)) -> Self {
        let settings = LeaseSettings {
            namespace: String::new(),
            name: String::new(),
            duration: Duration::from_secs(12),
            renew_deadline: Duration::from_secs(8),
            retry_period: Duration::from_secs(2),
        };
        let candidate = Candidate::new(identity, &settings);
        Self { candidate, next: Next::Try, due, clock }
    }

    fn clock(&self, now: Duration) -> Duration {
        self.clock.0 + now * self.clock.1 / 100
    }

    fn leads(&self, now: Duration) -> bool {
        self.candidate.leads(self.clock(now)).is_some()
    }

    fn step(&mut self, server: &mut Server, is_lost: bool) {
        let now = self.clock(self.due);
        self.next = match std::mem::replace(&mut self.next, Next::Try) {
            Next::Try if self.candidate.is_sure() => Next::Claim,
            Next::Try => Next::Look,
            Next::Look if is_lost => Next::Try,
            Next::Look => Next::See(server.lease.clone()),
            Next::See(lease) => {
                self.candidate.saw(lease, now);
                Next::Claim
            }
            Next::Claim => match self.candidate.claim(now, Timestamp::UNIX_EPOCH) {
                Some(lease) => Next::Write(lease, now),
                None => Next::Try,
            },
            Next::Write(lease, sent) => Next::Learn(server.write(lease).filter(|_| !is_lost), sent),
            Next::Learn(lease, sent) => {
                if let Some(lease) = lease {
                    self.candidate.wrote(lease, sent, now);
                }
                Next::Try
            }
        };
    }
}

/// What happens to a process at a step of its own.
#[derive(Clone, Debug)]
enum Happens {
    Nothing,
    AnswerLost,
    Killed,
    Stopped,
    LeaseDeleted,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        40 => Just(Happens::Nothing),
        4 => Just(Happens::AnswerLost),
        1 => Just(Happens::Killed),
        2 => Just(Happens::Stopped),
        1 => Just(Happens::LeaseDeleted),
    ]
}

/// Milliseconds to the next step: of a call, a rest, or a process that is stopped meanwhile.
fn delay() -> impl Strategy<Value = u32> {
    prop_oneof![10 => 1..2_000_u32, 1 => 2_000..30_000_u32]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn at_most_one_leads_at_any_time_and_in_the_end_one_does(
        clocks in vec((0..100_000_u32, 90..=110_u32), 2..=3),
        history in vec((delay(), happens()), 0..300),
    ) {
        let clocks: Vec<_> = clocks.into_iter().map(|(at, rate)| (at * MILLISECOND, rate)).collect();
        let mut server = Server::default();
        let mut processes: Vec<_> = clocks
            .iter()
            .enumerate()
            .map(|(number, clock)| Process::start(format!("{number}"), Duration::ZERO, *clock))
            .collect();
        let calm = std::iter::repeat_n((500, Happens::Nothing), 300);
        for (number, (delay, happens)) in history.into_iter().chain(calm).enumerate() {
            let process = processes.iter_mut().min_by_key(|process| process.due).unwrap();
            let now = process.due;
            process.step(&mut server, matches!(happens, Happens::AnswerLost));
            process.due += delay * MILLISECOND;
            match happens {
                Happens::Nothing | Happens::AnswerLost => {}
                Happens::Killed => {
                    *process = Process::start(format!("new {number}"), process.due, process.clock);
                }
                Happens::Stopped => process.due += Duration::from_secs(20),
                Happens::LeaseDeleted => server.lease = None,
            }
            let leaders = processes.iter().filter(|process| process.leads(now)).count();
            prop_assert!(leaders <= 1, "{leaders} lead at {now:?}");
        }
        let now = processes.iter().map(|process| process.due).min().unwrap();
        prop_assert!(processes.iter().any(|process| process.leads(now)), "nobody leads");
    }
}
