//! A cluster whose nodes and Pods are simulated: etcd, kube-apiserver, kube-controller-manager and
//! kube-scheduler as they are, and kwok in the place of every node.
//!
//! In: what kwok is to play, and which calls are to be on record. Out: a cluster of whoever started
//! it, gone with the returned value; what a killed run left behind goes with the next one, or with
//! `cargo xtask down`. Never: a container, or a limit of client-side requests that a load meets.

use crate::{
    cache::{self, Lock},
    control_plane::ControlPlane,
    managers::{self, CONTROLLER_MANAGER, Further, SCHEDULER},
    process::Daemon,
    progress, tools,
};
use anyhow::Result;
use rustix::process::Signal;
use std::{fs, path::PathBuf, process::Command, time::Duration};

/// By default a controller makes 20 requests a second, and few Jobs are seen to at a time.
const UNTHROTTLED: Further = Further {
    controllers: &["--kube-api-qps=5000", "--kube-api-burst=10000", "--concurrent-job-syncs=50"],
    scheduler: &["--kube-api-qps=5000", "--kube-api-burst=10000"],
};
const KWOK: &str = "kwok";

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Play<'a> {
    /// kwok's configuration, with the stages of nodes and Pods.
    pub stages: &'a str,
    /// Which calls kube-apiserver puts on record, as an audit policy.
    pub audit_policy: &'a str,
}

/// The running cluster.
#[derive(Debug)]
pub struct Simulation {
    control_plane: ControlPlane,
    _lock: Lock,
}

impl Simulation {
    /// Starts one, without anything in it.
    pub fn start(play: Play<'_>) -> Result<Self> {
        let lock = cache::lock("simulation")?;
        let control_plane = control_plane()?;
        remove(&control_plane)?;
        let simulation = Self { control_plane, _lock: lock };
        tools::ensure(&["etcd", "kube-apiserver", "kubectl", KWOK])?;
        progress::during("Start a simulated cluster", || simulation.bring_up(play))?;
        Ok(simulation)
    }

    /// What was changed from how the programs run by default.
    #[must_use]
    pub fn settings() -> String {
        let Further { controllers, scheduler } = UNTHROTTLED;
        let [controllers, scheduler] = [controllers, scheduler].map(|flags| flags.join(" "));
        format!("kube-controller-manager {controllers}; kube-scheduler {scheduler}")
    }

    /// An administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.control_plane.kubeconfig()
    }

    /// Runs kubectl and returns what it printed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.control_plane.kubectl(arguments)
    }

    /// Runs `kubectl apply` on a manifest, given as text.
    pub fn apply(&self, manifest: &str) -> Result<String> {
        self.control_plane.apply(manifest)
    }

    /// A file that is gone with the cluster.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.control_plane.file(name)
    }

    /// Where kube-apiserver puts calls on record, a line of JSON for each.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.file("audit.log")
    }

    /// Starts a further program, which ends with the cluster at the latest.
    pub fn run(&self, name: &str, command: &Command) -> Result<Daemon> {
        let daemon = self.control_plane.daemon(name);
        daemon.start(command)?;
        Ok(daemon)
    }

    /// Fails with the log's end of a program that has ended and was not stopped.
    pub fn check(&self) -> Result<()> {
        daemons(&self.control_plane).iter().try_for_each(Daemon::check)
    }

    fn bring_up(&self, play: Play<'_>) -> Result<()> {
        cache::created(self.control_plane.folder.clone())?;
        cache::write(&self.file("audit-policy.yaml"), play.audit_policy)?;
        cache::write(&self.file("kwok.yaml"), play.stages)?;
        self.control_plane.start(&[CONTROLLER_MANAGER, SCHEDULER])?;
        managers::start(&self.control_plane, UNTHROTTLED)?;
        let mut kwok = Command::new(tools::path(KWOK)?);
        kwok.arg("--kubeconfig").arg(self.kubeconfig());
        kwok.arg("--config").arg(self.file("kwok.yaml")).arg("--manage-all-nodes");
        self.run(KWOK, &kwok).map(drop)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.control_plane) {
            progress::say(&format!("the simulated cluster can't be removed: {error:#}"));
        }
    }
}

/// Stops what a killed run left behind.
pub fn stop() -> Result<()> {
    let _lock = cache::lock("simulation")?;
    remove(&control_plane()?)
}

/// Stops all that was started in the folder, and forgets it.
fn remove(control_plane: &ControlPlane) -> Result<()> {
    for daemon in daemons(control_plane) {
        daemon.stop(Signal::KILL, Duration::from_secs(5))?;
    }
    control_plane.remove()
}

/// All that was started in the folder and was not stopped.
fn daemons(control_plane: &ControlPlane) -> Vec<Daemon> {
    let files = fs::read_dir(&control_plane.folder).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let names: Vec<_> =
        names.filter_map(|name| Some(name.strip_suffix(".pid")?.to_owned())).collect();
    names.iter().map(|name| control_plane.daemon(name)).collect()
}

fn control_plane() -> Result<ControlPlane> {
    let folder = cache::root()?.join("simulation");
    let extra_arguments = vec![
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--audit-policy-file={}", folder.join("audit-policy.yaml").display()),
        format!("--audit-log-path={}", folder.join("audit.log").display()),
        // It is read while it grows.
        "--audit-log-maxsize=100000".to_owned(),
    ];
    Ok(ControlPlane {
        folder,
        address: "127.0.0.1",
        services: "10.98.0.0/16",
        first_service: "10.98.0.1",
        extra_arguments,
    })
}
