"""The managed environment: a virtual environment in the user's profile with the engine in it.

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
        """Install the engine.

        Args:
            extras: extras of the package: cpu or gpu, clouds.
            wheels: a folder of wheels to use in place of the package index; "" for the index.
        """
        self._feedback.setProgressText(tr("Installing the engine; this takes minutes"))
        own = sorted(_WHEELS.glob("l4s_geo-*.whl"))
        wanted = f"{own[-1] if own else 'l4s-geo'}[{','.join(extras)}]"
        options = ["--no-index", "--find-links", wheels] if wheels else []
        pip = ["-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
        self._run(self.python, [*pip, *options, wanted])

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

    def _run(self, program: str, arguments: list[str]) -> None:
        """Run a command, with its output in the log.

        Raises:
            CancelledError: the user cancelled.
            EngineError: it failed.
        """
        process = QProcess()
        process.setProcessEnvironment(environment())
        process.setProcessChannelMode(QProcess.MergedChannels)
        self._note(f"$ {program} {' '.join(arguments)}")
        process.start(program, arguments)
        last = ""
        while process.state() != QProcess.NotRunning or process.canReadLine():
            if self._feedback.isCanceled():
                process.kill()
                process.waitForFinished(2000)
                raise CancelledError(tr("Cancelled; the environment was removed."))
            while process.canReadLine():
                line = bytes(process.readLine()).decode(errors="replace").rstrip()
                last = line if line.strip() and not line.startswith("WARNING") else last
                self._note(line)
            process.waitForReadyRead(_POLL_MS)
        if rest := bytes(process.readAll()).decode(errors="replace").strip():
            self._note(rest)
            last = rest.splitlines()[-1]
        if process.exitStatus() != QProcess.NormalExit or process.exitCode() != 0:
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


def _quick(python: str, code: str) -> tuple[int, str]:
    process = QProcess()
    process.setProcessEnvironment(environment())
    process.start(python, ["-I", "-c", code])
    if not process.waitForFinished(15_000):
        process.kill()
        process.waitForFinished(1000)
        return 1, ""
    code_ = process.exitCode() if process.exitStatus() == QProcess.NormalExit else 1
    return code_, bytes(process.readAllStandardOutput()).decode(errors="replace")
