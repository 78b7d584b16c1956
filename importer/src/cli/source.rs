//! Where `load` gets its file from: what was typed, and what it means.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::FalseyValueParser};

use crate::{
    HttpSettings, NetworkRules, Source,
    source::{Allowed, Credentials, StoreSettings},
};

/// First wait before a connection that was cut is made anew.
const RESUME_PAUSE: Duration = Duration::from_millis(500);

/// A file, or a URL and what it takes to get there.
#[derive(Args, Debug)]
pub(super) struct SourceArgs {
    /// A file: CSV, plain or compressed with gzip, zstd, bzip2 or xz. Beneath the root, if there is
    /// one.
    #[arg(long, env = "TAKINGS_FILE", required_unless_present = "url", conflicts_with = "url")]
    file: Option<PathBuf>,
    /// The folder beneath which the file must lie. Not given: it may lie anywhere.
    #[arg(long, env = "TAKINGS_ROOT", requires = "file")]
    root: Option<PathBuf>,
    #[command(flatten)]
    url: UrlArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Args, Debug)]
struct UrlArgs {
    /// A URL to get it from: https://HOST/PATH, s3://BUCKET/KEY, gs://BUCKET/KEY or
    /// az://CONTAINER/KEY.
    // Read later: an error here would quote it, and it may hold a password.
    #[arg(long, env = "TAKINGS_URL", hide_env_values = true)]
    url: Option<String>,
    /// A folder, such as a mounted Secret, with what the URL is opened with, a file each:
    /// TAKINGS_BEARER_TOKEN, TAKINGS_HEADERS (one a line); AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; GOOGLE_SERVICE_ACCOUNT_KEY;
    /// AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, or AZURE_CLIENT_ID,
    /// AZURE_CLIENT_SECRET and AZURE_TENANT_ID; ca.crt. Not given: variables of the environment
    /// with these names.
    #[arg(long, env = "TAKINGS_CREDENTIALS", value_name = "FOLDER")]
    credentials: Option<PathBuf>,
    /// Authorities (PEM) whose certificates are trusted beside the system's. Not given: ca.crt of
    /// the credentials' folder, if it is there.
    #[arg(long, env = "TAKINGS_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct StoreArgs {
    /// The object store's own URL, such as https://minio.shop.internal:9000. Not given: that of
    /// AWS, Google or Azure.
    #[arg(long, env = "TAKINGS_ENDPOINT", value_name = "URL", hide_env_values = true)]
    endpoint: Option<String>,
    /// The region of an S3 bucket; us-east-1 if not given.
    #[arg(long, env = "AWS_REGION")]
    region: Option<String>,
    /// The storage account of an Azure container.
    #[arg(long, env = "AZURE_STORAGE_ACCOUNT_NAME")]
    account: Option<String>,
}

#[derive(Args, Debug)]
struct NetworkArgs {
    /// Plain http is allowed.
    #[arg(long, env = "TAKINGS_ALLOW_HTTP", value_parser = FalseyValueParser::new())]
    allow_http: bool,
    /// A host or network (CIDR) that may be reached although it is private. May be repeated.
    #[arg(long, env = "TAKINGS_ALLOW_NETWORK", value_name = "HOST|CIDR", value_delimiter = ',')]
    allow_network: Vec<Allowed>,
    /// Longest wait for a connection, in seconds.
    #[arg(long, env = "TAKINGS_CONNECT_TIMEOUT", value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    connect_timeout: u32,
    /// Longest wait for the next bytes, in seconds.
    #[arg(long, env = "TAKINGS_READ_TIMEOUT", value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u32).range(1..))]
    read_timeout: u32,
}

impl SourceArgs {
    /// How many bytes the file has, where it is one.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        let path = self.root.clone().unwrap_or_default().join(self.file.as_ref()?);
        Some(std::fs::metadata(path).ok()?.len())
    }

    pub(super) fn source(self) -> Source {
        let Some(url) = self.url.url else {
            return Source::File { path: self.file.unwrap_or_default(), root: self.root };
        };
        let UrlArgs { credentials: folder, ca_file: authorities, .. } = self.url;
        let StoreArgs { endpoint, region, account } = self.store;
        Source::Url {
            url,
            store: StoreSettings { endpoint, region, account },
            credentials: Credentials { folder, authorities },
            settings: self.network.settings(),
        }
    }
}

impl NetworkArgs {
    fn settings(self) -> HttpSettings {
        HttpSettings {
            allow_http: self.allow_http,
            network: NetworkRules { allowed: self.allow_network, ..NetworkRules::default() },
            connect_timeout: Duration::from_secs(self.connect_timeout.into()),
            read_timeout: Duration::from_secs(self.read_timeout.into()),
            resume_pause: RESUME_PAUSE,
        }
    }
}
