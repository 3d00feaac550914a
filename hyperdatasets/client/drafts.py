"""The draft that an import or a registration writes into."""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion

_NAME = "Current"


class Draft(NamedTuple):
    """A version to write into; `opened` says for people that it was made just now, and is empty otherwise."""

    version: DatasetVersion
    opened: str = ""


def draft_of(dataset: Dataset, *, version: str = "", client: MetadataClient | None = None) -> Draft:
    """The version of this name or id; without one the newest draft, or a new child of the newest version.

    A published version that is asked for by its name comes back as it is: the first write to it raises.
    """
    found = DatasetVersion.get_version(dataset_id=dataset.id, version_name=version, client=client)
    if version or not found.published:
        return Draft(found)
    taken = {each.name for each in DatasetVersion.get_versions(dataset_id=dataset.id, client=client)}
    numbered = (_NAME if number == 1 else f"{_NAME} {number}" for number in count(1))
    name = next(each for each in numbered if each not in taken)
    child = DatasetVersion.create_version(
        dataset_id=dataset.id, version_name=name, parent_version_ids=[found.id], client=client
    )
    return Draft(child, f"There was no draft: `{child.name}` was opened as a child of the published `{found.name}`.")
