//! Compressed files, known by their content.

use ledger::outcome::Reason;

use super::{check, trap};

#[tokio::test]
async fn a_packed_file_is_the_file_within_whatever_its_name() {
    check([
        trap("packed.csv.gz").loads(2, "3"),
        trap("packed.csv.zst").loads(2, "3"),
        trap("packed.csv.bz2").loads(2, "3"),
        trap("packed.csv.xz").loads(2, "3"),
        trap("members.csv.gz").loads(3, "7"),
        trap("members.csv.zst").loads(3, "7"),
        trap("members.csv.bz2").loads(3, "7"),
        trap("members.csv.xz").loads(3, "7"),
        trap("gzip-named.csv").loads(2, "3"),
        trap("plain-named.csv.gz").loads(2, "3"),
        trap("utf16le-mark.csv.gz").loads(2, "3"),
    ])
    .await;
}

#[tokio::test]
async fn what_can_not_be_unpacked_is_refused() {
    check([
        trap("cut.csv.gz").refuses(Reason::InvalidFile, "gzip file is damaged or cut off"),
        trap("cut.csv.zst").refuses(Reason::InvalidFile, "zstd file is damaged or cut off"),
        trap("cut.csv.bz2").refuses(Reason::InvalidFile, "bzip2 file is damaged or cut off"),
        trap("cut.csv.xz").refuses(Reason::InvalidFile, "xz file is damaged or cut off"),
        trap("workbook.csv").refuses(Reason::InvalidFile, "an Excel workbook"),
    ])
    .await;
}
