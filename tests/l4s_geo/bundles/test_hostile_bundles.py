"""Bundles from a stranger: what is wrong with one ends in a sentence; nothing is deleted, followed or unpacked."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from l4s_geo import load_bundle
from l4s_geo.bundles.files import MAX_TEXT
from l4s_geo.bundles.item import read_bundle
from l4s_geo.bundles.registry import add_bundle, find_bundle, installed, remove_bundle
from l4s_geo.errors import BundleError, OutputError
from support import make_bundle


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bundles are installed; it holds one, and something that is none."""
    place = tmp_path / "installed"
    monkeypatch.setenv("L4S_BUNDLES", str(place))
    add_bundle(make_bundle(tmp_path / "mine", ("B4", "B3", "B2"), "window"))
    (place / "notes").mkdir()
    (place / "notes" / "diary.txt").write_text("mine")
    return place


def changed(bundle: Path, target: Path, change: Callable[[dict], None]) -> Path:
    """A copy of a bundle with another description."""
    copy = Path(shutil.copytree(bundle, target))
    item = json.loads((copy / "bundle.json").read_text())
    change(item)
    (copy / "bundle.json").write_text(json.dumps(item))
    return copy


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", "/abs", "a\\b", ".hidden", "x" * 101, "a\nb", "nul\0", "end."]
)
def test_a_name_that_is_not_plain_deletes_nothing(red_bundle, tmp_path, folder, name):
    before = everything(folder)
    bundle = changed(red_bundle, tmp_path / "copy", lambda item: item.update(id=name))
    with pytest.raises(BundleError, match="not a plain name"):
        add_bundle(bundle)
    assert everything(folder) == before


def test_what_is_not_a_bundle_is_not_replaced(red_bundle, tmp_path, folder):
    before = everything(folder)
    bundle = changed(red_bundle, tmp_path / "copy", lambda item: item.update(id="notes"))
    with pytest.raises(BundleError, match="is not a bundle; move it elsewhere"):
        add_bundle(bundle)
    assert everything(folder) == before


def test_a_link_to_a_bundle_is_neither_replaced_nor_removed(red_bundle, tmp_path, folder):
    elsewhere = Path(shutil.copytree(red_bundle, tmp_path / "elsewhere"))
    (folder / "red").symlink_to(elsewhere)
    with pytest.raises(BundleError, match="not a bundle"):
        add_bundle(red_bundle)
    with pytest.raises(BundleError, match="link to a bundle"):
        remove_bundle("red")
    assert read_bundle(elsewhere)


def test_a_bundle_is_replaced_by_its_next_version(red_bundle, tmp_path, folder):
    add_bundle(red_bundle)
    add_bundle(changed(red_bundle, tmp_path / "copy", lambda item: item["properties"].update(version="2.0.0")))
    assert find_bundle("red").version == "2.0.0"
    assert sorted(p.name for p in folder.iterdir()) == ["mine", "notes", "red"]


@pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="mounting needs root")
@pytest.mark.parametrize("kib", [4, 8, 16, 32, 64, 96])
def test_a_nearly_full_disk_leaves_a_whole_bundle_or_none(red_bundle, tmp_path, monkeypatch, kib):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "l4s", str(small)], check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        monkeypatch.setenv("L4S_BUNDLES", str(small / "bundles"))
        with suppress(OutputError):
            add_bundle(red_bundle)
        if "red" in installed():
            assert load_bundle("red").name == "red"
        else:
            with pytest.raises(OutputError, match="cannot be kept"):
                add_bundle(red_bundle)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def zipped(bundle: Path, path: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(bundle.iterdir()):
            archive.write(file, file.name)
    return path


def patched(path: Path, local: int, central: int, value: int) -> Path:
    """Write a 16-bit number into every header of an archive, at these offsets."""
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset : at + offset + 2] = struct.pack("<H", value)
            at = data.find(signature, at + 4)
    path.write_bytes(data)
    return path


def test_an_encrypted_zip(red_bundle, tmp_path):
    with pytest.raises(BundleError, match="encrypted; pack the bundle without a password"):
        find_bundle(patched(zipped(red_bundle, tmp_path / "b.zip"), 6, 8, 1))


