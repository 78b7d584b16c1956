//! Who may do what, also with the password and `psql` in hand.

use std::time::Duration;

use crate::support::{File, TestLedger, claim, connect, day, load, open, write, write_and_publish};
use harness::postgres::Server;
use ledger::{
    Dataset,
    outcome::{Reason, RunResult},
    postgres::{Claimed, DatabaseUrl, Ledger, LedgerError},
};

#[tokio::test]
async fn a_role_loads_only_into_datasets_that_are_granted_to_it() {
    let test = TestLedger::new().await;
    let (role, importer) = test.role("shop_a");
    test.ledger.grant_importer(&role, &"shop-a".parse().unwrap()).await.unwrap();
    test.ledger.grant_importer(&role, &"shop-a".parse().unwrap()).await.unwrap();
    let mine = load(&importer, &File::new(&[(1, "a", "1")]).dataset("shop-a")).await.unwrap();
    assert_eq!(mine.result, RunResult::Published, "{}", mine.message);
    for dataset in ["shop-b", "default"] {
        let outcome = load(&importer, &File::new(&[(1, "a", "1")]).dataset(dataset)).await.unwrap();
        assert_eq!(
            (outcome.result, outcome.reason),
            (RunResult::Refused, Reason::DatasetNotGranted)
        );
        assert!(outcome.message.contains("takings-importer grant --role"), "{}", outcome.message);
    }
}

#[tokio::test]
async fn a_role_that_was_granted_nothing_is_told_so() {
    let test = TestLedger::new().await;
    let (_, stranger) = test.role("stranger");
    let outcome = load(&stranger, &File::new(&[(1, "a", "1")])).await.unwrap();
    assert_eq!(outcome.reason, Reason::DatasetNotGranted);
}

