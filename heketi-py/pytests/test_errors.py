"""One tree of exceptions, with fields."""

from __future__ import annotations

import inspect
import pickle

import pytest
import requests

import heketi
from heketi import errors

CLASSES = sorted(
    (it for _, it in inspect.getmembers(errors, inspect.isclass) if issubclass(it, errors.Error)),
    key=lambda it: it.__name__,
)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_exception_has_its_fields(kind: type[heketi.Error]) -> None:
    assert issubclass(kind, heketi.Error)
    assert kind.__name__.startswith("HTTP") or getattr(heketi, kind.__name__) is kind
    error = kind("what happened", ["why", "and why"])
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert type(one) is kind
        assert (one.text, one.explanation) == ("what happened", ["why", "and why"])
        assert str(one) == "what happened\nwhy\nand why"
        assert one.kind and isinstance(one.kind, str)


def test_the_tree() -> None:
    assert issubclass(heketi.NoSpace, heketi.CannotAllocate)
    assert issubclass(heketi.NotServing, heketi.Unavailable)
    assert issubclass(heketi.Unreachable, heketi.Unavailable)
    assert issubclass(heketi.Unreachable, requests.exceptions.ConnectionError)
    assert issubclass(heketi.HTTPError, requests.exceptions.HTTPError)
    http = [it for it in CLASSES if it.__name__.startswith("HTTP") and it is not heketi.HTTPError]
    for kind in http:
        assert issubclass(kind, heketi.HTTPError)
        assert issubclass(kind, getattr(heketi, kind.__name__[4:])), kind


def test_refusals_of_an_engine_are_explained() -> None:
    with heketi.Engine.open(executor=heketi.MockExecutor(device_size=10)) as engine:
        cluster = engine.cluster_create()
        node = engine.node_add(cluster.id, 1, "n1", "192.0.2.1")
        engine.device_add(node.id, "/dev/sdb")
        with pytest.raises(heketi.NoSpace) as lack:
            engine.volume_create(size=5)
        assert lack.value.text == "No space" and lack.value.explanation and lack.value.kind == "no-space"
        engine.volume_create(size=1, durability="none", name="taken")
        for call, kind in (
            (lambda: engine.volume_create(size=1, durability="none", name="taken"), heketi.CannotAllocate),
            (lambda: engine.cluster_delete(cluster.id), heketi.Conflict),
            (lambda: engine.node_delete(node.id), heketi.Conflict),
            (lambda: engine.node_state(node.id, "tired"), heketi.Invalid),
            (lambda: engine.device_add(node.id, "/dev/sdb"), heketi.Conflict),
            (lambda: engine.volume_info("nothing"), heketi.NotFound),
        ):
            with pytest.raises(kind) as refused:
                call()
            assert refused.value.text
    with pytest.raises(heketi.NotServing):
        engine.cluster_list()
