//! What GitOps tools make of a status: Argo CD by its script, Flux and others by kstatus.

use ledger::outcome::RunResult;
use mlua::{Lua, LuaSerdeExt as _};
use serde_json::json;

use super::{followed, world::World};

const HEALTH: &str = include_str!("../../../../../examples/argo-cd/health.lua");

/// Argo CD's word and sentence.
fn health(world: &World) -> (String, String) {
    let lua = Lua::new();
    // An object comes to the script as it is stored: what is null is not there.
    lua.globals().set("obj", lua.to_value(&json!(world.import)).unwrap()).unwrap();
    let health: mlua::Table = lua.load(HEALTH).eval().unwrap();
    (health.get("status").unwrap(), health.get("message").unwrap())
}

/// <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>
fn kstatus(world: &World) -> &'static str {
    let (status, conditions) = (world.status(), world.conditions());
    let is = |type_: &str| conditions.iter().any(|one| one == type_);
    match () {
        () if status.observed_generation != world.import.metadata.generation => "InProgress",
        () if is("Stalled") => "Failed",
        () if is("Reconciling") => "InProgress",
        () if is("Ready") => "Current",
        () => "InProgress",
    }
}

fn told(world: &World) -> (String, &'static str) {
    (health(world).0, kstatus(world))
}

#[test]
fn argo_cd_and_flux_tell_each_state_as_it_is() {
    let mut world = World::new(json!({}));
    assert_eq!(told(&world), ("Progressing".into(), "InProgress"), "nobody has seen it");
    world.rest();
    assert_eq!(told(&world), ("Progressing".into(), "InProgress"), "starting");
    world.edit("suspend", json!(true));
    assert_eq!(told(&world), ("Progressing".into(), "InProgress"), "of the former generation");
    world.rest();
    assert_eq!(told(&world), ("Suspended".into(), "InProgress"));
    world.edit("suspend", json!(false));
    world.rest();
    world.load_ends(&world.current().unwrap(), RunResult::Published);
    world.rest();
    assert_eq!(told(&world), ("Healthy".into(), "Current"));
    assert_eq!(health(&world).1, "Published: It ended: Published.");
}

#[test]
fn a_terminal_failure_is_told_at_once_and_not_waited_for() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::Refused);
    world.rest();
    assert_eq!(told(&world), ("Degraded".into(), "Failed"));
    assert_eq!(health(&world).1, "TooManyRejected: It ended: Refused.");
}
