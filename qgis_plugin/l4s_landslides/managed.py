"""The managed environment: a virtual environment beside the user's profiles with the engine in it.

It is made only when the user asks for it. The plugin's zip may hold the engine's wheel; its dependencies come from
the package index or from a folder of wheels.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import exp
from pathlib import Path
from time import strftime

from qgis.core import QgsProcessingFeedback
from qgis.PyQt.QtCore import QProcess

from .engine import managed_folder, managed_record
from .errors import CancelledError, EngineError, InputError
from .network import environment
from .texts import tr

PYTHON = (3, 11)
"""The oldest Python that the engine runs on."""

_WHEELS = Path(__file__).parent / "wheels"
_POLL_MS = 200
_MEGABYTES = {"k": 0.001, "M": 1.0, "G": 1000.0}


def base_python(given: str = "") -> str:
    """Find an interpreter to make an environment with.

    Raises:
        InputError: none is new enough.
    """
    home = Path(sys.exec_prefix)
    candidates = (
        [given]
        if given
        else [
            str(home / "python.exe"),
            str(home / "bin" / "python3"),
            *(
                found
                for name in ("python3", "python3.13", "python3.12", "python3.11", "python")
                if (found := shutil.which(name))
            ),
        ]
    )
    seen = []
    for python in candidates:
        if not Path(python).is_file():
            continue
        status, text = _quick(python, "import sys, venv, ensurepip; print(*sys.version_info[:2])")
        numbers = text.split()[-2:]
        if status == 0 and len(numbers) == 2 and tuple(map(int, numbers)) >= PYTHON:
            return python
        seen.append(f"{python} ({'.'.join(numbers) if status == 0 else tr('without venv or pip')})")
    found = ", ".join(seen) or given or tr("none")
    raise InputError(
        tr(
            "No Python {needed} or newer with venv and pip was found (found: {found}); install one (Debian: "
            "python3-venv; Windows and macOS: python.org) and name it under Advanced."
        ).format(needed=".".join(map(str, PYTHON)), found=found)
    )


@contextmanager
def new_environment(feedback: QgsProcessingFeedback) -> Iterator[Environment]:
    """Give a new environment, which is removed unless it is kept."""
    folder = managed_folder() / f"env-{strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Environment(folder, feedback)
    try:
        yield made
    finally:
        if not made.kept:
            shutil.rmtree(folder, ignore_errors=True)


class Environment:
    """A virtual environment in the making."""

    def __init__(self, folder: Path, feedback: QgsProcessingFeedback) -> None:
        self._folder = folder
        self._feedback = feedback
        self._log = folder.parent / "setup.log"
        self._log.write_text("", encoding="utf-8")
        self._steps = PipSteps(feedback)
        self.kept = False

    @property
    def python(self) -> str:
        """Its interpreter."""
        inner = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
        return str(self._folder.joinpath(*inner))

    def create(self, base: str) -> None:
        """Make it."""
        self._feedback.setProgressText(tr("Making an environment with {}").format(base))
        self._run(base, ["-I", "-m", "venv", str(self._folder)])
        self._feedback.setProgress(10)

    def install(self, extras: list[str], wheels: str) -> None:
        """Install the engine; what is downloaded lies in the environment's folder, and goes with it after a cancel.

        Args:
            extras: extras of the package: cpu or gpu, clouds.
            wheels: a folder of wheels to use in place of the package index; "" for the index.
        """
        self._feedback.setProgressText(tr("Installing the engine; this takes minutes"))
        wanted = f"{own_wheel() or 'l4s-geo'}[{','.join(extras)}]"
        options = ["--no-index", "--find-links", wheels] if wheels else []
        pip = ["-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
        temporary = self._folder / "downloads"
        temporary.mkdir()
        self._run(self.python, [*pip, "--no-cache-dir", *options, wanted], temporary)
        shutil.rmtree(temporary, ignore_errors=True)

    def keep(self) -> None:
        """Use it from now on, and remove those before it."""
        record = managed_record()
        beside = record.with_suffix(".new")
        beside.write_text(json.dumps({"python": self.python}), encoding="utf-8")
        os.replace(beside, record)
        self.kept = True
        for other in record.parent.glob("env-*"):
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def _run(self, program: str, arguments: list[str], temporary: Path | None = None) -> None:
        """Run a command, with its output in the log, and pip's steps as progress.

        Raises:
            CancelledError: the user cancelled.
            EngineError: it failed.
        """
        process = QProcess()
        variables = environment()
        for name in ("TMPDIR", "TEMP", "TMP") if temporary else ():
            variables.insert(name, str(temporary))
        process.setProcessEnvironment(variables)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        self._note(f"$ {program} {' '.join(arguments)}")
        process.start(program, arguments)
        last = ""
        while process.state() != QProcess.ProcessState.NotRunning or process.canReadLine():
            if self._feedback.isCanceled():
                process.kill()
                process.waitForFinished(2000)
                raise CancelledError(tr("Cancelled; the environment was removed."))
            while process.canReadLine():
                line = bytes(process.readLine()).decode(errors="replace").rstrip()
                last = line if line.strip() and not line.startswith("WARNING") else last
                self._note(line)
                self._steps.hear(line)
            process.waitForReadyRead(_POLL_MS)
        if rest := bytes(process.readAll()).decode(errors="replace").strip():
            self._note(rest)
            last = rest.splitlines()[-1]
        if process.exitStatus() != QProcess.ExitStatus.NormalExit or process.exitCode() != 0:
            raise EngineError(
                tr(
                    "The environment could not be set up ({last}); the log is {log}. Check the internet connection and "
                    "the proxy in Settings → Options → Network, or give a folder of wheels."
                ).format(last=last or process.errorString(), log=self._log)
            )

    def _note(self, line: str) -> None:
        line = re.sub(r"://[^/\s@]+@", "://***@", line)
        self._feedback.pushConsoleInfo(line)
        with self._log.open("a", encoding="utf-8") as log:
            log.write(line + "\n")


class PipSteps:
    """Turns what pip says into progress: what it downloads, with sizes, and what it installs."""

    _SIZE = re.compile(r"Downloading (?:\S*/)?([A-Za-z0-9_.]+?)-\d\S* \(([\d.]+) (k|M|G)B\)")
    _EXPECTED_MB = 300.0
    """About what the engine and its packages for the CPU are to download."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._megabytes = 0.0

    def hear(self, line: str) -> None:
        """Take a line of pip's."""
        if found := self._SIZE.search(line.strip()):
            name, size = found[1], float(found[2]) * _MEGABYTES[found[3]]
            text = tr("Downloading {name} ({size:.1f} MB; {before:.0f} MB before it)")
            self._feedback.setProgressText(text.format(name=name, size=size, before=self._megabytes))
            self._megabytes += size
            self._feedback.setProgress(10 + 60 * (1 - exp(-2 * self._megabytes / self._EXPECTED_MB)))
        elif line.startswith("Installing collected packages: "):
            count = line.count(",") + 1
            self._feedback.setProgressText(tr("Installing {} packages").format(count))
            self._feedback.setProgress(75)


def own_wheel() -> Path | None:
    """The engine's wheel that came with the plugin; None if it came without."""
    found = sorted(_WHEELS.glob("l4s_geo-*.whl"))
    return found[-1] if found else None


def remove() -> list[str]:
    """Remove the managed environments, their record and their log; return the folders and files that are gone.

    Raises:
        EngineError: something cannot be removed, for instance since a program still runs in it.
    """
    gone = []
    for path in (managed_record(), *sorted(managed_folder().glob("env-*")), managed_folder() / "setup.log"):
        if not path.exists():
            continue
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise EngineError(
                tr("{path} cannot be removed ({error}); end what runs in it, and try again.").format(
                    path=path, error=error
                )
            ) from None
        gone.append(str(path))
    return gone


def _quick(python: str, code: str) -> tuple[int, str]:
    process = QProcess()
    process.setProcessEnvironment(environment())
    process.start(python, ["-I", "-c", code])
    if not process.waitForFinished(15_000):
        process.kill()
        process.waitForFinished(1000)
        return 1, ""
    code_ = process.exitCode() if process.exitStatus() == QProcess.ExitStatus.NormalExit else 1
    return code_, bytes(process.readAllStandardOutput()).decode(errors="replace")
