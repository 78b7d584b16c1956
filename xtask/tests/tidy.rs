//! The rules that keep the rooms apart, each a test. ARCHITECTURE.md says why they are there.
#![allow(clippy::unwrap_used, reason = "a test fails loudly, its helpers too")]

use std::{path::PathBuf, process::Command};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Tracked files under a folder with such an ending, with their text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    output("git", &["ls-files", folder])
        .lines()
        .filter(|path| path.ends_with(ending))
        .filter_map(|path| {
            Some((path.to_owned(), std::fs::read_to_string(root().join(path)).ok()?))
        })
        .collect()
}

/// Code without its unit tests, its comments and what stands in documentation.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Fails where one of the words stands in the code of a folder or file.
fn nowhere_in(place: &str, words: &[&str]) {
    let found = files(place, ".rs");
    assert!(!found.is_empty(), "{place} holds no code: has it moved?");
    for (path, text) in found {
        for word in words {
            assert!(!code(&text).contains(word), "{path} must not hold {word:?}");
        }
    }
}

/// The crates that a crate's program is made of.
fn tree(package: &str) -> Vec<String> {
    let arguments =
        ["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--locked"];
    output("cargo", &arguments)
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

fn is_made_without(package: &str, others: &[&str]) {
    let tree = tree(package);
    assert!(tree.len() > 10, "the tree of {package} can't be read");
    for other in others {
        assert!(!tree.iter().any(|name| name == other), "{package} must not depend on {other}");
    }
}

#[test]
fn the_operator_holds_no_database_client() {
    is_made_without("operator", &["sqlx", "importer", "api"]);
}

#[test]
fn importer_and_api_hold_no_kubernetes_client() {
    is_made_without("importer", &["kube", "k8s-openapi", "operator", "api"]);
    is_made_without("api", &["kube", "k8s-openapi", "operator"]);
}

#[test]
fn one_file_is_unsafe() {
    let unsafe_files: Vec<_> = files(".", ".rs")
        .into_iter()
        .filter(|(_, text)| code(text).contains("unsafe {"))
        .map(|(path, _)| path)
        .filter(|path| path != "xtask/tests/tidy.rs")
        .collect();
    assert_eq!(unsafe_files, ["ledger/src/postgres/no_delay.rs"]);
}

#[test]
fn the_ledger_depends_on_no_program() {
    is_made_without("ledger", &["kube", "axum", "reqwest", "importer", "operator", "api"]);
}

#[test]
fn all_sql_lives_in_the_ledger() {
    for room in ["importer/src", "operator/src", "api/src", "telemetry/src"] {
        nowhere_in(room, &["sqlx", "SELECT ", "INSERT ", "UPDATE takings"]);
    }
    for (path, text) in files("ledger/src", ".rs") {
        if path.starts_with("ledger/src/postgres") {
            continue;
        }
        assert!(!code(&text).contains("sqlx"), "{path} must not hold SQL");
    }
}

#[test]
fn a_sale_is_never_updated_and_deleted_only_where_it_can_never_count_again() {
    for (path, text) in files("migrations", ".sql") {
        let text = text.to_lowercase();
        let updates = text.split("update ").skip(1).filter(|rest| {
            let table = rest.split_whitespace().next().unwrap_or_default();
            table.trim_start_matches("takings.").starts_with("sale")
        });
        assert_eq!(updates.count(), 0, "{path} must not update a sale");
        let deletes = text.matches("delete from sale").count();
        let allowed = usize::from(path.ends_with("0005_load.sql"));
        // One statement, for loads that no run will publish, and for those that were taken out of
        // the figures and are older than the owner wants to keep.
        assert_eq!(deletes, allowed, "{path}: only takings.remove_lines deletes lines");
    }
}

#[test]
fn money_is_never_a_float() {
    for room in ["ledger/src", "importer/src/validate.rs", "importer/src/load.rs"] {
        if root().join(room).exists() {
            nowhere_in(room, &["f32", "f64"]);
        }
    }
}

#[test]
fn the_pure_core_knows_no_client_and_no_clock() {
    let words = ["async ", ".await", "kube::Client", "Api<", "::now()", "SystemTime", "Instant::"];
    for place in [
        "operator/src/leader/candidate.rs",
        "operator/src/sales_import/announcement.rs",
        "operator/src/sales_import/arguments.rs",
        "operator/src/sales_import/attempt.rs",
        "operator/src/sales_import/job.rs",
        "operator/src/sales_import/name.rs",
        "operator/src/sales_import/plan.rs",
        "operator/src/sales_import/plan",
        "operator/src/sales_import/queue.rs",
        "operator/src/sales_import/start.rs",
        "operator/src/sales_import/status.rs",
        "operator/src/sales_import/trace.rs",
        "operator/src/schedule/plan.rs",
        "operator/src/schedule/calendar.rs",
        "operator/src/schedule/placeholder.rs",
        "operator/src/schedule/import.rs",
        "operator/src/schedule/listing.rs",
        "operator/src/schedule/plan/discover.rs",
        "importer/src/source/pattern.rs",
        "importer/src/validate.rs",
        "importer/src/header.rs",
        "ledger/src/order_days",
    ] {
        nowhere_in(place, &words);
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in files(".", ".rs") {
        assert!(text.starts_with("//!"), "{path} must begin with what comes in and what goes out");
    }
    for (path, text) in files("migrations", ".sql") {
        assert!(text.starts_with("--"), "{path} must begin with what it is for");
    }
}

#[test]
fn the_page_on_the_ledger_lists_every_invariant_in_its_own_words() {
    let (page, verify) = ("docs/ledger.md", "ledger/src/postgres/verify.rs");
    let [page, verify] =
        [page, verify].map(|path| std::fs::read_to_string(root().join(path)).unwrap());
    let invariants = files("ledger/invariants", ".sql");
    assert!(!invariants.is_empty());
    for (path, query) in invariants {
        let sentence = query.lines().next().unwrap().trim_start_matches("-- ");
        assert!(page.contains(&format!("(../{path}) | {sentence} |")), "{path}: {sentence}");
        let file = path.trim_start_matches("ledger/");
        assert!(verify.contains(file), "{path} is not verified");
    }
}

#[test]
fn every_way_in_which_an_import_may_go_wrong_names_the_tests_that_show_it() {
    let page = std::fs::read_to_string(root().join("docs/imports.md")).unwrap();
    let (_, table) = page.split_once("| what | state on the way | then | shown |").unwrap();
    let rows: Vec<_> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "the table has moved");
    for row in rows {
        let links: Vec<_> =
            row.split("](../").skip(1).filter_map(|link| link.split(')').next()).collect();
        assert!(!links.is_empty(), "no test shows: {row}");
        for link in links {
            assert!(link.contains("/tests/") && root().join(link).exists(), "{link} is not there");
        }
    }
}

#[test]
fn every_reason_of_a_condition_stands_on_a_page() {
    let page = |name: &str| std::fs::read_to_string(root().join("docs").join(name)).unwrap();
    let pages = page("imports.md") + &page("schedules.md");
    let reasons = std::fs::read_to_string(root().join("operator/src/crd/conditions.rs")).unwrap();
    let reasons = reasons.lines().filter_map(|line| line.strip_suffix("\";")?.split_once(" = \""));
    let reasons: Vec<_> = reasons.map(|(_, reason)| reason).collect();
    assert!(reasons.len() > 20, "they have moved");
    let is_there =
        |reason: &str| ["`", "="].iter().any(|end| pages.contains(&format!("`{reason}{end}")));
    let missing: Vec<_> = reasons.iter().filter(|reason| !is_there(reason)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_file_is_two_of_something() {
    for (path, text) in files(".", ".rs") {
        let lines = text.lines().count();
        assert!(lines <= 400, "{path} has {lines} lines: what is it really two of?");
    }
}
