"""Renders conversations by a chat template, as transformers does: chat.py TEMPLATE CONVERSATIONS."""
import json
import pathlib
import sys

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

template = pathlib.Path(sys.argv[1]).read_text()
t = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
print(json.dumps([t.apply_chat_template(c["messages"], chat_template=template, tokenize=False, add_generation_prompt=c["generate"])
                  for c in json.loads(pathlib.Path(sys.argv[2]).read_text())]))