#[tokio::test]
async fn a_dataset_is_closed_to_another_role_with_the_password_in_hand() {
    let test = TestLedger::new().await;
    let (role, thief) = test.role("thief");
    test.ledger.grant_importer(&role, &"own".parse().unwrap()).await.unwrap();
    let file = File::new(&[(1, "a", "1")]).dataset("victim");
    let run = open(&test.ledger, &file).await;
    let published = File::new(&[(2, "b", "1")]).dataset("victim");
    test.load(&published).await;
    write(&test.ledger, &run, &file).await.unwrap();
    let dataset = test.sql("SELECT dataset_id FROM takings.dataset WHERE name = 'victim'");
    let (partition, superseded) = (format!("sale_{dataset}"), format!("superseded_{dataset}"));
    let load_in = |state: &str| {
        test.sql(&format!("SELECT load_id FROM takings.load WHERE state = '{state}'"))
    };
    let claimed = claim(Duration::from_hours(1));
    assert!(matches!(test.ledger.claim(&run, &claimed).await.unwrap(), Claimed::Mine(_)));
    let claims = test.sql("SELECT * FROM takings.claim");
    let (loading, live) = (load_in("loading"), load_in("live"));
    let row =
        test.sql("SELECT imported_file_id FROM takings.imported_file WHERE status = 'Running'");
    let digest = "'\\x00'::bytea";
    for attempt in [
        format!("INSERT INTO takings.{partition} SELECT * FROM takings.{partition}"),
        format!("COPY takings.{partition} FROM STDIN"),
        "INSERT INTO takings.sale (dataset_id, load_id, line, sale_date, order_id, line_total) VALUES (1, 1, 1, now(), 'x', 1)".into(),
        format!("SELECT * FROM takings.{partition}"),
        "SELECT * FROM takings.sale".into(),
        "SELECT * FROM takings.imported_file".into(),
        "SELECT fingerprint_key FROM takings.dataset".into(),
        format!("COPY takings.{superseded} FROM STDIN"),
        format!("INSERT INTO takings.{superseded} VALUES (1, 1, 1, ARRAY[now()], '{{x}}')"),
        "SELECT * FROM takings.claim".into(),
        format!("SELECT takings.claim_content({row}, sha256('x'), null, null, '0 s')"),
        format!("SELECT takings.open_load({row})"),
        format!("SELECT takings.publish_load({loading}, 1, {digest}, 0, 0, 0, '', null, '{{}}', '{{}}', '{{}}', 0, 0)"),
        format!("SELECT takings.publish_already_loaded({row}, {digest}, 0, 0, null)"),
        format!("SELECT takings.name_ids({loading}, '{{x}}', '{{}}', '{{}}')"),
        format!("SELECT takings.add_chunk({loading}, 9, 0, '', 0, 0, '{{}}', null, null, null, '{{}}')"),
        format!("SELECT takings.add_order_blocks({loading}, 9, '{{1}}', '{{x}}', '{{x}}', '{{x}}', '{{x}}', '{{x}}')"),
        format!("SELECT takings.mark_skipped({loading}, '{{0}}', '{{0}}', '{{x}}')"),
        format!("SELECT takings.forget_comparison({loading})"),
        format!("SELECT takings.drop_load({loading})"),
        format!("SELECT takings.revert_load({live}, 'x', 'x', 0, null)"),
        format!("SELECT takings.refuse_run({row}, 'x', 'x', null, 0, 0, 0, 0, null, null, '[]', '{{}}', null)"),
        format!("SELECT takings.add_rejects({row}, '{{1}}', '{{x}}', '{{x}}', '{{x}}')"),
        format!("SELECT takings.settle_run('{}', 1, 'victim')", file.import_id()),
        format!("SELECT * FROM takings.revertible_load('{}')", published.import_id()),
        "SELECT takings.dry_run(gen_random_uuid(), 1, 'victim')".into(),
        format!("SELECT takings.dry_publish(gen_random_uuid(), 1, {dataset}, 'SGD', '', '0', {digest})"),
        "SELECT takings.grant_dataset(session_user, 'victim')".into(),
        "SELECT takings.ensure_dataset('new')".into(),
        "SELECT takings.shift_figures(1, null, '{1}', null)".into(),
        "SELECT takings.change_live_loads(1, null, '{1}', null, 'reverted', '', '')".into(),
        "SELECT takings.step_version()".into(),
    ] {
        let asked = test.server.sql_as(&test.database.name, &role, "secret", &attempt);
        assert!(asked.is_err(), "{attempt} went through: {asked:?}");
    }
    for nothing in [
        format!("SELECT takings.run_outcome({row}) IS NULL"),
        format!("SELECT NOT EXISTS (SELECT FROM takings.loaded_chunks({loading}))"),
        format!("SELECT NOT EXISTS (SELECT FROM takings.live_loads({dataset}, null))"),
        format!(
            "SELECT NOT EXISTS (SELECT FROM takings.order_ranges({dataset}, '{{{live}}}', '', '\\xff'))"
        ),
        format!(
            "SELECT NOT EXISTS (SELECT FROM takings.read_order_blocks({dataset}, '{{{live}}}', '{{0}}', '{{0}}', true, true))"
        ),
        format!("SELECT takings.keep_claim({row}, '\\x{}')::text = ''", "07".repeat(32)),
        format!("SELECT takings.sweep_run({row}) = 0"),
    ] {
        let seen = test.server.sql_as(&test.database.name, &role, "secret", &nothing);
        assert_eq!(seen.unwrap().trim(), "t", "{nothing}");
    }
    assert_eq!(test.sql("SELECT * FROM takings.claim"), claims);
    // The same content in another dataset is another's.
    let own = open(&thief, &File::new(&[]).dataset("own")).await;
    assert!(matches!(thief.claim(&own, &claimed).await.unwrap(), Claimed::Mine(_)));
    assert!(matches!(test.ledger.claim(&run, &claimed).await.unwrap(), Claimed::Mine(_)));
    // A run of its own under the same import id does not touch the victim's.
    let outcome =
        load(&thief, &File::new(&[]).dataset("own").run_of(published.import_id(), 9)).await;
    assert_eq!(outcome.unwrap().result, RunResult::Published);
    let victim = "victim".parse().unwrap();
    let figures = test.ledger.revenue(&victim, day(1), day(31)).await.unwrap();
    assert_eq!(figures.line_count, 1);
    let outcome = write_and_publish(&test.ledger, &run, &file).await.unwrap();
    assert_eq!(outcome.result, RunResult::Published);
}

