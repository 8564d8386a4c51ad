"""The programs that PyPI does not have, and how the lab comes by each: from Debian, as packages or as sources."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab import cache
from lab.cache import Make, say
from lab.debian import INSTALL, Release
from lab.golang import Workspace
from lab.process import LabError, output

GOCODE = Path("usr/share/gocode")
KUBERNETES = "k8s.io/kubernetes"
VENDORED = f"{KUBERNETES}/vendor"
KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager")
OPENAPI = f"{KUBERNETES}/pkg/generated/openapi"
REFLECT2 = Path("github.com/modern-go/reflect2")
EXTENSIONS = "k8s.io/apiextensions-apiserver"
NEWEST_GO_PACKAGES = re.compile(r"golang-.+-dev|golang-[\d.]+-(go|src)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A folder of programs in the cache."""

    folder: str
    what: str
    fetch: str
    """The command that makes it, among other things."""
    make: Make
    rolls: bool = False
    """Comes from a release that changes from day to day, so that it may not be had today."""

    def made(self) -> Path:
        """The folder, which is made now when it is not there."""
        return cache.kept(self.folder, self.make)

    def program(self, name: str) -> str:
        """The path of a program that was made before."""
        path = cache.root() / self.folder / name
        if not path.exists():
            raise LabError(f"{self.what} is not here: {self.fetch} fetches it")
        return str(path)


def _etcd(version: str, release: str, scratch: Path, made: Path) -> None:
    archive = Release(release, scratch)
    found = re.split(r"[-+]", archive.version("etcd-server"), maxsplit=1)[0]
    if found != version:
        say(f"  Debian {release} now has etcd {found} in place of {version}")
    archive.unpack(["etcd-server", "etcd-client"], scratch / "system")
    for program in ("etcd", "etcdctl"):
        shutil.move(scratch / "system/usr/bin" / program, made)


def _kubernetes(scratch: Path, made: Path) -> None:
    """Its API server and controller manager, without the packages that its own makefiles ask for."""
    system = scratch / "system"
    archive = Release("bookworm", scratch)
    archive.unpack(["golang-1.19-go", "golang-1.19-src", "golang-github-modern-go-reflect2-dev"], system)
    tarball = next(archive.source("kubernetes").glob("*.orig.tar.*"))
    go = Workspace(system / "usr/lib/go-1.19", scratch / "workspace", scratch)
    tree = go.workspace / "src" / KUBERNETES
    tree.mkdir(parents=True)
    output(["tar", "--extract", f"--file={tarball}", f"--directory={tree}", "--strip-components=1"], INSTALL)
    # The one in the tree looks into the runtime of an older Go: the API server crashes at the first custom resource.
    shutil.rmtree(tree / "vendor" / REFLECT2)
    shutil.copytree(system / GOCODE / "src" / REFLECT2, tree / "vendor" / REFLECT2)
    _generate_openapi(go, tree)
    version = re.sub(r".*really|.*_|\.orig\..*", "", tarball.name)
    versioned = (f"{VENDORED}/k8s.io/{part}" for part in ("client-go/pkg/version", "component-base/version"))
    stamps = {name: value for package in versioned for name, value in _version_stamps(package, version)}
    say(f"  building {' and '.join(KUBERNETES_PROGRAMS)} {version}")
    go.build(*(f"{KUBERNETES}/cmd/{program}" for program in KUBERNETES_PROGRAMS), into=made, stamps=stamps)


def _generate_openapi(go: Workspace, tree: Path) -> None:
    """Write the one generated file that is not in the tree, from the packages that are marked for it."""
    generator = f"{VENDORED}/k8s.io/kube-openapi/cmd/openapi-gen"
    go.build(generator, into=go.scratch)
    marked = ",".join(sorted({f"{KUBERNETES}/{package}" for package in _marked_packages(tree)}))
    go.run(
        str(go.scratch / "openapi-gen"),
        *("--input-dirs", marked, "--output-package", OPENAPI, "--output-file-base", "zz_generated.openapi"),
        *("--go-header-file", "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"),
        *("--report-filename", str(go.scratch / "violations")),
        cwd=tree,
    )


def _marked_packages(tree: Path) -> Iterator[Path]:
    """The folders of the files marked for OpenAPI; those below staging are imported as below vendor."""
    of_their_own = {"code-generator", "sample-apiserver"}
    for path in tree.glob("[a-z]*/**/*.go"):
        parts = path.relative_to(tree).parts
        staged = parts[:3] == ("staging", "src", "k8s.io")
        if parts[0] == "vendor" or (staged and parts[3] in of_their_own):
            continue
        if b"+k8s:openapi-gen=" in path.read_bytes():
            yield Path("vendor", *parts[2:-1]) if staged else Path(*parts[:-1])


def _extensions(scratch: Path, made: Path) -> None:
    """The API server of custom resources, of today's Kubernetes, from the libraries of the newest Debian."""
    library = "golang-k8s-apiextensions-apiserver-dev"
    archive = Release("sid", scratch)
    version = archive.version(library).split("-")[0]
    needed = filter(NEWEST_GO_PACKAGES.fullmatch, archive.needs(library, "golang-any"))
    archive.unpack(needed, scratch / "system")
    toolchains = sorted((scratch / "system/usr/lib").glob("go-*"))
    if not toolchains:
        raise LabError("its packages bring no Go along")
    go = Workspace(toolchains[-1], scratch / "system" / GOCODE, scratch)
    # The libraries of Kubernetes 1.x are numbered 0.x.
    stamps = dict(_version_stamps("k8s.io/component-base/version", f"1{version.removeprefix('0')}"))
    say(f"  building apiextensions-apiserver {version}")
    go.build(EXTENSIONS, into=made, stamps=stamps)


def _victoria(scratch: Path, made: Path) -> None:
    """The program alone: it needs nothing beside the C library but libzstd, which apt and dpkg need, too."""
    Release("trixie", scratch).unpack(["victoria-metrics"], scratch / "system")
    shutil.move(scratch / "system/usr/bin/victoria-metrics", made)


def _version_stamps(package: str, version: str) -> Iterator[tuple[str, str]]:
    """What a program of Kubernetes says of its version."""
    major, minor, *_ = version.split(".")
    yield from {
        f"{package}.gitVersion": f"v{version}",
        f"{package}.gitMajor": major,
        f"{package}.gitMinor": minor,
    }.items()


ETCD = {
    version: Recipe(
        folder=f"etcd-{release}",
        what=f"etcd {version} of Debian {release}",
        fetch="make test-versions",
        make=partial(_etcd, version, release),
    )
    for version, release in {"3.4.23": "bookworm", "3.5.16": "trixie"}.items()
}
KUBERNETES_RECIPE = Recipe(
    folder="kubernetes-bookworm",
    what="Kubernetes 1.20.2 of Debian bookworm",
    fetch="make test-kube",
    make=_kubernetes,
)
EXTENSIONS_RECIPE = Recipe(
    folder="apiextensions-sid",
    what="the apiextensions-apiserver of Debian sid",
    fetch="make test-apiextensions",
    make=_extensions,
    rolls=True,
)
VICTORIA = Recipe(
    folder="victoria-trixie",
    what="VictoriaMetrics 1.112 of Debian trixie",
    fetch="make test-oracle",
    make=_victoria,
)