def test_an_unknown_compression(red_bundle, tmp_path):
    with pytest.raises(BundleError, match="ordinary zip"):
        find_bundle(patched(zipped(red_bundle, tmp_path / "b.zip"), 8, 10, 97))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_stream(red_bundle, tmp_path, compression):
    path = zipped(red_bundle, tmp_path / "b.zip", compression)
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("bundle.json")
    data = bytearray(path.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename)
    data[start : start + entry.compress_size] = bytes(range(256)) * (entry.compress_size // 256) + bytes(
        entry.compress_size % 256
    )
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r"no readable 'bundle\.json'"):
        find_bundle(path)


@pytest.mark.parametrize("name", ["bundle.json", "linear.onnx"])
def test_a_zip_bomb_is_not_unpacked(red_bundle, tmp_path, name):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in red_bundle.iterdir():
            content = file.read_bytes()
            archive.writestr(file.name, content + bytes(8 << 20) if file.name == name else content)
    with pytest.raises(BundleError, match=r"times its packed size|at most"):
        load_bundle(path)


def test_a_size_that_an_archive_understates_is_found(red_bundle, tmp_path):
    path = tmp_path / "lying.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", os.urandom(MAX_TEXT + 100))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(signature)
        data[at + offset : at + offset + 4] = struct.pack("<I", 1000)
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        find_bundle(path)


@pytest.mark.parametrize("name", ["bundle.json", "linear.onnx", "README.md"])
@pytest.mark.parametrize("target", ["/dev/zero", "outside.txt"])
def test_links_inside_a_bundle_are_not_followed(red_bundle, tmp_path, name, target):
    (tmp_path / "outside.txt").write_text("secret")
    copy = Path(shutil.copytree(red_bundle, tmp_path / "copy"))
    (copy / name).unlink(missing_ok=True)
    (copy / name).symlink_to(target if target.startswith("/") else tmp_path / target)
    if name == "README.md":
        assert read_bundle(copy).card() == ""
        assert "secret" not in add_bundle(copy).card()
    else:
        with pytest.raises(BundleError, match=r"is a link|There is no bundle"):
            load_bundle(copy)


def test_a_pipe_does_not_block(red_bundle, tmp_path):
    copy = Path(shutil.copytree(red_bundle, tmp_path / "copy"))
    (copy / "bundle.json").unlink()
    os.mkfifo(copy / "bundle.json")
    with pytest.raises(BundleError):
        read_bundle(copy)


@pytest.mark.parametrize("text", ["[" * 200_000, "{}", "[]", "null", '{"id": 1e999}', "\xff", ""])
def test_a_description_that_is_none(red_bundle, tmp_path, text):
    copy = Path(shutil.copytree(red_bundle, tmp_path / "copy"))
    (copy / "bundle.json").write_text(text, encoding="latin-1")
    with pytest.raises(BundleError):
        read_bundle(copy)


def with_network(bundle: Path, target: Path, build: Callable) -> Path:
    """A copy of a bundle whose network is another ONNX graph, with the hash that goes with it."""
    from onnx import helper

    graph = build()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data = model.SerializeToString()

    def state(item: dict) -> None:
        item["assets"]["linear.onnx"]["file:checksum"] = "1220" + hashlib.sha256(data).hexdigest()

    copy = changed(bundle, target, state)
    (copy / "linear.onnx").write_bytes(data)
    return copy


def graph(inputs=((1, ("n", 3, 128, 128)),), outputs=((1, ("n", 3, 128, 128)),), nodes=None, initializers=()):
    """Inputs to outputs by Identity, each (ONNX element type, shape)."""
    from onnx import helper

    ins = [helper.make_tensor_value_info(f"in{i}", kind, shape) for i, (kind, shape) in enumerate(inputs)]
    outs = [helper.make_tensor_value_info(f"out{i}", kind, shape) for i, (kind, shape) in enumerate(outputs)]
    nodes = nodes or [helper.make_node("Identity", ["in0"], [f"out{i}"]) for i in range(len(outs))]
    return helper.make_graph(nodes, "g", ins, outs, list(initializers))


def mean_over(axes, keep=1):
    from onnx import helper

    return [helper.make_node("ReduceMean", ["in0"], ["out0"], axes=axes, keepdims=keep)]


