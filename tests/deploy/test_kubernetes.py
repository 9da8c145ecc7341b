"""deploy/kustomization.yaml and deploy/kubernetes as `kubectl apply -k` reads them: every object as
Kubernetes' own schemas have it, every name that one says of another is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.cli import _NOUNS
from app.settings import ROOT

SERVICE, MIGRATION = ROOT / "deploy", ROOT / "deploy" / "kubernetes" / "migration"
OLDEST, NEWEST = "1.29", "1.37"
# Made before, from what stands nowhere here.
FROM_OUTSIDE = {"maalem", "maalem-owner", "maalem-door"}

Object = dict[str, Any]


@cache
def list_objects() -> list[Object]:
    """Returns every object as it is applied, of the service and of the migration."""
    return [*_render(SERVICE), *_render(MIGRATION)]


def _render(folder: Path) -> list[Object]:
    if not (kubectl := shutil.which("kubectl")):
        assert not os.environ.get("CI"), "kubectl is not installed"
        pytest.skip("install the package kubernetes-client")
    command = (kubectl, "kustomize", str(folder))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def list_pods() -> dict[str, Object]:
    """Returns the pod of each process by its name."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in list_objects()
        if each["kind"] in ("Deployment", "Job")
    }


def _read_kustomization(folder: Path) -> Object:
    read: Object = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    return read


def test_every_object_is_as_the_schemas_have_it() -> None:
    for each in list_objects():
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(each, version, strict=True)
        space = each["metadata"].get("namespace", each["metadata"]["name"])
        assert space == "maalem", each["metadata"]["name"]
    first = list_objects()[0]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**first, "specs": {}}, NEWEST, strict=True)


def test_a_kustomization_names_all_that_is_there_and_nothing_else() -> None:
    named = {SERVICE / name for name in _read_kustomization(SERVICE)["resources"]}
    assert named == set((SERVICE / "kubernetes").glob("*.yaml"))
    others = {MIGRATION / name for name in _read_kustomization(MIGRATION)["resources"]}
    assert others == set(MIGRATION.glob("*.yaml")) - {MIGRATION / "kustomization.yaml"}
    made = {
        each["name"]: each["files"] for each in _read_kustomization(SERVICE)["configMapGenerator"]
    }
    assert made["door"] == ["haproxy.cfg"]
    assert {SERVICE / name for name in made["door-errors"]} == set((SERVICE / "errors").iterdir())
    for folder in (SERVICE, MIGRATION):
        told = _read_kustomization(folder)
        assert told["namespace"] == "maalem"
        assert [each["name"] for each in told["images"]] == ["maalem"]


def test_each_pod_is_nobody_on_a_read_only_tree() -> None:
    pods = list_pods()
    assert set(pods) == {"web", "worker", "exporter", "backup", "door", "migrate"}
    for name, pod in pods.items():
        spec, (container,) = pod["spec"], pod["spec"]["containers"]
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"]
        assert spec["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        if container["image"].startswith("maalem:"):
            program, noun, *_ = container.get("command", ["maalem", "worker"])
            assert program == "maalem" and noun in _NOUNS, name
        assert not any(
            "value" in each and "PASSWORD" in each["name"] for each in container.get("env", ())
        )
        mounted = {each["name"] for each in container["volumeMounts"]}
        assert mounted == {each["name"] for each in spec["volumes"]}, name


def test_every_name_that_is_spoken_of_is_there() -> None:
    there = {(each["kind"], each["metadata"]["name"]) for each in list_objects()}
    there |= {("Secret", name) for name in FROM_OUTSIDE}
    spoken_of = set(_list_spoken_of())
    assert spoken_of <= there
    assert {name for kind, name in there if kind == "ConfigMap"} <= {name for _, name in spoken_of}
    pods = list_pods()
    labelled = {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in pods.values()}
    assert labelled == set(pods)
    for each in list_objects():
        for labels in _find_selectors(each):
            name = each["metadata"]["name"]
            assert labels.get("app.kubernetes.io/name", "web") in labelled, (name, labels)


def test_a_worker_more_comes_by_a_metric_that_the_exporter_has() -> None:
    scalers = {
        each["metadata"]["name"]: each for each in list_objects() if "Autoscaler" in each["kind"]
    }
    (metric,) = scalers["worker"]["spec"]["metrics"]
    named = metric["external"]["metric"]
    line = next(
        line
        for line in (ROOT / "docs/metrics.md").read_text("utf-8").splitlines()
        if f"`{named['name']}`" in line
    )
    assert "exporter" in line
    assert all(f"`{label}`" in line for label in named["selector"]["matchLabels"])


def _list_spoken_of() -> Iterator[tuple[str, str]]:
    for pod in list_pods().values():
        for volume in pod["spec"]["volumes"]:
            if "configMap" in volume:
                yield "ConfigMap", volume["configMap"]["name"]
            if "secret" in volume:
                yield "Secret", volume["secret"]["secretName"]
            if "persistentVolumeClaim" in volume:
                yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        (container,) = pod["spec"]["containers"]
        for each in container.get("envFrom", ()):
            yield "Secret", each["secretRef"]["name"]
        for each in container.get("env", ()):
            if "valueFrom" in each:
                yield "Secret", each["valueFrom"]["secretKeyRef"]["name"]
            if each["name"] == "MAALEM_SERVER":
                yield "Service", each["value"].partition(":")[0]
    for each in list_objects():
        if "scaleTargetRef" in each.get("spec", {}):
            target = each["spec"]["scaleTargetRef"]
            yield target["kind"], target["name"]


def _find_selectors(part: object) -> Iterator[dict[str, str]]:
    """Yields the labels of every selector of pods, however deep."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "podSelector" or (key == "selector" and "kind" not in part):
                yield value.get("matchLabels", value)
            if key not in ("metric", "namespaceSelector"):
                yield from _find_selectors(value)
    elif isinstance(part, list):
        for each in part:
            yield from _find_selectors(each)
