"""Names: what is allowed, and which one was meant."""

import pytest

from hyperdatasets.core.errors import InvalidName
from hyperdatasets.core.names import check_name, check_project, nearest, not_found, split_dataset


@pytest.mark.parametrize("name", ["bccd", "Blood cells (2024)", "Zählung", "v1.0", "血液", "e\u0301"])
def test_ordinary_names_are_kept_as_they_are(name):
    assert check_name("dataset", name) == name


@pytest.mark.parametrize("name", ["", " a", "a ", ".", "..", "a/b", "a\x00b", "a\nb", "\ud800", "a\u202eb", "x" * 129])
def test_dangerous_names_are_refused(name):
    with pytest.raises(InvalidName):
        check_name("dataset", name)


def test_a_view_name_has_no_at_sign():
    with pytest.raises(InvalidName, match="digest"):
        check_name("view", "rbc@home")


def test_a_dataset_is_addressed_by_project_and_name():
    assert split_dataset("clinic/blood/bccd") == ("clinic/blood", "bccd")
    assert split_dataset("bccd") == ("", "bccd")
    with pytest.raises(InvalidName):
        check_project("clinic/../blood")


def test_the_nearest_name_is_offered():
    assert nearest("BCDC", ["bccd", "digits"]) == ["bccd"]
    error = not_found("dataset", "bcdc", ["bccd", "digits"])
    assert "Did you mean bccd?" in str(error)
    assert error.fields["nearest"] == "bccd"
