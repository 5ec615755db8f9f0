"""What stands between the server and the network: who may ask, for what, and what browsers are told.

Gradio answers more than this page uses, and other sites' pages as well. Here other sites are refused, what
the page does not use is closed, files come from the folder of uploads and downloads alone, and each answer
says what a browser may do with it.
"""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from fusion_demo.settings import Origin, origin_of
from fusion_demo.ui.call_sessions import forget_calls

Scope = Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Server = Callable[[Scope, Receive, Send], Awaitable[None]]
"""A server and what it speaks, as ASGI names them."""

API, FILE = "/gradio_api/", "/gradio_api/file="
CLOSED = (
    *("/monitoring", "/svelte", "/pwa_icon", "/login", "/logout", "/docs", "/redoc", "/openapi.json"),
    *(
        API + name
        for name in (
            *("proxy=", "file/", "deep_link", "dev/", "custom_component", "process_recording", "stream"),
            *("vibe-", "undo-vibe-", "runs", "run-history", "profiling", "token", "login_check", "user"),
        )
    ),
)
"""Beginnings of paths that Gradio answers and this page never asks for. Some keep what a visitor typed."""

FILES_FOLDER = "GRADIO_TEMP_DIR"
"""Environment variable with the folder in which Gradio keeps uploads and downloads."""

CDN = "https://gradio.s3-us-west-2.amazonaws.com"
"""Where the page behind a public address of Gradio's (`--share`) has its scripts."""

POLICY = {
    "default-src": "'self'",
    # Gradio's page holds inline scripts that differ with each visit, and makes functions from text.
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    # A Space is shown in a frame.
    "frame-ancestors": "'self' https://huggingface.co https://*.hf.space",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


OTHER_SITE = (
    b"Another site's page may not ask here. If it is this page behind a proxy, start it with its address, as "
    b"--public-address https://demo.example.org"
)


class Protection:
    """Wraps the whole server.

    Args:
        app: The server.
        share: The page is shown at a public address of Gradio's.
        public: Origins of the page that its requests do not tell, since a proxy stands before it.
    """

    def __init__(self, app: Server, *, share: bool = False, public: Collection[Origin] = ()) -> None:
        self.app = app
        self.public = public
        headers = {"Content-Security-Policy": content_policy(share=share), **HEADERS}
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in self.headers}
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in ours]
                message = {**message, "headers": [*kept, *self.headers]}
            await send(message)

        path = scope["path"].removeprefix(scope.get("root_path", ""))
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        if comes_from_another_site(scope["method"], headers, self.public):
            await _refuse(send_with_headers, 403, OTHER_SITE)
        elif is_closed(path, scope.get("query_string", b"")):
            await _refuse(send_with_headers, 404, b"There is nothing here.")
        else:
            await self.app(scope, receive, send_with_headers)


async def _refuse(send: Send, status: int, why: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(why))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": why})


def protected(*, share: bool = False, public: Collection[Origin] = ()) -> dict[str, Any]:
    """Return options for the server behind `gr.Blocks.launch`, as its `app_kwargs`.

    Gradio puts its own layers around any that it is given; so this one is put around all of them when the
    server starts, before the first request.

    Args:
        share: The page is shown at a public address of Gradio's.
        public: Its own origins behind a proxy, see `Protection`.
    """

    @asynccontextmanager
    async def wrap(app: Any) -> AsyncIterator[None]:
        app.middleware_stack = Protection(app.middleware_stack, share=share, public=public)
        forgetting = asyncio.create_task(forget_calls(app.state_holder))
        yield
        forgetting.cancel()

    lifespan: Callable[[Any], Any] = wrap
    return {"lifespan": lifespan}


def keep_files_private(environment: MutableMapping[str, str]) -> None:
    """Give uploads and downloads a folder of this process alone, which ends with it.

    Gradio's own is the same for all programs, and readable for everyone on the machine. A folder that the
    environment names stays.

    Args:
        environment: The process's variables; the folder's name is written there, where Gradio looks for it.
    """
    if not environment.get(FILES_FOLDER):
        folder = tempfile.mkdtemp(prefix="fusion-demo-")  # mode 700
        environment[FILES_FOLDER] = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def content_policy(*, share: bool = False) -> str:
    """Return the page's content security policy.

    Args:
        share: Permit the scripts and styles of Gradio's servers, which the page then needs.
    """
    policy = dict(POLICY)
    if share:
        for name in ("script-src", "style-src", "font-src", "img-src"):
            policy[name] += f" {CDN}"
    return "; ".join(f"{name} {value}" for name, value in policy.items())


def comes_from_another_site(method: str, headers: Mapping[str, str], public: Collection[Origin] = ()) -> bool:
    """Tell whether a browser says that another site's page makes this request; following a link is none.

    Browsers say so in Sec-Fetch-Site, which no page can change and no proxy needs to know. Where it is
    missing, as over plain HTTP, the Origin must be the page's own: one of `public`, or what was asked, as
    `Host` or the proxies' `X-Forwarded-…` headers have it. A port that nobody names is the scheme's.

    Args:
        method: Of the request.
        headers: By their names in lower case; those that came several times are joined by commas.
        public: The page's own origins behind a proxy that hides them.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        follows_link = headers.get("sec-fetch-mode") == "navigate" and method in ("GET", "HEAD")
        return site not in ("same-origin", "none") and not follows_link
    if "origin" not in headers:
        return False
    origin = origin_of(headers["origin"])
    if origin is None:
        return True
    if origin in public:
        return False
    if origin.scheme == "http" and _listed(headers, "x-forwarded-proto") == ["https"]:
        return True
    hosts = _listed(headers, "host") + _listed(headers, "x-forwarded-host")
    ports = ["", *(f":{port}" for port in _listed(headers, "x-forwarded-port"))]
    return origin not in {origin_of(f"{origin.scheme}://{host}{port}") for host in hosts for port in ports}


def _listed(headers: Mapping[str, str], name: str) -> list[str]:
    return [value.strip() for value in headers.get(name, "").split(",") if value.strip()]


def is_closed(path: str, query: bytes) -> bool:
    """Tell whether a path, decoded, is none that this page needs, or a file outside the uploads' folder."""
    if path.startswith(FILE):
        return not _is_upload(path.removeprefix(FILE))
    return path.startswith(CLOSED) or b"deep_link" in query


def _is_upload(name: str) -> bool:
    folder = Path(get_upload_folder()).resolve()
    try:
        return Path(name).resolve().is_relative_to(folder) and ".." not in Path(name).parts
    except (ValueError, OSError, RuntimeError):  # a zero byte, a name that is too long, links in a circle
        return False
