//! The API server that the operator's tests stand on.

use harness::apiserver::ApiServer;

#[test]
fn tests_share_one_api_server() {
    let server = ApiServer::shared().unwrap();
    let other = ApiServer::shared().unwrap();
    assert_eq!(server.kubeconfig(), other.kubeconfig());
    let namespaces = server.kubectl(&["get", "namespaces", "--output", "name"]).unwrap();
    assert!(namespaces.contains("namespace/kube-system"), "{namespaces}");
}
