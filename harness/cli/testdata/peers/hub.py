# Finds a model in the local cache with Hugging Face's own tools, without network.
import json
import sys

from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoTokenizer

where = snapshot_download(sys.argv[1], local_files_only=True)
print(json.dumps({
    "where": where,
    "hidden": AutoConfig.from_pretrained(sys.argv[1], local_files_only=True).hidden_size,
    "ids": AutoTokenizer.from_pretrained(sys.argv[1], local_files_only=True)("3 + 4")["input_ids"],
}))
