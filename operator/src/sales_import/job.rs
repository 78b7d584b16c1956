//! The Jobs: one that loads, one that asks the ledger. Pure: a SalesImport and settings in, a Job out.
//!
//! What must stay true: the Pod passes the `restricted` Pod Security Standard, holds no
//! Kubernetes credentials, and gets the database's URL and a source's
//! credentials by reference only.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{
            Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EnvVar, EnvVarSource,
            KeyToPath, LocalObjectReference, PersistentVolumeClaimVolumeSource, PodSecurityContext,
            PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile, SecretKeySelector,
            SecretVolumeSource, SecurityContext, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, OwnerReference},
    },
};
use kube::{Resource as _, ResourceExt as _};

use super::{arguments, name::Identity};
use crate::crd::{
    SalesImport, SalesImportSpec,
    sales_import::{Amount, Resources},
};

/// The container whose outcome is believed.
pub(crate) const CONTAINER: &str = "importer";
/// Label, with the name of the SalesImport (cut where it is long), and annotation, with all of it.
pub(crate) const SALES_IMPORT: &str = "takings.dev/sales-import";
/// Label with the number of the run that a Job is made for.
pub(crate) const RUN: &str = "takings.dev/run";
/// Where an importer tells how far it is.
pub(crate) const ADMIN_PORT: u16 = 9_090;
/// Where the source is mounted, and beneath which every path is opened.
pub(crate) const SOURCE_ROOT: &str = "/source";
/// Where a remote source's credentials are mounted.
pub(crate) const CREDENTIALS: &str = "/etc/takings/source";
const DATABASE_CA: &str = "/etc/takings/database";
/// No root, and the same number as the images' user.
const USER: i64 = 65_532;
/// To ask the ledger is short; one that hangs is given up and made again.
const ASK_DEADLINE_SECONDS: i64 = 300;

/// What the operator's settings say about every importer.
#[derive(Clone, Debug, Default)]
pub struct ImporterSettings {
    /// The image of the importer's container.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`; empty: the cluster's default.
    pub image_pull_policy: Option<String>,
    /// Names of Secrets, in the SalesImport's namespace, to pull the image with.
    pub image_pull_secrets: Vec<String>,
    /// Whether sources may be fetched without TLS.
    pub allow_http: bool,
    /// Private hosts and CIDRs that remote sources may lead to.
    pub network_allow: Vec<String>,
}

/// Labels of a SalesImport that its Jobs carry too: Kueue's, which say what queue they wait in.
const PASSED_ON: &str = "kueue.x-k8s.io/";

/// The Job of one attempt to load, to be given up after so many seconds.
pub(crate) fn load(
    (import, identity): (&SalesImport, &Identity),
    (name, run): (&str, u32),
    deadline_seconds: i64,
    settings: &ImporterSettings,
) -> Job {
    let arguments = arguments::load(&import.spec, identity, run, settings);
    let mut pod = pod(&import.spec, arguments, settings);
    mount_source(&mut pod, &import.spec);
    let mut job = job((import, identity), (name, run), pod, deadline_seconds);
    let labels = import.labels().iter().filter(|(label, _)| label.starts_with(PASSED_ON));
    let passed_on = labels.map(|(label, value)| (label.clone(), value.clone()));
    job.labels_mut().extend(passed_on);
    job
}

/// The Job of one attempt to ask the ledger something: the importer's arguments say what.
pub(crate) fn ask(
    (import, identity): (&SalesImport, &Identity),
    (name, run): (&str, u32),
    arguments: Vec<String>,
    settings: &ImporterSettings,
) -> Job {
    let pod = pod(&import.spec, arguments, settings);
    let deadline = import.spec.start_deadline_seconds.saturating_add(ASK_DEADLINE_SECONDS);
    job((import, identity), (name, run), pod, deadline)
}

/// The run that a Job was made for.
pub(crate) fn run_of(job: &Job) -> Option<u32> {
    job.labels().get(RUN)?.parse().ok()
}

