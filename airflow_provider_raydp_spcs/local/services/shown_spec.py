"""A specification as DESCRIBE SERVICE shows it: normalised, with defaults filled in (SPCS reference 2.4, 3.2)."""

from __future__ import annotations

from typing import Any

from airflow_provider_raydp_spcs.local.services.rows import image_digest, image_url
from airflow_provider_raydp_spcs.spcs.instance_families import InstanceFamily
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification


def shown(specification: ServiceSpecification, family: InstanceFamily, registry: str) -> str:
    """The YAML text: begins with ``---``, texts in double quotes.

    :param family: of the pool, whose nodes bound what is not limited.
    :param registry: host of the images' registry.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            del indentless
            super().increase_indent(flow, indentless=False)

    def mapping(dumper: Any, value: dict[str, Any]) -> Any:
        # Keys stay plain, texts among the values do not.
        pairs = [
            (dumper.represent_scalar("tag:yaml.org,2002:str", str(key)), dumper.represent_data(each))
            for key, each in value.items()
        ]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=False)

    Dumper.add_representer(dict, mapping)
    Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    whole = _filled(specification.to_mapping(), specification, family, registry)
    text: str = yaml.dump(whole, Dumper=Dumper, explicit_start=True, sort_keys=False, width=10_000)
    return text


def _filled(
    whole: dict[str, Any], specification: ServiceSpecification, family: InstanceFamily, registry: str
) -> dict[str, Any]:
    spec = whole["spec"]
    spec["containers"] = [_container(each, family, registry) for each in spec["containers"]]
    for written, endpoint in zip(spec.get("endpoints", ()), specification.endpoints, strict=True):
        written.setdefault("protocol", endpoint.protocol)
        written["public"] = endpoint.public
    return whole


def _container(written: dict[str, Any], family: InstanceFamily, registry: str) -> dict[str, Any]:
    image = str(written["image"])
    resources = written.get("resources", {})
    limits = {"memory": f"{family.memory_gib}Gi", "cpu": str(family.vcpus), **resources.get("limits", {})}
    requests = {"memory": "0.5Gi", "cpu": "0.5", **resources.get("requests", {})}
    digest = f"@{image_digest(image)}"
    found = {"name": written["name"], "image": image_url(image, registry), "sha256": digest, **written}
    return {**found, "image": image_url(image, registry), "resources": {"limits": limits, "requests": requests}}
