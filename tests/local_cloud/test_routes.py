"""Which route of an HTTP API a request takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.gateway.routes import find

# The example of the HTTP API developer guide ("Routing API requests").
GUIDE = ("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default")


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        ("GET", "/", "$default", {}),
        ("GET", "/pets/dog/a%2Fb", "GET /pets/dog/{id}", {"id": "a/b"}),
        ("GET", "/pets/dog/%C3%BC%20x", "GET /pets/dog/{id}", {"id": "ü x"}),
        ("GET", "/pets/d%6Fg/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog//", "GET /pets/{proxy+}", {"proxy": "dog//"}),
    ],
)
def test_the_most_specific_route_is_taken(
    method: str, path: str, key: str, parameters: dict[str, str]
) -> None:
    match = find(GUIDE, method, path)
    assert match is not None
    assert (match.key, match.parameters) == (key, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/chat"),
        ("POST", "/chat/"),
        ("POST", "/Chat"),
        ("POST", "/chat/x"),
        ("POST", "//chat"),
        ("post", "/chat"),
    ],
)
def test_without_a_fitting_route_there_is_none(method: str, path: str) -> None:
    assert find(["POST /chat", "GET /things/{id}", "GET /all/{proxy+}"], method, path) is None


@pytest.mark.parametrize("path", ["/things/", "/all", "/all/", "/things"])
def test_a_variable_holds_at_least_one_character(path: str) -> None:
    assert find(["GET /things/{id}", "GET /all/{proxy+}"], "GET", path) is None


def test_an_exact_method_beats_any_but_not_a_more_specific_path() -> None:
    both = find(["ANY /a/b", "GET /a/b"], "GET", "/a/b")
    narrower = find(["GET /a/{x}", "ANY /a/b"], "GET", "/a/b")
    assert both is not None
    assert both.key == "GET /a/b"
    assert narrower is not None
    assert narrower.key == "ANY /a/b"


SEGMENT = st.sampled_from(["a", "b", "{x}", "{y}"])
KEYS = st.lists(
    st.tuples(
        st.sampled_from(["GET", "POST", "ANY"]),
        st.lists(SEGMENT, min_size=1, max_size=3, unique=True).map(lambda s: "/" + "/".join(s)),
        st.sampled_from(["", "/{rest+}"]),
    ).map(lambda parts: f"{parts[0]} {parts[1]}{parts[2]}"),
    max_size=8,
    unique=True,
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=5).map(
    lambda s: "/" + "/".join(s)
)


def fits(key: str, method: str, path: str) -> bool:
    """The oracle: the definition of a fitting route, written the slow way."""
    verb, pattern = key.split(" ")
    wanted, given_ = pattern.split("/")[1:], path.split("/")[1:]
    if verb not in ("ANY", method):
        return False
    if wanted[-1].endswith("+}"):
        head = wanted[:-1]
        rest = "/".join(given_[len(head) :])
        given_, wanted = given_[: len(head)], head
        if not rest:
            return False
    return len(wanted) == len(given_) and all(
        (w == g) or (w.startswith("{") and g != "") for w, g in zip(wanted, given_, strict=True)
    )


@given(KEYS, st.sampled_from(["GET", "POST", "PUT"]), PATHS)
def test_a_match_is_one_that_fits_and_none_means_none_fits(keys: list[str], method: str, path: str) -> None:
    match = find(keys, method, path)
    fitting = [key for key in keys if fits(key, method, path)]
    assert (match.key in fitting) if match else not fitting


@given(KEYS, st.sampled_from(["GET", "POST"]), PATHS, st.randoms())
def test_the_order_of_deployment_does_not_matter(keys: list[str], method: str, path: str, random) -> None:
    shuffled = list(keys)
    random.shuffle(shuffled)
    first, second = find(keys, method, path), find(shuffled, method, path)
    shape = lambda match: match and match.key.replace("{x}", "{}").replace("{y}", "{}")  # noqa: E731
    assert shape(first) == shape(second)
