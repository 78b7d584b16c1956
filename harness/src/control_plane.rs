//! etcd and kube-apiserver: all of Kubernetes that a client talks to.
//!
//! In: a folder, an address and what differs between an API server alone and a cluster's. Out:
//! both processes, their certificates and kubeconfigs, all in that folder. Never: anything that
//! runs Pods.

use crate::{
    cache,
    pki::{Authority, KeyFiles, Subject},
    process::Daemon,
    program, tools,
};
use anyhow::{Context, Result};
use rcgen::KeyPair;
use rustix::process::Signal;
use serde_json::json;
use std::{fs, net::TcpListener, path::PathBuf, process::Command, time::Duration};

/// etcd and kube-apiserver, running or not.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    pub(crate) folder: PathBuf,
    /// Where kube-apiserver listens.
    pub(crate) address: &'static str,
    /// The network of Services; its first address is the API server's.
    pub(crate) services: &'static str,
    pub(crate) first_service: &'static str,
    pub(crate) extra_arguments: &'static [&'static str],
}

/// Whom a kubeconfig speaks for: its file's name, the user, the group.
pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) account: &'static str,
    pub(crate) group: Option<&'static str>,
}

const ADMINISTRATOR: User =
    User { name: "admin", account: "takings-admin", group: Some("system:masters") };

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
        apiserver.wait_until(Duration::from_mins(1), || self.is_ready())
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
        self.kubeconfig_of(ADMINISTRATOR.name)
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

    /// Makes ports, certificates, keys and kubeconfigs; the administrator's kubeconfig is last and
    /// says that all are there.
    fn prepare(&self, users: &[User]) -> Result<()> {
        // Held together, so that they differ.
        let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind((self.address, 0))).collect();
        for (listener, name) in listeners.into_iter().zip(["api", "etcd", "etcd-peer"]) {
            let port = listener?.local_addr()?.port().to_string();
            cache::write(&self.file(&format!("{name}.port")), port)?;
        }
        let authority = Authority::new("takings-kubernetes")?;
        authority.write(&self.file("ca.crt"))?;
        let names = [
            "localhost",
            "127.0.0.1",
            self.address,
            self.first_service,
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ];
        let server = Subject {
            common_name: "kube-apiserver",
            organization: Some("system:masters"),
            names: &names,
        };
        authority.issue(&self.folder, "apiserver", server)?;
        let tokens = KeyPair::generate()?;
        cache::write_secret(&self.file("tokens.key"), tokens.serialize_pem())?;
        cache::write(&self.file("tokens.pub"), tokens.public_key_pem())?;
        for user in users.iter().chain([&ADMINISTRATOR]) {
            self.write_kubeconfig(&authority, user)?;
        }
        Ok(())
    }

    fn write_kubeconfig(&self, authority: &Authority, user: &User) -> Result<()> {
        let names = [self.address];
        let subject =
            Subject { common_name: user.account, organization: user.group, names: &names };
        let KeyFiles { certificate, key } = authority.issue(&self.folder, user.name, subject)?;
        let server = format!("https://{}:{}", self.address, self.port("api")?);
        let content = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "takings",
            "contexts": [{
                "name": "takings",
                "context": {"cluster": "takings", "user": user.account},
            }],
            "clusters": [{
                "name": "takings",
                "cluster": {"server": server, "certificate-authority": self.file("ca.crt")},
            }],
            "users": [{
                "name": user.account,
                "user": {"client-certificate": certificate, "client-key": key},
            }],
        });
        cache::write_secret(&self.kubeconfig_of(user.name), serde_json::to_string(&content)?)
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
        command.args(self.extra_arguments);
        Ok(command)
    }

    fn port(&self, name: &str) -> Result<String> {
        let file = self.file(&format!("{name}.port"));
        cache::read(&file).with_context(|| format!("no port for {name}"))
    }
}
