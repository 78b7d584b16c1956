//! etcd and kube-apiserver: all of Kubernetes that a client talks to.
//!
//! In: a folder, an address and what differs between an API server alone and a cluster's. Out:
//! both processes, their certificates and kubeconfigs, all in that folder. Never: anything that
//! runs Pods.

mod credentials;

pub(crate) use credentials::User;

use crate::{cache, process::Daemon, program, tools};
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::{fs, path::PathBuf, process::Command, time::Duration};

/// etcd and kube-apiserver, running or not.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    pub(crate) folder: PathBuf,
    /// Where kube-apiserver listens.
    pub(crate) address: &'static str,
    /// The network of Services; its first address is the API server's.
    pub(crate) services: &'static str,
    pub(crate) first_service: &'static str,
    pub(crate) extra_arguments: Vec<String>,
}

impl ControlPlane {
    /// Starts what does not run and waits until it answers.
    pub(crate) fn start(&self, users: &[User]) -> Result<()> {
        tools::ensure(&["etcd", "kube-apiserver", "kubectl"])?;
        cache::created(self.folder.clone())?;
        if !self.kubeconfig().exists() {
            self.prepare(users)?;
        }
        self.ensure("etcd", &self.etcd()?)?;
        self.ensure("kube-apiserver", &self.apiserver()?)?;
        let apiserver = self.daemon("kube-apiserver");
        apiserver.wait_until(Duration::from_mins(1), || self.is_ready())?;
        self.daemon("etcd").check()
    }

    /// Stops both and forgets all that they held.
    pub(crate) fn remove(&self) -> Result<()> {
        for name in ["kube-apiserver", "etcd"] {
            self.daemon(name).stop(Signal::KILL, Duration::from_secs(5))?;
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }

    /// Whether it runs and answers.
    pub(crate) fn is_ready(&self) -> bool {
        self.daemon("etcd").is_running()
            && self.daemon("kube-apiserver").is_running()
            && self.kubectl(&["get", "--raw", "/readyz"]).is_ok()
    }

    /// An administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig_of(credentials::ADMINISTRATOR.name)
    }

    /// The kubeconfig of one of the users that it was started with.
    pub(crate) fn kubeconfig_of(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.kubeconfig"))
    }

    /// Runs kubectl as the administrator.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut kubectl = Command::new(tools::path("kubectl")?);
        program::run(kubectl.arg("--kubeconfig").arg(self.kubeconfig()).args(arguments))
    }

    /// Runs `kubectl apply` on a manifest, given as text.
    pub(crate) fn apply(&self, manifest: &str) -> Result<String> {
        let mut kubectl = Command::new(tools::path("kubectl")?);
        kubectl.arg("--kubeconfig").arg(self.kubeconfig()).args(["apply", "--filename", "-"]);
        program::run_with_input(&mut kubectl, manifest)
    }

    /// One of its files, such as a certificate.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// One of its processes.
    pub(crate) fn daemon(&self, name: &str) -> Daemon {
        Daemon::new(&self.folder, name)
    }

    /// Starts one of its processes where it does not run.
    pub(crate) fn ensure(&self, name: &str, command: &Command) -> Result<()> {
        let daemon = self.daemon(name);
        if daemon.is_running() { Ok(()) } else { daemon.start(command) }
    }

    fn etcd(&self) -> Result<Command> {
        let client = format!("http://127.0.0.1:{}", self.port("etcd")?);
        let peer = format!("http://127.0.0.1:{}", self.port("etcd-peer")?);
        let mut command = Command::new(tools::path("etcd")?);
        command.arg("--data-dir").arg(self.file("etcd"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}")]);
        // A power cut may cost this cluster its state; it is made anew in seconds.
        command.args(["--unsafe-no-fsync", "--log-level=warn"]);
        Ok(command)
    }

    fn apiserver(&self) -> Result<Command> {
        let mut command = Command::new(tools::path("kube-apiserver")?);
        for (flag, file) in [
            ("--cert-dir", "certificates"),
            ("--client-ca-file", "ca.crt"),
            ("--kubelet-certificate-authority", "ca.crt"),
            ("--kubelet-client-certificate", "apiserver.crt"),
            ("--kubelet-client-key", "apiserver.key"),
            ("--service-account-key-file", "tokens.pub"),
            ("--service-account-signing-key-file", "tokens.key"),
            ("--tls-cert-file", "apiserver.crt"),
            ("--tls-private-key-file", "apiserver.key"),
        ] {
            command.arg(flag).arg(self.file(file));
        }
        let port = self.port("api")?;
        command.args(["--bind-address", self.address, "--advertise-address", self.address]);
        command.args(["--secure-port", &port, "--service-cluster-ip-range", self.services]);
        command.arg(format!("--etcd-servers=http://127.0.0.1:{}", self.port("etcd")?));
        command.args([
            "--allow-privileged",
            "--authorization-mode=Node,RBAC",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--shutdown-delay-duration=0s",
        ]);
        command.args(&self.extra_arguments);
        Ok(command)
    }

    fn port(&self, name: &str) -> Result<String> {
        let file = self.file(&format!("{name}.port"));
        cache::read(&file).with_context(|| format!("no port for {name}"))
    }
}
