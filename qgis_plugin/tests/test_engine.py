"""Engines that are missing, old, broken, or set up by the plugin."""

from __future__ import annotations

import json
import sys
import time
import zipfile
from pathlib import Path

import pytest
from l4s_landslides import engine, network
from l4s_landslides.errors import EngineMissingError, InputError
from qgis.core import QgsApplication, QgsProcessingException, QgsSettings
from qgis.gui import QgsMessageBar
from qgis.PyQt.QtWidgets import QDialog, QPushButton

HELLO = "print(json.dumps({'type': 'hello', 'protocol': 1, 'engine': '9.0.0'}), flush=True)"


def test_order_setting_variable_managed(monkeypatch, tmp_path):
    paths = {name: tmp_path / name for name in ("setting", "variable", "managed")}
    for path in paths.values():
        path.write_text("")
    record = engine.managed_record()
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"python": str(paths["managed"])}))
    QgsSettings().setValue(f"Processing/Configuration/{engine.SETTING}", str(paths["setting"]))
    monkeypatch.setenv("L4S_PYTHON", str(paths["variable"]))

    assert engine.find().python == str(paths["setting"])
    QgsSettings().remove(f"Processing/Configuration/{engine.SETTING}")
    assert engine.find().python == str(paths["variable"])
    monkeypatch.delenv("L4S_PYTHON")
    assert engine.find().python == str(paths["managed"])
    record.write_text("damaged")
    with pytest.raises(EngineMissingError, match="not set up yet"):
        engine.find()


def test_without_an_engine_the_check_names_the_remedy(problem, samples, monkeypatch):
    monkeypatch.delenv("L4S_PYTHON")
    message = problem("maplandslides", INPUT=str(samples / "valley.tif"))
    assert "Set up environment" in message

    monkeypatch.setenv("L4S_PYTHON", "/nowhere/python")
    assert "/nowhere/python, which does not exist" in problem("maplandslides", INPUT=str(samples / "valley.tif"))


def test_without_an_engine_the_dialog_has_a_button(algorithm, monkeypatch):
    monkeypatch.delenv("L4S_PYTHON")
    dialog = algorithm("maplandslides").createCustomParametersWidget(None)
    assert isinstance(dialog, QDialog)
    opened = []
    monkeypatch.setattr("processing.execAlgorithmDialog", lambda name: opened.append(name), raising=False)
    dialog.setParameters({})
    dialog.findChild(QPushButton, "setup").click()
    QgsApplication.processEvents()
    assert dialog.results() == {}
    assert opened == ["landslide4sense:setupenvironment"]
    assert algorithm("setupenvironment").createCustomParametersWidget(None) is None


def test_without_an_engine_the_message_bar_has_a_button(qgis_iface, monkeypatch):
    from l4s_landslides import notice

    bar = QgsMessageBar()
    monkeypatch.setattr("qgis.utils.iface", qgis_iface)
    monkeypatch.setattr(qgis_iface, "messageBar", lambda: bar)
    opened = []
    monkeypatch.setattr("processing.execAlgorithmDialog", lambda name: opened.append(name), raising=False)
    notice.show("The engine is not set up yet.")
    (button,) = [b for b in bar.findChildren(QPushButton) if "Set up" in b.text()]
    button.pressed.emit()
    assert opened == ["landslide4sense:setupenvironment"]


def fails(run, *words: str) -> str:
    with pytest.raises(QgsProcessingException) as caught:
        run("checkenvironment")
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


def test_an_interpreter_without_the_engine(run, monkeypatch):
    monkeypatch.setenv("L4S_PYTHON", sys.executable)
    fails(run, "does not have the engine", "Set up environment")


def test_no_interpreter_at_all(run, monkeypatch, tmp_path):
    (tmp_path / "text").write_text("not a program")
    monkeypatch.setenv("L4S_PYTHON", str(tmp_path / "text"))
    fails(run, "could not be started", "Set up environment")


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        ({"protocol": 2, "engine": "9.0.0"}, "speaks version 2"),
        ({"protocol": 1, "engine": "0.0.9"}, "is older than 0.1.0"),
        ({}, "speaks version None"),
    ],
)
def test_an_engine_of_another_version(run, fake_engine, hello, words):
    fake_engine(f"print(json.dumps({{'type': 'hello', **{hello!r}}}), flush=True); time.sleep(60)")
    fails(run, words, "Set up environment")


