"""Every failure a caller can be told about, as one class per reason.

A reason is stable and travels on the wire (`google.rpc.ErrorInfo`); the client rebuilds the same class from it.
The message is written for a person: what is wrong, and what to do about it.
"""

from __future__ import annotations

from typing import ClassVar

from hyperdatasets.core import tracebacks
from hyperdatasets.core.advice import in_python

REASONS: dict[str, type[HyperdatasetsError]] = {}


class HyperdatasetsError(Exception):
    """Base of all errors of the product; `fields` are values for programs (all strings)."""

    reason: ClassVar[str] = "INTERNAL"
    status: ClassVar[str] = "INTERNAL"  # the name of the gRPC status code

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.fields = {key: str(value) for key, value in fields.items()}
        tracebacks.mark()

    def __str__(self) -> str:
        """The message as a user of Python reads it; `message` is neutral, for the wire and the command line."""
        return in_python(self.message)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "reason" in vars(cls):  # a subclass without one of its own does not travel: its base does
            REASONS[cls.reason] = cls


REASONS[HyperdatasetsError.reason] = HyperdatasetsError


class InvalidArgument(HyperdatasetsError, ValueError):
    reason = "INVALID_ARGUMENT"
    status = "INVALID_ARGUMENT"


class InvalidName(InvalidArgument):
    reason = "INVALID_NAME"


class InvalidFrame(InvalidArgument):
    reason = "INVALID_FRAME"


class InvalidVector(InvalidArgument):
    """A vector of the wrong length, or with numbers that no metric can compare; fields: `dimensions`."""

    reason = "INVALID_VECTOR"


class RawInMetadata(InvalidArgument):
    """A frame of a site carries its content inline; raw data never enters the metadata of a site."""

    reason = "RAW_IN_METADATA"


class InvalidQuery(InvalidArgument):
    """Fields: `position` (0-based, in characters), `expected` (what could stand there)."""

    reason = "INVALID_QUERY"


class InvalidView(InvalidArgument):
    reason = "INVALID_VIEW"


class WeightRange(InvalidView):
    reason = "WEIGHT_RANGE"


class DeploymentField(InvalidView):
    """A published view must not query what differs between deployments (`saved`, `saved_in_version`)."""

    reason = "DEPLOYMENT_FIELD"


class InvalidPageToken(InvalidArgument):
    reason = "INVALID_PAGE_TOKEN"


class InvalidPolicy(InvalidArgument):
    reason = "INVALID_POLICY"


class InvalidChecks(InvalidArgument):
    """Of an expectation or a query: fields `line` (from 1), `position` (0-based, in its text) and `expected`."""

    reason = "INVALID_CHECKS"


class InvalidConfig(InvalidArgument):
    reason = "INVALID_CONFIG"


class InvalidReference(InvalidArgument):
    """A published data view is not named as `name@sha256:<64 digits>`."""

    reason = "INVALID_REFERENCE"


class Incomplete(HyperdatasetsError):
    """Something was lost where nothing may be (`strict`); `ledger` has all of it."""

    reason = "INCOMPLETE"
    status = "FAILED_PRECONDITION"

    def __init__(self, message: str, ledger: object = None, **fields: object) -> None:
        super().__init__(message, **fields)
        self.ledger = ledger


class NotFound(HyperdatasetsError, LookupError):
    """Fields: `kind` (dataset, version, …), `name`, and `nearest` (names the caller may list)."""

    reason = "NOT_FOUND"
    status = "NOT_FOUND"


class AlreadyExists(HyperdatasetsError, ValueError):
    reason = "ALREADY_EXISTS"
    status = "ALREADY_EXISTS"


class VectorExists(AlreadyExists):
    """Vectors are written once: the frame has another one under this name."""

    reason = "VECTOR_EXISTS"


class FailedPrecondition(HyperdatasetsError):
    reason = "FAILED_PRECONDITION"
    status = "FAILED_PRECONDITION"


class VersionPublished(FailedPrecondition):
    reason = "VERSION_PUBLISHED"


class VersionNotPublished(FailedPrecondition):
    reason = "VERSION_NOT_PUBLISHED"


class ParentNotPublished(FailedPrecondition):
    reason = "PARENT_NOT_PUBLISHED"


class MergeCollides(FailedPrecondition):
    """Parents changed the same in different ways, and the caller wants none of them to win."""

    reason = "MERGE_COLLIDES"


class ViewPublished(FailedPrecondition):
    reason = "VIEW_PUBLISHED"


class ViewNotPublished(FailedPrecondition):
    reason = "VIEW_NOT_PUBLISHED"


class EmptyView(FailedPrecondition):
    reason = "EMPTY_VIEW"


