"""What a release and an environment add to objects: images in place of their keys, and the component's namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deployments.renderers.base import Rendered, RenderError, RenderRequest
from deployments.renderers.objects import (
    PINNED,
    Object,
    ObjectRefused,
    annotations_of,
    containers_of,
    files_of,
    images_of,
    title,
)

HELM_HOOK = "helm.sh/hook"

# Kinds without a namespace that no other manifest of the component describes.
_CLUSTER_WIDE = frozenset(
    """APIService CSIDriver CSINode CertificateSigningRequest ClusterExternalSecret ClusterIssuer ClusterRole
    ClusterRoleBinding ClusterSecretStore CustomResourceDefinition DeviceClass FlowSchema GatewayClass IngressClass
    MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration Namespace Node PersistentVolume
    PriorityClass PriorityLevelConfiguration RuntimeClass StorageClass ValidatingAdmissionPolicy
    ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment VolumeAttributesClass""".split()
)


def component_images(request: RenderRequest) -> dict[str, str]:
    """The release's images that the component lists, by key; raises RenderError for one missing or without a digest."""
    component = request.component
    missing = [key for key in component.images if key not in request.images]
    if missing:
        message = f"The release has no image for {', '.join(missing)}."
        raise RenderError(component.name, message, "Create a release that names it.")
    for key in component.images:
        if not PINNED.match(request.images[key]):
            message = f"The image {key} is “{request.images[key]}”, which has no sha256 digest."
            raise RenderError(component.name, message, "Name it as registry/name@sha256:….")
    return {key: request.images[key] for key in component.images}


def placed(
    request: RenderRequest, images: Mapping[str, str], objects: list[Object], namespace: str, reads: frozenset[str]
) -> Rendered:
    """The files of the objects, with images put in, and the namespace ("" for none) where they name none; both checked."""
    refuse_hooks(objects)
    put_images(objects, images)
    put_namespace(objects, namespace)
    files = files_of(request.component.name, objects)
    check_images(request, images, objects)
    return Rendered(files, reads)


def check_images(request: RenderRequest, images: Mapping[str, str], objects: list[Object]) -> None:
    """Raise where an image that the catalog lists is used by no container, or a container's image has no digest."""
    rendered = images_of(objects)
    unused = [key for key, image in images.items() if image not in rendered]
    if unused:
        message = f"No container has the image {', '.join(unused)}, which the catalog lists."
        raise RenderError(request.component.name, message, "Name a container's image by this key, or remove it there.")


def put_images(objects: Iterable[Object], images: Mapping[str, str]) -> None:
    """Replace each container's image that has a key's name (with any tag or digest) by the release's image."""
    for container in containers_of(list(objects)):
        image = container.get("image")
        if isinstance(image, str) and (key := _name_of(image)) in images:
            container["image"] = images[key]


def put_namespace(objects: Iterable[Object], namespace: str) -> None:
    """Give every object that belongs into a namespace and names none the component's, as `helm install` would."""
    listed = list(objects)
    cluster_wide = _CLUSTER_WIDE | {kind for item in listed for kind in _defined_cluster_wide(item)}
    for item in listed:
        metadata = item.get("metadata")
        if namespace and isinstance(metadata, dict) and item.get("kind") not in cluster_wide:
            metadata.setdefault("namespace", namespace)


def refuse_hooks(objects: Iterable[Object]) -> None:
    """Raise ObjectRefused for Helm's hooks: whoever reads files from Git installs nothing with Helm."""
    for item in objects:
        if HELM_HOOK in annotations_of(item):
            message = (
                f"{title(item)} is a Helm hook ({annotations_of(item)[HELM_HOOK]}), and Helm installs nothing here."
            )
            raise ObjectRefused(message, "Use the annotation argocd.argoproj.io/hook, or make it an ordinary object.")


def _name_of(image: str) -> str:
    """An image without digest and tag."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]


def _defined_cluster_wide(item: Object) -> Iterable[str]:
    spec = item.get("spec")
    if item.get("kind") == "CustomResourceDefinition" and isinstance(spec, Mapping) and spec.get("scope") == "Cluster":
        names = spec.get("names")
        yield str(names.get("kind")) if isinstance(names, Mapping) else ""
