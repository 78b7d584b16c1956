//! Sales files of every shape, made now and removed when they are no longer used, with what they
//! must add up to.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    ops::AddAssign,
    path::PathBuf,
};

use anyhow::{Context, Result};
use harness::{
    cache::{self, Lock},
    progress,
};

use crate::sales::{self, Shape};

/// The real-size file.
pub(crate) const REAL_LINES: u64 = 1_661;

/// The folder of all files of this process. One process at a time: two would measure each other.
#[derive(Debug)]
pub(crate) struct Files {
    folder: PathBuf,
    _lock: Lock,
}

/// Lines that count and what they sum up to, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    /// Lines.
    pub(crate) lines: u64,
    /// Revenue in thousandths.
    pub(crate) mills: i128,
}

/// A file, removed with this value.
#[derive(Debug)]
pub(crate) struct SalesFile {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Of its sales.
    pub(crate) sum: Sum,
    /// Its lines that are no sales.
    pub(crate) rejected: u64,
    /// Its distinct orders.
    pub(crate) orders: u64,
}

impl Files {
    pub(crate) fn new() -> Result<Self> {
        let lock = cache::lock("bench")?;
        let folder = cache::folder("bench-files")?;
        // What a killed process has left.
        fs::remove_dir_all(&folder)?;
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, _lock: lock })
    }

    /// Writes a file of that shape.
    pub(crate) fn generate(&self, name: &str, shape: &Shape) -> Result<SalesFile> {
        let path = self.path(&format!("{name}.csv"));
        let write = || {
            let file =
                File::create(&path).with_context(|| format!("can't make {}", path.display()))?;
            let mut out = BufWriter::with_capacity(1 << 20, file);
            let expected = sales::write(&mut out, shape)?;
            out.flush()?;
            Ok(expected)
        };
        let expected = progress::during(&format!("Write {} lines ({name})", shape.lines), write)?;
        let sum = Sum { lines: expected.lines, mills: expected.mills() };
        Ok(SalesFile { path, sum, rejected: expected.rejected, orders: expected.orders })
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for SalesFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Sum {
    /// As `count|sum` of psql.
    pub(crate) fn row(self) -> String {
        format!("{}|{}", self.lines, sales::amount(self.mills))
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.mills += other.mills;
    }
}
