#!/usr/bin/env bash
# d3LLM on Dream-v0-Instruct-7B (arXiv 2601.07568): the teacher's answers recorded, LoRA of rank 256, the adapter merged, and
# accuracy over tokens a forward of teacher and student on d3LLM's five tasks. Published on 4 GPUs. `--smoke`: the same stages
# on a tiny network.
source "$(dirname "$0")/lib.sh"
begin dream Dream-org/Dream-v0-Instruct-7B
d3llm dream gsm8k_cot_zeroshot minerva_math d3llm_dream_mbpp_instruct d3llm_dream_humaneval_instruct gsm8k_long
