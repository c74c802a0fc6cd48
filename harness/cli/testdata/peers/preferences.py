# Prints what datasets and TRL make of a preference file: its columns, whether
# TRL takes it for conversations, the rows after its own extraction of prompts,
# and the rows as its formatting for unpaired losses gives them.
import json
import sys

import datasets
from trl import data_utils as trl

rows = datasets.load_dataset("json", data_files=sys.argv[1], split="train")
first = rows[0]
explicit = rows.map(trl.maybe_extract_prompt)
unpaired = trl.maybe_unpair_preference_dataset(rows.remove_columns("weight"))
print(json.dumps({
    "columns": {n: str(f.dtype) for n, f in rows.features.items()},
    "conversational": trl.is_conversational(first),
    "rows": [explicit[i] for i in range(len(explicit))],
    "unpaired": [len(unpaired), sorted(unpaired.column_names)],
}))
