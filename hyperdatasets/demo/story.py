"""The demo, step by step: three hospitals train one model on data that never leaves them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment import Experiment
from hyperdatasets.client.ledgers import untold
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.registering import register
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import FailedPrecondition
from hyperdatasets.demo import digits
from hyperdatasets.demo.federation import ENVIRONMENT, Federation
from hyperdatasets.demo.processes import BIN, Processes, free_ports
from hyperdatasets.demo.wire import Tap
from node import clients, setup

PROJECT, DATASET = "clinic", "clinic/digits"
SITES = tuple(digits.SHARES)
ROUNDS = 3
_RUN_S = 150
_POLICY = """\
[[allow]]
datasets = ["clinic/digits"]
principals = ["trainer"]
purposes = ["research"]
expires = 2099-01-01
"""


@dataclass
class Demo:
    """Everything it makes lies in `folder`; everything it starts is stopped at the end."""

    folder: Path
    console: Console
    processes: Processes
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    step: int = 0
    started: float = field(default_factory=time.monotonic)

    def say(self, title: str, *lines: str) -> None:
        """Begins a step: what happens now, and why it matters, as one paragraph."""
        self.step += 1
        self.console.print(f"\n[bold]{self.step}. {title}[/bold]  [dim]({time.monotonic() - self.started:.0f} s)[/dim]")
        if lines:
            self.tell(" ".join(lines))

    def tell(self, line: str) -> None:
        self.console.print(Padding(Text(line), (0, 0, 0, 3)))


def run(*, folder: Path | None, keep: bool, console: Console) -> None:
    """Runs the whole demo; returns only if every step truly worked.

    Raises:
        HyperdatasetsError: a step failed; the message says which and why.
        KeyboardInterrupt: it was interrupted; everything is stopped and removed.
    """
    own = folder is None
    place = Path(tempfile.mkdtemp(prefix="hyperdatasets-demo-")) if folder is None else folder.resolve()
    if not own and place.exists() and any(place.iterdir()):
        raise FailedPrecondition(f"{place} is not empty; choose another folder for the demo")
    place.mkdir(parents=True, exist_ok=True)
    kept_alive = {key: value for key, value in os.environ.items() if not key.startswith(("FLWR_", "HYPERDATASETS_"))}
    environment = kept_alive | ENVIRONMENT | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}", "HYPERDATASETS_HOME": str(place / "home"),
    }  # fmt: skip
    demo = Demo(place, console, Processes(place, environment))
    with _terminated_like_interrupted():
        try:
            _story(demo)
            if keep:
                _look_around(demo)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave anything running
            console.print("[dim]stopping the servers…[/dim]")
            demo.processes.stop()
            demo.closing.close()
            if own and not keep:
                _remove(place)


def _remove(folder: Path) -> None:
    """Removes a folder in which a process that was just stopped may have been making another file."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _story(demo: Demo) -> None:
    demo.console.print(
        "Three hospitals train one model on pictures that never leave them; then they do it again with better labels.\n"
        "[dim]Real servers on free ports of this machine, in a folder of their own. About a minute; Ctrl-C stops and "
        "removes everything.[/dim]"
    )
    demo.say(
        "Three hospitals with their own data",
        "Handwritten digits (scikit-learn's) stand in for scans. Each hospital has other amounts and other digits,",
        f"and {digits.WRONG:.0%} of the training labels are wrong on purpose (seed {digits.SEED}): the label of the "
        "next digit.",
    )
    raw = digits.write(demo.folder / "raw")
    for site, data in raw.items():
        demo.tell(f"{site}: {data.pictures} pictures, {data.wrong} of them with a wrong label")
    client, tap = _service(demo)
    nodes = _nodes(demo, client, tap, raw)
    _register(demo, nodes)
    views = _views(demo, client)
    federation = _federation(demo, nodes)
    first = Experiment.start(
        project=PROJECT, name="digits", parameters={"rounds": ROUNDS}, notes="labels as delivered", client=client
    )
    first.connect(views["train-delivered"], name="train")
    first.connect(views["test"], name="test")
    demo.say(
        "A federated training on Flower, on the labels as they were delivered",
        "A SuperLink and a SuperNode per hospital run as processes of their own. Each ClientApp asks the node of its",
        "own hospital for the frames of the view; only model weights travel.",
    )
    _train(demo, federation, first, client)
    second = first.clone(name="digits-corrected", views={"train": views["train-corrected"]})
    demo.say(
        "The same experiment, cloned with another data view",
        "Not a line of code and no parameter changes; the clone names other data.",
    )
    demo.tell(f"train: {first.views['train'][:40]}… becomes {second.views['train'][:40]}…")
    _train(demo, federation, second.run_here(), client)
    _end_of_sessions(demo, nodes, client)
    _summary(demo, client, tap, views, (first.refresh(), second.refresh()))


