"""Object stores, s3:// and gs://: objects by pyarrow, conditional puts by the store's own API.

Credentials and endpoints are those of the environment: AWS_* (with AWS_ENDPOINT_URL) and
GOOGLE_APPLICATION_CREDENTIALS (with STORAGE_EMULATOR_HOST). Reading needs no extra. A conditional
put, which a lock needs, takes the extra `s3` (boto3) or `gs` (google-auth).
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from ...errors import LabError, Unwritable

SCHEMES = ("s3", "gs")
ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "gs": ("STORAGE_EMULATOR_HOST",)}
# s before each retry: what was computed is worth waiting for.
PAUSES = {"write": (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)}
SHORT = (0.5, 1.0, 2.0)
FINAL = ("ACCESSDENIED", "INVALIDACCESSKEY", "SIGNATURE", "NOSUCHBUCKET", "EXPIRED", "403")

SINGLE = 4 << 20  # bytes; pyarrow sends more than these in parts

T = TypeVar("T")


class Changed(Exception):
    """The object is no longer the one that a conditional put expects."""


class Stamp(NamedTuple):
    """Size in bytes and modification time in ns of an object, by the store's clock."""

    size: int
    time: int


@dataclass(frozen=True)
class Bucket:
    """One bucket. Methods raise FileNotFoundError for a missing object, LabError otherwise."""

    scheme: str
    name: str

    def url(self, key: str) -> str:
        """The URL of an object."""
        return f"{self.scheme}://{self.name}/{key}".rstrip("/")

    def read(self, key: str) -> bytes:
        """The bytes of an object."""

        def call() -> bytes:
            with self._files().open_input_stream(self._path(key)) as stream:
                return stream.read()

        return self._patiently("read", key, call)

    def put(self, key: str, data: bytes | memoryview) -> None:
        """Write an object. It appears whole, or not at all.

        A large one is sent by the store's own API: pyarrow would publish the parts that arrived.
        """

        def call() -> None:
            if memoryview(data).nbytes > SINGLE:
                _api(self.scheme, endpoint(self.scheme)).put_whole(self.name, key, data)
                return
            stream = self._files().open_output_stream(self._path(key))
            stream.write(data)
            stream.close()

        def undisturbed() -> None:
            # A stream that is abandoned publishes what it has, even nothing. In a thread of its own
            # neither Ctrl-C nor a signal comes in between.
            with ThreadPoolExecutor(1, thread_name_prefix="put") as pool:
                pool.submit(call).result()

        self._patiently("write", key, undisturbed)

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""

        def call() -> None:
            try:
                self._files().delete_file(self._path(key))
            except FileNotFoundError:
                return

        self._patiently("delete", key, call)

    def listing(self, prefix: str) -> dict[str, Stamp]:
        """The objects below a prefix, by their names relative to it."""
        from pyarrow.fs import FileSelector

        base = self._path(prefix).rstrip("/")
        where = FileSelector(base, allow_not_found=True, recursive=True)
        infos = self._patiently("list", prefix, lambda: self._files().get_file_info(where))
        named = [(info.path[len(base) :].strip("/"), info) for info in infos if info.is_file]
        return {
            name: Stamp(info.size or 0, info.mtime_ns or 0) for name, info in named if plain(name)
        }

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        """An object with the tag of this version of it, or None if there is none."""
        return self._conditional(key, lambda api: api.get(self.name, key))

    def put_tagged(self, key: str, data: bytes, tag: str | None) -> str:
        """Write an object if its version still has this tag (None: if it does not exist).

        Returns the new version's tag. Raises Changed if another has written it.
        """
        return self._conditional(key, lambda api: api.put(self.name, key, data, tag))

    def _path(self, key: str) -> str:
        return f"{self.name}/{key}"

    def _files(self) -> Any:
        return _filesystem(self.scheme, self.name, endpoint(self.scheme))

    def _conditional(self, key: str, call: Callable[[Any], T]) -> T:
        api = _api(self.scheme, endpoint(self.scheme))
        try:
            return call(api)
        except (Changed, LabError):
            raise
        except Exception as error:  # boto3's and google-auth's have no common base
            raise self._error("write", key, error) from error

    def _patiently(self, verb: str, key: str, call: Callable[[], T]) -> T:
        """Call it again after a failure that may pass."""
        for pause in (*PAUSES.get(verb, SHORT), None):
            try:
                return call()
            except FileNotFoundError:
                raise
            except OSError as error:
                if pause is None or any(word in _plainly(error) for word in FINAL):
                    raise self._error(verb, key, error) from error
            time.sleep(pause)
        raise AssertionError

    def _error(self, verb: str, key: str, error: Exception) -> LabError:
        text = " ".join(str(error).split())
        denied = any(word in _plainly(error) for word in ("ACCESSDENIED", "403"))
        kind = Unwritable if denied and verb == "write" else LabError
        return kind(
            f"cannot {verb} {self.url(key)}: {text[:200]}; check the bucket, the credentials and "
            f"the endpoint ({', '.join(ENDPOINTS[self.scheme])})"
        )


