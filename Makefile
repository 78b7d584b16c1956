# Bare `make` lists the targets. The work is in xtask/ (`cargo xtask --help`).
cargo = $(if $(shell command -v cargo),cargo,$(error Rust is missing: install it from https://rustup.rs))
everything = --workspace --features importer/failpoints,operator/failpoints

.DEFAULT_GOAL := help
.PHONY: help run stop test torture fuzz fmt lint generate check-generated chart deny bench bench-long \
        bench-peers bench-operator images tools cluster-up cluster-down cluster-status clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Bring Takings up on a local cluster and import a file (CLUSTER=local|kind|current)
	@$(cargo) xtask run
stop: ## Stop all that was started; the database's data stays
	@$(cargo) xtask down
test: ## Test everything, with a real PostgreSQL, API server and cluster
	$(cargo) xtask setup && cargo test $(everything) --exclude e2e && cargo test $(everything) --test chart --test cluster -- --test-threads=8
	TAKINGS_POSTGRES=18 $(cargo) test $(everything) --test ledger --test postgres && TAKINGS_POSTGRES=18 cargo test $(everything) --test suite -- command_line totals
torture: ## Break loads and reconciles off by faults of all kinds, and look at every figure (SEED=number)
	TAKINGS_TORTURE=long TAKINGS_TORTURE_SEED=$(SEED) $(cargo) test --package importer --features importer/failpoints --test suite torture -- --nocapture
	PROPTEST_CASES=5000 $(cargo) test --package operator --features operator/failpoints --lib -- plan::tests::anything
fuzz: ## Read a million random texts in three ways, which must agree (FIRST=number, TEXTS=count)
	TAKINGS_FUZZ_FIRST=$(or $(FIRST),0) TAKINGS_FUZZ_TEXTS=$(or $(TEXTS),1000000) $(cargo) test --package importer --lib -- every_way --nocapture
fmt: ## Format the code
	$(cargo) fmt --all
lint: ## Check format and lints, warnings denied
	$(cargo) fmt --all --check && cargo clippy $(everything) --all-targets -- --deny warnings
generate: ## Write what is generated: the CRDs and the chart's copy
	@$(cargo) xtask generate
check-generated: ## Fail where generated files are not up to date
	@$(cargo) xtask generate --check
chart: ## Check the chart: helm lint, kubeconform, a real API server
	$(cargo) test $(everything) --package e2e --test chart
deny: ## Check licences, sources and versions of all dependencies (needs cargo-deny)
	$(cargo) deny check
bench: ## Measure imports and answers, each as a ratio against a peer (docs/benchmarks.md)
	$(cargo) run --release --bin bench -- import && cargo run --release --bin bench -- api
bench-long: ## Measure imports of 50 M lines, and into datasets that hold as many
	$(cargo) run --release --bin bench -- long
bench-peers: ## Measure other loaders of CSV files, installed into the cache
	$(cargo) run --release --bin bench -- peers
bench-operator: ## Measure the operator with thousands of SalesImports on simulated nodes, and one on a real one
	$(cargo) run --release --bin bench -- operator && cargo run --release --bin bench -- one-node
images: ## Build the programs' images and load them into the cluster
	@$(cargo) xtask images
tools: ## Build Kubernetes and the other tools into the cache
	@$(cargo) xtask tools
cluster-up: ## Start the local cluster
	@$(cargo) xtask cluster up
cluster-down: ## End the local cluster
	@$(cargo) xtask cluster down
cluster-status: ## Say what of the local cluster runs
	@$(cargo) xtask cluster status
clean: ## Stop all, and remove data and builds; the cache of tools stays
	@$(cargo) xtask clean && cargo clean
