# Reads a sample file with what the evaluation harness itself has for that: its
# schema, its parser of file names, its hashes; then lets it write the same
# samples: lmeval.py FILE OUT.
import json
import sys
from pathlib import Path

import datasets
from lm_eval.loggers.evaluation_tracker import EvaluationTracker
from lm_eval.result_schema import SampleResult
from lm_eval.utils import get_file_datetime, get_file_task_name, get_sample_results_filenames, hash_string

path, out = sys.argv[1:]
lines = [json.loads(line) for line in open(path, encoding="utf-8")]
hashes = all(
    s["doc_hash"] == hash_string(json.dumps(s["doc"], indent=2, ensure_ascii=False))
    and s["prompt_hash"] == hash_string(s["arguments"]["gen_args_0"]["arg_0"])
    and s["target_hash"] == hash_string(s["target"])
    for s in lines
)
tracker = EvaluationTracker(output_path=out)
tracker.general_config_tracker.model_name_sanitized = "model"
tracker.date_id = get_file_datetime(Path(path).name)
tracker.save_results_samples(
    get_file_task_name(Path(path).name),
    [dict(s, arguments=[tuple(a.values()) for a in s["arguments"].values()]) for s in lines],
)
again = next(Path(out).rglob("samples_*.jsonl"))
table = datasets.load_dataset("json", data_files=path, split="train")
print(json.dumps({
    "listed": get_sample_results_filenames([path]) == [path],
    "task": get_file_task_name(Path(path).name),
    "name": again.name == Path(path).name,
    "missing": sorted(set(SampleResult.__required_keys__) - set(lines[0])),
    "hashes": hashes,
    "same": [json.loads(line) for line in open(again, encoding="utf-8")] == lines,
    "rows": table.num_rows,
    "exact_match": sum(table["exact_match"]),
}))