def _plainly(error: Exception) -> str:
    """What an error says, in the same letters whether pyarrow or boto3 says it."""
    return str(error).upper().replace("_", "")


def endpoint(scheme: str) -> str:
    """The endpoint that the environment names, "" for the provider's own."""
    return next((os.environ[name] for name in ENDPOINTS[scheme] if os.environ.get(name)), "")


def plain(name: str) -> bool:
    """Whether a relative name stays below its folder: no part is empty, "." or ".."."""
    return bool(name) and not {"", ".", ".."} & set(name.split("/"))


@cache
def _filesystem(scheme: str, bucket: str, address: str) -> Any:
    from pyarrow import fs

    if scheme == "gs":
        place, _, host = address.rpartition("://")
        named: Any = {"endpoint_override": host, "scheme": place or "http", "anonymous": True}
        return fs.GcsFileSystem(**named if address else {})
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region and not address:
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        endpoint_override=address or None,
        region=region or "us-east-1",
        connect_timeout=10,
        request_timeout=60,
        # Small objects are one put, made when the stream is closed.
        allow_delayed_open=True,
        background_writes=False,
    )


@cache
def _api(scheme: str, address: str) -> Any:
    try:
        return _S3(address) if scheme == "s3" else _Google(address)
    except ImportError as error:
        package = {"s3": "boto3", "gs": "google-auth and requests"}[scheme]
        raise LabError(
            f"writing to {scheme}:// needs {package}; install: pip install 'scaling-lab[{scheme}]'"
        ) from error


class _S3:
    """Conditional puts of S3: If-None-Match and If-Match, by the object's ETag."""

    def __init__(self, address: str) -> None:
        import boto3
        from botocore.config import Config

        # Stores that imitate S3 know neither its newer checksums nor a host for each bucket.
        options: Any = {
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "s3": {"addressing_style": "path" if address else "auto"},
        }
        settings = Config(connect_timeout=10, read_timeout=20, **options)
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        self.client = boto3.client(
            "s3",
            endpoint_url=address or None,
            region_name=region or ("us-east-1" if address else None),
            config=settings,
        )

    def get(self, bucket: str, key: str) -> tuple[bytes, str] | None:
        from botocore.exceptions import ClientError

        try:
            found = self.client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return found["Body"].read(), found["ETag"]

    def put_whole(self, bucket: str, key: str, data: bytes | memoryview) -> None:
        """Send an object in parts; if that fails, those sent are removed. Raises OSError."""
        from boto3.exceptions import Boto3Error
        from boto3.s3.transfer import TransferConfig
        from botocore.exceptions import BotoCoreError, ClientError

        settings = TransferConfig(use_threads=False)
        try:
            self.client.upload_fileobj(io.BytesIO(data), bucket, key, Config=settings)
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise OSError(str(error)) from error

    def put(self, bucket: str, key: str, data: bytes, tag: str | None) -> str:
        from botocore.exceptions import ClientError

        condition: Any = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            return self.client.put_object(Bucket=bucket, Key=key, Body=data, **condition)["ETag"]
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            gone = tag is not None and error.response["Error"]["Code"] == "NoSuchKey"
            if gone or status in (409, 412):
                raise Changed from error
            raise


class _Google:
    """Conditional puts of Google Cloud Storage: ifGenerationMatch, by the object's generation."""

    def __init__(self, address: str) -> None:
        import google.auth
        import requests
        from google.auth.transport.requests import AuthorizedSession

        host = address if "://" in address or not address else f"http://{address}"
        self.base = host.rstrip("/") or "https://storage.googleapis.com"
        if address:
            self.session = requests.Session()
        else:
            scopes = ["https://www.googleapis.com/auth/devstorage.read_write"]
            self.session = AuthorizedSession(google.auth.default(scopes=scopes)[0])

    def get(self, bucket: str, key: str) -> tuple[bytes, str] | None:
        url = f"{self.base}/storage/v1/b/{bucket}/o/{quote(key, safe='')}"
        found = self.session.get(url, params={"alt": "media"}, timeout=20)
        if found.status_code == 404:
            return None
        found.raise_for_status()
        return found.content, found.headers["x-goog-generation"]

    def put_whole(self, bucket: str, key: str, data: bytes | memoryview) -> None:
        """Send an object in one request. Raises OSError."""
        url = f"{self.base}/upload/storage/v1/b/{bucket}/o"
        named = {"uploadType": "media", "name": key}
        # requests' own errors are OSErrors.
        self.session.post(url, params=named, data=bytes(data), timeout=600).raise_for_status()

    def put(self, bucket: str, key: str, data: bytes, tag: str | None) -> str:
        url = f"{self.base}/upload/storage/v1/b/{bucket}/o"
        named = {"uploadType": "media", "name": key, "ifGenerationMatch": tag or "0"}
        done = self.session.post(url, params=named, data=data, timeout=20)
        if done.status_code in (409, 412):
            raise Changed
        done.raise_for_status()
        return str(json.loads(done.text)["generation"])
