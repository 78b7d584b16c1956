//! The operator's calls to the API server: told by name, and each of them made to fail.
//!
//! Watches and their listings are met by name only: nothing is decided where one fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use kube::client::{Body, DynBody};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::{BoxError, Layer, Service};

/// Between a listing's name and the fields by which it selects.
const BY: &str = " by ";

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The operator ends before the call is made.
    EndsBefore,
    /// The operator ends once the API server has done as it was asked.
    EndsAfter,
    /// The API server answers so, and does nothing.
    Answers(u16, &'static str),
    /// The API server does as it was asked, and the answer is lost.
    AnswerLost,
}

/// Each call, and the one that fails; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    made: Arc<Mutex<BTreeMap<String, usize>>>,
    fails: Option<(String, Fault)>,
    has_struck: Arc<AtomicBool>,
    watches: Arc<Mutex<BTreeSet<String>>>,
    /// Whether the operator is to end.
    pub(crate) ends: CancellationToken,
}

impl Calls {
    /// One call will fail: `patch salesimports/status #2` is the second write of a status.
    pub(crate) fn with(call: &str, fault: Fault) -> Self {
        Self { fails: Some((call.to_owned(), fault)), ..Self::default() }
    }

    /// Whether the call that is to fail was made, where there is one that must be.
    pub(crate) fn has_struck(&self) -> bool {
        let must = self.fails.as_ref().is_some_and(|(call, _)| !only_looks(call));
        !must || self.has_struck.load(Ordering::Relaxed)
    }

    /// How often each kind of call was made.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All calls by name. Of those that only look, the first of a kind: how often they are made
    /// depends on what else happens.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |(call, count): (String, usize)| {
            let count = if only_looks(&call) { 1 } else { count };
            (1..=count).map(move |number| format!("{call} #{number}"))
        };
        self.counts().into_iter().flat_map(name).collect()
    }

    /// Each verb and resource that was ever asked for, also by watches.
    pub(crate) fn rights(&self) -> BTreeSet<String> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let right = |call: String| call.split(BY).next().unwrap_or_default().to_owned();
        watches.into_iter().chain(self.counts().into_keys()).map(right).collect()
    }

    /// What is to happen at a call.
    fn meet(&self, request: &Request<Body>) -> Option<Fault> {
        let call = name_of(request)?;
        if is_of_a_watch(request) {
            self.watches.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
            return None;
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let number = made.entry(call.clone()).or_default();
        *number += 1;
        let (fails, fault) = self.fails.as_ref()?;
        let strikes = *fails == format!("{call} #{number}");
        self.has_struck.fetch_or(strikes, Ordering::Relaxed);
        strikes.then_some(*fault)
    }
}

fn only_looks(call: &str) -> bool {
    call.starts_with("get ") || call.starts_with("list ")
}

/// Whether it is a watch, or the listing before one.
fn is_of_a_watch(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.contains("watch=") || query.contains("limit=")
}

/// The verb and the resource, as a role names them.
fn name_of(request: &Request<Body>) -> Option<String> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    // /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE, /api/VERSION/… alike
    let (_, resource) = path.split_once("/namespaces/")?;
    let parts: Vec<_> = resource.split('/').skip(1).collect();
    let verb = match (request.method(), parts.len()) {
        (&Method::GET, 1) if query.contains("watch=") => "watch",
        (&Method::GET, 1) => "list",
        (&Method::GET, _) => "get",
        (&Method::POST, _) => "create",
        (&Method::PATCH, _) => "patch",
        (&Method::PUT, _) => "update",
        (&Method::DELETE, _) => "delete",
        _ => "other",
    };
    let subresource = parts.get(2).map(|part| format!("/{part}")).unwrap_or_default();
    Some(format!("{verb} {}{subresource}{}", parts.first()?, selected_by(query)))
}

/// The fields by which a listing selects: what selects otherwise asks for something else.
fn selected_by(query: &str) -> String {
    let fields = query.split('&').find_map(|one| one.strip_prefix("fieldSelector="));
    let keys = fields.into_iter().flat_map(|fields| fields.split("%2C"));
    let keys: Vec<_> = keys.filter_map(|field| field.split("%3D").next()).collect();
    if keys.is_empty() { String::new() } else { format!("{BY}{}", keys.join(" and ")) }
}

impl<S> Layer<S> for Calls {
    type Service = Faulty<S>;

    fn layer(&self, service: S) -> Faulty<S> {
        Faulty { service, calls: self.clone() }
    }
}

/// A client whose calls fail as they are told to.
#[derive(Clone)]
pub(crate) struct Faulty<S> {
    service: S,
    calls: Calls,
}

type Answer = Response<Box<DynBody>>;

impl<S> Service<Request<Body>> for Faulty<S>
where
    S: Service<Request<Body>, Response = Answer, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(fault) = self.calls.meet(&request) else {
            return Box::pin(self.service.call(request));
        };
        let ends = self.calls.ends.clone();
        let done = matches!(fault, Fault::EndsAfter | Fault::AnswerLost);
        let answer = done.then(|| self.service.call(request));
        Box::pin(async move {
            if let Some(answer) = answer {
                answer.await?;
            }
            match fault {
                Fault::EndsBefore | Fault::EndsAfter => {
                    ends.cancel();
                    std::future::pending().await
                }
                Fault::AnswerLost => Err("the answer was lost".into()),
                Fault::Answers(code, reason) => refusal(code, reason),
            }
        })
    }
}

/// As an API server says no.
fn refusal(code: u16, reason: &str) -> Result<Answer, BoxError> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "message": "as the test wants it", "code": code});
    let body = Full::from(status.to_string()).map_err(BoxError::from);
    Ok(Response::builder().status(code).body(Box::new(body) as Box<DynBody>)?)
}
