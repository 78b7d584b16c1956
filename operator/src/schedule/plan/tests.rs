//! Each situation once: what happens, and what the plan makes of it.

mod anything;
mod discoveries;
mod downtimes;
mod edits;
mod ticks;
mod unable;
mod world;

use world::World;
