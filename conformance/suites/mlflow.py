"""MLflow (mlflow-skinny with a tracking database), from PyPI."""

from pathlib import Path

from conformance.building import python_packages
from conformance.outcome import Suite
from conformance.scripted import module, scripted

_PINS = Path(__file__).resolve().parent / "python/mlflow.txt"

SUITE = Suite(
    name="mlflow",
    version="pins in suites/python/mlflow.txt",
    build=lambda folder: python_packages(_PINS, folder),
    cases=scripted(
        module("mlflow_artifacts"), {"artifacts": "log, list, download and delete artifacts"}
    ),
)
