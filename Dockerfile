# The images of the three programs: docker build --target operator|importer|api .
#
# Where the programs are built already, --build-context programs=FOLDER takes them from there, and
# --build-arg BASE=IMAGE puts them on another base; `cargo xtask images` does both.
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM docker.io/library/rust:1.95-bookworm AS programs
# The image's own compiler, whichever patch release; rust-toolchain.toml would fetch another.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package operator --package importer --package api \
 && cp target/release/takings-operator target/release/takings-importer target/release/takings-api /

FROM ${BASE} AS base
# A number, so that Kubernetes can see that it isn't root.
USER 65532:65532

FROM base AS operator
COPY --from=programs /takings-operator /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/takings-operator"]

FROM base AS importer
COPY --from=programs /takings-importer /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/takings-importer"]

FROM base AS api
COPY --from=programs /takings-api /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/takings-api"]
