//! containerd: it keeps the images and runs the containers.

use super::search_path;
use crate::{
    cache,
    cluster::{network, pause},
    control_plane::ControlPlane,
    program, tools,
};
use anyhow::Result;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub(super) const NAME: &str = "containerd";

/// Starts it where it does not run, and waits until it answers.
pub(super) fn start(control_plane: &ControlPlane) -> Result<()> {
    let settings = control_plane.file("containerd.toml");
    cache::write(&settings, containerd_settings(&control_plane.folder)?)?;
    let plugins = cache::created(control_plane.file("cni"))?;
    let addresses = control_plane.file("addresses");
    cache::write(&plugins.join("takings.conflist"), pod_network(&addresses).to_string())?;
    let mut containerd = Command::new(tools::path(NAME)?);
    containerd.env("PATH", search_path()?).arg("--config").arg(settings);
    control_plane.ensure(NAME, &containerd)?;
    let daemon = control_plane.daemon(NAME);
    daemon.wait_until(Duration::from_secs(30), || has_image("").is_ok())
}

fn containerd_settings(folder: &Path) -> Result<String> {
    let (folder, run, socket) = (folder.display(), network::RUN, socket());
    let (socket, runc) = (socket.display(), tools::path("runc")?);
    let (runc, pause) = (runc.display(), pause::IMAGE);
    let snapshotter = snapshotter()?;
    Ok(format!(
        r#"version = 3
root = "{folder}/containerd"
state = "{run}/containerd"
[grpc]
address = "{socket}"
[plugins.'io.containerd.internal.v1.opt']
path = "{folder}/opt"
[plugins.'io.containerd.nri.v1.nri']
disable = true
[plugins.'io.containerd.cri.v1.images']
snapshotter = "{snapshotter}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
netns_mounts_under_state_dir = true
# A machine without CAP_SYS_RESOURCE can't lower it, and then no sandbox would start.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{folder}/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "{runc}"
Root = "{run}/runc"
SystemdCgroup = false
"#
    ))
}

/// Copies of whole layers are slow, but go anywhere.
fn snapshotter() -> Result<&'static str> {
    Ok(if cache::is_on_overlay()? { "native" } else { "overlayfs" })
}

fn pod_network(addresses: &Path) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "takings",
        "plugins": [
            {
                "type": "bridge",
                "bridge": network::BRIDGE,
                "isGateway": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": addresses,
                    "ranges": [[{"subnet": network::PODS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
        ],
    })
}

/// Makes an image archive known to the node.
pub(in crate::cluster) fn load_image(archive: &Path) -> Result<()> {
    let mut import = ctr()?;
    import.args(["images", "import", "--snapshotter", snapshotter()?]).arg(archive);
    program::run(&mut import)?;
    Ok(())
}

/// Whether the node knows the image.
pub(in crate::cluster) fn has_image(name: &str) -> Result<bool> {
    let known = program::run(ctr()?.args(["images", "list", "--quiet"]))?;
    Ok(known.lines().any(|line| line == name))
}

fn ctr() -> Result<Command> {
    let mut ctr = Command::new(tools::path("ctr")?);
    ctr.arg("--address").arg(socket()).args(["--namespace", "k8s.io"]);
    Ok(ctr)
}

pub(super) fn socket() -> PathBuf {
    Path::new(network::RUN).join("containerd.sock")
}