def test_an_engine_that_crashes_at_once(run, fake_engine):
    fake_engine("sys.stderr.write('out of cheese\\n'); os.abort()")
    fails(run, "crashed", "out of cheese")


def test_an_engine_that_crashes_during_a_run(run, fake_engine, feedback):
    fake_engine(f"{HELLO}\nsys.stdin.readline(); sys.stderr.write('half way\\n'); sys.stderr.flush(); os.abort()")
    fails(run, "crashed", "half way")


def test_an_engine_that_prints_to_stdout(run, fake_engine, feedback):
    answer = {
        "engine": "9",
        "python": "3",
        "executable": "x",
        "packages": {},
        "device": "cpu",
        "runtime": "r",
        "cuda": "",
    }
    fake_engine(
        f"print('Warning: noise'); print('[1, 2]'); print('\\xff' * 100_000)\n{HELLO}\nsys.stdin.readline()\n"
        "print('{\"half\": ')\n"
        f"print(json.dumps({{'type': 'result', 'id': 1, 'result': {{**{answer!r}, 'bundles': []}}}}), flush=True)\n"
        "sys.stdin.read()"
    )
    kept = []
    QgsApplication.messageLog().messageReceived.connect(lambda text, tag, _: kept.append((tag, text)))
    assert run("checkenvironment")["ENGINE"] == "9"
    assert ("Landslide4Sense", "Warning: noise") in kept
    assert "noise" not in feedback.text


def test_an_engine_that_never_says_hello(run, fake_engine, monkeypatch):
    monkeypatch.setattr("l4s_landslides.worker._HELLO_S", 1.0)
    fake_engine("time.sleep(60)")
    began = time.monotonic()
    fails(run, "does not answer within 1 s")
    assert time.monotonic() - began < 10