GRAPHS = {
    "three channels out": lambda: graph(),
    "an output of rank 3": lambda: graph(outputs=((1, ("n", 128, 128)),), nodes=mean_over([1], 0)),
    "a scalar": lambda: graph(outputs=((1, ()),), nodes=mean_over([0, 1, 2, 3], 0)),
    "two outputs": lambda: graph(outputs=((1, ("n", 3, 128, 128)),) * 2),
    "half precision in": lambda: graph(inputs=((10, ("n", 3, 128, 128)),), outputs=((10, ("n", 3, 128, 128)),)),
    "integers": lambda: graph(inputs=((7, ("n", 3, 128, 128)),), outputs=((7, ("n", 3, 128, 128)),)),
    "14 channels in": lambda: graph(
        inputs=((1, ("n", 14, 128, 128)),), outputs=((1, ("n", 1, 128, 128)),), nodes=mean_over([1])
    ),
    "two inputs": lambda: graph(inputs=((1, ("n", 3, 128, 128)),) * 2),
    "windows of 64": lambda: graph(
        inputs=((1, ("n", 3, 64, 64)),), outputs=((1, ("n", 1, 64, 64)),), nodes=mean_over([1])
    ),
    "one window at a time": lambda: graph(
        inputs=((1, (1, 3, 128, 128)),), outputs=((1, (1, 1, 128, 128)),), nodes=mean_over([1])
    ),
}


@pytest.mark.parametrize("what", GRAPHS)
def test_a_network_with_another_interface(red_bundle, tmp_path, what):
    bundle = with_network(red_bundle, tmp_path / "odd", GRAPHS[what])
    with pytest.raises(BundleError, match=r"linear\.onnx of bundle red has the (in|out)put .*expected one tensor"):
        load_bundle(bundle, "cpu")


def huge():
    """Declares what is expected, and asks for 400 GB on the way."""
    from onnx import TensorProto, helper, numpy_helper

    sides = numpy_helper.from_array(np.array([100_000, 1_000_000], np.int64), "sides")
    zero = helper.make_tensor("zero", TensorProto.FLOAT, (1,), [0.0])
    nodes = [
        helper.make_node("Shape", ["in0"], ["shape"]),
        helper.make_node("Mul", ["sides", "ones"], ["asked"]),
        helper.make_node("ConstantOfShape", ["asked"], ["large"], value=zero),
        helper.make_node("ReduceMean", ["large"], ["small"], keepdims=0),
        helper.make_node("ReduceMean", ["in0"], ["grey"], axes=[1]),
        helper.make_node("Add", ["grey", "small"], ["out0"]),
        helper.make_node("Slice", ["shape", "first", "second"], ["n"]),
        helper.make_node("Min", ["n", "one"], ["ones"]),
    ]
    constants = [
        sides,
        *(numpy_helper.from_array(np.array([v], np.int64), k) for k, v in {"first": 0, "second": 1, "one": 1}.items()),
    ]
    nodes = [nodes[0], nodes[6], nodes[7], *nodes[1:6]]
    return graph(outputs=((1, ("n", 1, 128, 128)),), nodes=nodes, initializers=constants)


def lying():
    """Declares what is expected, and gives as many rows as there are windows."""
    from onnx import helper, numpy_helper

    nodes = [
        helper.make_node("ReduceMean", ["in0"], ["grey"], axes=[1]),
        helper.make_node("Shape", ["in0"], ["shape"]),
        helper.make_node("Slice", ["shape", "from", "one"], ["to"]),
        helper.make_node("Slice", ["grey", "from", "to", "axis"], ["out0"]),
    ]
    values = {"from": 0, "one": 1, "axis": 2}
    constants = [numpy_helper.from_array(np.array([v], np.int64), k) for k, v in values.items()]
    return graph(outputs=((1, ("n", 1, "rows", 128)),), nodes=nodes, initializers=constants)


@pytest.mark.parametrize(("build", "message"), [(huge, "fails on windows"), (lying, "gives an output of shape")])
def test_a_network_that_fails_when_it_runs(red_bundle, tmp_path, build, message):
    model = load_bundle(with_network(red_bundle, tmp_path / "odd", build), "cpu")
    with pytest.raises(BundleError, match=message):
        model.predict(np.ones((2, 3, 128, 128), np.float32))


def test_nothing_is_written_to_the_users_folders_and_nobody_is_called(red_bundle, tmp_path):
    """ONNX Runtime's telemetry is off before it is imported."""
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import sys, socket, os, numpy as np, l4s_geo\n"
        "model = l4s_geo.load_bundle(sys.argv[1], 'cpu')\n"
        "model.predict(np.ones((1, 3, 128, 128), np.float32))\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    environment |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(red_bundle)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
    assert not list(home.rglob("*"))
