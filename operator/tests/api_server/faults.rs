//! Every call that the operator makes to the API server for imports fails once in every way, in lives
//! that meet all of them. Whatever happens, the import comes to the same end, with as many Jobs as
//! it has attempts, each made once. And what the chart grants is what these lives need.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use futures::{StreamExt as _, stream};
use k8s_openapi::{api::batch::v1::Job, jiff::SignedDuration};
use kube::{ResourceExt as _, api::ListParams};
use ledger::Outcome;
use operator::crd::{SalesImport, SalesImportStatus};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    calls::{Calls, Fault},
    support::{Shop, now, outcome, rules},
};

/// Runs side by side, each with an operator and a namespace of its own.
pub(crate) const AT_ONCE: usize = 40;
/// Longest life, with a fault in it and on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) const FAULTS: [Fault; 6] = [
    Fault::EndsBefore,
    Fault::EndsAfter,
    Fault::AnswerLost,
    Fault::Answers(409, "Conflict"),
    Fault::Answers(429, "TooManyRequests"),
    Fault::Answers(500, "InternalError"),
];

/// What none of these lives needs: to tell an event again, and what schedules do.
const ELSEWHERE: [&str; 4] = [
    "patch events",
    "create salesimports",
    "get salesimportschedules",
    "patch salesimportschedules/status",
];

/// What a client calls that it asks an API server, or has it do.
const CALLS: [&str; 18] = [
    "create",
    "create_subresource",
    "delete",
    "delete_collection",
    "entry",
    "evict",
    "get",
    "get_metadata",
    "get_metadata_opt",
    "get_opt",
    "list",
    "list_metadata",
    "patch",
    "patch_metadata",
    "patch_status",
    "publish",
    "replace",
    "replace_status",
];

/// A life of an import: what each of its Jobs comes to, and how it ends.
#[derive(Clone, Copy, Debug)]
struct Life {
    name: &'static str,
    retries: u32,
    start_deadline: u32,
    /// Whether it is deleted once it has ended, with its sales.
    is_reverted: bool,
    /// What becomes of each Job, by the end of its name.
    jobs: &'static [(&'static str, End)],
    reason: &'static str,
}

/// What becomes of a Job's Pod.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The importer says its outcome: result and reason.
    Says(&'static str, &'static str),
    /// Killed, without a word.
    Dies,
    /// It never gets a Pod.
    Waits,
}

