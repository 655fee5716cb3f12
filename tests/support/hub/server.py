"""A hub on this machine: the few routes that `huggingface_hub` asks, over folders."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from huggingface_hub import close_session, constants

LFS_SUFFIXES = (".safetensors", ".spm", ".bin")


@dataclass(kw_only=True)
class HubRepository:
    """A model of the hub: a folder for each commit, a commit for each branch and tag."""

    commits: dict[str, Path]
    refs: dict[str, str]
    discussions: list[dict[str, object]] = field(default_factory=list)
    is_gated: bool = False
    token: str | None = None  # requests with another one get a 404

    def commit_of(self, revision: str) -> str | None:
        commit = self.refs.get(revision, revision)
        return commit if commit in self.commits else None


@dataclass
class Hub:
    """The hub's models, and the requests that it got."""

    url: str
    repositories: dict[str, HubRepository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)  # METHOD path
    tokens: list[str | None] = field(default_factory=list)  # of each request
    status: HTTPStatus | None = None  # to answer everything with
    failures: dict[str, HTTPStatus] = field(default_factory=dict)  # by how a path ends
    silent_at: str | None = None  # how paths end that get no answer until the hub closes
    heeds_queries: bool = True  # else it lists every discussion, like some mirrors
    closing: threading.Event = field(default_factory=threading.Event)

    def add(self, hub_id: str, folder: Path, *, commit: str = "a" * 40, **of: object) -> str:
        """Add a folder as a model's newest commit."""
        repository = self.repositories.setdefault(hub_id, HubRepository(commits={}, refs={}))
        repository.commits[commit] = folder
        repository.refs["main"] = commit
        for name, value in of.items():
            setattr(repository, name, value)
        return commit

    def propose(
        self, hub_id: str, folder: Path, *, num: int, author: str | None, **of: object
    ) -> str:
        """Open a pull request of one commit; None stands for a deleted author."""
        repository, commit = self.repositories[hub_id], f"{num:040x}"
        repository.commits[commit] = folder
        repository.refs[f"refs/pr/{num}"] = commit
        who = {} if author is None else {"author": {"name": author, "type": "user"}}
        about = {"title": "Adding `safetensors` variant of this model", "isPullRequest": True}
        repository.discussions.insert(0, {"num": num, "status": "open", **about, **who, **of})
        return commit

    def downloads(self) -> list[str]:
        """The files that were fetched, in order."""
        gets = [request for request in self.requests if request.startswith("GET /")]
        return [get.rpartition("/")[2] for get in gets if "/resolve/" in get]


class RefusalError(Exception):
    """A refusal of the hub: a status, and the code that the library knows it by."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        token = self.headers.get("authorization")
        self.hub.requests.append(f"{self.command} {path}")
        self.hub.tokens.append(token)
        if self.hub.silent_at is not None and path.endswith(self.hub.silent_at):
            self.hub.closing.wait()
            self.close_connection = True
            return
        try:
            body, headers = self._found(path, token)
        except RefusalError as refusal:
            status, code = refusal.args
            body, headers = b"{}", {"X-Error-Code": code}
        else:
            status = HTTPStatus.OK
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _found(self, path: str, token: str | None) -> tuple[bytes, dict[str, str]]:
        failures = [status for end, status in self.hub.failures.items() if path.endswith(end)]
        for status in (self.hub.status, *failures):
            if status is not None:
                raise RefusalError(status, "")
        if path.startswith("/api/models/"):
            answer = self._described(path.removeprefix("/api/models/"), token)
            return json.dumps(answer).encode(), {"Content-Type": "application/json"}
        hub_id, _, rest = path[1:].partition("/resolve/")
        revision, _, name = rest.rpartition("/")
        repository, commit = self._repository(hub_id, revision, token)
        if repository.is_gated:
            raise RefusalError(HTTPStatus.FORBIDDEN, "GatedRepo")
        file = repository.commits[commit] / name
        if not file.is_file():
            raise RefusalError(HTTPStatus.NOT_FOUND, "EntryNotFound")
        return file.read_bytes(), {"X-Repo-Commit": commit, **_headers(file)}

    def _described(self, path: str, token: str | None) -> dict[str, object]:
        if path.endswith("/discussions"):
            repository, _ = self._repository(path.removesuffix("/discussions"), "main", token)
            query = parse_qs(urlsplit(self.path).query) if self.hub.heeds_queries else {}
            found = [one for one in repository.discussions if _is_asked_for(one, query)]
            return {"discussions": found, "count": len(found), "start": 0}
        hub_id, _, revision = path.partition("/revision/")
        repository, commit = self._repository(hub_id, revision, token)
        siblings = [_sibling(file) for file in sorted(repository.commits[commit].iterdir())]
        return {"id": hub_id, "sha": commit, "siblings": siblings}

    def _repository(
        self, hub_id: str, revision: str, token: str | None
    ) -> tuple[HubRepository, str]:
        repository = self.hub.repositories.get(hub_id)
        if repository is None:
            raise RefusalError(HTTPStatus.UNAUTHORIZED, "RepoNotFound")
        if repository.token is not None and token != f"Bearer {repository.token}":
            raise RefusalError(HTTPStatus.UNAUTHORIZED, "RepoNotFound")
        commit = repository.commit_of(revision)
        if commit is None:
            raise RefusalError(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        return repository, commit


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_hash_of(content: bytes) -> str:
    """Return git's hash of a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324


def _is_asked_for(discussion: dict[str, object], query: dict[str, list[str]]) -> bool:
    (status,), (kind,) = query.get("status", ["all"]), query.get("type", ["all"])
    author = discussion.get("author")
    name = author["name"] if isinstance(author, dict) else None
    return (
        query.get("author", [name]) == [name]
        and status in {"all", discussion["status"]}
        and (kind == "all" or (kind == "pull_request") == discussion["isPullRequest"])
    )


def _sibling(file: Path) -> dict[str, object]:
    return {"rfilename": file.name, "size": file.stat().st_size}


def _headers(file: Path) -> dict[str, str]:
    content = file.read_bytes()
    if file.suffix not in LFS_SUFFIXES:
        return {"ETag": f'"{git_hash_of(content)}"'}
    return {
        "ETag": '"another"',
        "X-Linked-Etag": f'"{sha256_of(content)}"',
        "X-Linked-Size": str(len(content)),
    }


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run an empty hub on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}")
    _Handler.hub = hub
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def use_hub(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Point the library to that hub; it has already read its environment."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    close_session()
