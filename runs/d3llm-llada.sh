#!/usr/bin/env bash
# d3LLM on LLaDA-8B-Instruct (arXiv 2601.07568): right answers of the teacher recorded, LoRA of rank 256, the adapter merged,
# and accuracy over tokens a forward of teacher and student on d3LLM's five tasks. Published on 4 GPUs. `--smoke`: the same
# stages on a tiny network.
source "$(dirname "$0")/lib.sh"
begin llada GSAI-ML/LLaDA-8B-Instruct
d3llm llada gsm8k_cot_zeroshot minerva_math d3llm_llada_humaneval mbpp gsm8k_long
