"""One Kubernetes API as one user: requests, WebSockets, and errors as sentences."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_continuum.errors import SignInRequired, SiteError, SiteUnreachable
from jupyter_continuum.sites.kubernetes.errors import Answer, lack, refusal
from jupyter_continuum.sites.kubernetes.kubeconfig import Credentials, credentials
from jupyter_continuum.sites.kubernetes.status import text, words
from jupyter_continuum.sites.profile import KubernetesSite

if TYPE_CHECKING:
    import httpx

Socket = Any  # httpx_ws' AsyncWebSocketSession, whose context manager has no types

REQUEST_SECONDS = 15
PAGE = 500
"""Items a list answers at once."""
MOST_PAGES = 40
LOG_LIMIT = 4 * 2**20
MERGE = "application/merge-patch+json"


class KubernetesApi:
    """Connected by ``connect``; reads the kubeconfig anew when its credentials are refused."""

    def __init__(self, where: KubernetesSite, site: str) -> None:
        self.where = where
        self.site = site
        self.version = ""
        self._client: httpx.AsyncClient | None = None
        self._credentials: Credentials | None = None
        self._renewing = asyncio.Lock()
        self._refused = False
        """The credentials were turned away: read them anew before the next request."""

    @property
    def connected(self) -> bool:
        return self._client is not None and not self._refused

    @property
    def server(self) -> str:
        """The address of the API server; "" before it is known."""
        return self._credentials.server if self._credentials else ""

    @property
    def namespace(self) -> str:
        """Where pods of ours go; known once connected."""
        return self._credentials.namespace if self._credentials else self.where.namespace or ""

    async def connect(self) -> None:
        """SiteUnreachable, SignInRequired, or SiteError when the server is too old."""
        async with self._renewing:
            if self.connected:
                return
            await self._renew()
        answer = await self.call("GET", "/version")
        if not answer.ok:
            raise self.refusal(answer, "tell its version")
        self.version = words(answer.body.get("gitVersion"), 40)
        if error := lack(self.site, self.version):
            raise error

    def path(self, resource: str, name: str = "", *, group: str = "") -> str:
        """Of a resource in our namespace: ``pods/NAME/log``."""
        base = f"/apis/{group}" if group else "/api/v1"
        return f"{base}/namespaces/{self.namespace}/{resource}" + (f"/{name}" if name else "")

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] = {},
    ) -> Answer:
        """One request. A refusal is an Answer too; SiteUnreachable and SignInRequired are not."""
        used = self._credentials
        answer = await self._send(method, path, body, params)
        if answer.code != 401:
            return answer
        # A token of minutes may have run out: exec plugins and rotated files give a new one.
        async with self._renewing:
            if self._credentials is used:
                await self._renew()
        answer = await self._send(method, path, body, params)
        if answer.code == 401:
            self._refused = True
            raise SignInRequired(
                f"{self.site}: the Kubernetes API does not accept the credentials of context "
                f"{self.where.context!r}. Renew them as your provider says, "
                f"then `jupyter continuum connect {self.site}`."
            )
        return answer

    async def items(
        self, path: str, doing: str, params: Mapping[str, str | int] = {}
    ) -> list[dict[str, Any]]:
        """All items of a list, page by page; SiteError when it may not be read."""
        found: list[dict[str, Any]] = []
        page = {**params, "limit": PAGE}
        for _ in range(MOST_PAGES):
            answer = await self.call("GET", path, params=page)
            if not answer.ok:
                raise self.refusal(answer, doing)
            found += [each for each in answer.body.get("items") or () if isinstance(each, dict)]
            more = text((answer.body.get("metadata") or {}).get("continue"))
            if not more:
                return found
            page["continue"] = more
        raise SiteError(f"{self.site}: there are more than {MOST_PAGES * PAGE} {doing}.")

    def refusal(self, answer: Answer, doing: str) -> SiteError:
        return refusal(self.site, self.namespace, answer, doing)

    @contextlib.asynccontextmanager
    async def websocket(self, path: str, params: Mapping[str, str | int]) -> AsyncIterator[Socket]:
        """A WebSocket; httpx_ws' errors come through, for the caller to tell apart."""
        from httpx_ws import aconnect_ws

        client = self._open_client()
        socket: Socket
        # Its own pings would take a reader that is slow for one that is gone.
        async with aconnect_ws(
            path,
            client,
            params=dict(params),
            keepalive_ping_interval_seconds=None,
            max_message_size_bytes=2**18,
            extensions=self._extensions(),
        ) as socket:
            yield socket

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    # Inside --------------------------------------------------------------------------------

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str | int],
    ) -> Answer:
        import httpx

        headers = {"content-type": MERGE} if method == "PATCH" else {}
        try:
            response = await self._open_client().request(
                method,
                path,
                json=body,
                params=dict(params),
                headers=headers,
                extensions=self._extensions(),
            )
        except (httpx.HTTPError, OSError) as error:
            raise self.unreachable(error) from None
        return _answer(response)

    def unreachable(self, error: Exception) -> SiteError:
        """The error for a server that does not answer, or is not the one it should be."""
        said = words(str(error)) or type(error).__name__
        server = self._credentials.server if self._credentials else "its address"
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return SignInRequired(
                f"{self.site}: {server} shows a certificate that the kubeconfig does not vouch "
                "for, so nothing was sent. Get a new kubeconfig from the cluster's owner."
            )
        return SiteUnreachable(
            f"{self.site}: the Kubernetes API at {server} does not answer ({said}). "
            "It is tried again."
        )

    def _open_client(self) -> httpx.AsyncClient:
        if self._client is None:
            raise SiteUnreachable(f"{self.site}: not connected. Connect it again.")
        return self._client

    def _extensions(self) -> dict[str, Any]:
        name = self._credentials.server_name if self._credentials else None
        return {"sni_hostname": name} if name else {}

    async def _renew(self) -> None:
        import httpx

        fresh = await credentials(self.where, self.site, os.environ)
        old, before = self._client, self._credentials
        self._credentials, self._refused = fresh, False
        if old is not None and fresh.token and before and before.server == fresh.server:
            old.headers["authorization"] = f"Bearer {fresh.token}"  # its WebSockets go on
            return
        self._client = httpx.AsyncClient(
            base_url=fresh.server,
            headers={"authorization": f"Bearer {fresh.token}"} if fresh.token else {},
            verify=fresh.tls,
            proxy=fresh.proxy,
            timeout=REQUEST_SECONDS,
            # One connection a worker's link, however many there are.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=10),
            trust_env=fresh.proxy is None,
        )
        if old is not None:
            await old.aclose()


def _answer(response: httpx.Response) -> Answer:
    if "json" not in response.headers.get("content-type", ""):
        return Answer(response.status_code, text=response.text[-LOG_LIMIT:])
    try:
        body = response.json()
    except ValueError:  # cut off, or a proxy's
        body = {}
    return Answer(response.status_code, body if isinstance(body, dict) else {})
