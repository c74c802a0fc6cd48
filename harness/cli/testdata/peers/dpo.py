# Trains two steps of DPO with TRL on a checkpoint and a preference file that we
# exported, and prints the losses: dpo.py MODEL PREFERENCES SCRATCH.
import json
import sys

import datasets
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

model, preferences, scratch = sys.argv[1:]
trainer = DPOTrainer(
    model=AutoModelForCausalLM.from_pretrained(model),
    ref_model=AutoModelForCausalLM.from_pretrained(model),
    processing_class=AutoTokenizer.from_pretrained(model),
    train_dataset=datasets.load_dataset("json", data_files=preferences, split="train"),
    args=DPOConfig(output_dir=scratch, max_steps=2, per_device_train_batch_size=4, logging_steps=1, learning_rate=1e-3,
                   use_cpu=True, bf16=False, report_to="none", save_strategy="no", seed=1),
)
trainer.train()
print("\n" + json.dumps([row["loss"] for row in trainer.state.log_history if "loss" in row]))
