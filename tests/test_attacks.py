"""Two hundred attempts to get what is not meant to be served, by paths, encodings, links and names."""

import http.client
import json
import os
import random
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from gradio.utils import get_upload_folder

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a secret that stands in no page"
UP = "../" * 12
ENCODINGS = {
    "plain": lambda path: path,
    "encoded": lambda path: quote(path, safe=""),
    "encoded twice": lambda path: quote(quote(path, safe=""), safe=""),
    "dots encoded": lambda path: path.replace(".", "%2e"),
    "backslashes": lambda path: path.replace("/", "%5c"),
    "overlong": lambda path: path.replace(".", "%c0%ae").replace("/", "%c0%af"),
    "doubled": lambda path: path.replace("../", "....//"),
    "zero byte": lambda path: path + "%00.png",
    "zero byte first": lambda path: "%00" + path,
    "semicolon": lambda path: path.replace("../", "..;/"),
}
DOORS = ("/gradio_api/file=", "/file=", "/gradio_api/file/", "/static/", "/assets/", "/svelte/", "/")
CLOSED = (
    *("/monitoring", "/monitoring/summary", "/monitoring/x", "/pwa_icon", "/pwa_icon/99999", "/openapi.json"),
    *("/docs", "/redoc", "/svelte/x.js", "/logout", "/gradio_api/proxy=http://127.0.0.1:1/"),
    *("/gradio_api/proxy=https://huggingface.co/", "/gradio_api/file=http://127.0.0.1:1/"),
    *("/gradio_api/file=https://huggingface.co/robots.txt", "/gradio_api/file=//etc/passwd"),
    *("/gradio_api/file=file:///etc/passwd", "/gradio_api/file=~/.bashrc", "/gradio_api/file=."),
    *("/gradio_api/file=", "/gradio_api/file=app.py", "/gradio_api/file=.git/config"),
    *("/gradio_api/deep_link?session_hash=x", "/?deep_link=../../x", "/config?deep_link=../../x"),
    *("/gradio_api/dev/reload", "/gradio_api/runs", "/gradio_api/run-history/buckets"),
    *("/gradio_api/profiling/traces", "/gradio_api/token", "/gradio_api/user", "/gradio_api/vibe-code"),
    *("/gradio_api/custom_component/x/client/component/..%2f..%2f..%2fapp.py", "/.env", "/.git/config"),
    *("/gradio_api/stream/x/1/1/playlist.m3u8", "/checkpoints/"),
    *("/gradio_api/file=C:%5cWindows%5cwin.ini", "/gradio_api/file=%5c%5chost%5cshare"),
)
NAMES = (
    *("../../etc", "..", ".", "/etc/passwd", "..%2f..%2fetc", "news-first/../news-second", "./news-first"),
    *("news-first\x00", "news-first/", "\\\\host\\share", "~", "$HOME", "*", "news-first\n", "NEWS-FIRST"),
    *("file:///etc/passwd", "http://127.0.0.1/", "{{7*7}}", "__class__", "x" * 10_000),
)