fn job(
    (import, identity): (&SalesImport, &Identity),
    (name, run): (&str, u32),
    mut pod: PodSpec,
    deadline_seconds: i64,
) -> Job {
    let traceparent = import.status.as_ref().and_then(|status| status.traceparent.clone());
    for container in &mut pod.containers {
        let variable = traceparent.clone().map(|value| variable("TRACEPARENT", value));
        container.env.get_or_insert_default().extend(variable);
    }
    let labels = labels(identity, run);
    let annotations = BTreeMap::from([(SALES_IMPORT.to_owned(), identity.name.clone())]);
    let metadata = |name: Option<String>| ObjectMeta {
        name,
        labels: Some(labels.clone()),
        annotations: Some(annotations.clone()),
        ..ObjectMeta::default()
    };
    Job {
        metadata: ObjectMeta {
            namespace: Some(identity.namespace.clone()),
            owner_references: import.controller_owner_ref(&()).map(|owner| vec![unblocking(owner)]),
            ..metadata(Some(name.into()))
        },
        spec: Some(JobSpec {
            active_deadline_seconds: Some(deadline_seconds.max(1)),
            backoff_limit: Some(0),
            completions: Some(1),
            parallelism: Some(1),
            pod_replacement_policy: Some("Failed".into()),
            template: PodTemplateSpec { metadata: Some(metadata(None)), spec: Some(pod) },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// An owner's deletion need not wait for its Jobs; to ask for that needs a further right.
pub(crate) fn unblocking(owner: OwnerReference) -> OwnerReference {
    OwnerReference { block_owner_deletion: None, ..owner }
}

fn labels(identity: &Identity, run: u32) -> BTreeMap<String, String> {
    let of_import = [(SALES_IMPORT, identity.label()), (RUN, run.to_string())];
    let of_import = of_import.map(|(label, value)| (label.to_owned(), value));
    app_labels().into_iter().chain(of_import).collect()
}

/// The labels of every importer.
pub(crate) fn app_labels() -> BTreeMap<String, String> {
    BTreeMap::from(
        [
            ("app.kubernetes.io/name", "takings-importer"),
            ("app.kubernetes.io/component", "importer"),
            ("app.kubernetes.io/part-of", "takings"),
            ("app.kubernetes.io/managed-by", "takings-operator"),
        ]
        .map(|(label, value)| (label.to_owned(), value.to_owned())),
    )
}

/// The Pod of an importer that looks at the source, and has nothing of the database.
pub(crate) fn listing_pod(
    spec: &SalesImportSpec,
    arguments: Vec<String>,
    settings: &ImporterSettings,
) -> PodSpec {
    let mut pod = bare_pod(spec, arguments, settings);
    mount_source(&mut pod, spec);
    pod
}

fn pod(spec: &SalesImportSpec, arguments: Vec<String>, settings: &ImporterSettings) -> PodSpec {
    let mut pod = bare_pod(spec, arguments, settings);
    for container in &mut pod.containers {
        container.env.get_or_insert_default().insert(0, database_url(spec));
    }
    mount(&mut pod, database_ca(&spec.database_secret_ref.name), DATABASE_CA);
    pod
}

fn mount_source(pod: &mut PodSpec, spec: &SalesImportSpec) {
    if let Some(source) = source_volume(spec) {
        mount(pod, source, SOURCE_ROOT);
    }
    if let Some(credentials) = credentials(spec) {
        mount(pod, credentials, CREDENTIALS);
    }
}

fn bare_pod(
    spec: &SalesImportSpec,
    arguments: Vec<String>,
    settings: &ImporterSettings,
) -> PodSpec {
    let pull_secrets = &settings.image_pull_secrets;
    let pull_secrets = pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
    PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![container(spec, arguments, settings)],
        enable_service_links: Some(false),
        image_pull_secrets: Some(pull_secrets.collect()),
        node_selector: Some(spec.node_selector.clone()),
        restart_policy: Some("Never".into()),
        security_context: Some(PodSecurityContext {
            run_as_group: Some(USER),
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        service_account_name: spec.service_account_name.clone(),
        tolerations: Some(spec.tolerations.clone()),
        ..PodSpec::default()
    }
}

fn container(
    spec: &SalesImportSpec,
    arguments: Vec<String>,
    settings: &ImporterSettings,
) -> Container {
    Container {
        name: CONTAINER.into(),
        image: Some(settings.image.clone()),
        image_pull_policy: settings.image_pull_policy.clone(),
        args: Some(arguments),
        ports: Some(vec![ContainerPort {
            name: Some("admin".into()),
            container_port: ADMIN_PORT.into(),
            ..ContainerPort::default()
        }]),
        resources: Some(resources(spec.resources.as_ref())),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".into()]) }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        termination_message_policy: Some("File".into()),
        ..Container::default()
    }
}

fn variable(name: &str, value: String) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value), value_from: None }
}

fn database_url(spec: &SalesImportSpec) -> EnvVar {
    let secret = &spec.database_secret_ref;
    let selector =
        SecretKeySelector { name: secret.name.clone(), key: secret.key.clone(), optional: None };
    EnvVar {
        name: "DATABASE_URL".into(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(selector),
            ..EnvVarSource::default()
        }),
    }
}

/// The Secret's key `ca.crt`, where it has one.
fn database_ca(secret: &str) -> Volume {
    Volume {
        name: "database-ca".into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.into()),
            items: Some(vec![file("ca.crt")]),
            optional: Some(true),
            default_mode: None,
        }),
        ..Volume::default()
    }
}

