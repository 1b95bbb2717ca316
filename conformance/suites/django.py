"""Django with django-storages and easy-thumbnails, from PyPI."""

from pathlib import Path

from conformance.building import python_packages
from conformance.outcome import Suite
from conformance.scripted import module, scripted

_PINS = Path(__file__).resolve().parent / "python/django.txt"
_CASES = {
    "files": "uploads, names that are taken, links",
    "large": "large files in parts, reads from the middle",
    "static": "collectstatic with hashed names",
    "thumbnails": "thumbnails of pictures",
}

SUITE = Suite(
    name="django",
    version="pins in suites/python/django.txt",
    build=lambda folder: python_packages(_PINS, folder),
    cases=scripted(module("django_storage"), _CASES),
)