def ask(address, path, *, method="GET", body=None, headers=None):
    """Send a path as it stands, which no browser and no client library would."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in {**(headers or {}), **({"Content-Length": str(len(body))} if body else {})}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply, content


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny_checkpoints):
    """Files that exist, may be read by the server, and are not to be served."""
    secret = tmp_path_factory.mktemp("secrets") / "secret.txt"
    secret.write_text(SECRET)
    return [secret, tiny_checkpoints / "news-first" / "config.json", ROOT / "app.py", Path("/etc/passwd")]


def path_attacks(files):
    for door in DOORS:
        for encode in ENCODINGS.values():
            for file in files[:2]:
                yield door + encode(UP + str(file).lstrip("/"))
    for door in DOORS[:3]:
        for file in files:
            yield door + str(file)
            yield door + quote(str(file), safe="")
    yield from CLOSED


def api_answer(address, name, arguments):
    """Ask an endpoint; return whether it was refused, and what it said."""
    path = f"/gradio_api/call/v2/{name}"
    body = json.dumps(arguments).encode()
    reply, content = ask(
        address, path, method="POST", body=body, headers={"Content-Type": "application/json"}
    )
    if reply.status >= 400:
        return True, content
    _, stream = ask(address, f"{path}/{json.loads(content)['event_id']}")
    return b"event: error" in stream, stream


def test_two_hundred_attacks_are_refused(page_address, files, sweep_size):
    secrets = [SECRET.encode(), b"root:", b"fingerprints", b"def main("]
    attacks = list(path_attacks(files))
    assert len(attacks) + 2 * len(NAMES) >= 200
    chance = random.Random(0)
    for path in chance.sample(attacks, sweep_size(len(attacks), 60)):
        reply, content = ask(page_address, path)
        assert reply.status >= 400, (path, reply.status, content[:200])
        assert not any(secret in content for secret in secrets), path
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
    for name in chance.sample(NAMES, sweep_size(len(NAMES), 8)):
        for field in ("checkpoint", "task"):
            given = {"task": "news", "text": "a", "checkpoint": "news-first"} | {field: name}
            refused, said = api_answer(page_address, "classify", given)
            assert refused, (field, name)
            assert not any(secret in said for secret in (*secrets, b"Traceback")), (field, name)


def test_an_upload_is_kept_in_its_folder_and_served_as_a_file_to_save(page_address):
    address = "/gradio_api/upload"
    for name in ("../../escaped.html", "/etc/escaped.html", "a/b/escaped.svg", "..\\escaped.html"):
        body = (
            f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            "Content-Type: text/html\r\n\r\n<script>alert(1)</script>\r\n--x--\r\n"
        ).encode()
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        reply, content = ask(page_address, address, method="POST", body=body, headers=headers)
        if reply.status >= 400:
            continue
        (path,) = json.loads(content)
        assert Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
        reply, content = ask(page_address, f"/gradio_api/file={quote(path)}")
        assert (reply.status, b"alert" in content) == (200, True)
        assert reply.headers["Content-Disposition"].startswith("attachment")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_a_link_out_of_the_uploads_is_not_followed(page_address, files):
    folder = Path(get_upload_folder())
    folder.mkdir(exist_ok=True)
    link = folder / f"link-{os.getpid()}.txt"
    link.symlink_to(files[0])
    try:
        reply, content = ask(page_address, f"/gradio_api/file={link}")
    finally:
        link.unlink()
    assert (reply.status, SECRET.encode() in content) == (404, False)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_file_that_nobody_uploaded_cannot_be_named_as_an_upload(
    page_address, tiny_checkpoints, number, files
):
    _, content = ask(page_address, "/config")
    config = json.loads(content)
    ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
    (call,) = [
        c
        for c in config["dependencies"]
        if ids["many-file"] in c["inputs"] and ids["many-csv"] in c["outputs"]
    ]
    file = {"path": str(files[number]), "orig_name": "texts.csv", "meta": {"_type": "gradio.FileData"}}
    values = {ids["many-file"]: file, ids["many-task"]: "news", ids["many-checkpoint"]: "news-first"}
    data = [values.get(part) for part in call["inputs"]]
    session = f"attack{number}"
    body = json.dumps({"data": data, "fn_index": call["id"], "session_hash": session}).encode()
    headers = {"Content-Type": "application/json"}
    reply, _ = ask(page_address, "/gradio_api/queue/join", method="POST", body=body, headers=headers)
    assert reply.status == 200
    _, stream = ask(page_address, f"/gradio_api/queue/data?session_hash={session}")
    assert SECRET.encode() not in stream
    assert b'"success":false' in stream.replace(b" ", b"")
    assert b"many-csv" not in stream


SAME = {"Sec-Fetch-Site": "same-origin"}
NAVIGATE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    ("method", "headers", "allowed"),
    [
        ("GET", {}, True),
        ("GET", SAME, True),
        ("GET", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, True),
        ("GET", NAVIGATE, True),  # a link to the page, or a Space's frame
        ("POST", NAVIGATE, False),  # another site's form
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, False),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, False),  # another port, too
        ("GET", {"Origin": "https://evil.example"}, False),
        ("GET", {"Origin": "null"}, False),
        ("GET", {"Origin": "http://127.0.0.1:1"}, False),
        ("GET", {"Origin": "http://[::1"}, False),
        ("GET", {"Origin": "https://page.example", "X-Forwarded-Host": "page.example"}, True),
        ("GET", {"Origin": "https://page.example", "X-Forwarded-Host": "page.example, inner:8000"}, True),
        ("GET", {"Origin": "https://evil.example", "X-Forwarded-Host": "page.example, inner"}, False),
        ("OPTIONS", {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, False),
        ("POST", {"Origin": "https://evil.example", "Content-Type": "text/plain"}, False),
    ],
)
def test_another_sites_page_gets_nothing(page_address, method, headers, allowed):
    path = "/gradio_api/queue/join" if method == "POST" else "/config"
    reply, _ = ask(page_address, path, method=method, headers=headers)
    assert (reply.status != 403) == allowed
    if not allowed:
        assert "Access-Control-Allow-Origin" not in reply.headers


def test_the_pages_own_origin_may_ask(page_address):
    origin = page_address.rstrip("/")
    reply, _ = ask(page_address, "/config", headers={"Origin": origin})
    assert reply.status == 200


@pytest.mark.parametrize(
    "path", ["/", "/config", "/gradio_api/info", "/theme.css", "/favicon.ico", "/nothing"]
)
def test_every_answer_tells_the_browser_what_it_may_do(page_address, path):
    reply, _ = ask(page_address, path)
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert not any("http" in sources for name, sources in policy.items() if name != "frame-ancestors")
    assert policy["frame-ancestors"] == "'self' https://huggingface.co https://*.hf.space"
    assert "X-Frame-Options" not in reply.headers  # it would forbid a Space's frame
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
