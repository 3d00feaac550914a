"""Reports of nodes at the service: what is taken, and what an experiment learns from them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.experiment import Experiment
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.v1 import site_service_pb2 as pb
from metadata_service.server import Service
from metadata_service.store.schema import MIGRATIONS
from metadata_service.store.sqlite import SqliteStore

STAMP = "'a', 1, 'a', 1"


class Site:
    """An approved site whose node is this test."""

    def __init__(self, service: Service, client: MetadataClient) -> None:
        self.key = Ed25519PrivateKey.generate()
        _, token = admin.add_site("north", projects=["clinic"], client=client)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "north")])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.key, None)
        pem = request.public_bytes(Encoding.PEM).decode()
        answer = client.send(pb.EnrolNodeRequest(site="north", token=token, csr_pem=pem))
        admin.approve_site("north", fingerprint=answer.fingerprint, client=client)
        self.client = MetadataClient(ClientConfig(service=service.address, token=answer.credential))

    def report(self, payload: bytes) -> None:
        signature = self.key.sign(b"session\0" + payload)
        report = pb.SessionReport(session_id="s", payload=payload, signature=signature)
        self.client.send(pb.ReportSessionRequest(report=report))


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"3", b"\xff"])
def test_a_signed_report_that_cannot_be_read_is_refused(
    service: Service, client: MetadataClient, payload: bytes
) -> None:
    site = Site(service, client)
    with pytest.raises(InvalidArgument, match="a report is JSON text of an object"):
        site.report(payload)
    assert admin.session_reports(client=client) == []


@pytest.mark.parametrize("experiment", [None, 3, {}, "unknown"])
def test_a_report_of_no_experiment_is_kept(service: Service, client: MetadataClient, experiment: object) -> None:
    Site(service, client).report(orjson.dumps({"experiment": experiment, "frames": 3}))
    (report,) = admin.session_reports(client=client)
    assert report.content["experiment"] == experiment


def test_a_report_of_an_experiment_that_is_deleted_later(service: Service, client: MetadataClient) -> None:
    run = Experiment.start(project="clinic", name="run", client=client)
    Site(service, client).report(orjson.dumps({"experiment": run.id, "frames": 3}))
    run.close()
    run.delete()
    assert len(admin.session_reports(client=client)) == 1


def test_an_older_store_knows_its_sites_from_the_reports_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    before = next(number for number, script in enumerate(MIGRATIONS) if "experiment_sites" in script)
    connection = sqlite3.connect(path)
    for script in MIGRATIONS[:before]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {before}")
    for site in ("north", "south", "west"):
        connection.execute(
            f"INSERT INTO sites VALUES (?, '', 'a', '[]', '', 0, '', '', x'', '', 0, 0, {STAMP})", (site,)
        )
    connection.execute(
        "INSERT INTO experiments VALUES "
        f"('e', 'p', 'run', 'completed', '{{}}', '{{}}', '{{}}', '', 0, 1, 2, 1, {STAMP}, 0)"
    )
    for site, session, content in (
        ("north", "1", orjson.dumps({"experiment": "e", "frames": 3})),
        ("north", "2", orjson.dumps({"experiment": "e", "frames": 4})),
        ("south", "3", orjson.dumps({"experiment": "e", "frames": 0})),
        ("south", "4", b"\xff no JSON"),
        ("west", "5", orjson.dumps({"experiment": "other", "frames": 4})),
    ):
        connection.execute("INSERT INTO reports VALUES (?, ?, ?, x'', 1)", (site, session, content))
    connection.commit()
    connection.close()
    store = SqliteStore(path)
    with store.reading() as reading:
        assert reading.rows("experiment_sites") == [{"experiment": "e", "site": "north"}]
    store.close()
