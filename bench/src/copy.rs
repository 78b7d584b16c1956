//! The peer that everybody knows: `psql \copy`, which parses no date, checks nothing, counts
//! nothing.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use harness::postgres::Database;

use crate::{
    files::{SalesFile, Sum},
    rig::Rig,
};

const COLUMNS: usize = 19;
/// `Item Total`, counted from 1.
const TOTAL_COLUMN: usize = 17;

/// The columns of `takings.sale`, bare.
const NARROW: &str = "dataset_id integer NOT NULL, load_id integer NOT NULL, line integer NOT NULL,
    sale_date date NOT NULL, product_id integer, location_id integer, payment_method_id integer,
    order_id text COLLATE \"C\" NOT NULL, client text, quantity numeric,
    line_total numeric NOT NULL";

/// What is loaded already as a CSV file of `sale`'s columns, cleaned and with its names replaced by
/// numbers.
#[derive(Debug)]
pub(crate) struct Narrow {
    path: PathBuf,
    sum: Sum,
}

/// Copies a whole file into text columns without an index: seconds.
pub(crate) fn raw(rig: &Rig, file: &SalesFile) -> Result<f64> {
    let columns: Vec<_> = (1..=COLUMNS).map(|column| format!("c{column} text")).collect();
    let options = "(FORMAT csv, HEADER)";
    let total = format!("c{TOTAL_COLUMN}::numeric");
    copy(rig, (&columns.join(", "), &total), (&file.path, options), file.sum)
}

impl Narrow {
    /// The lines that a ledger holds after a load of `file`.
    pub(crate) fn of(rig: &Rig, ledger: &Database, file: &SalesFile) -> Result<Self> {
        let path = rig.files.path("narrow.csv");
        let lines = "(SELECT * FROM takings.sale ORDER BY line)";
        let script = format!("\\copy {lines} TO '{}' (FORMAT csv)", path.display());
        rig.server.sql(&ledger.name, &script)?;
        Ok(Self { path, sum: file.sum })
    }

    /// Copies it into a bare table: seconds.
    pub(crate) fn copy(&self, rig: &Rig) -> Result<f64> {
        copy(rig, (NARROW, "line_total"), (&self.path, "(FORMAT csv)"), self.sum)
    }
}

fn copy(
    rig: &Rig,
    (columns, total): (&str, &str),
    (path, options): (&Path, &str),
    expected: Sum,
) -> Result<f64> {
    let database = rig.server.create_database()?;
    rig.server.sql(&database.name, &format!("CREATE TABLE target ({columns})"))?;
    rig.server.sql(&database.name, "CHECKPOINT")?;
    let script = format!("\\copy target FROM '{}' {options}", path.display());
    let (seconds, _) = rig.psql(&database, &script)?;
    let sum = format!("SELECT count(*), trim_scale(sum({total})) FROM target");
    let (_, held) = rig.psql(&database, &sum)?;
    let expected = expected.row();
    ensure!(held == expected, "the copy holds {held}, not {expected}: the run is void");
    Ok(seconds)
}