class InUse(FailedPrecondition):
    """Something else names what was to be deleted; the message says what."""

    reason = "IN_USE"


class ChecksFailed(FailedPrecondition):
    """The dataset's gate keeps the version from being published; its report is kept."""

    reason = "CHECKS_FAILED"


class FrameWithdrawn(FailedPrecondition):
    """The frame was withdrawn: a person said no; it is not written again."""

    reason = "FRAME_WITHDRAWN"


class PageTokenStale(FailedPrecondition):
    reason = "PAGE_TOKEN_STALE"


class ReadingStale(FailedPrecondition):
    """What a read was to go on with has changed since it began: going on would leave gaps, or tell frames twice."""

    reason = "READING_STALE"


class RequestIdReused(FailedPrecondition):
    reason = "REQUEST_ID_REUSED"


class SiteNotApproved(FailedPrecondition):
    reason = "SITE_NOT_APPROVED"


class ProtocolMismatch(FailedPrecondition):
    """Client and server speak different versions of the protocol."""

    reason = "PROTOCOL_MISMATCH"


class EtagMismatch(HyperdatasetsError):
    reason = "ETAG_MISMATCH"
    status = "ABORTED"


class Unauthenticated(HyperdatasetsError):
    reason = "UNAUTHENTICATED"
    status = "UNAUTHENTICATED"


class PermissionDenied(HyperdatasetsError):
    reason = "PERMISSION_DENIED"
    status = "PERMISSION_DENIED"


class SiteOwnedField(PermissionDenied):
    reason = "SITE_OWNED_FIELD"


class FrameOfOtherSite(PermissionDenied):
    reason = "FRAME_OF_OTHER_SITE"


class RawDataBelongsToSite(PermissionDenied):
    reason = "RAW_DATA_BELONGS_TO_SITE"


class Refused(PermissionDenied):
    """A node's answer to whatever its policy does not allow; the rule is told at the site only."""

    reason = "REFUSED"


class DigestMismatch(HyperdatasetsError):
    """The bytes of a source are not those that were registered."""

    reason = "DIGEST_MISMATCH"
    status = "DATA_LOSS"


class SelectionMismatch(HyperdatasetsError):
    """A view evaluated again selects other frames than the stored selection."""

    reason = "SELECTION_MISMATCH"
    status = "DATA_LOSS"


class MetadataMismatch(HyperdatasetsError):
    """The centre shows a site part that this site never sent."""

    reason = "METADATA_MISMATCH"
    status = "DATA_LOSS"


class SourceUnreadable(HyperdatasetsError):
    reason = "SOURCE_UNREADABLE"
    status = "DATA_LOSS"


class DestinationFailed(HyperdatasetsError):
    """A file could not be put where it was to go, or not be removed from there."""

    reason = "DESTINATION_FAILED"


class NoLocalSource(FailedPrecondition):
    """The bytes of a site's frame come from its node, never from a path."""

    reason = "NO_LOCAL_SOURCE"


class LimitExceeded(HyperdatasetsError):
    reason = "LIMIT_EXCEEDED"
    status = "RESOURCE_EXHAUSTED"


class StorageFull(HyperdatasetsError):
    reason = "STORAGE_FULL"
    status = "RESOURCE_EXHAUSTED"


class StorageFailed(HyperdatasetsError):
    """The disk did not do what it was asked, or gave back other bytes than were written."""

    reason = "STORAGE_FAILED"
    status = "DATA_LOSS"


class StorageRefused(HyperdatasetsError):
    """What was to be stored contradicts what is there."""

    reason = "STORAGE_REFUSED"


class DamagedExport(HyperdatasetsError):
    """A file that should hold an exported dataset is cut, changed, or something else."""

    reason = "DAMAGED_EXPORT"
    status = "DATA_LOSS"


class FolderInUse(FailedPrecondition):
    """Another process serves or rewrites the data folder."""

    reason = "FOLDER_IN_USE"


class Unimplemented(HyperdatasetsError):
    """The server knows the method, but cannot do it yet, or the server is an older one."""

    reason = "UNIMPLEMENTED"
    status = "UNIMPLEMENTED"


class NotBuilt(Unimplemented):
    """The protos declare the method, and no server answers it yet; field: `method`."""

    reason = "NOT_BUILT"


class NotServedHere(Unimplemented):
    """Another kind of server, or a newer one, has the method; field: `method`."""

    reason = "NOT_SERVED_HERE"


class DeadlineExceeded(HyperdatasetsError):
    reason = "DEADLINE_EXCEEDED"
    status = "DEADLINE_EXCEEDED"


class Unavailable(HyperdatasetsError):
    """A server could not be reached; fields: `address`."""

    reason = "UNAVAILABLE"
    status = "UNAVAILABLE"