def _service(demo: Demo) -> tuple[MetadataClient, Tap]:
    demo.say(
        "The metadata service",
        "It keeps datasets, versions and data views, and never sees a picture. A tap on the line between the",
        "hospitals and the service counts and keeps every byte, so that this can be proved at the end.",
    )
    data = demo.folder / "service"
    demo.processes.start("service", [sys.executable, "-m", "metadata_service", "--data", data, "--port", "0"])
    address = demo.processes.wait_for_line("service", "ready on ")
    host, _, port = address.rpartition(":")
    tap = Tap((host, int(port)), demo.folder / "sent-to-service.bin").start()
    demo.closing.callback(tap.stop)
    demo.tell(f"service: {address}")
    return MetadataClient(ClientConfig(service=address)), tap


@dataclass(frozen=True)
class _Node:
    folder: Path
    address: str
    cert: dict[str, Path]
    secret: str

    def client(self) -> NodeClient:
        return NodeClient(self.address, ca=str(self.cert["ca"]), cert=str(self.cert["cert"]), key=str(self.cert["key"]))


def _nodes(demo: Demo, client: MetadataClient, tap: Tap, raw: dict[str, digits.SiteData]) -> dict[str, _Node]:
    demo.say(
        "A node at each hospital",
        "Profile strict: paths, file names and digests stay hidden; nothing is served until the hospital's own policy",
        "says so in five lines, and only to clients with a certificate of the hospital's own making.",
    )
    nodes = {}
    for site, port in zip(SITES, free_ports(len(SITES)), strict=True):
        folder = demo.folder / f"node-{site}"
        _, token = admin.add_site(site, projects=[PROJECT], client=client)
        setup.init(
            folder, site=site, service=tap.address, roots={"scans": raw[site].folder}, listen=f"127.0.0.1:{port}"
        )
        _publish_field(folder, ["folder_labels", "split", "second_reader"])
        fingerprint = setup.enrol(folder, token=token)
        admin.approve_site(site, fingerprint=fingerprint, client=client)
        (folder / "policy.toml").write_text(_POLICY, encoding="utf-8")
        cert = clients.add(folder, "trainer")
        demo.processes.start(f"node-{site}", [sys.executable, "-m", "node", folder])
        address = demo.processes.wait_for_line(f"node-{site}", "ready on ")
        nodes[site] = _Node(folder, address, cert, (folder / "operator.secret").read_text())
        demo.tell(f"{site}: {address}, fingerprint {fingerprint[:19]}…, approved")
    return nodes


def _publish_field(folder: Path, names: list[str]) -> None:
    path = folder / "node.toml"
    listed = ", ".join(f'"{name}"' for name in names)
    path.write_text(path.read_text().replace("publish_fields = []", f"publish_fields = [{listed}]"), encoding="utf-8")


def _register(demo: Demo, nodes: dict[str, _Node]) -> None:
    demo.say(
        "Registration: metadata goes out, pictures stay",
        "Each node looks at its own files: size, dimensions, digest, label (the folder's name). A column beside the",
        "data holds a second reader's opinion; the hospital lets this column out, and the split into train and test.",
    )
    for site, node in nodes.items():
        with untold():
            ledger = register(
                "scans", dataset_name=DATASET, columns="opinions.csv", node=node.client(), operator_secret=node.secret
            )
        demo.tell(f"{site}: {ledger.frames['added']} frames registered")
        if not ledger.frames["added"]:
            raise FailedPrecondition(f"the registration at {site} was not finished")


