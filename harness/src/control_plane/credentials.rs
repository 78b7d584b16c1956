//! Who may talk to the API server, and where it listens.

use super::ControlPlane;
use crate::{
    cache,
    pki::{Authority, KeyFiles, Subject},
};
use anyhow::Result;
use rcgen::KeyPair;
use serde_json::json;
use std::net::TcpListener;

/// Whom a kubeconfig speaks for: its file's name, the user, the group.
pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) account: &'static str,
    pub(crate) group: Option<&'static str>,
}

pub(super) const ADMINISTRATOR: User =
    User { name: "admin", account: "takings-admin", group: Some("system:masters") };

impl ControlPlane {
    /// Makes ports, certificates, keys and kubeconfigs; the administrator's kubeconfig is last and
    /// says that all are there.
    pub(super) fn prepare(&self, users: &[User]) -> Result<()> {
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
}
