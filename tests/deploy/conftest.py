"""The image, built once for the tests that run it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supply.image import Image, read_moment, write_base


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """Takes minutes: who asks for it is in the xdist group `image`, which is one process."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("mmdebstrap", "buildah", "podman"))):
        assert not os.environ.get("CI"), "buildah, mmdebstrap or podman is not here, or no root"
        pytest.skip("an image is built by root, with buildah, mmdebstrap and podman")
    # In memory, for a disk takes longest of all; podman takes no path of more than 50 letters.
    folder = Path(tempfile.mkdtemp(prefix="maalem-image-", dir="/dev/shm"))
    try:
        base = folder / "base.tar"
        write_base(base, read_moment())
        image = Image(folder, read_moment())
        built = image.build(base)
        # Twice takes too long for each change: IMAGE_BUILDS=2 says that both are the same.
        for number in range(1, int(os.environ.get("IMAGE_BUILDS", "1"))):
            again = folder / str(number)
            again.mkdir()
            write_base(again / "base.tar", read_moment())
            assert Image(again, read_moment()).build(again / "base.tar") == built
            shutil.rmtree(again)
        yield image
    finally:
        shutil.rmtree(folder)
