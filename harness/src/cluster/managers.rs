//! kube-controller-manager and kube-scheduler.

use crate::{
    control_plane::{ControlPlane, User},
    tools,
};
use anyhow::Result;
use rustix::process::Signal;
use std::{process::Command, time::Duration};

pub(super) const CONTROLLER_MANAGER: User = User {
    name: "kube-controller-manager",
    account: "system:kube-controller-manager",
    group: None,
};
pub(super) const SCHEDULER: User =
    User { name: "kube-scheduler", account: "system:kube-scheduler", group: None };

/// Starts both where they do not run.
pub(super) fn start(control_plane: &ControlPlane) -> Result<()> {
    let mut controllers = manager(control_plane, &CONTROLLER_MANAGER)?;
    controllers.args(["--use-service-account-credentials", "--allocate-node-cidrs=false"]);
    controllers.arg("--root-ca-file").arg(control_plane.file("ca.crt"));
    controllers.arg("--service-account-private-key-file").arg(control_plane.file("tokens.key"));
    control_plane.ensure(CONTROLLER_MANAGER.name, &controllers)?;
    control_plane.ensure(SCHEDULER.name, &manager(control_plane, &SCHEDULER)?)
}

/// Stops both.
pub(super) fn stop(control_plane: &ControlPlane) -> Result<()> {
    for user in [CONTROLLER_MANAGER, SCHEDULER] {
        control_plane.daemon(user.name).stop(Signal::KILL, Duration::from_secs(5))?;
    }
    Ok(())
}

/// Neither serves anything, since there is nobody to ask it and a port may be taken.
fn manager(control_plane: &ControlPlane, user: &User) -> Result<Command> {
    let mut command = Command::new(tools::path(user.name)?);
    command.arg("--kubeconfig").arg(control_plane.kubeconfig_of(user.name));
    command.args(["--leader-elect=false", "--secure-port=0"]);
    Ok(command)
}
