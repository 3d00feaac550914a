"""Unstructured data is not only images: texts and recordings are registered, annotated, queried, versioned, served."""

from __future__ import annotations

import json
import tempfile
import wave
from pathlib import Path

import pytest

import hyperdatasets as hd
from hyperdatasets import testing


def record(path: Path, seconds: float) -> bytes:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(b"\1\0" * int(8_000 * seconds))
    return path.read_bytes()


def test_a_text_and_a_recording_at_a_site(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "letter.txt").write_text("Patient reports mild headache since Monday.", encoding="utf-8")
    (data / "letter.txt.json").write_text(
        json.dumps({"annotations": [{"labels": ["symptom"], "geometry": {"span": [16, 29]}}]})
    )
    sound = record(data / "breath.wav", 1.5)
    (data / "breath.json").write_text(json.dumps({"labels": ["wheeze"], "meta": {"device": "a"}}))
    with testing.deployment(tmp_path) as deployment:
        node = deployment.add_site("ward", {"files": data})
        assert node.register("files", dataset="ward/notes").frames["added"] == 2
        draft = hd.DatasetVersion.get_current("ward/notes")
        assert draft.count(frame_query="sources.content_type.keyword:audio/wav AND sources.meta.duration_ms:1500") == 1
        (text,) = draft.frames(roi_query="symptom AND start:>=10 AND end:<40")
        text.add_annotation(span=(0, 7), labels=["person"])
        assert not draft.update_frames([text])
        version = hd.DatasetVersion.create_snapshot("ward/notes", publish_name="v1")
        view = hd.DataView("texts")
        view.add_query(dataset_name="ward/notes", version_name="v1", roi_query="person")
        (sample,) = view.open(node.client)
        assert sample.content().decode()[slice(*sample.annotations[0]["geometry"]["span"])]
        assert {label for each in sample.annotations for label in each["labels"]} == {"symptom", "person"}
        sounds = hd.DataView("sounds")
        sounds.add_query(dataset_name="ward/notes", version_name="v1", roi_query="wheeze")
        assert [each.content() for each in sounds.open(node.client)] == [sound]
        assert version.frame_count == 2


def test_a_text_without_a_site_carries_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with testing.deployment(tmp_path):
        hd.Dataset.create("sentences")
        frame = hd.SingleFrame(id="s1", blob=b"The cat sat.", content_type="text/plain")
        frame.add_annotation(span=(4, 7), labels=["animal"])
        file = tmp_path / "two.txt"
        file.write_text("Two.")
        draft = hd.DatasetVersion.get_current("sentences")
        assert not draft.add_frames([frame, hd.SingleFrame(file.as_uri(), id="s2")])
        hd.DatasetVersion.create_snapshot("sentences", publish_name="v1")
        view = hd.DataView("all")
        view.add_query(dataset_name="sentences", version_name="v1")
        assert [each.content() for each in view.open()] == [b"The cat sat.", b"Two."]
        assert Path(draft.get_frame("s1").get_local_source()).read_bytes() == b"The cat sat."
