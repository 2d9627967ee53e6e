"""Results of an event in an object store, tried on a server of S3's protocol on this machine."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
from click.testing import CliRunner

from event_scenes import LEFT, write_event, write_scene, write_three
from l4s_geo.cli.main import main
from l4s_geo.errors import EventError, OutputError
from l4s_geo.events import object_store
from l4s_geo.events.event_file import read_event
from l4s_geo.events.object_store import ObjectStore
from l4s_geo.events.run import map_event, map_scenes
from l4s_geo.inventory.facts import read_facts
from support import largest_file

boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")
pytest.importorskip("moto.server", reason="moto[server] is not installed")

SECRET = "mysecretword4711"
NAMES = ["54TWN-2018-09-15", "54TWN-2018-09-20", "54TWP-2018-09-15"]
FILES = {f"units/{name}{end}" for name in NAMES for end in (".gpkg", "-seen.fgb")} | {"quake.gpkg"}


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    yield "{}:{}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def s3(server, monkeypatch, tmp_path):
    """The server's bucket "results", empty, with the environment by which GDAL and the engine find it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    given = {"AWS_S3_ENDPOINT": server, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
    given |= {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}
    given |= {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    for name, value in {**given, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    object_store._client.cache_clear()
    client = boto3.client("s3", endpoint_url=f"http://{server}", region_name="us-east-1")
    client.create_bucket(Bucket="results")
    yield client
    for entry in client.list_objects_v2(Bucket="results").get("Contents", ()):
        client.delete_object(Bucket="results", Key=entry["Key"])
    object_store._client.cache_clear()


def names(s3) -> set[str]:
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket="results").get("Contents", ())}


def body(s3, name: str) -> bytes:
    return s3.get_object(Bucket="results", Key=name)["Body"].read()


def event_with(folder: Path, bundle: Path, out: str, more: str = "") -> Path:
    write_three(folder)
    return write_event(folder, bundle, f"scenes: {{after: [after/*.tif]}}\nout: {out}\n{more}")


@pytest.mark.parametrize("out", ["/vsis3/results/japan/quake", "s3://results/japan/quake/"])
def test_finished_files_lie_in_the_store_as_they_lie_here(s3, tmp_path, red_bundle, out):
    event = event_with(tmp_path, red_bundle, out, "options: {probability: true}")
    ran = map_event(event)
    assert not ran.failed
    here = {
        path.relative_to(tmp_path / "quake").as_posix(): path
        for path in (tmp_path / "quake").rglob("*.*")
        if path.suffix != ".qml"
    }
    assert set(here) == FILES | {f"units/{name}-probability.tif" for name in NAMES}
    assert names(s3) == {f"japan/quake/{name}" for name in here}
    for name, path in here.items():
        assert body(s3, f"japan/quake/{name}") == path.read_bytes()
    merged = gpd.read_file("/vsis3/results/japan/quake/quake.gpkg", layer="landslides")
    assert len(merged) == ran.landslides == 3


def test_what_the_store_has_is_not_copied_again(s3, tmp_path, red_bundle, monkeypatch):
    event = event_with(tmp_path, red_bundle, "s3://results/quake")
    ran = map_event(event)
    sent = []
    real = ObjectStore.send
    monkeypatch.setattr(ObjectStore, "send", lambda store, path, name: [sent.append(name), real(store, path, name)][1])
    map_event(event)
    assert sent == []
    s3.delete_object(Bucket="results", Key=f"quake/units/{NAMES[0]}.gpkg")  # gone
    s3.put_object(Bucket="results", Key="quake/quake.gpkg", Body=b"another's")  # replaced
    map_event(event)
    assert set(sent) == {f"units/{NAMES[0]}.gpkg", "quake.gpkg"}
    assert body(s3, "quake/quake.gpkg") == ran.merged.read_bytes()
    sent.clear()
    write_scene(tmp_path / "after" / "S2A_54TWN_20180915.tif", seed=99)
    map_event(event)
    assert set(sent) == {f"units/{NAMES[0]}.gpkg", f"units/{NAMES[0]}-seen.fgb", "quake.gpkg"}


