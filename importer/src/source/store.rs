//! A bucket and credentials in, an object store out.
//!
//! The library knows how each store is asked and how a request is signed; it is given no client of
//! its own: every request goes through the [`Gate`]. A machine's own credentials, which its
//! metadata service gives out, are never asked for.

use object_store::{
    ObjectStore, RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder,
};

use super::{Credentials, CredentialsError, SourceError, gate::Gate};

/// Where an object store is, if not where its maker runs it.
#[derive(Clone, Debug, Default)]
pub struct StoreSettings {
    /// Its URL. `None`: that of AWS, Google or Azure.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// The account of an Azure container.
    pub account: Option<String>,
}

/// The store of a scheme and a bucket or container.
pub(super) fn open(
    (scheme, bucket): (&str, &str),
    place: &StoreSettings,
    credentials: &Credentials,
    gate: Gate,
) -> Result<Box<dyn ObjectStore>, SourceError> {
    match scheme {
        "s3" => s3(bucket, place, credentials, gate),
        "gs" => gcs(bucket, place, credentials, gate),
        _ => azure(bucket, place, credentials, gate),
    }
}

impl StoreSettings {
    fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref().map(|endpoint| endpoint.trim_end_matches('/'))
    }
}

fn s3(
    bucket: &str,
    place: &StoreSettings,
    credentials: &Credentials,
    gate: Gate,
) -> Result<Box<dyn ObjectStore>, SourceError> {
    let keys: &[&'static str] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let identity: &[&'static str] = &["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_retry(once());
    match credentials.set(&[keys], &[identity])? {
        None => builder = builder.with_skip_signature(true),
        Some(set) => {
            let token = credentials.get("AWS_SESSION_TOKEN")?;
            let token = token.map(|token| ("AWS_SESSION_TOKEN", token));
            for (name, value) in set.into_iter().chain(token) {
                builder = builder.with_config(setting(name)?, value);
            }
        }
    }
    if let Some(region) = &place.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = place.endpoint() {
        builder = builder.with_endpoint(endpoint);
    }
    let store = builder.with_http_connector(gate).build();
    Ok(Box::new(store.map_err(|_| CredentialsError::Unusable { names: keys.join(" and ") })?))
}

fn gcs(
    bucket: &str,
    place: &StoreSettings,
    credentials: &Credentials,
    gate: Gate,
) -> Result<Box<dyn ObjectStore>, SourceError> {
    let key: &[&'static str] = &["GOOGLE_SERVICE_ACCOUNT_KEY"];
    let file: &[&'static str] = &["GOOGLE_APPLICATION_CREDENTIALS"];
    let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_retry(once());
    match credentials.set(&[key], &[file])? {
        // Without any the library would look for some in the user's home.
        None => builder = builder.with_bearer_token("").with_skip_signature(true),
        Some(set) => {
            for (name, value) in set {
                builder = builder.with_config(setting(name)?, value);
            }
        }
    }
    if let Some(endpoint) = place.endpoint() {
        builder = builder.with_base_url(endpoint);
    }
    let store = builder.with_http_connector(gate).build();
    Ok(Box::new(store.map_err(|_| CredentialsError::Unusable { names: key.join(" and ") })?))
}

fn azure(
    container: &str,
    place: &StoreSettings,
    credentials: &Credentials,
    gate: Gate,
) -> Result<Box<dyn ObjectStore>, SourceError> {
    let sets: &[&[&'static str]] = &[
        &["AZURE_STORAGE_ACCOUNT_KEY"],
        &["AZURE_STORAGE_SAS_TOKEN"],
        &["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"],
    ];
    let identity: &[&'static str] =
        &["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"];
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(place.account.clone().unwrap_or_default())
        .with_container_name(container)
        .with_retry(once());
    match credentials.set(sets, &[identity])? {
        None => builder = builder.with_skip_signature(true),
        Some(set) => {
            for (name, value) in set {
                builder = builder.with_config(setting(name)?, value);
            }
        }
    }
    if let Some(endpoint) = place.endpoint() {
        builder = builder.with_endpoint(endpoint.to_owned());
    }
    let store = builder.with_http_connector(gate).build();
    Ok(Box::new(store.map_err(|_| CredentialsError::Unusable { names: sets.concat().join(", ") })?))
}

/// The library's name of a setting is the environment's in small letters.
fn setting<S: std::str::FromStr>(name: &str) -> Result<S, SourceError> {
    let unknown = |_| CredentialsError::Unusable { names: name.into() };
    Ok(name.to_ascii_lowercase().parse().map_err(unknown)?)
}

/// What is tried again, and when, is decided where the file is read.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}
