"""The address of a thing: its project and its name, given as two texts or as one, `project/name`."""

from __future__ import annotations

from hyperdatasets.core.errors import InvalidArgument


def address(name: str, project: str, *, prefix: str = "dataset_") -> str:
    """`project/name`, as the service takes it; a bare name where no project is given.

    Args:
        prefix: what the caller's arguments `name` and `project` begin with; used in the message.

    Raises:
        InvalidArgument: the name says another project than the project.
    """
    if not project or not name:
        return name
    written, slash, bare = name.rpartition("/")
    if slash and written != project:
        raise InvalidArgument(
            f"{prefix}name={name!r:.200} says another project than {prefix}project={project!r:.200}; give one of them"
        )
    return f"{project}/{bare}"


def split(name: str, project: str, *, prefix: str = "dataset_") -> tuple[str, str]:
    """(project, name) of something new; raises as `address`."""
    above, _, bare = address(name, project, prefix=prefix).rpartition("/")
    return above or project, bare
