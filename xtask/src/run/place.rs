//! Where Takings is run: on this machine's own cluster, in kind, or where kubectl points to.

use super::{database::Database, repository};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use harness::{
    cluster::{self, Cluster},
    images::{Images, Programs},
    postgres::Server,
    program, progress, tools,
};
use std::{path::PathBuf, process::Command, thread};

/// Which cluster.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Where {
    /// A cluster of our own on this machine, without docker.
    Local,
    /// A cluster of kind's, with docker.
    Kind,
    /// The one that kubectl points to, with published images.
    Current,
}

/// A cluster, its images and its database.
pub(crate) struct Place {
    kubeconfig: Option<PathBuf>,
    kubectl: PathBuf,
    helm: PathBuf,
    pub(super) database: Database,
    /// None: those that the chart names.
    pub(super) images: Option<Images>,
}

impl Place {
    /// Brings up what has to be there before Takings can be installed.
    pub(super) fn prepare(whither: Where) -> Result<Self> {
        match whither {
            Where::Local => local(),
            Where::Kind => elsewhere(Some(kind()?)),
            Where::Current => elsewhere(None),
        }
    }

    /// Runs kubectl and returns what it printed.
    pub(super) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        program::run(self.command(&self.kubectl).args(arguments))
    }

    /// Applies a manifest whose objects say their namespaces.
    pub(super) fn apply(&self, manifest: &str) -> Result<()> {
        let mut kubectl = self.command(&self.kubectl);
        kubectl.args(["apply", "-f", "-"]);
        program::run_with_input(&mut kubectl, manifest).map(drop)
    }

    /// Runs helm, with the values that it is to read, and returns what it printed.
    pub(super) fn helm(&self, arguments: &[&str], values: Option<&str>) -> Result<String> {
        let mut helm = self.command(&self.helm);
        program::run_with_input(helm.args(arguments), values.unwrap_or_default())
    }

    /// kubectl or helm, for this cluster.
    pub(super) fn command(&self, program: &PathBuf) -> Command {
        let mut command = Command::new(program);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.arg("--kubeconfig").arg(kubeconfig);
        }
        command
    }

    /// Whether this machine reaches Services.
    pub(super) fn is_local(&self) -> bool {
        self.kubeconfig.is_some()
    }

    pub(super) fn kubectl_program(&self) -> &PathBuf {
        &self.kubectl
    }
}

fn local() -> Result<Place> {
    // Go and cargo each wait for disk and linker now and then: together they take less time.
    let (cluster, programs) = thread::scope(|scope| -> Result<(Cluster, Programs)> {
        let compile = || progress::during("Compile the programs", Programs::compile);
        let compiling = scope.spawn(compile);
        let cluster = cluster::up()?;
        match compiling.join() {
            Ok(programs) => Ok((cluster, programs?)),
            Err(_) => bail!("compiling ended in a panic"),
        }
    })?;
    Ok(Place {
        images: Some(programs.images(&cluster)?),
        database: Database::Host(Server::kept("run", &cluster.host_address())?),
        kubectl: tools::path("kubectl")?,
        helm: tools::path("helm")?,
        kubeconfig: Some(cluster.kubeconfig()),
    })
}

fn elsewhere(images: Option<Images>) -> Result<Place> {
    let kubectl = program::find("kubectl").context("kubectl is missing")?;
    let helm = program::find("helm").context("helm is missing")?;
    Ok(Place { kubeconfig: None, kubectl, helm, database: Database::Pod, images })
}

/// Makes kind's cluster and gives it the images.
fn kind() -> Result<Images> {
    for program in ["docker", "kind"] {
        program::find(program).with_context(|| format!("{program} is missing"))?;
    }
    let clusters = program::run(Command::new("kind").args(["get", "clusters"]))?;
    if !clusters.lines().any(|name| name == "takings") {
        program::show(Command::new("kind").args(["create", "cluster", "--name", "takings"]))?;
    }
    program::run(Command::new("kubectl").args(["config", "use-context", "kind-takings"]))?;
    let image = |target| kind_image(target);
    Ok(Images { operator: image("operator")?, importer: image("importer")?, api: image("api")? })
}

fn kind_image(target: &str) -> Result<String> {
    let name = format!("localhost/takings-{target}:dev");
    let mut docker = Command::new("docker");
    docker.args(["build", "--target", target, "--tag", &name]).arg(repository("."));
    program::show(&mut docker)?;
    let mut kind = Command::new("kind");
    program::show(kind.args(["load", "docker-image", "--name", "takings", &name]))?;
    Ok(name)
}
