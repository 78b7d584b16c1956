//! Each situation once: what happens, and what the plan makes of it.

mod anything;
mod attempts;
mod deleted;
mod gitops;
mod held_back;
mod next_run;
mod settling;
mod unable;
mod world;

use self::world::World;

/// A world whose first Job is there, with its uid on record.
fn followed(spec: serde_json::Value) -> (World, String) {
    let mut world = World::new(spec);
    world.rest();
    let job = world.current().unwrap();
    (world, job)
}
