"""Who may see the console: a token where one is set, no other names than its own, no framing.

Used by `figwatch.streams.console`. A page in another tab must not be able to read this one by
pointing a name of its own at loopback, so requests for unknown names are refused.
"""

import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from figwatch.connectors.config.console import LOOPBACK

COOKIE = "figwatch_console"
COOKIE_SECONDS = 12 * 3600
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def guard(token: str | None, host: str, hosts: Iterable[str]) -> Middleware:
    """The middleware that lets requests through or refuses them."""
    names = LOOPBACK | set(hosts) | {host}
    # Listening on every address, only the token protects: any name may lead here.
    any_name = host in {"0.0.0.0", "::"} and not set(hosts)  # noqa: S104  # compared, not bound

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return refused(405, "the console is read-only")
        if not any_name and _name(request.host) not in names:
            return refused(421, "this name is not one of console.hosts")
        if token is not None:
            given = request.query.get("token")
            if given is not None and _same(given, token):
                return _remember(token, request)
            if not _same(_shown(request), token):
                return refused(401, "open the console as /?token=... once")
        response = await handler(request)
        if not response.prepared:
            response.headers.update({k: v for k, v in HEADERS.items() if k not in response.headers})
        return response

    return check


def refused(status: int, why: str) -> web.Response:
    """A refusal in words."""
    return web.Response(status=status, text=f"{why}\n", headers=HEADERS)


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _shown(request: web.Request) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _remember(token: str, request: web.Request) -> web.Response:
    """Keep the token out of the address bar and its history."""
    answer = web.Response(status=303, headers=HEADERS | {"Location": request.path})
    answer.set_cookie(COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="Strict")
    return answer