fn source_volume(spec: &SalesImportSpec) -> Option<Volume> {
    let volume = Volume { name: "source".into(), ..Volume::default() };
    if let Some(claim) = &spec.source.volume {
        let claim = PersistentVolumeClaimVolumeSource {
            claim_name: claim.claim_name.clone(),
            read_only: None,
        };
        return Some(Volume { persistent_volume_claim: Some(claim), ..volume });
    }
    let config_map = spec.source.config_map.as_ref()?;
    let config_map = ConfigMapVolumeSource {
        name: config_map.name.clone(),
        items: Some(vec![file(&config_map.key)]),
        ..ConfigMapVolumeSource::default()
    };
    Some(Volume { config_map: Some(config_map), ..volume })
}

/// The whole Secret: which of its keys are read is the importer's to know.
fn credentials(spec: &SalesImportSpec) -> Option<Volume> {
    let secret = spec.source.remote()?.credentials?;
    let secret = SecretVolumeSource {
        secret_name: Some(secret.name.clone()),
        ..SecretVolumeSource::default()
    };
    Some(Volume { name: "source-credentials".into(), secret: Some(secret), ..Volume::default() })
}

fn file(key: &str) -> KeyToPath {
    KeyToPath { key: key.into(), path: key.into(), mode: None }
}

fn mount(pod: &mut PodSpec, volume: Volume, path: &str) {
    for container in &mut pod.containers {
        container.volume_mounts.get_or_insert_default().push(VolumeMount {
            name: volume.name.clone(),
            mount_path: path.into(),
            read_only: Some(true),
            ..VolumeMount::default()
        });
    }
    pod.volumes.get_or_insert_default().push(volume);
}

fn resources(wanted: Option<&Resources>) -> ResourceRequirements {
    let quantities = |amounts: &BTreeMap<String, Amount>| {
        amounts.iter().map(|(name, amount)| (name.clone(), Quantity(amount.to_string()))).collect()
    };
    let default = |amounts: &[(&str, &str)]| {
        amounts.iter().map(|(name, amount)| ((*name).into(), Quantity((*amount).into()))).collect()
    };
    let (requests, limits) = match wanted {
        Some(wanted) => (quantities(&wanted.requests), quantities(&wanted.limits)),
        None => (default(&[("cpu", "100m"), ("memory", "128Mi")]), default(&[("memory", "512Mi")])),
    };
    ResourceRequirements { claims: None, limits: Some(limits), requests: Some(requests) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sources_credentials_are_mounted_where_the_file_is_loaded_and_nowhere_else() {
        let s3 = json!({"bucket": "b", "key": "k", "credentialsSecretRef": {"name": "bucket"}});
        let import: SalesImport = serde_json::from_value(json!({
            "apiVersion": "takings.dev/v1alpha1",
            "kind": "SalesImport",
            "metadata": {
                "name": "march", "namespace": "shop", "uid": "0b1f4c6e-6f0e-4a53-9a3c-2f9b7a1d0c11",
            },
            "spec": {"source": {"s3": s3}},
        }))
        .unwrap();
        let identity = Identity::of(&import).unwrap();
        let (of, settings) = ((&import, &identity), ImporterSettings::default());
        let mounted = |job: Job| {
            let pod = job.spec.unwrap().template.spec.unwrap();
            let volumes = pod.volumes.unwrap();
            let credentials = volumes.iter().find(|volume| volume.name == "source-credentials");
            let secret = credentials.and_then(|volume| volume.secret.clone()?.secret_name);
            let mounts = pod.containers[0].volume_mounts.clone().unwrap();
            let mount = mounts.into_iter().find(|mount| mount.name == "source-credentials");
            secret.zip(mount).map(|(secret, mount)| (secret, mount.mount_path, mount.read_only))
        };
        let there = ("bucket".to_owned(), CREDENTIALS.to_owned(), Some(true));
        assert_eq!(mounted(load(of, ("march-1", 1), 60, &settings)), Some(there));
        assert_eq!(mounted(ask(of, ("march-s", 1), vec!["settle".into()], &settings)), None);
    }
}
