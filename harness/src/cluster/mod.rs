//! A one-node Kubernetes on this machine, without docker: a control plane, a node that runs Pods
//! and the DNS of Services, as processes of this machine on a bridge of their own.
//!
//! In: root, the pinned tools, Debian's packages. Out: a cluster that lasts until [`down`], which
//! leaves no process, mount, interface or firewall rule behind. Never: a machine's other
//! containers, bridges or tables.

mod dns;
mod leftovers;
mod network;
mod node;
mod pause;

use crate::{
    cache,
    control_plane::{ControlPlane, User},
    managers::{self, Further},
    packages, program, progress, tools,
};
use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The running cluster.
#[derive(Debug)]
pub struct Cluster {
    control_plane: ControlPlane,
}

/// What the cluster is made of, as `status` prints it.
#[derive(Debug)]
pub struct Status {
    /// Its processes, and whether each runs.
    pub processes: Vec<(&'static str, bool)>,
    /// Whether its API answers.
    pub answers: bool,
}

const USERS: &[User] =
    &[managers::CONTROLLER_MANAGER, managers::SCHEDULER, node::KUBELET, node::PROXY, dns::COREDNS];

const PROCESSES: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
    "coredns",
];

/// What is called now and then. Named beside the processes, since programs of one module are
/// built together in little more time than one.
const COMMANDS: &[&str] = &["containerd-shim-runc-v2", "ctr", "helm", "kubectl", "runc"];

/// Brings the cluster up; nothing where it is up.
pub fn up() -> Result<Cluster> {
    let _lock = cache::lock("cluster")?;
    let cluster = Cluster { control_plane: control_plane()? };
    if !cluster.is_up() {
        require_root()?;
        packages::ensure(packages::NODE)?;
        packages::ensure(packages::IMAGES)?;
        tools::ensure(&[PROCESSES, COMMANDS].concat())?;
        progress::during("Start the cluster", || cluster.start())
            .context("`make cluster-down` removes what is left of it, to begin anew")?;
    }
    Ok(cluster)
}

/// Ends the cluster with all that runs in it, and forgets its state.
pub fn down() -> Result<()> {
    let _lock = cache::lock("cluster")?;
    let control_plane = control_plane()?;
    if !control_plane.folder.exists() && !network::exists() {
        return Ok(());
    }
    require_root()?;
    network::claim()?;
    progress::during("Stop the cluster", || {
        node::stop(&control_plane)?;
        dns::stop(&control_plane)?;
        managers::stop(&control_plane)?;
        leftovers::remove(&control_plane.folder)?;
        network::remove()?;
        control_plane.remove()
    })
}

/// What of the cluster runs.
pub fn status() -> Result<Status> {
    let control_plane = control_plane()?;
    let runs = |&name| (name, control_plane.daemon(name).is_running());
    Ok(Status {
        processes: PROCESSES.iter().map(runs).collect(),
        answers: control_plane.is_ready(),
    })
}

/// An administrator's kubeconfig, whether the cluster is up or not.
pub fn kubeconfig() -> Result<PathBuf> {
    Ok(control_plane()?.kubeconfig())
}

impl Cluster {
    /// The cluster that all tests share; brings it up where it does not run.
    pub fn shared() -> Result<Self> {
        up()
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

    /// Runs helm and returns what it printed.
    pub fn helm(&self, arguments: &[&str]) -> Result<String> {
        let mut helm = Command::new(tools::path("helm")?);
        program::run(helm.arg("--kubeconfig").arg(self.kubeconfig()).args(arguments))
    }

    /// The address on which Pods reach this machine.
    #[must_use]
    pub fn host_address(&self) -> String {
        network::HOST.to_owned()
    }

    /// Makes an image archive known to the node.
    pub fn load_image(&self, archive: &Path) -> Result<()> {
        node::load_image(archive)
    }

    /// Whether the node knows the image.
    pub fn has_image(&self, name: &str) -> Result<bool> {
        node::has_image(name)
    }

    fn is_up(&self) -> bool {
        let runs = |name: &&str| self.control_plane.daemon(name).is_running();
        PROCESSES.iter().all(runs) && network::exists() && self.control_plane.is_ready()
    }

    /// Starts what does not run, so that a cluster of which parts were killed heals.
    fn start(&self) -> Result<()> {
        network::claim()?;
        network::create()?;
        self.control_plane.start(USERS)?;
        managers::start(&self.control_plane, Further::default())?;
        dns::start(&self.control_plane)?;
        node::start(&self.control_plane)?;
        let kubelet = self.control_plane.daemon(node::KUBELET.name);
        let ready = ["wait", "--for=condition=Ready", "--timeout=1s", "node/takings"];
        kubelet.wait_until(Duration::from_mins(1), || self.kubectl(&ready).is_ok())?;
        for name in PROCESSES {
            self.control_plane.daemon(name).check()?;
        }
        Ok(())
    }
}

fn require_root() -> Result<()> {
    if program::is_root() {
        return Ok(());
    }
    bail!("a node needs root: run it by sudo, or use your own cluster (make run CLUSTER=current)")
}

fn control_plane() -> Result<ControlPlane> {
    Ok(ControlPlane {
        folder: cache::root()?.join("cluster"),
        address: network::HOST,
        services: network::SERVICES,
        first_service: network::FIRST_SERVICE,
        extra_arguments: vec!["--enable-admission-plugins=NodeRestriction".to_owned()],
    })
}