#[tokio::test]
async fn the_readers_role_reads_figures_and_writes_nothing() {
    let test = TestLedger::new().await;
    let (role, reader) = test.role("reader");
    test.ledger.grant_reader(&role).await.unwrap();
    test.load(&File::new(&[(1, "a", "1")])).await;
    reader.check_schema().await.unwrap();
    let dataset = Dataset::default();
    let figures = reader.revenue(&dataset, day(1), day(31)).await.unwrap();
    assert_eq!(figures.line_count, 1);
    assert_eq!(reader.daily(&dataset, day(1), day(2)).await.unwrap().len(), 1);
    let outcome = load(&reader, &File::new(&[(2, "b", "1")])).await.unwrap();
    assert_eq!(outcome.reason, Reason::DatasetNotGranted);
    let error = reader.revert(File::new(&[]).import_id(), "x", "").await.unwrap_err();
    assert!(matches!(error, LedgerError::NotGranted(_)), "{error}");
}

#[tokio::test]
async fn no_function_is_open_to_everybody() {
    let test = TestLedger::new().await;
    let open = test.sql(
        "SELECT string_agg(proname, ' ') FROM pg_proc
         WHERE pronamespace = 'takings'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')",
    );
    assert_eq!(open, "");
    let unsafe_path = test.sql(
        "SELECT string_agg(proname, ' ') FROM pg_proc WHERE pronamespace = 'takings'::regnamespace
         AND prosecdef AND NOT coalesce(proconfig @> '{\"search_path=takings, pg_temp\"}', false)",
    );
    assert_eq!(unsafe_path, "");
}

#[tokio::test]
async fn granting_to_an_unknown_role_says_how_to_make_it() {
    let test = TestLedger::new().await;
    let error = test.ledger.grant_importer("nobody; drop", &Dataset::default()).await.unwrap_err();
    assert!(error.to_string().contains("CREATE ROLE"), "{error}");
}

#[tokio::test]
async fn an_owner_that_is_no_superuser_migrates_grants_and_loads() {
    let server = Server::shared().unwrap();
    let database = server.create_database().unwrap();
    let [owner, importer] = ["owner", "shop"].map(|name| format!("{name}_{}", database.name));
    for sql in [
        format!("CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'secret'"),
        format!("CREATE ROLE {importer} LOGIN PASSWORD 'secret'"),
        format!("ALTER DATABASE {} OWNER TO {owner}", database.name),
    ] {
        server.sql(&database.name, &sql).unwrap();
    }
    let place = format!("{}:{}/{}", server.address(), server.port(), database.name);
    let [url, shop] = [&owner, &importer].map(|role| format!("postgres://{role}:secret@{place}"));
    Ledger::migrate(&DatabaseUrl::new(&url).unwrap()).await.unwrap();
    let ledger = connect(&url);
    // The group roles belong to the whole server, and may be another test's.
    if let Err(error) = ledger.grant_importer(&importer, &Dataset::default()).await {
        let error = error.to_string();
        let (_, grant) = error.split_once("superuser run ").unwrap();
        server.sql(&database.name, grant.trim_end_matches('.')).unwrap();
    }
    ledger.grant_importer(&importer, &Dataset::default()).await.unwrap();
    ledger.grant_reader(&importer).await.unwrap();
    let first = load(&ledger, &File::new(&[(1, "a", "1")])).await.unwrap();
    assert_eq!(first.result, RunResult::Published, "{}", first.message);
    let second = load(&connect(&shop), &File::new(&[(2, "b", "1")])).await.unwrap();
    assert_eq!(second.result, RunResult::Published, "{}", second.message);
}
