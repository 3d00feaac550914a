"""What every part of the service works with, made once at its start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from metadata_service.catalog.content_keys import ContentKeys
from metadata_service.catalog.contents import Contents
from metadata_service.catalog.hidden import SecretKey
from metadata_service.catalog.indexes import Indexes
from metadata_service.catalog.old_contents import OldContents
from metadata_service.catalog.records import Signer
from metadata_service.catalog.requests import Forgetting
from metadata_service.catalog.vector_indexes import VectorIndexes
from metadata_service.store.protocol import Store


@dataclass(frozen=True)
class Deployment:
    """`now_ms` is the clock; `page_key` signs page tokens; `silence_ms`: a silent experiment counts as stopped."""

    id: str
    store: Store
    indexes: Indexes
    vectors: VectorIndexes
    signer: Signer
    page_key: bytes
    secret_key: SecretKey
    now_ms: Callable[[], int]
    silence_ms: int
    contents: Contents = field(default_factory=Contents)
    content_keys: ContentKeys = field(default_factory=ContentKeys)
    old_contents: OldContents = field(default_factory=OldContents)
    forgetting: Forgetting = field(default_factory=Forgetting)
