//! Where a SalesImport's file is.
#![expect(unreachable_pub, reason = "KubeSchema copies each struct into a function")]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the file is: exactly one of these. It may be compressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
        "[has(self.http), has(self.volume), has(self.configMap)].filter(is, is).size() == 1")
    .message("A source is exactly one of http, volume and configMap."))]
pub struct Source {
    /// http: a file on a web server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSource>,
    /// volume: a file on a PersistentVolumeClaim of the SalesImport's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeSource>,
    /// configMap: a key of a ConfigMap of the SalesImport's namespace, for small files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapSource>,
}

/// A file on a web server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpSource {
    /// url: of the file, at most 2048 characters. https; http only where the operator allows it.
    /// Answers 404, 401, 403 and 410 refuse the import; network faults, 408, 425, 429 and 5xx are
    /// retried.
    #[x_kube(
        validation = Rule::new("self.matches('^https?://[^/?#]+')")
            .message("A URL starts with https:// (or http://, where the operator allows it) and a host."),
        validation = Rule::new("!self.matches('^[a-z]+://[^/?#]*@')")
            .message("A URL holds no user name and no password: everybody who may read the SalesImport could read them.")
    )]
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
}

/// A file on a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSource {
    /// claimName: the PersistentVolumeClaim; it is mounted read-only.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// path: of the file beneath the volume's root, such as `2025/march.csv`; at most 1024
    /// characters, no part of it `..`.
    #[x_kube(
        validation = Rule::new("!self.startsWith('/')")
            .message("A path is relative to the volume's root: it does not start with a slash."),
        validation = Rule::new("!self.matches('(^|/)\\\\.\\\\.(/|$)')")
            .message("A path stays beneath the volume's root: no part of it is `..`.")
    )]
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
}

/// A key of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapSource {
    /// name: of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// key: whose value is the file; `data` and `binaryData` alike.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}
