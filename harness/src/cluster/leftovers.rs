//! What a node leaves behind when its processes are gone: containers, mounts, cgroups.

use super::network;
use crate::{process, tools};
use anyhow::Result;
use rustix::process::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

/// Ends the containers, takes away the mounts below `folder` and the cgroups of Pods.
pub(super) fn remove(folder: &Path) -> Result<()> {
    kill_containers()?;
    for _ in 0..50 {
        unmount(&[folder, Path::new(network::RUN)])?;
        if remove_cgroups() {
            break;
        }
        // The kernel needs a moment to take the last processes out of them.
        sleep(Duration::from_millis(50));
    }
    remove_folder(Path::new(network::RUN))?;
    remove_sockets()?;
    remove_network_records()
}

/// A container's processes end with its first one; its shim only watched it.
fn kill_containers() -> Result<()> {
    let tasks = Path::new(network::RUN).join("containerd/io.containerd.runtime.v2.task/k8s.io");
    let shim = tools::path("containerd-shim-runc-v2")?;
    for task in entries(&tasks) {
        let pid = fs::read_to_string(task.join("init.pid")).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            process::send(pid, Signal::KILL);
        }
    }
    for entry in entries(Path::new("/proc")) {
        let pid = entry.file_name().and_then(|name| name.to_str()?.parse().ok());
        if let Some(pid) = pid
            && fs::read_link(entry.join("exe")).is_ok_and(|exe| exe == shim)
        {
            process::send(pid, Signal::KILL);
        }
    }
    Ok(())
}

/// Takes away all mounts below the folders, the latest first.
fn unmount(folders: &[&Path]) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut places: Vec<_> = mounts.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    places.reverse();
    for place in places {
        if folders.iter().any(|folder| Path::new(place).starts_with(folder)) {
            let _ = Command::new("umount").args(["--lazy", place]).output();
        }
    }
    Ok(())
}

/// Whether none is left.
fn remove_cgroups() -> bool {
    let roots = entries(Path::new("/sys/fs/cgroup")).into_iter();
    let roots = roots.chain([PathBuf::from("/sys/fs/cgroup")]);
    roots.map(|root| root.join("kubepods")).all(|pods| remove_cgroup(&pods))
}

/// A cgroup's files can't be removed and needn't be: only its folders count.
fn remove_cgroup(folder: &Path) -> bool {
    for child in entries(folder).into_iter().filter(|child| child.is_dir()) {
        remove_cgroup(&child);
    }
    let _ = fs::remove_dir(folder);
    !folder.exists()
}

/// Shims and kubelet put sockets into folders that can't be chosen. One on which nobody listens
/// is of no use to anybody, whoever made it; a folder goes only when it is empty.
fn remove_sockets() -> Result<()> {
    let open = fs::read_to_string("/proc/net/unix")?;
    for folder in ["/run/containerd/s", "/var/lib/kubelet/device-plugins"].map(Path::new) {
        for socket in entries(folder) {
            if !open.lines().any(|line| line.ends_with(&*socket.to_string_lossy())) {
                let _ = fs::remove_file(socket);
            }
        }
        for empty in folder.ancestors().take(2) {
            let _ = fs::remove_dir(empty);
        }
    }
    Ok(())
}

/// Calls to network plugins are on record in a folder that all networks of a machine share.
fn remove_network_records() -> Result<()> {
    for record in entries(Path::new("/var/lib/cni/results")) {
        let name = record.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("takings-") || name.starts_with("cni-loopback-") {
            fs::remove_file(record)?;
        }
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
