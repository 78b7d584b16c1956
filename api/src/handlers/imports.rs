//! Imports and their rejected lines, page by page. An import is shown by its newest run; the
//! list has every run.

use axum::{Json, extract::State, http::Uri};
use jiff::{Timestamp, civil::Date};
use ledger::{
    Currency, Dataset, Decimal, Digest, ImportId, Run,
    outcome::RunResult,
    postgres::{ImportFilter, ImportedFile, ListedReject, Page},
};
use serde::Serialize;

use crate::{
    cursor::Cursor,
    params::{ImportPath, Params},
    problem::Problem,
    state::{App, SharedApp},
};

/// One run of an import.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the SalesImport and SQL")]
pub(crate) struct Import {
    import_id: ImportId,
    run: Run,
    dataset: Dataset,
    currency: Currency,
    filename: String,
    source: String,
    digest: Option<Digest>,
    bytes: u64,
    status: String,
    result: Option<RunResult>,
    reason: Option<String>,
    error_message: Option<String>,
    lines_read: u64,
    lines_imported: u64,
    lines_skipped: u64,
    lines_rejected: u64,
    lines_valid: u64,
    first_sale_date: Option<Date>,
    last_sale_date: Option<Date>,
    revenue: Option<Decimal>,
    load: Option<i32>,
    load_state: Option<String>,
    existing_load: Option<i32>,
    requested_by: String,
    request_id: String,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// A part of a list.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    data: Vec<T>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// A rejected line.
#[derive(Debug, Serialize)]
pub(crate) struct RejectedLine {
    line: u32,
    column: String,
    value: Option<String>,
    reason: String,
}

/// How a run can stand, as the parameter `status` names it.
#[derive(Clone, Copy, Debug)]
struct Status(&'static str);

/// `GET /api/v1/imports?dataset=&status=&limit=&cursor=`
pub(crate) async fn list(
    State(app): State<SharedApp>,
    uri: Uri,
) -> Result<Json<List<Import>>, Problem> {
    let params = Params::only(&uri, &["dataset", "status", "limit", "cursor"])?;
    let status =
        params.parsed::<Status>("status", "one of Running, Published, Refused and Abandoned")?;
    let filter = ImportFilter {
        dataset: params.optional_dataset()?,
        status: status.map(|Status(status)| status.to_owned()),
    };
    let limit = params.limit()?;
    let page = Page { limit: limit + 1, before: params.cursor()?.map(|Cursor(id)| id) };
    let found = app.read(app.ledger.imports(&filter, page)).await?;
    Ok(Json(List::of(found, limit, |import| import.id, Import::from)))
}

/// `GET /api/v1/imports/{id}`
pub(crate) async fn get(
    State(app): State<SharedApp>,
    ImportPath(id): ImportPath,
    uri: Uri,
) -> Result<Json<Import>, Problem> {
    Params::only(&uri, &[])?;
    Ok(Json(by_id(&app, id).await?))
}

/// `GET /api/v1/imports/{id}/rejects?limit=&cursor=`
pub(crate) async fn rejects(
    State(app): State<SharedApp>,
    ImportPath(id): ImportPath,
    uri: Uri,
) -> Result<Json<List<RejectedLine>>, Problem> {
    let params = Params::only(&uri, &["limit", "cursor"])?;
    let (limit, cursor) = (params.limit()?, params.cursor()?);
    let after_line = cursor.and_then(|Cursor(line)| u32::try_from(line).ok());
    let import = newest_run(&app, id).await?;
    let found = app.read(app.ledger.rejects(import.id, limit + 1, after_line)).await?;
    Ok(Json(List::of(found, limit, |reject| i64::from(reject.line), RejectedLine::from)))
}

/// The import as it stands, by its id.
pub(crate) async fn by_id(app: &App, id: ImportId) -> Result<Import, Problem> {
    Ok(newest_run(app, id).await?.into())
}

async fn newest_run(app: &App, id: ImportId) -> Result<ImportedFile, Problem> {
    app.read(app.ledger.import(id)).await?.ok_or(Problem::UnknownImport(id))
}

impl<T> List<T> {
    /// The first `limit` of what was found; one more says that there is more.
    fn of<R>(
        mut found: Vec<R>,
        limit: u32,
        key: impl Fn(&R) -> i64,
        show: impl Fn(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| has_more);
        let next_cursor = last.map(|row| Cursor(key(row)).to_string());
        Self { data: found.into_iter().map(show).collect(), has_more, next_cursor }
    }
}

impl std::str::FromStr for Status {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = ["Running", "Published", "Refused", "Abandoned"];
        known.into_iter().find(|status| status.eq_ignore_ascii_case(text)).map(Self).ok_or(())
    }
}

impl From<ListedReject> for RejectedLine {
    fn from(reject: ListedReject) -> Self {
        let ListedReject { line, column, value, reason } = reject;
        Self { line, column, value, reason }
    }
}

impl From<ImportedFile> for Import {
    fn from(file: ImportedFile) -> Self {
        Self {
            import_id: file.import_id,
            run: file.run,
            dataset: file.dataset,
            currency: file.currency,
            filename: file.filename,
            source: file.source,
            digest: file.digest,
            bytes: file.bytes,
            status: file.status,
            result: file.result,
            reason: file.reason,
            error_message: file.error_message,
            lines_read: file.lines_read,
            lines_imported: file.lines_imported,
            lines_skipped: file.lines_skipped,
            lines_rejected: file.lines_rejected,
            lines_valid: file.lines_valid,
            first_sale_date: file.first_sale_date,
            last_sale_date: file.last_sale_date,
            revenue: file.revenue,
            load: file.load,
            load_state: file.load_state,
            existing_load: file.existing_load,
            requested_by: file.requested_by,
            request_id: file.request_id,
            started_at: file.started_at,
            ended_at: file.ended_at,
        }
    }
}