def _views(demo: Demo, client: MetadataClient) -> dict[str, DataView]:
    demo.say(
        "Versions: as delivered, and corrected",
        "The first version is published as it came. In a child of it, labels that contradict the second reader are",
        "corrected by query; pictures are not touched, and the first version stays as it is for ever.",
    )
    delivered = DatasetVersion.create_snapshot(DATASET, publish_name="delivered", client=client)
    draft = DatasetVersion.get_current(DATASET, client=client)
    changed = 0
    for digit in range(10):
        others = {str(other): str(digit) for other in range(10) if other != digit}
        query = f"meta.site.second_reader:{digit} AND NOT rois.label.keyword:{digit}"
        changed += draft.update_by_query(frame_query=query, relabel=others)
    corrected = draft.publish_version("corrected")
    diff = delivered.diff(corrected, explain=1, limit=1)
    demo.tell(f"delivered: {delivered.frame_count} frames, {delivered.digest[:23]}…")
    demo.tell(
        f"corrected: {changed} labels changed by 10 queries, {corrected.digest[:23]}…; diff: {diff.changed} frames"
    )
    if changed != diff.changed or not changed:
        raise FailedPrecondition("the corrections and the diff of the versions do not agree")
    demo.say(
        "Data views: the data of an experiment is a query",
        "Two for training, and one for testing that is disjoint from both and was never corrupted.",
    )
    views = {}
    for name, version, split in (
        ("train-delivered", "delivered", "train"), ("train-corrected", "corrected", "train"),
        ("test", "corrected", "test"),
    ):  # fmt: skip
        view = DataView(name, project=PROJECT, iteration_order="random", client=client)
        view.add_query(dataset_name=DATASET, version_name=version, frame_query=f"meta.site.split:{split}")
        view.set_labels({str(digit): digit + 1 for digit in range(10)})
        views[name] = view.publish()
        counts = ", ".join(f"{site} {count}" for site, count in view.site_counts.items())
        demo.tell(f"{name}: {view.digest[:23]}…  ({counts})")
    return views


def _federation(demo: Demo, nodes: dict[str, _Node]) -> Federation:
    configured = {
        site: {
            "node-address": node.address, "node-ca": str(node.cert["ca"]), "node-cert": str(node.cert["cert"]),
            "node-key": str(node.cert["key"]),
        }
        for site, node in nodes.items()
    }  # fmt: skip
    federation = Federation(demo.processes, configured)
    with demo.console.status("   starting Flower…"):
        federation.start()
    return federation


def _train(demo: Demo, federation: Federation, experiment: Experiment, client: MetadataClient) -> None:
    config = {
        "experiment": experiment.id,  # the app sends its id and its views to the sites with each message
        "purpose": "research", "service": client.config.service, "sites": len(SITES), "rounds": ROUNDS,
    }  # fmt: skip
    shown = _Rounds(demo, experiment)
    with demo.console.status("   training…") as status:
        federation.run(
            app_folder(),
            config,
            deadline_s=_RUN_S,
            waiting=lambda seconds: shown.update(seconds, status.update),
        )
    shown.rest()
    experiment.close()
    accuracies = experiment.metrics().get("accuracy", {})
    if sorted(accuracies) != list(range(ROUNDS + 1)):
        raise FailedPrecondition(f"the training of `{experiment.name}` recorded no accuracy for each round")


@dataclass
class _Rounds:
    """Tells the accuracy of each round as soon as the experiment has it."""

    demo: Demo
    experiment: Experiment
    told: int = 0

    def update(self, seconds: float, status: Callable[[str], None]) -> None:
        status(f"   training, round {self.told} of {ROUNDS}, {seconds:.0f} s…")
        self.rest()

    def rest(self) -> None:
        accuracies = self.experiment.metrics().get("accuracy", {})
        for number in range(self.told, len(accuracies)):
            what = "untrained model" if number == 0 else f"after round {number}"
            self.demo.tell(f"{what}: {accuracies[number]:.1%} of the test pictures are recognised")
        self.told = len(accuracies)


