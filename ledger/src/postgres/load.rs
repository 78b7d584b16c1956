//! A load: a file's lines on their way into the ledger, chunk by chunk.
//!
//! In come chunks, each written in a transaction of its own together with what it adds up to, so
//! that a retry goes on where the one before was cut off. Nothing is seen before publish.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff_sqlx::Date as SqlDate;
use sqlx::{
    PgConnection, Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
    types::Json,
};

use super::{
    Ledger, LedgerError, OpenRun,
    chunk::Chunk,
    figures::SqlFigures,
    names::{NameTable, Names},
    run::{add_rejects, signed},
};
use crate::{
    RejectReason,
    order_days::{Block, Bound, FingerprintKey},
};

/// How much is sent to the server in one message.
const MESSAGE_BYTES: usize = 256 * 1024;

/// What a run puts into the ledger, while it is at it. A clone is the same load.
#[derive(Clone, Debug)]
pub struct Load {
    pub(super) ledger: Ledger,
    pub(super) run: OpenRun,
    pub(super) id: i32,
    pub(super) key: FingerprintKey,
    /// Earlier tries may have loaded chunks.
    is_begun: bool,
}

/// A chunk that is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedChunk {
    /// Bytes of the file up to its end.
    pub bytes_read: u64,
    /// Tells the file's content up to its end from any other.
    pub content: Vec<u8>,
    /// Records read.
    pub lines_read: u64,
    /// Records that can't be sales.
    pub lines_rejected: u64,
    /// By reason.
    pub reject_counts: BTreeMap<RejectReason, u64>,
    /// First and last day of its sales.
    pub days: Option<(Date, Date)>,
}

impl Ledger {
    /// The run's load: the one that an earlier try began, or a new one.
    pub async fn open_load(&self, run: &OpenRun) -> Result<Load, LedgerError> {
        let row = sqlx::query("SELECT * FROM takings.open_load($1)")
            .bind(run.imported_file_id)
            .fetch_one(&self.pool)
            .await?;
        self.opened(run, &row)
    }

    /// A load as the database tells of it.
    pub(super) fn opened(&self, run: &OpenRun, row: &PgRow) -> Result<Load, LedgerError> {
        let key: Vec<u8> = row.try_get("o_fingerprint_key")?;
        let key = <&[u8; 16]>::try_from(&key[..])
            .map_err(|_| LedgerError::Unreadable("the fingerprint key".into()))?;
        Ok(Load {
            ledger: self.clone(),
            run: run.clone(),
            id: row.try_get("o_load_id")?,
            key: FingerprintKey::new(key),
            is_begun: row.try_get("o_is_begun")?,
        })
    }
}

impl Load {
    /// What earlier tries have loaded, by number.
    pub async fn loaded(&self) -> Result<BTreeMap<u32, LoadedChunk>, LedgerError> {
        if self.is_begun { self.loaded_by_now().await } else { Ok(BTreeMap::new()) }
    }

