"""Loads a model folder and an adapter as transformers and PEFT do, and writes both back.

load.py FOLDER: reads FOLDER/model, FOLDER/adapter and FOLDER/ids.json, writes FOLDER/back and
FOLDER/back-adapter, and prints the logits of each after every token.
"""
import json
import pathlib
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

folder = pathlib.Path(sys.argv[1])
ids = torch.tensor([json.loads((folder / "ids.json").read_text())])
torch.set_num_threads(1)
torch.manual_seed(1)


def base():
    return AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32, output_loading_info=True)


def logits(model):
    with torch.no_grad():
        return model.eval()(ids).logits[0].double().tolist()


model, info = base()
out = dict(unfit=sorted(str(x) for k in info for x in (info[k] or [])), plain=logits(model))
model.save_pretrained(folder / "back")
adapted = PeftModel.from_pretrained(model, folder / "adapter")
out["adapted"] = logits(adapted)
out["adapters"] = sum("lora_" in n for n, _ in adapted.named_parameters())
theirs = get_peft_model(base()[0], LoraConfig(r=3, lora_alpha=7, target_modules=["q_proj", "o_proj", "down_proj"], task_type="CAUSAL_LM"))
for name, p in theirs.named_parameters():
    if "lora_" in name:
        torch.nn.init.normal_(p, std=0.1)
theirs.save_pretrained(folder / "back-adapter")
out["theirs"] = logits(theirs)
print(json.dumps(out))
