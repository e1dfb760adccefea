"""Whose certificates a client takes."""

from __future__ import annotations

import os
import re

Verify = bool | str | os.PathLike[str]
"""True, False, or the path of certificates in PEM form: a file, or a directory of files."""


def certificates(verify: Verify) -> list[str]:
    """The files of certificates to trust; none of them stands for the system's."""
    if verify is True:
        verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    if isinstance(verify, bool):
        return []
    path = os.fspath(verify)
    if os.path.isdir(path):
        # Directories made by `c_rehash` hold links such as 5ed36f99.0.
        names = sorted(name for name in os.listdir(path) if re.search(r"\.(pem|crt|cer|\d+)$", name))
        if not names:
            raise OSError(f"Could not find a suitable TLS CA certificate bundle, no certificates in directory: {path}")
        return [os.path.join(path, name) for name in names]
    if not os.path.exists(path):
        raise OSError(f"Could not find a suitable TLS CA certificate bundle, invalid path: {path}")
    return [path]
