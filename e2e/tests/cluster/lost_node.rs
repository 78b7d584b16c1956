//! A node that is gone for good, with the importer on it. It is one in name only, so that no other
//! test loses its own: the scheduler, the Job controller and the garbage collector of Pods take it
//! for real, and its kubelet is played.

use anyhow::{Context as _, Result};
use e2e::{Shop, Takings, sales, shop::reason};
use harness::progress;
use serde_json::{Value, json};

use crate::{cut_off::eventually, gone::LABEL};

#[test]
fn an_importer_whose_node_is_gone_begins_anew_without_a_retry_counted() -> Result<()> {
    let shop = Shop::open("lost-node")?;
    let sales = sales::generate(36, 30);
    shop.put("report", &sales.csv)?;
    let node = Node::make(shop.takings, &shop.namespace)?;
    let spec = json!({"retries": 0, "source": Shop::source("report"), "nodeSelector": node.labels(),
        "tolerations": [{"key": "takings.dev/shop", "operator": "Exists"}]});
    shop.import("january", spec)?;
    eventually("a Pod on that node", || Ok(pod_of(&shop)?["spec"]["nodeName"] == node.name))?;
    play_kubelet(&shop)?;
    shop.status_when("january", "at work", |status| reason(status, "Finished") == "Running")?;
    let anywhere = json!({"spec": {"nodeSelector": null}}).to_string();
    shop.kubectl(&["patch", "simp/january", "--type=merge", "-p", &anywhere])?;
    drop(node);
    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
    assert_eq!((&status["attempt"], &status["failures"]), (&json!(2), &Value::Null), "{status:#}");
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    shop.close()
}

fn pod_of(shop: &Shop) -> Result<Value> {
    Ok(shop.takings.read(&shop.namespace, &["pods", "-l", LABEL])?["items"][0].clone())
}

/// A node that is gone once this is dropped.
struct Node {
    takings: &'static Takings,
    name: String,
}

impl Node {
    fn make(takings: &'static Takings, name: &str) -> Result<Self> {
        let node = Self { takings, name: name.to_owned() };
        let room = json!({"cpu": "4", "memory": "8Gi", "pods": "10"});
        let ready = json!({"type": "Ready", "status": "True", "reason": "Played"});
        let taint = json!({"key": "takings.dev/shop", "value": name, "effect": "NoSchedule"});
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": node.labels()},
            "spec": {"taints": [taint]},
            "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
        });
        takings.kubectl_with(&manifest.to_string(), &["create", "-f", "-"])?;
        Ok(node)
    }

    fn labels(&self) -> Value {
        json!({"takings.dev/lost-node": self.name})
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let delete = ["delete", "node", &self.name, "--ignore-not-found"];
        if let Err(error) = self.takings.cluster.kubectl(&delete) {
            progress::say(&format!("a node is still there: {error:?}"));
        }
    }
}

/// Says that the importer runs, as its node's kubelet would.
fn play_kubelet(shop: &Shop) -> Result<()> {
    let pod = pod_of(shop)?;
    let name = pod["metadata"]["name"].as_str().context("no Pod")?;
    let container = json!({"name": "importer", "image": "", "imageID": "", "ready": true,
        "restartCount": 0, "state": {"running": {}}});
    let status = json!({"status": {"phase": "Running", "containerStatuses": [container]}});
    let (pod, status) = (format!("pod/{name}"), status.to_string());
    shop.kubectl(&["patch", &pod, "--subresource=status", "--type=merge", "-p", &status])
}
