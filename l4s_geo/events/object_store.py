"""Results in an object store: finished files, copied whole and read back.

An event whose `out` is ``/vsis3/BUCKET/FOLDER`` or ``s3://BUCKET/FOLDER`` is mapped and merged in a folder of this
machine, since neither SQLite nor a GeoPackage can be written to a store bit by bit, and each file that is finished is
copied there. An object appears whole or not at all; that it holds what the file holds is checked by reading it again.

The store is any that speaks S3's protocol. Credentials are found as all programs of Amazon's find them (variables
AWS_…, profiles of ~/.aws, the machine's role), and the endpoint by AWS_ENDPOINT_URL or, as GDAL has it, by
AWS_S3_ENDPOINT and AWS_HTTPS; none of them is kept or said.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from l4s_geo.errors import EventError, OutputError
from l4s_geo.output.atomic import atomic_write

__all__ = ["ObjectStore"]

_ADDRESS = re.compile(r"(?:/vsis3/|s3://)([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([^?#\s]*))?")
_CHUNK = 1 << 20
_NO = ("NO", "FALSE", "OFF", "0")
_REFUSED = ("AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403")


@dataclass(frozen=True)
class ObjectStore:
    """A folder of a bucket."""

    bucket: str
    """Name of the bucket."""
    folder: str = ""
    """Names of all objects begin with it and a slash; "" for those of the bucket itself."""

    @classmethod
    def at(cls, address: str, where: str) -> ObjectStore:
        """Return the folder of an address.

        Args:
            address: ``/vsis3/BUCKET/FOLDER`` or ``s3://BUCKET/FOLDER``.
            where: begins the complaint.

        Raises:
            EventError: it is none, or in a store of another kind.
        """
        match = _ADDRESS.fullmatch(address)
        folder = (match[2] or "").strip("/") if match else ""
        if not match or ".." in folder.split("/") or "//" in folder:
            raise EventError(
                f"{where} is {address}; expected a folder of this machine, or s3://BUCKET/FOLDER of a store that "
                "speaks S3's protocol, without user and password (the environment has them)."
            )
        return cls(match[1], folder)

    @property
    def address(self) -> str:
        """The folder as GDAL calls it."""
        return "/".join(filter(None, ("/vsis3", self.bucket, self.folder)))

    def place(self, name: str) -> str:
        """Return an object as GDAL calls it."""
        return f"{self.address}/{name}"

    def check(self) -> None:
        """Write a small object, read it, and remove it.

        Raises:
            EventError: boto3 is not installed.
            OutputError: one of the three fails.
        """
        name, text = self._name(f".l4s-{uuid4().hex}"), b"l4s"
        with self._failures("written to"):
            client = _client()
            client.put_object(Bucket=self.bucket, Key=name, Body=text)
            try:
                whole = client.get_object(Bucket=self.bucket, Key=name)["Body"].read() == text
            finally:
                client.delete_object(Bucket=self.bucket, Key=name)
        if not whole:
            raise OutputError(f"The store {self.address} gives back other bytes than it was given; use another.")

    def tags(self) -> dict[str, str]:
        """Return what tells the contents of the folder's objects apart (their entity tags), by name.

        Raises:
            OutputError: they cannot be listed.
        """
        start = self._name("")
        with self._failures("listed"):
            pages = _client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start)
            return {entry["Key"][len(start) :]: entry["ETag"] for page in pages for entry in page.get("Contents", ())}

    def send(self, path: Path, name: str) -> str:
        """Copy a file into the store, and read it back.

        Args:
            path: the file.
            name: the object's name in the folder.

        Returns:
            The entity tag of the object.

        Raises:
            OutputError: it cannot be copied, or came out as something else.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        with self._failures("written to"):
            _client().upload_file(str(path), self.bucket, self._name(name))
            found = hashlib.sha256()
            answer = _client().get_object(Bucket=self.bucket, Key=self._name(name))
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                found.update(chunk)
        if found.digest() != digest:
            raise OutputError(
                f"The object {self.place(name)} does not hold what {path} does, though it was just copied; run again, "
                "and see that nothing else writes there."
            )
        return str(answer["ETag"])

    def fetch(self, name: str, path: Path) -> str | None:
        """Copy an object into a file, which appears whole or not at all.

        Args:
            name: the object's name in the folder.
            path: the file.

        Returns:
            The entity tag of the object; None if there is no such object.

        Raises:
            OutputError: it cannot be read, or the file not be written.
        """
        with self._failures("read"):
            client = _client()
            try:
                answer = client.get_object(Bucket=self.bucket, Key=self._name(name))
            except client.exceptions.NoSuchKey:
                return None
            with atomic_write(path) as part, part.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    file.write(chunk)
        return str(answer["ETag"])

    def _name(self, name: str) -> str:
        return f"{self.folder}/{name}" if self.folder else name

    @contextmanager
    def _failures(self, done: str) -> Iterator[None]:
        """Turn what boto3 complains of into an error without any word of it that could hold a secret."""
        try:
            from boto3.exceptions import Boto3Error
            from botocore import exceptions
        except ImportError:
            raise EventError(
                f"Results in {self.address} need the extra s3 (pip install 'l4s-geo[s3]'); install it, or choose a "
                "folder of this machine."
            ) from None
        try:
            yield
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound):
            raise OutputError(
                f"The store {self.address} cannot be {done}, since there are no credentials for it; set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile of ~/.aws, and run again."
            ) from None
        except (exceptions.BotoCoreError, exceptions.ClientError, Boto3Error) as error:
            code = _code(error)
            if code == "NoSuchBucket":
                raise OutputError(f"The bucket {self.bucket} does not exist; create it, or correct out.") from None
            if code in _REFUSED:
                raise OutputError(
                    f"The store {self.address} cannot be {done} with these credentials ({code}); see that they are "
                    "right and may read, write and list."
                ) from None
            raise OutputError(
                f"The store {self.address} cannot be {done} ({code}); see that it can be reached (AWS_ENDPOINT_URL "
                "names another than Amazon's), and run again: what is done stays."
            ) from None


def _code(error: Exception) -> str:
    """Return the name of a failure, of the store's own or of the library's; `upload_file` wraps the former."""
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(answer := getattr(cause, "response", None), dict):
            return str(answer.get("Error", {}).get("Code", ""))
    return type(error).__name__


@cache
def _client() -> Any:
    """Return the client of S3; it reads the environment once."""
    import boto3
    from botocore.config import Config

    environ = os.environ
    endpoint = None
    if host := environ.get("AWS_S3_ENDPOINT"):
        scheme = "http" if environ.get("AWS_HTTPS", "YES").upper() in _NO else "https"
        endpoint = host if "://" in host else f"{scheme}://{host}"
    path = environ.get("AWS_VIRTUAL_HOSTING", "TRUE").upper() in _NO
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"max_attempts": 4, "mode": "standard"},
        s3={"addressing_style": "path" if path else "auto"},
        # Stores of others do not know all of Amazon's checksums, and what was written is read back anyway.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client("s3", endpoint_url=endpoint, config=config)