def test_an_engine_that_hangs_and_ignores_the_end_of_stdin_is_killed(run, fake_engine, feedback, tmp_path):
    fake_engine(f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n{HELLO}\ntime.sleep(60)")
    import threading

    began = []

    def cancel():
        while not (tmp_path / "pid").exists():
            time.sleep(0.02)
        time.sleep(0.5)
        began.append(time.monotonic())
        feedback.qgis.cancel()

    threading.Thread(target=cancel).start()
    fails(run, "Cancelled")
    assert time.monotonic() - began[0] < 3
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


def test_the_environment_of_the_engine(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/qgis")
    monkeypatch.setenv("PROJ_LIB", "/qgis/proj")
    monkeypatch.setenv("L4S_BUNDLES", "/mine")
    settings = QgsSettings()
    values = {
        "Enabled": True,
        "Type": "HttpProxy",
        "Host": "proxy.example",
        "Port": "3128",
        "User": "me",
        "Password": "a@b",
    }
    for name, value in values.items():
        settings.setValue(f"proxy/proxy{name}", value)
    settings.setValue("proxy/noProxyUrls", ["http://localhost"])
    try:
        environment = network.environment()
    finally:
        settings.remove("proxy")
    assert not environment.contains("PYTHONPATH")
    assert not environment.contains("PROJ_LIB")
    assert environment.value("L4S_BUNDLES") == "/mine"
    assert environment.value("HTTPS_PROXY") == "http://me:a%40b@proxy.example:3128"
    assert environment.value("NO_PROXY") == "localhost"
    assert network.proxy() == {}


def fake_wheel(folder: Path, body: str) -> None:
    """Write a wheel of a package l4s-geo that has a worker and nothing else."""
    folder.mkdir()
    info = "l4s_geo-9.0.0.dist-info"
    files = {
        "l4s_geo/__init__.py": "",
        "l4s_geo/worker.py": body,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: l4s-geo\nVersion: 9.0.0\nProvides-Extra: cpu\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / "l4s_geo-9.0.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)


@pytest.fixture
def own_wheels(monkeypatch, tmp_path):
    """Have the plugin hold no wheel of its own."""
    monkeypatch.setattr("l4s_landslides.managed._WHEELS", tmp_path / "none")


def test_set_up_from_a_folder_of_wheels(run, tmp_path, feedback, monkeypatch, own_wheels):
    answer = {
        "engine": "9.0.0",
        "python": "3",
        "executable": "x",
        "packages": {},
        "device": "cpu",
        "runtime": "r",
        "cuda": "",
    }
    fake_wheel(
        tmp_path / "Räder neu",
        f"import json, sys\n{HELLO}\nsys.stdin.readline()\n"
        f"print(json.dumps({{'type': 'result', 'id': 1, 'result': {{**{answer!r}, 'bundles': []}}}}), flush=True)\n"
        "sys.stdin.read()\n",
    )
    monkeypatch.delenv("L4S_PYTHON")
    old = engine.managed_folder() / "env-old"
    old.mkdir(parents=True)
    results = run("setupenvironment", WHEELS=str(tmp_path / "Räder neu"), BASE=sys.executable)

    assert engine.find().python == results["PYTHON"]
    assert Path(results["PYTHON"]).is_file()
    assert not old.exists()
    assert "pip install" in (engine.managed_folder() / "setup.log").read_text()
    assert "Successfully installed l4s-geo-9.0.0" in feedback.text


def test_set_up_that_fails_leaves_what_was_there(run, tmp_path, monkeypatch, own_wheels):
    record = engine.managed_record()
    record.parent.mkdir(parents=True)
    record.write_text('{"python": "/bin/sh"}')
    monkeypatch.delenv("L4S_PYTHON")
    (tmp_path / "empty").mkdir()
    with pytest.raises(QgsProcessingException, match="could not be set up"):
        run("setupenvironment", WHEELS=str(tmp_path / "empty"), BASE=sys.executable)

    assert engine.find().python == "/bin/sh"
    assert sorted(p.name for p in record.parent.iterdir()) == ["engine.json", "setup.log"]


def test_set_up_cancelled(run, tmp_path, feedback, own_wheels):
    feedback.qgis.cancel()
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        run("setupenvironment", BASE=sys.executable)
    assert list(engine.managed_folder().glob("env-*")) == []


def test_set_up_without_a_python_that_is_new_enough(run, tmp_path):
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\necho 3 8\n")
    old.chmod(0o755)
    with pytest.raises(QgsProcessingException, match=r"No Python 3\.11 or newer .*3\.8"):
        run("setupenvironment", BASE=str(old))


def test_an_address_in_an_error_holds_no_secret():
    error = InputError("The scene https://me:pw@host/x.tif?st=1&sig=S is no raster; is it there? Choose another.")
    assert str(error) == "The scene https://host/x.tif is no raster; is it there? Choose another."


def test_profiles_of_one_version_share_the_environment(monkeypatch, tmp_path):
    """QGIS keeps profiles in QGIS3/profiles/NAME, and the plugin in python/plugins of each."""
    place = tmp_path / "QGIS3" / "profiles" / "mine" / "python" / "plugins" / "l4s_landslides" / "engine.py"
    monkeypatch.undo()
    monkeypatch.setattr(engine, "__file__", str(place))
    assert engine.managed_folder() == tmp_path / "QGIS3" / "l4s_landslides"
    monkeypatch.delenv("L4S_PYTHON", raising=False)
    old = place.parents[3] / "l4s_landslides" / "engine.json"
    old.parent.mkdir(parents=True)
    old.write_text(json.dumps({"python": sys.executable}))
    assert engine.find().python == sys.executable


def test_what_overrules_is_what_the_message_says_to_clear(problem, samples, monkeypatch):
    given = {"INPUT": str(samples / "valley.tif")}
    monkeypatch.setenv("L4S_PYTHON", "/nowhere/python")
    assert "clear the environment variable L4S_PYTHON" in problem("maplandslides", **given)
    QgsSettings().setValue(f"Processing/Configuration/{engine.SETTING}", "/nowhere/else")
    assert "clear the option in Settings" in problem("maplandslides", **given)
    QgsSettings().remove(f"Processing/Configuration/{engine.SETTING}")
    monkeypatch.delenv("L4S_PYTHON")
    record = engine.managed_record()
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"python": "/nowhere/managed"}))
    assert "run “Set up environment” again" in problem("maplandslides", **given)


