//! Other loaders of CSV files ÷ `psql \copy` of the same file, each in rounds with it. One that
//! can't run here, or does not hold the file's sum afterwards, is named with the reason.

mod install;
mod tools;

use anyhow::{Result, ensure};
use harness::progress::say;

use crate::{
    copy,
    figures::{Rounds, SECONDS, Table, rounds},
    files::SalesFile,
    process::timed,
    rig::Rig,
    sales::Shape,
};
use tools::{Job, PEERS, Peer};

const RAW: &str = "\\copy";
const SIDE: &str = "peer";

/// Measures and prints.
pub(crate) fn run(rig: &Rig, table: &mut Table, lines: u64, count: usize) -> Result<()> {
    let file = rig.files.generate("sales", &Shape::of(lines))?;
    let what = |name: &str| format!("{name}, {lines} lines ÷ `\\copy`");
    let ours = rounds(count, |round| {
        round.note(RAW, copy::raw(rig, &file)?);
        round.note(SIDE, rig.load(&rig.ledger()?, &file, &[], file.sum)?.seconds);
        Ok(())
    })?;
    table.ratio(("peers", &what("Takings")), &ours, (SIDE, RAW), SECONDS)?;
    for peer in PEERS {
        match measure(rig, peer, &file, count) {
            Ok(measured) => {
                table.ratio(("peers", &what(peer.name)), &measured, (SIDE, RAW), SECONDS)?;
            }
            Err(error) => {
                say(&format!("{}: {error:#}", peer.name));
                table.missing("peers", &what(peer.name), &in_short(&error))?;
            }
        }
    }
    Ok(())
}

fn measure(rig: &Rig, peer: &Peer, file: &SalesFile, count: usize) -> Result<Rounds> {
    let programs = install::ensure(peer)?;
    rounds(count, |round| {
        round.note(RAW, copy::raw(rig, file)?);
        let database = rig.server.create_database()?;
        rig.server.sql(&database.name, peer.prepare)?;
        rig.server.sql(&database.name, "CHECKPOINT")?;
        let (url, scratch) = (&database.url, rig.files.path("scratch"));
        std::fs::create_dir_all(&scratch)?;
        let job = Job { programs: &programs, file: &file.path, url, scratch: &scratch };
        let mut seconds = 0.0;
        for mut command in (peer.commands)(&job) {
            seconds += timed(command.current_dir(&scratch))?.seconds;
        }
        std::fs::remove_dir_all(&scratch)?;
        let (_, held) = rig.psql(&database, peer.sum)?;
        let expected = file.sum.row();
        ensure!(held == expected, "it ended well, but {held} is there, not {expected}");
        round.note(SIDE, seconds);
        Ok(())
    })
}

/// The end of what a tool said, which is mostly why it gave up.
fn in_short(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    last.chars().take(200).collect()
}