def _end_of_sessions(demo: Demo, nodes: dict[str, _Node], client: MetadataClient) -> None:
    """Waits until the nodes' signed reports have arrived."""
    sessions = len(SITES) * 2 * (2 * ROUNDS + 1)
    deadline = time.monotonic() + 30
    while len(admin.session_reports(client=client)) < sessions:
        demo.processes.check()
        if time.monotonic() > deadline:
            raise FailedPrecondition(f"of {sessions} session reports of {len(nodes)} nodes not all arrived")
        time.sleep(0.2)


def _summary(
    demo: Demo, client: MetadataClient, tap: Tap, views: dict[str, DataView], experiments: tuple[Experiment, Experiment]
) -> None:
    demo.say("What happened")
    before, after = (experiment.metrics()["accuracy"] for experiment in experiments)
    demo.tell("How many test pictures the model recognises; the two rows differ in their data view alone:")
    table = Table("accuracy", *(f"round {number}" for number in before), title_justify="left")
    for name, values in (("labels as delivered", before), ("labels corrected", after)):
        table.add_row(name, *(f"{values[number]:.1%}" for number in sorted(values)))
    demo.console.print(table)
    demo.tell("What each node served to the training at its own site, from the reports that it signed:")
    served = Table("site", "frames served", "bytes served", "selection digest (train-corrected)")
    for site in SITES:
        reports = [each.content for each in admin.session_reports(site=site, client=client)]
        digest = next(each.digest for each in views["train-corrected"].sites if each.site == site)
        frames, size = (sum(each[key] for each in reports) for key in ("frames", "bytes"))
        served.add_row(site, f"{frames:,}", f"{size:,}", f"{digest[:31]}…")
    demo.console.print(served)
    for experiment in experiments:
        took_part = [site for site, here in experiment.sites.items() if here]
        demo.tell(f"{experiment.name} is {experiment.outcome}; took part by their reports: {', '.join(took_part)}")
    needles = digits.needles(demo.folder / "raw")
    found, control = tap.holds(needles), tap.holds([b"site://north/scans/"])
    demo.tell(
        f"Raw data at the service: {found} of {len(needles)} pictures were found in the {tap.sent_to_service:,} bytes "
        "that the sites sent to it. (The search works: the address of a frame, which does go out, was "
        f"{'found' if control else 'not found'}.)"
    )
    verified = {name: view.verify()[0] for name, view in views.items()}
    demo.tell(f"Evaluated again, {sum(verified.values())} of {len(verified)} views select the very same frames.")
    gain = after[ROUNDS] - before[ROUNDS]
    everywhere = all(all(experiment.sites.values()) for experiment in experiments)
    if found or not control or not all(verified.values()) or gain <= 0 or not everywhere:
        raise FailedPrecondition("the proof failed: raw data, digests, sites or accuracies are not as they should be")
    demo.console.print(
        f"\n[bold]Done in {time.monotonic() - demo.started:.0f} s.[/bold] Better labels gave {100 * gain:+.1f} "
        "percentage points of accuracy, by changing the data view alone."
    )


def _look_around(demo: Demo) -> None:
    demo.say(
        "Everything still runs: look around",
        "In another terminal; the last line shows what each hospital knows. Ctrl-C here stops the servers and leaves",
        f"the folder {demo.folder}; delete it when you are done.",
    )
    service = (demo.folder / "service.log").read_text().partition("ready on ")[2].split()[0]

    def show(line: str) -> None:
        demo.console.print(f"   {line}", markup=False, highlight=False, soft_wrap=True)

    show(f"export HYPERDATASETS_SERVICE={service} PATH={BIN}:$PATH")
    for command in (f"dataset list --project {PROJECT}", f"version tree {DATASET}", "view list", "experiment list",
                    f'frames find {DATASET} --version corrected --query "rois.label:7"'):  # fmt: skip
        show(f"hyperdatasets {command}")
    show(f"hyperdatasets node audit {demo.folder}/node-north")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def app_folder() -> Path:
    """The example app: beside the package when it is installed, else in the checkout."""
    inside = Path(__file__).parent / "app"
    return inside if inside.exists() else Path(__file__).parents[2] / "examples" / "digits"


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that nothing stays behind; the handlers are put back."""

    def interrupt(_number: int, _frame: FrameType | None) -> Any:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
