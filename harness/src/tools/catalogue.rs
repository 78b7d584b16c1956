//! What is built from which module, and how. The versions stand in the `go.mod` files of
//! `tools/` alone.

/// A Go module that a `go.mod` of `tools/` pins, and how its programs are built.
#[derive(Debug)]
pub(super) struct Module {
    /// What we call it.
    pub(super) name: &'static str,
    /// Where its version is pinned: `tools/` itself, or a folder of it for what few need, so that
    /// nobody else builds anything anew for it.
    pub(super) folder: &'static str,
    /// The Go module that holds the programs.
    pub(super) path: &'static str,
    pub(super) programs: &'static [Program],
    pub(super) tags: &'static str,
    pub(super) cgo: bool,
    /// Variables that take the version at link time.
    pub(super) version_variables: &'static [&'static str],
}

/// A program of a module.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
    /// What makes it print its version.
    pub(super) version_arguments: &'static [&'static str],
}

const fn program(name: &'static str, package: &'static str) -> Program {
    Program { name, package, version_arguments: &["--version"] }
}

const PLAIN: Module = Module {
    name: "",
    folder: "",
    path: "",
    programs: &[],
    tags: "",
    cgo: false,
    version_variables: &[],
};

/// All of them, the quickest to build first.
pub(super) const MODULES: &[Module] = &[
    Module {
        name: "kubeconform",
        path: "github.com/yannh/kubeconform",
        programs: &[Program {
            name: "kubeconform",
            package: "github.com/yannh/kubeconform/cmd/kubeconform",
            version_arguments: &["-v"],
        }],
        ..PLAIN
    },
    Module {
        name: "runc",
        path: "github.com/opencontainers/runc",
        programs: &[program("runc", "github.com/opencontainers/runc")],
        tags: "seccomp",
        cgo: true,
        version_variables: &["main.version"],
        ..PLAIN
    },
    Module {
        name: "etcd",
        path: "go.etcd.io/etcd/server/v3",
        programs: &[program("etcd", "go.etcd.io/etcd/server/v3")],
        ..PLAIN
    },
    Module {
        name: "containerd",
        path: "github.com/containerd/containerd/v2",
        programs: &[
            program("containerd", "github.com/containerd/containerd/v2/cmd/containerd"),
            Program {
                name: "containerd-shim-runc-v2",
                package: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
                version_arguments: &["-v"],
            },
            program("ctr", "github.com/containerd/containerd/v2/cmd/ctr"),
        ],
        tags: "no_btrfs,no_devmapper,no_zfs",
        version_variables: &["github.com/containerd/containerd/v2/version.Version"],
        ..PLAIN
    },
    Module {
        name: "versitygw",
        path: "github.com/versity/versitygw",
        programs: &[program("versitygw", "github.com/versity/versitygw/cmd/versitygw")],
        version_variables: &["main.Version"],
        ..PLAIN
    },
    Module {
        name: "coredns",
        path: "github.com/coredns/coredns",
        programs: &[program("coredns", "./coredns")],
        ..PLAIN
    },
    Module {
        name: "helm",
        path: "helm.sh/helm/v4",
        programs: &[Program {
            name: "helm",
            package: "helm.sh/helm/v4/cmd/helm",
            version_arguments: &["version"],
        }],
        version_variables: &["helm.sh/helm/v4/internal/version.version"],
        ..PLAIN
    },
    KUBERNETES,
    Module {
        name: "kwok",
        folder: "kwok",
        path: "sigs.k8s.io/kwok",
        programs: &[program("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
        ..PLAIN
    },
];

const KUBERNETES: Module = Module {
    name: "kubernetes",
    folder: "",
    path: "k8s.io/kubernetes",
    programs: &[
        program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
        program("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
        program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
        Program {
            name: "kubectl",
            package: "k8s.io/kubernetes/cmd/kubectl",
            version_arguments: &["version", "--client"],
        },
        program("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    ],
    tags: "",
    cgo: false,
    version_variables: &["k8s.io/component-base/version.gitVersion"],
};

/// Kubernetes itself.
pub(super) const fn kubernetes() -> &'static Module {
    &KUBERNETES
}
