//! kube-controller-manager and kube-scheduler.

use crate::{
    control_plane::{ControlPlane, User},
    tools,
};
use anyhow::Result;
use rustix::process::Signal;
use std::{process::Command, time::Duration};

pub(crate) const CONTROLLER_MANAGER: User = User {
    name: "kube-controller-manager",
    account: "system:kube-controller-manager",
    group: None,
};
pub(crate) const SCHEDULER: User =
    User { name: "kube-scheduler", account: "system:kube-scheduler", group: None };

/// Further arguments, beside those that every cluster here has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Further {
    pub(crate) controllers: &'static [&'static str],
    pub(crate) scheduler: &'static [&'static str],
}

/// Starts both where they do not run.
pub(crate) fn start(control_plane: &ControlPlane, further: Further) -> Result<()> {
    let mut controllers = manager(control_plane, &CONTROLLER_MANAGER)?;
    controllers.args(["--use-service-account-credentials", "--allocate-node-cidrs=false"]);
    controllers.arg("--root-ca-file").arg(control_plane.file("ca.crt"));
    controllers.arg("--service-account-private-key-file").arg(control_plane.file("tokens.key"));
    controllers.args(further.controllers);
    control_plane.ensure(CONTROLLER_MANAGER.name, &controllers)?;
    let mut scheduler = manager(control_plane, &SCHEDULER)?;
    scheduler.args(further.scheduler);
    control_plane.ensure(SCHEDULER.name, &scheduler)
}

/// Stops both.
pub(crate) fn stop(control_plane: &ControlPlane) -> Result<()> {
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
