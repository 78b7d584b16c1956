//! Where a SalesImport's file is.
#![expect(unreachable_pub, reason = "KubeSchema copies each struct into a function")]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the file is: exactly one of these. It may be compressed.
// Boxed, since thousands of SalesImports are kept in memory, each with one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
        "[has(self.http), has(self.s3), has(self.gcs), has(self.azure), has(self.volume), \
         has(self.configMap)].filter(is, is).size() == 1")
    .message("A source is exactly one of http, s3, gcs, azure, volume and configMap."))]
pub struct Source {
    /// http: a file on a web server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpSource>>,
    /// s3: an object in a bucket of Amazon S3, or of a server that speaks its protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<Box<S3Source>>,
    /// gcs: an object in a bucket of Google Cloud Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcs: Option<Box<GcsSource>>,
    /// azure: a blob in a container of Azure Blob Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<Box<AzureSource>>,
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
    /// credentialsSecretRef: the Secret whose key `TAKINGS_BEARER_TOKEN` is sent as a bearer
    /// token, and `TAKINGS_HEADERS` as further headers, one a line; to the URL's own host only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<CredentialsSecretRef>,
}

/// The name of a bucket or container.
const BUCKET: &str = "^[a-zA-Z0-9][-._a-zA-Z0-9]{0,254}$";

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Source {
    /// bucket: its name.
    #[schemars(regex(pattern = BUCKET))]
    pub bucket: String,
    /// key: of the object, such as `2025/march.csv`.
    #[schemars(schema_with = "key")]
    pub key: String,
    /// region: of the bucket. Default `us-east-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9-]{1,63}$"))]
    pub region: Option<String>,
    /// endpoint: of the server, such as `https://minio.shop.internal:9000`. Default: Amazon's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "endpoint")]
    pub endpoint: Option<String>,
    /// credentialsSecretRef: the Secret with the keys `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY` and perhaps `AWS_SESSION_TOKEN`. Default: what the Pod's
    /// environment has of these or of a web identity, or else no credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<CredentialsSecretRef>,
}

/// An object in Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcsSource {
    /// bucket: its name.
    #[schemars(regex(pattern = BUCKET))]
    pub bucket: String,
    /// key: of the object, such as `2025/march.csv`.
    #[schemars(schema_with = "key")]
    pub key: String,
    /// endpoint: of the server. Default: Google's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "endpoint")]
    pub endpoint: Option<String>,
    /// credentialsSecretRef: the Secret whose key `GOOGLE_SERVICE_ACCOUNT_KEY` is a service
    /// account's key in JSON. Default: no credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<CredentialsSecretRef>,
}

/// A blob in Azure Blob Storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureSource {
    /// account: the storage account's name.
    #[schemars(regex(pattern = r"^[a-z0-9]{3,24}$"))]
    pub account: String,
    /// container: its name.
    #[schemars(regex(pattern = BUCKET))]
    pub container: String,
    /// key: the blob's name, such as `2025/march.csv`.
    #[schemars(schema_with = "key")]
    pub key: String,
    /// endpoint: of the account's blobs. Default: `https://ACCOUNT.blob.core.windows.net`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "endpoint")]
    pub endpoint: Option<String>,
    /// credentialsSecretRef: the Secret with the key `AZURE_STORAGE_ACCOUNT_KEY`, or
    /// `AZURE_STORAGE_SAS_TOKEN`, or the three keys `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` and
    /// `AZURE_TENANT_ID`. Default: what the Pod's environment has of these or of a workload
    /// identity, or else no credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<CredentialsSecretRef>,
}

/// A Secret that is mounted into the importer's Pod, which reads the keys of its own names only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsSecretRef {
    /// name: of the Secret, in the SalesImport's namespace. Its key `ca.crt`, where it has one,
    /// holds authorities (PEM) whose certificates are trusted beside the system's.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What the importer is told of a remote source.
#[derive(Default)]
pub(crate) struct Remote<'a> {
    /// The importer's way to write where the file is.
    pub(crate) url: String,
    pub(crate) endpoint: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) account: Option<&'a str>,
    pub(crate) credentials: Option<&'a CredentialsSecretRef>,
}

impl Source {
    /// The name of the object in its bucket, or of the file on its volume, if it is in one.
    pub(crate) fn file_mut(&mut self) -> Option<&mut String> {
        let objects = [
            self.s3.as_mut().map(|s3| &mut s3.key),
            self.gcs.as_mut().map(|gcs| &mut gcs.key),
            self.azure.as_mut().map(|azure| &mut azure.key),
            self.volume.as_mut().map(|volume| &mut volume.path),
        ];
        objects.into_iter().flatten().next()
    }

    /// The web server's file or the store's object, if it is one.
    pub(crate) fn remote(&self) -> Option<Remote<'_>> {
        if let Some(http) = &self.http {
            let credentials = http.credentials_secret_ref.as_ref();
            return Some(Remote { url: http.url.clone(), credentials, ..Remote::default() });
        }
        if let Some(s3) = &self.s3 {
            return Some(Remote {
                url: format!("s3://{}/{}", s3.bucket, s3.key),
                endpoint: s3.endpoint.as_deref(),
                region: s3.region.as_deref(),
                credentials: s3.credentials_secret_ref.as_ref(),
                ..Remote::default()
            });
        }
        if let Some(gcs) = &self.gcs {
            return Some(Remote {
                url: format!("gs://{}/{}", gcs.bucket, gcs.key),
                endpoint: gcs.endpoint.as_deref(),
                credentials: gcs.credentials_secret_ref.as_ref(),
                ..Remote::default()
            });
        }
        self.azure.as_ref().map(|azure| Remote {
            url: format!("az://{}/{}", azure.container, azure.key),
            endpoint: azure.endpoint.as_deref(),
            account: Some(&azure.account),
            credentials: azure.credentials_secret_ref.as_ref(),
            ..Remote::default()
        })
    }
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

fn key(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 1024,
        "x-kubernetes-validations": [{
            "rule": r"self.matches('^[^/?\x00-\x1f]+(/[^/?\x00-\x1f]+)*$') && !self.matches('(^|/)[.][.]?(/|$)')",
            "message": "A key has no slash at its ends, no two in a row, no question mark, and no part that is `.` or `..`.",
        }],
    })
}

fn endpoint(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "nullable": true,
        "maxLength": 2048,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^https?://[^/?#@]+(/[^?#@]*)?$')",
            "message": "An endpoint is https:// (or http://, where the operator allows it), a host and perhaps a path, without user, password and query.",
        }],
    })
}
