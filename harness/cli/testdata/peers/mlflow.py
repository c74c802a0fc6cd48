# Prints what MLflow's client reads of an experiment: mlflow.py URI NAME.
import json
import os
import sys

from mlflow import MlflowClient

client = MlflowClient(sys.argv[1])
experiment = client.get_experiment_by_name(sys.argv[2])
runs = {}
for run in client.search_runs([experiment.experiment_id]):
    loss = client.get_metric_history(run.info.run_id, "train/loss")
    runs[run.info.run_name] = {
        "status": run.info.status,
        "parent": run.data.tags.get("mlflow.parentRunId"),
        "id": run.info.run_id,
        "commit": run.data.tags.get("mlflow.source.git.commit"),
        "params": run.data.params,
        "metrics": {k: str(v) for k, v in run.data.metrics.items()},
        "loss": [[m.step, str(m.value)] for m in sorted(loss, key=lambda m: m.step)],
        "timed": all(m.timestamp > 0 for m in loss),
        "artifacts": sorted(a.path for a in client.list_artifacts(run.info.run_id)),
        "results": None,
    }
    if any(a == "results.json" for a in runs[run.info.run_name]["artifacts"]):
        local = client.download_artifacts(run.info.run_id, "results.json", os.environ["SCRATCH"])
        runs[run.info.run_name]["results"] = open(local, encoding="utf-8").read()
print(json.dumps(runs))
