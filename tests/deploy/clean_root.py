"""A Dockerfile's steps without an engine: the base is what debootstrap makes, a stage is a folder, a step runs in it by chroot.

Every process has mounts and process ids of its own (`unshare`), so that nothing stays mounted or running when it ends.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.deploy.recipe import ROOT, Stage, Step

#: What an image's process gets from the engine: what is here and nothing of ours.
BARE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
#: The base's Python, for pip.
PYTHON = ("--python-version", "3.11", "--implementation", "cp")
#: Instructions that say something about the image and do nothing to its files.
SAYING = ("LABEL", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD", "ENTRYPOINT")

ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
#: Inside: a root that is its own mount, with /proc; "$1" is the folder, what follows is run.
IN_ROOT = """
root=$1; shift
mount --bind "$root" "$root" && mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev" || exit 125
"""


class NoCleanRoot(Exception):
    """The steps cannot be run; one sentence says what is missing, or which step failed and with what words."""


def run(fault: str, command: Sequence[str], **environ: str) -> str:
    """Run to its end; NoCleanRoot with the last lines where it fails."""
    done = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise NoCleanRoot(f"{fault}: {' '.join(done.stdout.strip().splitlines()[-5:]) or f'exit code {done.returncode}'}")
    return done.stdout


def debootstrap(image: str, folder: Path) -> None:
    """What `image`, Debian's own, is made of: the minimal system of its release."""
    release = image.partition(":")[2].partition("-")[0]
    if shutil.which("debootstrap") is None:
        fault = "debootstrap is missing and cannot be installed; install the package debootstrap"
        run(fault, ["apt-get", "update"], **os.environ)
        run(fault, ["apt-get", "install", "-y", "--no-install-recommends", "debootstrap"], **os.environ)
    run(f"debootstrap of {release} failed", [*ALONE, "debootstrap", "--variant=minbase", release, str(folder)], **os.environ)
    # How this machine fetches packages holds there too, as an engine's own network would.
    told = run("apt-config failed", ["apt-config", "dump"], **os.environ)
    lines = [line for line in told.splitlines() if line.startswith("Acquire::") and not line.startswith("Acquire::IndexTargets")]
    (folder / "etc/apt/apt.conf.d/99machine").write_text("\n".join(lines) + "\n")


def wheels(folder: Path, *python: str) -> dict[str, str]:
    """Fetch the pinned requirements here, where pip knows how; what tells pip there to look nowhere else.

    python   pip's options for another Python than the one that runs this
    """
    requirements = str(ROOT / "requirements" / "runtime.txt")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    command = [*pip, "--only-binary=:all:", *python, "-r", requirements, "-d", str(folder)]
    run("the requirements cannot be fetched", command, **os.environ)
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


class Build:
    """Builds stages into folders beside each other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.told = wheels(self.wheels, *PYTHON) | {"PIP_FIND_LINKS": "/wheels"}
        self.stages: dict[str, Root] = {}

    def build(self, stages: Mapping[str, Stage]) -> "Root":
        """All of them in order; the last one is the image."""
        for name, stage in stages.items():
            folder = self.folder / name
            if stage.base in self.stages:
                base = self.stages[stage.base]
                run(f"{name} cannot be begun", ["cp", "-a", str(base.folder), str(folder)], **os.environ)
                root = Root(folder, dict(base.environ), base.workdir, base.user)
            else:
                debootstrap(stage.base, folder)
                root = Root(folder, dict(BARE), "/", "")
            self.stages[name] = root
            for step in stage.steps:
                self._do(root, step)
        return root

    def _do(self, root: "Root", step: Step) -> None:
        where = f"line {step.line} of the Dockerfile, {step.name}"
        match step.name:
            case "RUN":
                root.run(where, step.words[0], wheels=self.wheels, **self.told)
            case "COPY":
                self._copy(root, step, where)
            case "WORKDIR":
                root.workdir = os.path.join(root.workdir, step.words[0])
                root.at(root.workdir).mkdir(parents=True, exist_ok=True)
            case "ENV":
                root.environ |= step.pairs
            case "USER":
                root.user = step.words[0]
            case name if name not in SAYING:
                raise NoCleanRoot(f"{where} is not known here")

    def _copy(self, root: "Root", step: Step, where: str) -> None:
        """As an engine does: a folder's contents, into what ends with / or is a folder, and all of it root's."""
        if not set(step.flags) <= {"from"}:
            raise NoCleanRoot(f"{where} has flags that are not known here: {', '.join(step.flags)}")
        *sources, target = step.words
        begin = self.stages[step.flags["from"]].folder if "from" in step.flags else ROOT
        for source in sources:
            found, into = begin / source.lstrip("/"), root.at(os.path.join(root.workdir, target))
            if found.is_dir():
                ignored = () if "from" in step.flags else ("__pycache__", "*.pyc")  # .dockerignore
                shutil.copytree(found, into, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*ignored))
            else:
                into = into / found.name if target.endswith("/") else into
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, into)
            run(where, ["chown", "--recursive", "--no-dereference", "0:0", str(into)], PATH=os.environ["PATH"])


class Root:
    """A folder that is a file system of its own, and what the image says of it."""

    def __init__(self, folder: Path, environ: dict[str, str], workdir: str, user: str) -> None:
        self.folder, self.environ, self.workdir, self.user = folder, environ, workdir, user

    def at(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def run(self, fault: str, line: str, *, wheels: Path, **environ: str) -> str:
        """A shell's line, as root, with the wheels to read; what it says."""
        script = IN_ROOT + 'mkdir -p "$root/wheels" && mount --bind "$wheels" "$root/wheels" || exit 125\nchroot "$root" "$@"'
        inside = ["env", "-i", *(f"{name}={value}" for name, value in (self.environ | environ).items())]
        inside += ["/bin/sh", "-c", f"cd {shlex.quote(self.workdir)} && {{ {line}\n}}"]
        shutil.copy("/etc/resolv.conf", self.at("/etc/resolv.conf"))
        command = [*ALONE, "sh", "-c", script, "in-root", str(self.folder), *inside]
        try:
            return run(f"{fault} failed", command, PATH=os.environ["PATH"], wheels=str(wheels))
        finally:
            self.at("/wheels").rmdir()
