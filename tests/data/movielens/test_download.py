"""Downloads from a server on this machine: whole, resumed, broken off, wrong."""

from __future__ import annotations

import hashlib
import http.server
import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from recbole_ext.data.movielens import prepare
from recbole_ext.data.movielens.catalog import DATASETS
from recbole_ext.data.movielens.download import download_zip
from recbole_ext.errors import DownloadError, OutputError
from tests.data.movielens.raw_sets import CSV

SMALL = DATASETS["ml-latest-small"]


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in CSV.items():
            archive.writestr(f"ml-latest-small/{name}", text)
    return buffer.getvalue()


@dataclass
class Site:
    """A server's behaviour and what it was asked."""

    url: str = ""
    content: bytes = field(default_factory=_zip)
    md5: str | None = None
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    status: int = 200
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site = self.site
        wanted = self.headers.get("Range")
        site.asked.append((self.path, wanted))
        if self.path.endswith(".md5"):
            self._send(200 if site.md5 else 404, f"MD5 (ml-latest-small.zip) = {site.md5}\n".encode())
        elif site.status != 200:
            self._send(site.status, b"no")
        elif wanted and site.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
            total = len(site.content)
            if start >= total:
                self._send(416, b"", {"Content-Range": f"bytes */{total}"})
            else:
                span = {"Content-Range": f"bytes {start}-{total - 1}/{total}"}
                self._send(206, site.content[start:], span)
        else:
            self._send(200, site.content)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        zip_body = self.path.endswith(".zip") and status in (200, 206)
        self.wfile.write(body[: self.site.break_after.pop(0)] if zip_body and self.site.break_after else body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def _get(site: Site, folder: Path) -> Path:
    return download_zip(SMALL, folder, base_url=site.url, show_progress=False)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("with_md5", [True, False])
def test_whole(site: Site, tmp_path: Path, with_md5: bool) -> None:
    site.md5 = _md5(site.content).upper() if with_md5 else None
    path = _get(site, tmp_path / "new")
    assert path == tmp_path / "new" / "ml-latest-small.zip"
    assert path.read_bytes() == site.content
    assert [found.name for found in path.parent.iterdir()] == ["ml-latest-small.zip"]


@pytest.mark.parametrize("ranges", [True, False])
def test_resumes_an_earlier_part(site: Site, tmp_path: Path, ranges: bool) -> None:
    site.ranges, site.md5 = ranges, _md5(site.content)
    (tmp_path / "ml-latest-small.zip.part").write_bytes(site.content[:100])
    assert _get(site, tmp_path).read_bytes() == site.content
    assert site.asked[0] == ("/ml-latest-small.zip", "bytes=100-")


def test_part_that_is_already_whole(site: Site, tmp_path: Path) -> None:
    (tmp_path / "ml-latest-small.zip.part").write_bytes(site.content)
    assert _get(site, tmp_path).read_bytes() == site.content


def test_part_longer_than_the_file_starts_afresh(site: Site, tmp_path: Path) -> None:
    (tmp_path / "ml-latest-small.zip.part").write_bytes(site.content + b"more")
    assert _get(site, tmp_path).read_bytes() == site.content


def test_broken_transfer_goes_on_by_itself(site: Site, tmp_path: Path) -> None:
    site.break_after = [50, 60]
    assert _get(site, tmp_path).read_bytes() == site.content
    assert [asked for path, asked in site.asked if path.endswith(".zip")] == [None, "bytes=50-", "bytes=110-"]


def test_transfer_that_stays_broken_keeps_what_came(site: Site, tmp_path: Path) -> None:
    site.break_after = [50, 50, 50]
    with pytest.raises(DownloadError, match="150 bytes are kept") as raised:
        _get(site, tmp_path)
    assert "MOVIELENS_HOME" in str(raised.value)
    assert (tmp_path / "ml-latest-small.zip.part").read_bytes() == site.content[:150]
    assert _get(site, tmp_path).read_bytes() == site.content


def test_wrong_checksum(site: Site, tmp_path: Path) -> None:
    site.md5 = "0" * 32
    with pytest.raises(DownloadError, match=r"has the checksum \w+ instead of 0{32}"):
        _get(site, tmp_path)
    assert not list(tmp_path.iterdir())


def test_catalogues_checksum_holds_for_mirrors(site: Site, tmp_path: Path) -> None:
    site.md5 = _md5(site.content)
    with pytest.raises(DownloadError, match=r"ml-1m\.zip has the checksum"):
        download_zip(DATASETS["ml-1m"], tmp_path, base_url=site.url, show_progress=False)


def test_wrong_size(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="instead of 238,950,008"):
        download_zip(DATASETS["ml-32m"], tmp_path, base_url=site.url, show_progress=False)
    assert not list(tmp_path.iterdir())


def test_a_login_page_is_no_zip(site: Site, tmp_path: Path) -> None:
    site.content = b"<html>please log in</html>"
    with pytest.raises(DownloadError, match="did not give a zip"):
        _get(site, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [404, 500])
def test_server_says_no(site: Site, tmp_path: Path, status: int) -> None:
    site.status = status
    with pytest.raises(DownloadError, match="could not be downloaded"):
        _get(site, tmp_path)
    assert not list(tmp_path.iterdir())


def test_connection_refused(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match="Connection refused") as raised:
        prepare("ml-latest-small", out=tmp_path, base_url=f"http://127.0.0.1:{port}")
    for way in ("MOVIELENS_HOME", "--source=PATH", "connect and prepare again", "ml-100k"):
        assert way in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written .*choose another --out"):
        _get(site, tmp_path / "file")


def test_prepare_downloads_once(site: Site, tmp_path: Path) -> None:
    lines: list[str] = []
    prepared = prepare("ml-latest-small", out=tmp_path, base_url=site.url, report=lines.append)
    assert prepared.interactions == 5
    assert prepared.origin == str(tmp_path / "ml-latest-small.zip")
    asked = len(site.asked)
    prepare("ml-latest-small", out=tmp_path, base_url=site.url, tie_break="random")
    assert len(site.asked) == asked
    assert any("downloading" in line for line in lines)
