"""Versions of a dataset as a dictionary of dictionaries, against the real service: whatever is done, both agree."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hyperdatasets.cli.main import run
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import MergeCollides
from metadata_service.config import ServiceConfig
from metadata_service.server import Service
from tests.reference.properties import examples

LABELS = ("car", "bus", "tram")
NUMBERS = (0, 1, 2)
Held = tuple[str, int]  # what the model knows of a frame: its label, and `meta.n`
ids = st.sets(st.sampled_from([f"f{i}" for i in range(6)]), min_size=1, max_size=3)


class Versions(RuleBasedStateMachine):
    """`frames`: version name -> frame id -> label and number; a published version never changes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hyperdatasets-model-"))
        self.frames: dict[str, dict[str, Held]] = {}
        self.published: set[str] = set()
        self.parents: dict[str, list[str]] = {}
        self.views: dict[str, tuple[str, list[str]]] = {}  # published: digest, frame ids
        self.viewed: set[str] = set()  # versions
        self.made = 0
        self.order: list[str] = []  # versions as they were made
        self.start()

    def start(self) -> None:
        self.service = Service(ServiceConfig(data=self.folder, port=0)).start()
        self.client = MetadataClient(ClientConfig(service=self.service.address))

    def teardown(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def handle(self, name: str) -> DatasetVersion:
        return DatasetVersion.get_version(dataset_name="d", version_name=name, client=self.client)

    def drafts(self) -> list[str]:
        return [name for name in self.frames if name not in self.published]

    @initialize()
    def create(self) -> None:
        Dataset.create("d", client=self.client)
        self.frames["Current"], self.parents["Current"] = {}, []
        self.order.append("Current")

    @precondition(lambda self: self.drafts())
    @rule(data=st.data(), written=ids, label=st.sampled_from(LABELS), number=st.sampled_from(NUMBERS))
    def write(self, data: st.DataObject, written: set[str], label: str, number: int) -> None:
        name = data.draw(st.sampled_from(self.drafts()))
        frames = []
        for frame_id in sorted(written):
            frame = SingleFrame(f"u/{frame_id}", id=frame_id, metadata={"n": number})
            frame.add_annotation(labels=[label], id="1")
            frames.append(frame)
            self.frames[name][frame_id] = (label, number)
        assert not self.handle(name).add_frames(frames)

    @precondition(lambda self: any(self.frames[name] for name in self.drafts()))
    @rule(data=st.data(), number=st.sampled_from(NUMBERS))
    def update(self, data: st.DataObject, number: int) -> None:
        name = data.draw(st.sampled_from([name for name in self.drafts() if self.frames[name]]))
        frame_id = data.draw(st.sampled_from(sorted(self.frames[name])))
        frame = DatasetVersion.get_single_frame(
            frame_id=frame_id, dataset_name="d", version_name=name, client=self.client
        )
        frame.metadata["n"] = number
        assert not self.handle(name).update_frames([frame])
        self.frames[name][frame_id] = (self.frames[name][frame_id][0], number)

    @precondition(lambda self: self.drafts())
    @rule(data=st.data(), gone=ids)
    def delete(self, data: st.DataObject, gone: set[str]) -> None:
        name = data.draw(st.sampled_from(self.drafts()))
        there = gone & self.frames[name].keys()
        assert self.handle(name).delete_frames(sorted(gone)) == len(there)
        for frame_id in there:
            del self.frames[name][frame_id]

    @precondition(lambda self: self.drafts())
    @rule(data=st.data(), old=st.sampled_from(LABELS), new=st.sampled_from(LABELS))
    def relabel(self, data: st.DataObject, old: str, new: str) -> None:
        name = data.draw(st.sampled_from(self.drafts()))
        matching = [frame_id for frame_id, held in self.frames[name].items() if held[0] == old]
        changed = self.handle(name).update_by_query(roi_query=old, relabel={old: new})
        assert changed == (len(matching) if old != new else 0)
        for frame_id in matching:
            self.frames[name][frame_id] = (new, self.frames[name][frame_id][1])

    @precondition(lambda self: self.drafts())
    @rule(data=st.data(), old=st.sampled_from(NUMBERS), new=st.sampled_from(NUMBERS))
    def renumber(self, data: st.DataObject, old: int, new: int) -> None:
        name = data.draw(st.sampled_from(self.drafts()))
        version, query = self.handle(name), f"meta.n:{old}"
        matching = [frame_id for frame_id, held in self.frames[name].items() if held[1] == old]
        changing = len(matching) if old != new else 0
        assert version.update_by_query(frame_query=query, set_meta={"n": new}, preview=True) == changing
        assert version.update_by_query(frame_query=query, set_meta={"n": new}) == changing
        for frame_id in matching:
            self.frames[name][frame_id] = (self.frames[name][frame_id][0], new)

    @precondition(lambda self: self.drafts())
    @rule(data=st.data(), label=st.sampled_from(LABELS))
    def delete_by_query(self, data: st.DataObject, label: str) -> None:
        name = data.draw(st.sampled_from(self.drafts()))
        there = [frame_id for frame_id, held in self.frames[name].items() if held[0] == label]
        assert self.handle(name).delete_frames(roi_query=label) == len(there)
        for frame_id in there:
            del self.frames[name][frame_id]

    @precondition(lambda self: self.drafts() and len(self.frames) > 1)
    @rule(data=st.data(), least=st.sampled_from(NUMBERS))
    def copy(self, data: st.DataObject, least: int) -> None:
        name = data.draw(st.sampled_from(self.drafts()))
        other = data.draw(st.sampled_from(sorted(self.frames.keys() - {name})))
        copied = {frame_id: held for frame_id, held in self.frames[other].items() if held[1] >= least}
        before = dict(self.frames[name])
        result = self.handle(name).copy_frames(self.handle(other), frame_query=f"meta.n:>={least}")
        assert result.added == len(copied.keys() - before.keys())
        assert result.unchanged == sum(before.get(frame_id) == held for frame_id, held in copied.items())
        assert result.added + result.updated + result.unchanged == len(copied)
        self.frames[name].update(copied)

    @precondition(lambda self: len(self.drafts()) == 1 and len(self.frames) < 7)
    @rule()
    def snapshot(self) -> None:
        (draft,) = self.drafts()
        self.made += 1
        name, child = f"s{self.made}", f"c{self.made}"
        DatasetVersion.create_snapshot("d", publish_name=name, child_name=child, client=self.client)
        self.frames[name], self.parents[name] = self.frames.pop(draft), self.parents.pop(draft)
        self.published.add(name)
        self.order = [name if each == draft else each for each in self.order] + [child]
        self.frames[child], self.parents[child] = dict(self.frames[name]), [name]

    @precondition(lambda self: self.drafts())
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.drafts()))
        self.handle(name).publish_version()
        self.published.add(name)

    @precondition(lambda self: len(self.frames) < 7)
    @rule(data=st.data())
    def new_version(self, data: st.DataObject) -> None:
        """Without parents, with one, or merged."""
        known = sorted(self.published)
        parents = data.draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else []
        self.made += 1
        name = f"v{self.made}"
        merged, collisions = self.merged(parents)
        if collisions:
            with pytest.raises(MergeCollides, match=f"^{len(collisions)} frames? changed"):
                DatasetVersion.create_version(
                    dataset_name="d", version_name=name, parent_version_names=parents, on_collision="refuse",
                    client=self.client,
                )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # collisions
            made = DatasetVersion.create_version(
                dataset_name="d", version_name=name, parent_version_names=parents, client=self.client
            )
        assert {each.frame_id for each in made.collisions} == collisions
        assert all((each.kept is None) == (each.frame_id not in merged) for each in made.collisions)
        self.parents[name] = parents
        self.frames[name] = merged
        self.order.append(name)

    @precondition(lambda self: self.drafts())
    @rule(data=st.data())
    def revert(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.drafts()))
        self.handle(name).revert()
        self.frames[name], _ = self.merged(self.parents[name])

    @precondition(lambda self: len(self.frames) > 1)
    @rule(data=st.data())
    def diff(self, data: st.DataObject) -> None:
        one, other = (data.draw(st.sampled_from(sorted(self.frames))) for _ in range(2))
        found = self.handle(one).diff(self.handle(other))
        before, after = self.frames[one], self.frames[other]
        assert found.added == len(after.keys() - before.keys())
        assert found.removed == len(before.keys() - after.keys())
        differ = {frame_id for frame_id in before.keys() & after.keys() if before[frame_id] != after[frame_id]}
        assert found.changed == len(differ)
        changed = {frame_id: fields for frame_id, kind, fields in found.frames if kind == "changed"}
        assert changed.keys() == differ
        for frame_id, fields in changed.items():
            (old, was), (new, now) = before[frame_id], after[frame_id]
            relabelled = [("annotations[1].labels", [old], [new])] if old != new else []
            assert fields == relabelled + ([("meta.n", was, now)] if was != now else [])

    @precondition(lambda self: len(self.leaves()) and len(self.frames) > 1)
    @rule(data=st.data())
    def delete_version(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.leaves()))
        Dataset.get("d", client=self.client).delete_version(name, force=name in self.published)
        del self.frames[name], self.parents[name]
        self.order.remove(name)
        self.published.discard(name)

    def leaves(self) -> list[str]:
        """Versions that nothing else names."""
        named = {parent for parents in self.parents.values() for parent in parents} | self.viewed
        return sorted(self.frames.keys() - named)

    @rule()
    def delete_another_dataset(self) -> None:
        """With a tree of versions that were made, deleted and made again."""
        draft = DatasetVersion.create_new_dataset("other", client=self.client)
        names = {"dataset_name": "other", "client": self.client}
        other = DatasetVersion.create_version(version_name="a", **names)
        draft.publish_version()
        DatasetVersion.create_version(version_name="b", parent_version_ids=[draft.id], **names)
        other.publish_version()
        Dataset.get("other", client=self.client).delete_version("b")
        child = DatasetVersion.create_version(version_name="c", parent_version_ids=[other.id, draft.id], **names)
        assert [each.id for each in DatasetVersion.get_versions("other", client=self.client)][-1] == child.id
        Dataset.delete("other", force=True, client=self.client)

    @precondition(lambda self: any(self.frames[name] for name in self.published) and len(self.views) < 4)
    @rule(data=st.data(), order=st.sampled_from(("sequential", "random")))
    def publish_view(self, data: st.DataObject, order: str) -> None:
        version = data.draw(st.sampled_from([name for name in sorted(self.published) if self.frames[name]]))
        name = f"view{len(self.views)}"
        view = DataView(name, client=self.client)
        view.add_query(dataset_name="d", version_name=version, frame_query="meta.n:>=0")
        view.set(iteration={"order": order, "seed": 1})
        self.views[name] = view.publish().digest, [frame.id for frame in view]
        self.viewed.add(version)
        assert sorted(self.views[name][1]) == sorted(self.frames[version])

    @precondition(lambda self: self.views)
    @rule(data=st.data())
    def verify(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.views)))
        view = DataView.get(name=name, client=self.client)
        assert view.verify()[0]
        assert (view.digest, [frame.id for frame in view]) == self.views[name]

    def stop(self) -> None:
        self.client.close()
        self.service.stop()

    @rule()
    def restart(self) -> None:
        self.stop()
        self.start()

    @rule()
    def rebuild_the_index(self) -> None:
        self.stop()
        assert run(["admin", "rebuild-index", str(self.folder)]) == 0
        self.start()

    @rule(place=st.floats(0, 1, exclude_max=True))
    def damage_the_index(self, place: float) -> None:
        self.stop()
        for path in self.folder.glob("index/*/*.segment"):
            content = bytearray(path.read_bytes())
            content[int(place * len(content))] ^= 1
            path.write_bytes(content)
        self.start()

    @rule()
    def prove(self) -> None:
        self.stop()
        assert run(["admin", "check", str(self.folder)]) == 0
        self.start()

    @rule()
    def move(self) -> None:
        """On to another deployment, where all goes on."""
        self.stop()
        target = Path(tempfile.mkdtemp(prefix="hyperdatasets-model-"))
        assert run(["admin", "export", str(self.folder), "d", str(target / "d.hde")]) == 0
        assert run(["admin", "import", str(target), str(target / "d.hde")]) == 0
        shutil.rmtree(self.folder)
        self.folder = target
        self.start()

    @invariant()
    def both_agree(self) -> None:
        for name, expected in self.frames.items():
            version = self.handle(name)
            assert version.frame_count == len(expected)
            held = {frame.id: (frame.annotations[0]["labels"][0], frame.meta["n"]) for frame in version.frames()}
            assert held == expected
            for label in LABELS:
                assert version.count(roi_query=label) == sum(each == label for each, _ in expected.values())
            query = "meta.n:>=1 AND NOT rois.label:car OR meta.n:0 AND rois:(bus)"
            selected = [
                frame_id
                for frame_id, (label, number) in expected.items()
                if (number >= 1 and label != "car") or (number == 0 and label == "bus")
            ]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # how the mix was read
                assert version.count(frame_query=query) == len(selected)
        newest = ([name for name in self.order if name not in self.published] or self.order)[-1]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of several drafts
            assert self.handle("").name == newest
        digests = {name: self.handle(name).digest for name in self.frames}
        for one, content in self.frames.items():
            for other, same in self.frames.items():
                assert (digests[one] == digests[other]) == (content == same)

    def merged(self, parents: list[str]) -> tuple[dict[str, Held], set[str]]:
        """The frames of a merge, and those that collide."""
        result = dict(self.frames[parents[0]]) if parents else {}
        reached = self.ancestors(parents[0]) if parents else set()
        collisions: set[str] = set()
        for parent in parents[1:]:
            common = reached & self.ancestors(parent)
            reached |= self.ancestors(parent)
            base = self.frames[max(common, key=self.published_at)] if common else {}
            theirs = self.frames[parent]
            for frame_id in result.keys() | theirs.keys():
                mine, other, before = (each.get(frame_id) for each in (result, theirs, base))
                kept = mine if other in {mine, before} else other
                if mine not in {other, before} and other != before:
                    collisions.add(frame_id)
                if kept is None:
                    result.pop(frame_id, None)
                else:
                    result[frame_id] = kept
        return result, collisions

    def ancestors(self, name: str) -> set[str]:
        return {name}.union(*map(self.ancestors, self.parents[name]))

    def published_at(self, name: str) -> tuple[int, str]:
        version = self.handle(name)
        return version._message.published_ms, version.id


Versions.TestCase.settings = examples(int(os.environ.get("MODEL_EXAMPLES", "12")), stateful_step_count=15)
TestVersions = Versions.TestCase