def test_inputs_in_the_store_are_read_from_it(s3, tmp_path, red_bundle):
    write_three(tmp_path)
    for path in sorted((tmp_path / "after").iterdir()):
        s3.upload_file(str(path), "results", f"in/{path.name}")
    listed = ", ".join(f"/vsis3/results/in/{path.name}" for path in sorted((tmp_path / "after").iterdir()))
    shutil.rmtree(tmp_path / "after")
    ran = map_event(write_event(tmp_path, red_bundle, f"scenes: {{after: [{listed}]}}\nout: s3://results/out"))
    assert not ran.failed
    assert ran.landslides == 3
    assert {name for name in names(s3) if name.startswith("out/")} == {f"out/{name}" for name in FILES}


def test_no_input_in_the_store_is_replaced(s3, tmp_path, red_bundle):
    path = write_scene(tmp_path / "scene.tif")
    s3.upload_file(str(path), "results", "q/units/54TWN-2018-09-15-probability.tif")
    whole = body(s3, "q/units/54TWN-2018-09-15-probability.tif")
    scene = "{scene: 's3://results/q/units/54TWN-2018-09-15-probability.tif', date: 2018-09-15, tile: 54TWN}"
    options = "out: /vsis3/results/q\noptions: {probability: true}"
    event = write_event(tmp_path, red_bundle, f"scenes: {{after: [{scene}]}}\n{options}")
    with pytest.raises(EventError, match=r"probability\.tif is an input of the unit .* and would be replaced"):
        map_event(event)
    assert body(s3, "q/units/54TWN-2018-09-15-probability.tif") == whole
    assert len(names(s3)) == 1


def test_a_bucket_that_is_not_there_is_told_before_anything_is_mapped(s3, tmp_path, red_bundle):
    event = event_with(tmp_path, red_bundle, "s3://nobodys-bucket/quake")
    with pytest.raises(OutputError, match="The bucket nobodys-bucket does not exist; create it, or correct out"):
        map_event(event)
    assert not list((tmp_path / "quake" / "units").glob("*.gpkg"))
    event.write_text(event.read_text().replace("nobodys-bucket", "results"))  # the remedy
    assert map_event(event).landslides == 3


