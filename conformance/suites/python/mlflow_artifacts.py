"""MLflow's runs, their artifacts in S3."""

from pathlib import Path

import mlflow  # type: ignore[import-not-found]  # another venv
from mlflow.store.artifact.artifact_repository_registry import (  # type: ignore[import-not-found]
    get_artifact_repository,
)

from conformance.suites.python.asked import MIB, content, main


def artifacts(bucket: str) -> None:
    """The endpoint is in MLFLOW_S3_ENDPOINT_URL."""
    mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/runs.db")
    experiment = mlflow.create_experiment("e", artifact_location=f"s3://{bucket}/mlflow")
    Path("model.bin").write_bytes(content(12 * MIB))
    with mlflow.start_run(experiment_id=experiment) as started:
        mlflow.log_text("text é", "notes/a b.txt")
        mlflow.log_dict({"a": 1}, "parameters.json")
        mlflow.log_artifact("model.bin")
    run = started.info
    listed = mlflow.artifacts.list_artifacts(run_id=run.run_id)
    assert {each.path: each.file_size for each in listed} == {
        "model.bin": 12 * MIB,
        "notes": None,
        "parameters.json": len(mlflow.artifacts.load_text(f"{run.artifact_uri}/parameters.json")),
    }
    folder = Path(mlflow.artifacts.download_artifacts(run_id=run.run_id, dst_path="down"))
    assert (folder / "model.bin").read_bytes() == content(12 * MIB)
    assert (folder / "notes/a b.txt").read_text() == "text é"
    repository = get_artifact_repository(run.artifact_uri)
    repository.delete_artifacts("notes")
    assert {each.path for each in repository.list_artifacts()} == {"model.bin", "parameters.json"}


if __name__ == "__main__":
    main({"artifacts": artifacts})
