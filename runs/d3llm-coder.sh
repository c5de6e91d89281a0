#!/usr/bin/env bash
# d3LLM on Dream-Coder-v0-Instruct-7B (arXiv 2601.07568): the teacher's programs recorded, all weights trained, and accuracy
# over tokens a forward of teacher and student on HumanEval and MBPP. The published prompts have no public id: put questions
# ({"question": ...}, one a line) into coder-questions.jsonl. `--smoke`: the same stages on a tiny network.
source "$(dirname "$0")/lib.sh"
begin dream Dream-org/Dream-Coder-v0-Instruct-7B
d3llm coder humaneval_instruct mbpp_instruct
