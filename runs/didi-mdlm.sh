#!/usr/bin/env bash
# DiDi-Instruct on MDLM and OpenWebText (haoyangzheng-ai/didi-instruct): distillation without trajectories, and perplexity with
# entropy of what teacher and student write in 8 to 128 forwards. About an hour on one H100. `--smoke`: the same stages on a
# tiny network.
source "$(dirname "$0")/lib.sh"
begin mdlm kuleshov-group/mdlm-owt 32

small=(device=cpu dtype=float32)
run distill recipes/didi-mdlm.yaml "model.path=$model" "out=$out/didi-mdlm" -- \
  "${small[@]}" "data.path=$texts" data.stream=false length=32 train.steps=2 train.batch_size=2 \
  distill.discriminator_unfreeze_blocks=1
for who in teacher student; do
  weights=$model
  [ $who = teacher ] || weights=$out/didi-mdlm
  run sweep recipes/sweep-mdlm.yaml "model=$weights" "out=$out/sweep-$who" -- \
    "${small[@]}" "sweep.0.values=[4]" limit=2 tasks.0.max_new_tokens=32 "judge=$judge"
done