const LIVES: [Life; 4] = [
    Life {
        name: "published and reverted",
        retries: 5,
        start_deadline: 600,
        is_reverted: true,
        jobs: &[
            ("-1-1", End::Says("Published", "Published")),
            ("-1-revert-1", End::Says("Reverted", "Reverted")),
        ],
        reason: "Published",
    },
    Life {
        name: "retried",
        retries: 5,
        start_deadline: 600,
        is_reverted: false,
        jobs: &[
            ("-1-1", End::Says("Fault", "DatabaseUnavailable")),
            ("-1-2", End::Says("Refused", "InvalidHeader")),
        ],
        reason: "InvalidHeader",
    },
    Life {
        name: "settled",
        retries: 0,
        start_deadline: 600,
        is_reverted: false,
        jobs: &[("-1-1", End::Dies), ("-1-settle-1", End::Says("Abandoned", "Abandoned"))],
        reason: "RetriesExhausted",
    },
    Life {
        name: "never started",
        retries: 0,
        start_deadline: 2,
        is_reverted: false,
        jobs: &[("-1-1", End::Waits)],
        reason: "StartDeadlineExceeded",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_call_fails_the_import_ends_the_same_with_a_job_an_attempt() {
    let (mut kinds, mut rights) = (BTreeSet::new(), BTreeSet::new());
    let mut runs = Vec::new();
    for life in LIVES {
        let calls = Box::pin(live(life, None)).await;
        println!("{}: {:?}", life.name, calls.counts());
        kinds.extend(calls.counts().into_keys());
        rights.extend(calls.rights());
        for call in calls.names() {
            runs.extend(FAULTS.map(|fault| (life, call.clone(), fault)));
        }
    }
    let mut granted = granted();
    for right in ELSEWHERE {
        assert!(granted.remove(right), "{right} is not granted");
    }
    assert_eq!(rights, granted, "the chart grants what is used, and nothing else");
    // A call of a new kind is to be met by one of the lives.
    let watched = |right: &String| right.starts_with("watch ") || right.starts_with("list ");
    let unmet = rights.iter().filter(|right| !kinds.contains(*right) && !watched(right));
    assert_eq!(unmet.count(), 0);
    // And from wherever it is made: each place has a kind of its own.
    let places = places("sales_import");
    assert_eq!(kinds.len(), places.len(), "{kinds:#?} are met, by which of {places:#?}?");
    println!("{} runs with a fault", runs.len());
    let runs = runs.into_iter().map(|(life, call, fault)| live(life, Some((call, fault))));
    stream::iter(runs).buffer_unordered(AT_ONCE).for_each(|_| async {}).await;
}

/// Each verb and resource that the chart grants to the operator.
fn granted() -> BTreeSet<String> {
    let words = |rule: &Value, field: &str| -> Vec<String> {
        serde_json::from_value(rule[field].clone()).unwrap()
    };
    let mut rights = BTreeSet::new();
    for rule in rules().as_array().unwrap() {
        for verb in words(rule, "verbs") {
            let resources = words(rule, "resources").into_iter();
            rights.extend(resources.map(|resource| format!("{verb} {resource}")));
        }
    }
    rights
}

/// Each place in a folder of the code that calls the API server and waits for the answer.
pub(crate) fn places(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let mut places = Vec::new();
    for file in fs::read_dir(folder).unwrap().flatten() {
        let Ok(text) = fs::read_to_string(file.path()) else { continue };
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let awaited = code.match_indices(".await").filter_map(|(end, _)| called(&code[..end]));
        let name = file.file_name();
        places.extend(awaited.map(|call| format!("{}: {call}", name.display())));
    }
    places
}

/// The call that a text ends with, where it is one to the API server.
fn called(text: &str) -> Option<&str> {
    let text = text.trim_end();
    let mut open = 0;
    let opens_it = |(_, bracket): &(usize, &str)| {
        open += if *bracket == ")" { 1 } else { -1 };
        open == 0
    };
    let (start, _) = text.rmatch_indices(['(', ')']).find(opens_it)?;
    let (object, call) = text[..start].rsplit_once('.')?;
    (CALLS.contains(&call) && !object.ends_with("self")).then_some(call)
}

/// One life, with at most one fault in it.
async fn live(life: Life, fault: Option<(String, Fault)>) -> Calls {
    let told = format!("{} with {fault:?}", life.name);
    let calls = fault.map_or_else(Calls::default, |(call, fault)| Calls::with(&call, fault));
    let mut shop = Shop::open_without_operator().await;
    shop.job_ttl = SignedDuration::ZERO;
    let on_delete = if life.is_reverted { "Revert" } else { "Keep" };
    let spec = json!({"retries": life.retries, "onDelete": on_delete,
        "startDeadlineSeconds": life.start_deadline});
    let import = shop.import("march", spec).await;
    shop.start_operator_with(&calls);
    let (mut made, mut end) = (BTreeMap::new(), None);
    let lived = timeout(PATIENCE, async {
        let mut has_ended = false;
        while !is_over(&shop, life, &mut end).await {
            if calls.ends.is_cancelled() && !has_ended {
                has_ended = true;
                shop.kill_operator().await;
                shop.start_operator();
            }
            Box::pin(play(&shop, &import, life, &mut made)).await;
            sleep(Duration::from_millis(100)).await;
        }
    });
    let in_time = Box::pin(lived).await.is_ok();
    let there = shop.api::<SalesImport>().get_opt("march").await.unwrap();
    assert!(in_time, "{told}: it never ends: {there:#?}");
    check(&told, life, &end.unwrap_or_default(), &made);
    assert!(calls.has_struck(), "{told}: that call was never made");
    if calls.ends.is_cancelled() {
        // Where its end was to come with the last call, the life was over before it was ended.
        shop.kill_operator().await;
    } else {
        shop.stop_operator().await;
    }
    calls
}

/// Whether the import has ended and its Jobs are cleared away; if it is to be reverted, whether it
/// is gone. Notes how its run ended.
async fn is_over(shop: &Shop, life: Life, end: &mut Option<SalesImportStatus>) -> bool {
    let Some(import) = shop.api::<SalesImport>().get_opt("march").await.unwrap() else {
        return true;
    };
    let status = import.status.unwrap_or_default();
    if import.metadata.deletion_timestamp.is_some() || status.finish_time.is_none() {
        return false;
    }
    let is_over = shop.jobs().await.is_empty();
    *end = Some(status);
    if is_over && life.is_reverted {
        shop.api::<SalesImport>().delete("march", &now()).await.unwrap();
    }
    is_over && !life.is_reverted
}

/// Plays the Job controller, the kubelet and the garbage collector for a moment, and notes the
/// uids of each Job.
async fn play(
    shop: &Shop,
    import: &SalesImport,
    life: Life,
    made: &mut BTreeMap<String, BTreeSet<String>>,
) {
    for job in shop.api::<Job>().list(&ListParams::default()).await.unwrap() {
        let (name, uid) = (job.name_any(), job.uid().unwrap());
        let is_new = made.entry(name.clone()).or_default().insert(uid);
        if job.metadata.deletion_timestamp.is_some() {
            shop.collect(&job).await;
        } else if is_new {
            let (_, end) = life.jobs.iter().find(|(suffix, _)| name.ends_with(suffix)).unwrap();
            end_as(shop, import, &job, *end).await;
        }
    }
}

async fn end_as(shop: &Shop, import: &SalesImport, job: &Job, end: End) {
    match end {
        End::Says(result, reason) => {
            let outcome = outcome(import, 1, result, reason);
            let parsed: Outcome = serde_json::from_value(outcome.clone()).unwrap();
            shop.end(job, &outcome, i32::from(parsed.exit_code())).await;
        }
        End::Dies => {
            let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
            shop.container(job, killed).await;
        }
        End::Waits => {}
    }
}

fn check(
    told: &str,
    life: Life,
    status: &SalesImportStatus,
    made: &BTreeMap<String, BTreeSet<String>>,
) {
    assert_eq!(status.conditions[0].reason, life.reason, "{told}: {status:#?}");
    assert_eq!(made.len(), life.jobs.len(), "{told}: {made:#?}");
    for (name, uids) in made {
        assert_eq!(uids.len(), 1, "{told}: {name} was made more than once");
    }
}
