//! The files of a configured folder, imported on request: once each, in the order of their names.

use std::{
    io,
    path::{Path, PathBuf},
};

use axum::{
    Extension,
    extract::State,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use importer::Source;
use tokio::fs;

use crate::{
    envelope::Envelope,
    filename,
    handlers::uploads::Imported,
    middleware::RequestId,
    problem::Problem,
    state::SharedApp,
    uploads::{Policy, Uploads},
};

/// How the names of the files end, in any case.
const ENDING: &str = ".csv";

/// `GET /api/import-sales/`; HEAD looks at nothing and changes nothing.
pub(crate) async fn import(
    State(app): State<SharedApp>,
    Extension(RequestId(id)): Extension<RequestId>,
    method: Method,
) -> Result<Response, Problem> {
    if method == Method::HEAD {
        return Ok(StatusCode::OK.into_response());
    }
    let uploads = app.uploads()?.clone();
    let folder = uploads.folder.clone().ok_or(Problem::NoFolder)?;
    let slot = uploads.slot()?;
    let work = import_all(uploads.clone(), folder, id.to_string());
    let imported_row = uploads.finish(slot, work).await?;
    let (status, message) = match imported_row {
        0 => (StatusCode::OK, "Nothing in the folder is new."),
        _ => (StatusCode::CREATED, "success"),
    };
    Ok(Envelope::new(status, message, Imported { imported_row }).into_response())
}

/// Loads file after file. One that fails leaves the others as they are.
async fn import_all(uploads: Uploads, folder: PathBuf, request_id: String) -> Result<u64, Problem> {
    let (mut imported, mut failed) = (0, Vec::new());
    for path in files(&folder).await.map_err(Problem::FolderUnreadable)? {
        let name = filename::sanitized(&path.file_name().unwrap_or_default().to_string_lossy());
        let source = Source::File { path, root: Some(folder.clone()) };
        match uploads.load(source, &Policy::default(), &request_id).await {
            Ok(outcome) => imported += outcome.lines_imported,
            Err(problem) if problem.retry_after().is_some() => return Err(problem),
            Err(problem) => {
                let sentence = format!("{name}: {problem}");
                failed.push((name, sentence));
            }
        }
    }
    if failed.is_empty() { Ok(imported) } else { Err(Problem::FolderFailed { imported, failed }) }
}

/// The CSV files of the folder, in the order of their names.
async fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut entries, mut files) = (fs::read_dir(folder).await?, Vec::new());
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        if name.ends_with(ENDING) && !name.starts_with('.') {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
