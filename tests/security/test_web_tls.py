"""The server speaks TLS by a certificate that may change while it runs."""

import json
import os
import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.asyncio.client import connect

from kilowatch.serve import surroundings
from kilowatch.settings import SettingError, Settings
from kilowatch.web.certificates import CertificateError, ServerCertificate
from kilowatch.web.serve import Surroundings
from tests.security.surrounded import served, who_asks, write_certificate


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)  # pyright: ignore[reportUnknownMemberType] - pyOpenSSL's contexts are not installed
    return context


async def test_http_and_websockets_are_served_by_tls(ca: trustme.CA, tmp_path: Path) -> None:
    certificate = ServerCertificate(write_certificate(ca, tmp_path, "localhost", "127.0.0.1"), None)
    async with served(who_asks, Surroundings(certificate=certificate)) as port:
        async with httpx.AsyncClient(verify=trusting(ca)) as http:
            answer = await http.get(f"https://127.0.0.1:{port}/")
        assert answer.json() == ["127.0.0.1", "https"]
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        async with connect(f"wss://localhost:{port}/", ssl=trusting(ca)) as socket:
            assert json.loads(await socket.recv()) == ["127.0.0.1", "wss"]


async def test_tls_of_before_1_2_is_refused(ca: trustme.CA, tmp_path: Path) -> None:
    certificate = ServerCertificate(write_certificate(ca, tmp_path, "localhost"), None)
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_renewed_certificate_is_shown_to_whoever_connects_from_then_on(ca: trustme.CA, tmp_path: Path) -> None:
    certificate = ServerCertificate(write_certificate(ca, tmp_path, "localhost"), None)
    renewing = trustme.CA()
    async with served(who_asks, Surroundings(certificate=certificate)) as port:
        url = f"https://localhost:{port}/"
        async with httpx.AsyncClient(verify=trusting(renewing)) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(url)
            path = write_certificate(renewing, tmp_path, "localhost")
            os.utime(path, (1, 1))
            certificate.renew()
            assert (await http.get(url)).status_code == 200


async def test_a_broken_renewal_leaves_the_old_certificate(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_certificate(ca, tmp_path, "localhost")
    certificate = ServerCertificate(path, None)
    path.write_bytes(trustme.CA().issue_cert("localhost").cert_chain_pems[0].bytes())
    os.utime(path, (1, 1))
    certificate.renew()
    assert "is not shown" in caplog.text
    async with (
        served(who_asks, Surroundings(certificate=certificate)) as port,
        httpx.AsyncClient(verify=trusting(ca)) as http,
    ):
        assert (await http.get(f"https://localhost:{port}/")).status_code == 200


def test_files_that_cannot_be_used_are_told_at_the_start(ca: trustme.CA, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    with pytest.raises(CertificateError, match="no PEM"):
        ServerCertificate(garbage, None)
    with pytest.raises(SettingError, match="KILOWATCH_TLS_CERT_FILE cannot be used"):
        surroundings(Settings(tls_cert_file=str(garbage)))
    with pytest.raises(SettingError, match="needs KILOWATCH_TLS_CERT_FILE"):
        surroundings(Settings(tls_key_file=str(garbage)))
    path = write_certificate(ca, tmp_path, "localhost")
    found = surroundings(Settings(tls_cert_file=str(path), trusted_proxies="10.0.0.0/8, ::1"))
    assert found.certificate
    assert found.trusted_proxies == ("10.0.0.0/8", "::1")
