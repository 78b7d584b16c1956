//! Pods of a test's own.

use serde_json::{Value, json};

/// A Pod of one container that passes the `restricted` Pod Security Standard, and runs only once.
#[must_use]
pub fn pod(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "containers": [{
                "name": name,
                "image": image,
                "imagePullPolicy": "Never",
                "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                },
            }],
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        },
    })
}