def test_pips_steps_are_the_progress(feedback):
    from l4s_landslides.managed import PipSteps

    shown = []
    feedback.qgis.progressChanged.connect(shown.append)
    steps = PipSteps(feedback.qgis)
    for line in (
        "Collecting numpy>=1.26",
        "  Downloading numpy-2.1.3-cp311-cp311-manylinux_2_17_x86_64.whl (16.3 MB)",
        "  Downloading https://index.example/a/onnxruntime-1.20.1-cp311-cp311-win_amd64.whl.metadata (4.5 kB)",
        "Installing collected packages: numpy, onnxruntime",
    ):
        steps.hear(line)
    assert feedback.lines == [
        "Downloading numpy (16.3 MB; 0 MB before it)",
        "Downloading onnxruntime (0.0 MB; 16 MB before it)",
        "Installing 2 packages",
    ]
    assert shown == sorted(shown)
    assert 10 < shown[0] < 75 == shown[-1]


def test_downloads_lie_in_the_environment_and_go_with_it(run, tmp_path, feedback, monkeypatch, own_wheels):
    base = tmp_path / "base"
    base.write_text(
        f"#!{sys.executable}\nimport os, pathlib, sys\n"
        "if '-c' in sys.argv: print('3 11'); sys.exit()\n"
        "if 'venv' in sys.argv:\n"
        "    out = pathlib.Path(sys.argv[-1], 'bin'); out.mkdir(parents=True)\n"
        "    (out / 'python').write_bytes(pathlib.Path(__file__).read_bytes()); (out / 'python').chmod(0o755)\n"
        "    sys.exit()\n"
        "print('TMPDIR', os.environ['TMPDIR'], flush=True)\n"
        "print('--no-cache-dir' in sys.argv, flush=True)\n"
        "sys.exit(3)\n"
    )
    base.chmod(0o755)
    with pytest.raises(QgsProcessingException, match="could not be set up"):
        run("setupenvironment", BASE=str(base))
    (place,) = [line.split(" ", 1)[1] for line in feedback.lines if line.startswith("TMPDIR ")]
    assert Path(place).parent.parent == engine.managed_folder()
    assert "True" in feedback.lines
    assert not Path(place).parent.exists()


def test_remove_environment(run, feedback):
    folder = engine.managed_folder()
    (folder / "env-1" / "bin").mkdir(parents=True)
    for name in ("engine.json", "setup.log", "sample"):
        (folder / name).write_text("{}")
    assert run("removeenvironment")["REMOVED"] == 3
    assert [path.name for path in folder.iterdir()] == ["sample"]
    assert run("removeenvironment")["REMOVED"] == 0
    assert "no environment to remove" in feedback.text


def test_copy_the_engine_for_a_set_up_without_internet(run, tmp_path, monkeypatch, own_wheels):
    (tmp_path / "wheels").mkdir()
    with pytest.raises(QgsProcessingException, match="came without the engine's wheel"):
        run("copyengine", FOLDER=str(tmp_path / "wheels"))
    fake_wheel(tmp_path / "plugin", "")
    monkeypatch.setattr("l4s_landslides.managed._WHEELS", tmp_path / "plugin")
    copied = run("copyengine", FOLDER=str(tmp_path / "wheels"))
    assert Path(copied["WHEEL"]).parent == tmp_path / "wheels"
    assert Path(copied["WHEEL"]).read_bytes() == next((tmp_path / "plugin").glob("*.whl")).read_bytes()
    assert copied["COMMAND"].endswith('"./l4s_geo-9.0.0-py3-none-any.whl[cpu]"')