def test_credentials_that_are_missing_are_named_and_where_to_put_them(s3, tmp_path, red_bundle, monkeypatch):
    event = event_with(tmp_path, red_bundle, "s3://results/quake")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    object_store._client.cache_clear()
    ran = CliRunner().invoke(main, ["event", "run", str(event)])
    assert ran.exit_code == 2
    assert "there are no credentials for it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in ran.output
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    object_store._client.cache_clear()
    with pytest.raises(OutputError, match="no credentials for it"):
        map_event(event)
    # The remedy: a profile.
    (tmp_path / "credentials").write_text(f"[nobody]\naws_access_key_id = me\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    object_store._client.cache_clear()
    assert map_event(event).landslides == 3


def test_no_credential_is_said_or_stored(s3, tmp_path, red_bundle):
    event = event_with(tmp_path, red_bundle, "s3://results/quake")
    ran = CliRunner().invoke(main, ["event", "run", str(event), "-v"])
    assert ran.exit_code == 0, ran.output
    assert SECRET not in ran.output
    assert "/vsis3/results/quake" in ran.output
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    assert not any(SECRET.encode() in body(s3, name) for name in names(s3))


def test_a_store_that_is_not_there_is_told(s3, tmp_path, red_bundle, monkeypatch):
    event = event_with(tmp_path, red_bundle, "s3://results/quake")
    monkeypatch.setenv("AWS_S3_ENDPOINT", "127.0.0.1:9")
    object_store._client.cache_clear()
    with pytest.raises(OutputError, match=r"cannot be written to \(EndpointConnectionError\); see that it can be"):
        map_event(event)


def test_a_store_that_refuses_is_told_and_what_is_mapped_stays(s3, tmp_path, red_bundle, monkeypatch):
    from botocore.exceptions import ClientError

    event = event_with(tmp_path, red_bundle, "s3://results/quake")
    real = ObjectStore.send

    def send(store, path, name):
        if name.startswith(f"units/{NAMES[1]}"):
            with store._failures("written to"):
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": SECRET}}, "PutObject")
        return real(store, path, name)

    monkeypatch.setattr(ObjectStore, "send", send)
    with pytest.raises(OutputError, match=r"with these credentials \(AccessDenied\)") as raised:
        map_event(event)
    assert SECRET not in str(raised.value)
    monkeypatch.setattr(ObjectStore, "send", real)
    ran = map_event(event)
    assert [job.attempts for job in ran.jobs] == [1, 1, 1]
    assert names(s3) == {f"quake/{name}" for name in FILES}


def test_an_object_that_came_out_otherwise_is_an_error(s3, tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"as it is")
    client = object_store._client()
    monkeypatch.setattr(
        client, "upload_file", lambda path, bucket, key: client.put_object(Bucket=bucket, Key=key, Body=b"x")
    )
    with pytest.raises(OutputError, match="does not hold what"):
        ObjectStore("results").send(path, "a.bin")


def test_a_disk_that_is_full_in_the_third_unit_leaves_two_in_the_store(s3, tmp_path, red_bundle):
    event = event_with(tmp_path, red_bundle, "s3://results/quake")
    write_scene(tmp_path / "after" / "S2A_54TWP_20180915.tif", LEFT + 1800, shape=(700, 700))
    with largest_file(1_000_000):
        ran = map_event(event)
    assert [job.state for job in ran.jobs] == ["done", "done", "failed"]
    assert "free some space" in ran.failed[0].error
    assert {name for name in names(s3) if NAMES[2] in name} == set()
    assert "quake/quake.gpkg" in names(s3)
    ran = map_event(event, retry=True)
    assert names(s3) == {f"quake/{name}" for name in FILES}
    assert body(s3, "quake/quake.gpkg") == ran.merged.read_bytes()


@pytest.mark.parametrize(
    "out",
    [
        "gs://bucket/x",
        "https://host/x",
        "s3://me:pw@bucket/x",
        "s3://",
        "/vsis3/",
        "/vsizip/a.zip/x",
        "s3://b/x",
        "s3://bucket/a/../b",
    ],
)
def test_other_stores_are_refused_by_the_file(tmp_path, red_bundle, out):
    event = write_event(tmp_path, red_bundle, f"scenes: {{after: a.tif}}\nout: '{out}'")
    with pytest.raises(
        EventError, match=r"out is .*; expected a folder of this machine, or s3://BUCKET/FOLDER"
    ) as raised:
        read_event(event)
    assert "pw" not in str(raised.value)


def test_without_boto3_the_extra_is_named(tmp_path, red_bundle, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "boto3.exceptions", None)
    event = event_with(tmp_path, red_bundle, "s3://results/quake")
    with pytest.raises(EventError, match=r"pip install 'l4s-geo\[s3\]'"):
        map_event(event)


def test_a_folder_of_the_command_in_a_store_is_refused(tmp_path):
    for folder in ("s3://results/x", "/vsis3/results/x"):
        with pytest.raises(EventError, match="expected one of this machine, so write an event file"):
            map_scenes("a.tif", out_dir=folder)


def test_workers_of_a_cluster_put_their_results_into_the_store(s3, tmp_path, red_bundle):
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    from dask_cluster import cluster

    alone = tmp_path / "alone"
    expected = map_event(event_with(alone, red_bundle, "out"))
    event = event_with(tmp_path, red_bundle, "s3://results/quake")
    with cluster(tmp_path / "dask", 2) as running:
        ran = map_event(event, scheduler=running.address)
        assert not ran.failed
        assert [job.attempts for job in ran.jobs] == [1, 1, 1]
        # Units lie in the store before this machine has them: a run that begins anew finds them there.
        shutil.rmtree(tmp_path / "quake")
        with sqlite3.connect(event.with_name("quake.jobs.sqlite")) as table:
            table.execute("UPDATE job SET state = 'open', key = '', result = '{}'")
        for path in (tmp_path / "dask").rglob("*.gpkg"):
            path.unlink()
        again = map_event(event, scheduler=running.address)
    assert [job.attempts for job in again.jobs] == [1, 1, 1]
    assert names(s3) == {f"quake/{name}" for name in FILES}
    for one in (ran, again):
        assert one.landslides == expected.landslides
        merged = gpd.read_file(one.merged, layer="landslides").drop(columns="created")
        assert merged.equals(gpd.read_file(expected.merged, layer="landslides").drop(columns="created"))
    with rasterio.Env():
        assert read_facts(again.jobs[0].unit.out)["unit"] == NAMES[0]
