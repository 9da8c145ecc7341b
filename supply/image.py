"""Writes the image that runs Maalem, without a registry, and its bill of materials.

    python -m supply.image [FOLDER]      dist/ without FOLDER

FOLDER/maalem-image.tar is an OCI archive (`podman load --input`, `skopeo copy oci-archive:...`) of
Debian's own packages (mmdebstrap) and what deploy/Containerfile adds (buildah);
FOLDER/maalem-image.cdx.json names all that is in it, CycloneDX. As root on Debian or Ubuntu. The
same commit with the same state of Debian's archive gives the same digest: every file has the moment
of SOURCE_DATE_EPOCH, which is the commit's if it is not set.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model.component import Component
from packageurl import PackageURL

from supply.pins import PRODUCT, ROOT, read_pins
from supply.sbom import Place, make_bom, write_bom
from supply.wheel import write_wheel

SUITE = "trixie"
ARCHIVE, BILL = "maalem-image.tar", "maalem-image.cdx.json"
_PACKAGES = "python3,python3-venv,ca-certificates"
_NOT_READ = ("doc", "locale", "man", "info")
# The way to the package index is this machine's; it stays out of the image.
_LENT = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf", "/etc/hosts")
# A disk takes longest of all, and the base is packed at once.
_IN_MEMORY = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && TMPDIR=$0 exec "$@"')


def write_base(path: Path, moment: str) -> None:
    """Writes a tar of a bare Debian with Python."""
    leave_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _NOT_READ]
    # An archive that is not renewed every week is old, not wrong.
    apt = ("--aptopt=Acquire::Check-Valid-Until false", "--aptopt=Acquire::Retries 3")
    with tempfile.TemporaryDirectory(prefix="base-") as folder:
        _run(
            *(*_IN_MEMORY, folder, "mmdebstrap", "--quiet", "--variant=essential"),
            *(f"--include={_PACKAGES}", *leave_out, *apt, SUITE, str(path)),
            SOURCE_DATE_EPOCH=moment,
        )


class Image:
    """The image in a store of its own in `folder`; all in it has one moment."""

    def __init__(self, folder: Path, moment: str) -> None:
        self._folder, self._moment = folder, moment
        self.version = ""
        # As Podman reads it too.
        self.store = (f"--root={folder}/store", f"--runroot={folder}/run")

    def build(self, base: Path) -> str:
        """Builds the image on a base and returns its id, which changes with all that is in it."""
        context = self._folder / "context"
        wheel = write_wheel(context)
        self.version = wheel.name.split("-")[1]
        shutil.copy(PRODUCT, context)
        (self._folder / "Base").write_text(f"FROM scratch\nADD {base.name} /\n")
        self._build("base", self._folder / "Base", base.parent)
        revision = _run("git", "rev-parse", "HEAD").strip()
        given = ("BASE=base", f"VERSION={self.version}", f"REVISION={revision}")
        options = [f"--build-arg={each}" for each in given]
        options += [f"--volume={path}:{path}:ro" for path in _LENT if Path(path).exists()]
        self._build("maalem", ROOT / "deploy/Containerfile", context, *options)
        return self._do("inspect", "--format={{.FromImageID}}", "maalem").strip()

    def write(self, archive: Path) -> str:
        """Writes the image and returns its digest."""
        digest = self._folder / "digest"
        archive.unlink(missing_ok=True)
        name = f"oci-archive:{archive}:maalem:{self.version}"
        self._do("push", "--quiet", f"--digestfile={digest}", "maalem", name)
        return digest.read_text().strip()

    def write_bill(self) -> str:
        """Writes the bill of materials: our packages as pinned, and Debian's."""
        container = self._do("from", "maalem").strip()
        text = _write_bill(Path(self._do("mount", container).strip()))
        self._do("rm", container)
        return text

    def _build(self, name: str, file: Path, context: Path, *options: str) -> None:
        how = ("--isolation=chroot", "--network=host", f"--timestamp={self._moment}", "--quiet")
        self._do("bud", *how, *options, f"--file={file}", f"--tag={name}", str(context))

    def _do(self, *words: str) -> str:
        return _run("buildah", *self.store, *words)


def _write_bill(root: Path) -> str:
    site = next((root / "opt/maalem/lib").glob("python3.*/site-packages"))
    version = site.parent.name.removeprefix("python")
    python = {"python_version": version, "python_full_version": f"{version}.0"}
    bom = make_bom(read_pins(PRODUCT), Place((str(site),), python))
    for package in _read_debian(root):
        bom.components.add(package)
    return write_bom(bom)


def _read_debian(root: Path) -> Iterator[Component]:
    for paragraph in (root / "var/lib/dpkg/status").read_text("utf-8").split("\n\n"):
        told = dict(re.findall(r"^(Package|Version|Architecture): (.+)$", paragraph, re.MULTILINE))
        if told:
            name, version = told["Package"], told["Version"]
            url = PackageURL("deb", "debian", name, version, {"arch": told["Architecture"]})
            yield Component(name=name, version=version, purl=url, bom_ref=str(url))


def read_moment() -> str:
    """Returns the seconds of SOURCE_DATE_EPOCH, or else of the commit."""
    return os.environ.get("SOURCE_DATE_EPOCH") or _run("git", "log", "-1", "--format=%ct").strip()


def _run(*words: str, **environment: str) -> str:
    """Runs a program and returns what it writes. Raises: CalledProcessError."""
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist").absolute()
    if missing := [name for name in ("mmdebstrap", "buildah") if not shutil.which(name)]:
        sys.exit(f"{' and '.join(missing)} is missing: apt install mmdebstrap buildah")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="image-") as name:
        base, moment = Path(name) / "base.tar", read_moment()
        write_base(base, moment)
        image = Image(Path(name), moment)
        image.build(base)
        (folder / BILL).write_text(image.write_bill(), "utf-8")
        print(f"{folder / ARCHIVE}: {image.write(folder / ARCHIVE)}")


if __name__ == "__main__":
    main()
