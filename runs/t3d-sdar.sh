#!/usr/bin/env bash
# T3D on SDAR-4B-Chat (arXiv 2602.12262): the teacher's trajectories on MATH's training questions, distillation, and
# accuracy of teacher and student at 1, 2 and 4 tokens a forward on MATH-500, GSM8K, MBPP and HumanEval, in blocks of 4
# and of 8. Published on 8 GPUs of 40 GB. `--smoke`: the same stages on a tiny network.
source "$(dirname "$0")/lib.sh"
begin sdar JetLM/SDAR-4B-Chat

small=(device=cpu dtype=float32)
run rollout recipes/rollout-sdar.yaml "model=$model" "out=$out/rollout-sdar" -- \
  "${small[@]}" "data.path=$prompts" data.prompt_field=prompt data.gold_field=answer max_new_tokens=8
run distill recipes/t3d-sdar.yaml "model.path=$model" "trajectories.path=$out/rollout-sdar" "out=$out/t3d-sdar" -- \
  "${small[@]}" weights=float32 train.steps=2 train.batch_size=2

tasks=(t3d_math500 t3d_gsm8k t3d_mbpp t3d_humaneval)
for who in teacher student; do
  weights=$model
  [ $who = teacher ] || weights=$out/t3d-sdar
  changes=("${small[@]}" max_new_tokens=8 "sweep.0.values=[2]")
  for at in "${!tasks[@]}"; do
    ! $smoke || changes+=("tasks.$at.data=$(questions "${tasks[$at]}")")
  done
  for block in 4 8; do
    run sweep "recipes/sweep-sdar-block$block.yaml" "model=$weights" "sweep.0.method=$who-block$block" \
      "out=$out/sweep-$who-block$block" -- "${changes[@]}"
  done
done
unmask aup "$out"/sweep-{teacher,student}-block{4,8}/curves.yaml
