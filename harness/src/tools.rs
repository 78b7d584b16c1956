//! The programs of Kubernetes and around it, built from Go modules that `tools/` pins.
//!
//! In: a program's name. Out: the path of one of the pinned version, from the cache, from the
//! PATH, or built now. Never: one of another version, or a download of a binary.

mod build;
mod catalogue;

use crate::{cache, program};
use anyhow::{Context, Result};
use catalogue::{Module, Program};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the program lies; builds it where it is missing.
pub fn path(name: &str) -> Result<PathBuf> {
    ensure(&[name])?;
    let (module, program) = find(name)?;
    present(module, program)?.with_context(|| format!("{name} was not built"))
}

/// Makes sure that all of the programs are there. Those of one module are built together.
pub fn ensure(names: &[&str]) -> Result<()> {
    for module in catalogue::MODULES {
        let wanted: Vec<_> =
            module.programs.iter().filter(|program| names.contains(&program.name)).collect();
        if missing(module, &wanted)?.is_empty() {
            continue;
        }
        let _lock = cache::lock(&format!("tools-{}", module.name))?;
        let missing = missing(module, &wanted)?;
        if !missing.is_empty() {
            build::build(module, &missing)?;
        }
    }
    Ok(())
}

/// Makes sure that every program is there, but those that few need.
pub fn ensure_all() -> Result<()> {
    let usual = catalogue::MODULES.iter().filter(|module| module.folder.is_empty());
    let programs = usual.flat_map(|module| module.programs);
    ensure(&programs.map(|program| program.name).collect::<Vec<_>>())
}

/// A static binary of Kubernetes' own pause program, which holds a Pod's namespaces.
pub fn pause() -> Result<PathBuf> {
    let _lock = cache::lock("tools-pause")?;
    build::pause(catalogue::kubernetes())
}

/// A PATH on which programs that call each other find `names` first.
pub fn search_path(names: &[&str]) -> Result<OsString> {
    let mut folders = Vec::new();
    for name in names {
        folders.extend(path(name)?.parent().map(Path::to_owned));
    }
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    folders.extend(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from));
    Ok(env::join_paths(folders)?)
}

fn find(name: &str) -> Result<(&'static Module, &'static Program)> {
    let all = catalogue::MODULES.iter().flat_map(|m| m.programs.iter().map(move |p| (m, p)));
    all.into_iter()
        .find(|(_, program)| program.name == name)
        .with_context(|| format!("no tool is called {name}"))
}

fn missing(module: &Module, programs: &[&'static Program]) -> Result<Vec<&'static Program>> {
    let mut missing = Vec::new();
    for &program in programs {
        if present(module, program)?.is_none() {
            missing.push(program);
        }
    }
    Ok(missing)
}

fn present(module: &Module, program: &Program) -> Result<Option<PathBuf>> {
    let built = build::folder(module)?.join(program.name);
    if built.is_file() {
        return Ok(Some(built));
    }
    let version = build::version(module)?;
    Ok(program::find(program.name).filter(|path| says(path, program, &version)))
}

fn says(path: &Path, program: &Program, version: &str) -> bool {
    let said = program::run(Command::new(path).args(program.version_arguments));
    said.is_ok_and(|text| text.contains(version.trim_start_matches('v')))
}
