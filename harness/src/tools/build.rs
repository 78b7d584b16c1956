//! Builds Go programs into the cache.

use super::catalogue::{Module, Program};
use crate::{cache, packages, program, progress};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The oldest Go that the modules accept.
const GO: (u32, u32) = (1, 26);

/// The version of the module that its `go.mod` pins.
pub(super) fn version(module: &Module) -> Result<String> {
    let requirements = cache::read(&source(module).join("go.mod"))?;
    let mut words = requirements.lines().map(|line| line.trim_start_matches("require").trim());
    let version = words.find_map(|line| line.strip_prefix(module.path)?.strip_prefix(" v"));
    let version = version.and_then(|rest| rest.split(' ').next());
    version.map(|v| format!("v{v}")).with_context(|| format!("no version of {}", module.path))
}

/// Where go.mod and go.sum lie.
fn source(module: &Module) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools").join(module.folder)
}

/// The cache's folder for the module, as of exactly these versions of all.
pub(super) fn folder(module: &Module) -> Result<PathBuf> {
    let mut pinned = Vec::new();
    for file in ["go.mod", "go.sum"] {
        let path = source(module).join(file);
        pinned.extend(fs::read(&path).with_context(|| format!("can't read {}", path.display()))?);
    }
    Ok(cache::folder("tools")?.join(format!("{}-{}", module.name, cache::fingerprint(&pinned))))
}

/// Builds the programs, all or none.
pub(super) fn build(module: &Module, programs: &[&Program]) -> Result<()> {
    if module.cgo {
        packages::ensure(packages::BUILD)?;
    }
    let go = go()?;
    let names: Vec<_> = programs.iter().map(|program| program.name).collect();
    let what = format!("Build {} {}", names.join(", "), version(module)?);
    progress::during(&what, || compile(&go, module, programs))
}

fn compile(go: &Path, module: &Module, programs: &[&Program]) -> Result<()> {
    let target = cache::created(folder(module)?)?;
    // Beside the target, so that a build that was cut off leaves no half of a program there.
    let unfinished = target.with_extension("unfinished");
    let output = match programs {
        [one] => unfinished.join(one.name),
        _ => cache::created(unfinished.clone())?.join(""),
    };
    let mut command = Command::new(go);
    command.arg("build").arg("-trimpath").arg("-o").arg(output);
    command.args(["-tags", module.tags, "-ldflags", &linker_flags(module)?]);
    // Nobody debugs them, and the compiler is a seventh quicker without.
    command.args(["-gcflags", "all=-dwarf=false"]);
    command.args(programs.iter().map(|program| program.package));
    program::run(in_module(&mut command, module))?;
    for program in programs {
        fs::rename(unfinished.join(program.name), target.join(program.name))?;
    }
    Ok(fs::remove_dir_all(unfinished)?)
}

/// Builds Kubernetes' pause program, from its C source in the Go module.
pub(super) fn pause(kubernetes: &Module) -> Result<PathBuf> {
    let target = cache::created(folder(kubernetes)?)?.join("pause");
    if target.is_file() {
        return Ok(target);
    }
    packages::ensure(packages::BUILD)?;
    let mut list = Command::new(go()?);
    list.args(["list", "-m", "-f", "{{.Dir}}", kubernetes.path]);
    let sources = program::run(in_module(&mut list, kubernetes))?;
    let unfinished = target.with_extension("unfinished");
    let mut compiler = Command::new("gcc");
    compiler.args(["-Os", "-Wall", "-static", "-s", "-DVERSION=local", "-o"]).arg(&unfinished);
    program::run(compiler.arg(Path::new(sources.trim()).join("build/pause/linux/pause.c")))?;
    fs::rename(unfinished, &target)?;
    Ok(target)
}

fn in_module<'a>(command: &'a mut Command, module: &Module) -> &'a mut Command {
    command.current_dir(source(module)).env("GOFLAGS", "-mod=readonly");
    command.env("CGO_ENABLED", if module.cgo { "1" } else { "0" })
}

fn linker_flags(module: &Module) -> Result<String> {
    let version = version(module)?;
    let variables = module.version_variables.iter();
    let flags: Vec<_> = variables.map(|variable| format!(" -X {variable}={version}")).collect();
    Ok(format!("-s -w{}", flags.concat()))
}

fn go() -> Result<PathBuf> {
    let (major, minor) = GO;
    let usual = PathBuf::from("/usr/local/go/bin/go");
    let found = program::find("go").or_else(|| usual.is_file().then_some(usual));
    let Some(go) = found else {
        bail!("Go is missing: install Go {major}.{minor} or newer, https://go.dev/doc/install");
    };
    let text = program::run(Command::new(&go).args(["env", "GOVERSION"]))?;
    if release(&text) < Some(GO) {
        bail!(
            "{} is {}: install Go {major}.{minor} or newer, https://go.dev/doc/install",
            go.display(),
            text.trim()
        );
    }
    Ok(go)
}

/// The two numbers of `go1.26.8`.
fn release(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix("go")?.split(['.', '-', 'r', 'b']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn reads_go_versions() {
        assert_eq!(release("go1.26.8\n"), Some((1, 26)));
        assert_eq!(release("go1.27rc1"), Some((1, 27)));
        assert_eq!(release("devel"), None);
    }
}