    async fn loaded_by_now(&self) -> Result<BTreeMap<u32, LoadedChunk>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM takings.loaded_chunks($1)")
            .bind(self.id)
            .fetch_all(&self.ledger.pool)
            .await?;
        let count = |number: i64| number.cast_unsigned();
        rows.iter()
            .map(|row| {
                let Json(reject_counts) = row.try_get("reject_counts")?;
                let day = |column| {
                    row.try_get::<Option<SqlDate>, _>(column).map(|day| day.map(SqlDate::to_jiff))
                };
                let chunk = LoadedChunk {
                    bytes_read: count(row.try_get("bytes_read")?),
                    content: row.try_get("content")?,
                    lines_read: count(row.try_get("lines_read")?),
                    lines_rejected: count(row.try_get("lines_rejected")?),
                    reject_counts,
                    days: day("first_day")?.zip(day("last_day")?),
                };
                Ok((row.try_get::<i32, _>("chunk")?.cast_unsigned(), chunk))
            })
            .collect()
    }

    /// An empty chunk of this load, for about so many bytes of a file.
    #[must_use]
    pub fn chunk(&self, number: u32, bytes: usize) -> Chunk {
        Chunk::new(self.id, self.key, number, bytes)
    }

    /// Writes one chunk, all or nothing. Where another importer of the same run was quicker,
    /// nothing is written; false where what it wrote is something else.
    pub async fn write(&self, mut chunk: Chunk, names: &mut Names) -> Result<bool, LedgerError> {
        self.number_names(&mut chunk, names).await?;
        let (number, content) = (chunk.number, chunk.content);
        match self.write_numbered(chunk).await {
            Err(error) if error.is_unique_violation() => {
                let loaded = self.loaded_by_now().await?;
                Ok(loaded.get(&number).is_some_and(|there| there.content == content))
            }
            result => result.map(|()| true),
        }
    }

    /// Gives up what was loaded, since the file is another one now.
    pub async fn give_up(&self) -> Result<(), LedgerError> {
        sqlx::query("SELECT takings.drop_load($1)")
            .bind(self.id)
            .execute(&self.ledger.pool)
            .await?;
        Ok(())
    }

    /// Asks for the numbers of new names and puts them into the rows.
    async fn number_names(&self, chunk: &mut Chunk, names: &mut Names) -> Result<(), LedgerError> {
        let numbered = self.numbers_of(names).await?;
        let found = |table: NameTable, number: i32| {
            let index = usize::try_from(-i64::from(number) - 1).ok()?;
            numbered[table as usize].get(index).copied()
        };
        for (table, position, number) in std::mem::take(&mut chunk.unnamed) {
            if let Some(number) = found(table, number) {
                chunk.rows.patch(position, number);
            }
        }
        chunk.prices = chunk
            .prices
            .drain()
            .map(|(number, price)| (found(NameTable::Product, number).unwrap_or(number), price))
            .collect();
        names.make_room();
        Ok(())
    }

    /// Asks for the numbers of all new names, by table.
    async fn numbers_of(&self, names: &mut Names) -> Result<[Vec<i32>; 3], LedgerError> {
        let new = NameTable::ALL.map(|table| names.new_names(table));
        if new.iter().all(|names| names.is_empty()) {
            return Ok([const { Vec::new() }; 3]);
        }
        let [products, locations, payment_methods] =
            new.map(|names| names.iter().map(AsRef::as_ref).collect::<Vec<&str>>());
        let row = sqlx::query("SELECT * FROM takings.name_ids($1, $2, $3, $4)")
            .bind(self.id)
            .bind(products)
            .bind(locations)
            .bind(payment_methods)
            .fetch_one(&self.ledger.pool)
            .await?;
        let numbered: [Vec<_>; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
        for table in NameTable::ALL {
            names.learn(table, &numbered[table as usize]);
        }
        Ok(numbered)
    }

    async fn write_numbered(&self, mut chunk: Chunk) -> Result<(), LedgerError> {
        let mut transaction = self.ledger.pool.begin().await?;
        if chunk.sales > 0 {
            let statement = format!(
                "COPY takings.sale_{} (load_id, line, sale_date, product_id, \
                 location_id, payment_method_id, order_id, client, quantity, line_total) \
                 FROM STDIN (FORMAT binary)",
                self.run.dataset_id
            );
            let rows = copy(&mut transaction, &statement, std::mem::take(&mut chunk.rows).finish())
                .await?;
            if rows != chunk.sales {
                return Err(LedgerError::Unreadable(format!("{rows} of {} rows", chunk.sales)));
            }
        }
        add_rejects(&mut transaction, &self.run, chunk.rejects.iter()).await?;
        self.note(&mut transaction, chunk).await?;
        Ok(transaction.commit().await?)
    }

    /// Notes the order-days and figures of a chunk.
    async fn note(&self, connection: &mut PgConnection, chunk: Chunk) -> Result<(), LedgerError> {
        let (lines_read, reject_counts) = (chunk.lines_read(), chunk.reject_counts());
        let (blocks, figures) = chunk.orders.finish();
        // Blocks ascend.
        let first = blocks.first().map(|block| block.first.bytes());
        let last = blocks.last().map(|block| block.last.bytes());
        let (products, prices): (Vec<_>, Vec<_>) = chunk.prices.into_iter().unzip();
        let (days, prices): (Vec<_>, Vec<_>) =
            prices.into_iter().map(|(day, price)| (day, price.to_string())).unzip();
        let query = SqlFigures::new(&figures).query(
            "SELECT takings.add_order_blocks($8, $9, $20, $21, $22, $23, $24, $25),
                takings.add_chunk($8, $9, $10, $11, $12, $13, $14, $15, $16, {figures},
                    ARRAY(SELECT ROW(product, date '2000-01-01' + day, price::numeric)::takings.price
                        FROM unnest($17::integer[], $18::integer[], $19::text[])
                            prices (product, day, price)))",
        );
        let query = query
            .bind(self.id)
            .bind(i32::try_from(chunk.number).unwrap_or(i32::MAX))
            .bind(signed(chunk.bytes_read))
            .bind(&chunk.content[..])
            .bind(signed(lines_read))
            .bind(signed(chunk.rejects.len() as u64))
            .bind(Json(reject_counts))
            .bind(first)
            .bind(last)
            .bind(products)
            .bind(days)
            .bind(prices);
        bind_blocks(query, &blocks).execute(connection).await?;
        Ok(())
    }
}

/// Blocks as the next six parameters of a statement, column by column.
fn bind_blocks<'q>(
    query: Query<'q, Postgres, PgArguments>,
    blocks: &[Block],
) -> Query<'q, Postgres, PgArguments> {
    let part = |part: fn(&Block) -> &[u8]| blocks.iter().map(part).collect::<Vec<_>>();
    let bounds = |bound: fn(&Block) -> &Bound| {
        blocks.iter().map(|block| bound(block).bytes()).collect::<Vec<_>>()
    };
    let counts: Vec<_> = blocks.iter().map(|block| block.orders.cast_signed()).collect();
    query
        .bind(counts)
        .bind(bounds(|block| &block.first))
        .bind(bounds(|block| &block.last))
        .bind(part(|block| &block.ids))
        .bind(part(|block| &block.order_days))
        .bind(part(|block| &block.fingerprints))
}

/// Sends rows, and returns how many the server took.
pub(super) async fn copy(
    connection: &mut PgConnection,
    statement: &str,
    rows: Vec<u8>,
) -> Result<u64, LedgerError> {
    let mut copy = connection.copy_in_raw(statement).await?;
    for message in rows.chunks(MESSAGE_BYTES) {
        copy.send(message).await?;
    }
    Ok(copy.finish().await?)
}
