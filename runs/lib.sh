# Read by the scripts of this folder: how a stage is run. Every stage prints its command, goes on where it was interrupted,
# and is passed over once it is done.
#
#   run VERB ARGUMENTS out=FOLDER [-- CHANGES]    a verb of unmask; what stands behind -- counts with --smoke alone
#   unmask VERB ARGUMENTS                         a verb that is over in a moment
#
# $out is the folder of all results: runs/, or with --smoke a temporary one. $model is the published model's id, or with
# --smoke a tiny fresh network of its family.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

smoke=false
out=runs
for argument in "$@"; do
  case $argument in
    --smoke) smoke=true ;;
    *)
      echo "$0: unknown argument $argument; there is --smoke: the same stages on a tiny network, in seconds" >&2
      exit 2
      ;;
  esac
done
if $smoke; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi

# Processes of a distillation: one a GPU.
gpus=${GPUS:-$({ nvidia-smi --list-gpus 2>/dev/null || true; } | wc -l)}

unmask() {
  echo "+ unmask $*" >&2
  node packages/unmask/bin/unmask.mjs "$@"
}

run() {
  local verb=$1 changes=false folder='' words=() resume=() start=()
  shift
  for word in "$@"; do
    if [ "$word" = -- ]; then
      $smoke || break
      changes=true
      continue
    fi
    $changes || case $word in out=*) folder=${word#out=} ;; esac
    words+=("$word")
  done
  [ ! -e "$folder/.done" ] || { echo "= $verb: $folder is done" >&2 && return; }
  case $verb in
    distill | train | eval | sweep) [ ! -d "$folder" ] || resume=(--resume) ;;
  esac
  case $verb in
    distill | rollout) [ "$gpus" -lt 2 ] || start=(launch --nproc "$gpus" --) ;;
  esac
  unmask "${start[@]}" "$verb" "${words[@]}" "${resume[@]}"
  touch "$folder/.done"
}

# begin FAMILY MODEL [LENGTH]: names $model; with --smoke also $prompts, $texts and $judge.
begin() {
  model=$2
  $smoke || return 0
  prompts=$out/prompts.jsonl
  texts=$out/texts.txt
  judge=$out/judge
  model=$out/fresh/model
  for n in 1 2 3 4; do echo "{\"prompt\": \"$n + $n?\", \"response\": \"#### 4\", \"answer\": \"4\"}"; done >"$prompts"
  for n in 1 2 3 4 5 6; do echo "The house number $n stands on the other side of the street and is white."; done >"$texts"
  local data=$prompts
  [ "$1" != mdlm ] || data=$texts
  unmask train "data.path=$data" data.held_out=0 "model.family=$1" model.hidden_size=16 model.blocks=1 model.heads=2 \
    "model.length=${3:-512}" train.steps=1 train.batch_size=2 train.evaluate_every=0 "out=$out/fresh" >/dev/null
  echo '{% for m in messages %}{{ m.content }}{% endfor %}' >"$model/chat_template.jinja"
  cp -r packages/unmask/test/parity/fixtures/gpt2/model "$judge"
  cp "$model"/tokenizer*.json "$judge"
}

# d3llm NAME TASK...: the stages of d3LLM for rollout-, d3llm- and sweep-NAME.yaml.
d3llm() {
  local name=$1 changes=() small=(device=cpu dtype=float32) student=$out/d3llm-$1 task who weights
  shift
  for task in "$@"; do
    ! $smoke || changes+=("tasks.${#changes[@]}.data=$(questions "$task")")
  done
  run rollout "recipes/rollout-$name.yaml" "model=$model" "out=$out/rollout-$name" -- "${small[@]}" "data.path=$prompts" \
    data.prompt_field=prompt data.gold_field=answer keep.unverified=keep_last max_new_tokens=32 ${steps:+decoder_options.steps=$steps}
  run distill "recipes/d3llm-$name.yaml" "model.path=$model" "trajectories.path=$out/rollout-$name" "out=$student" -- \
    "${small[@]}" train.steps=2 train.batch_size=2 train.micro_batch_size=2
  if grep -q "^adapter:" "recipes/d3llm-$name.yaml"; then
    [ -d "$student-merged" ] || unmask merge --model "$model" --adapter "$student" --out "$student-merged"
    student=$student-merged
  fi
  changes+=(max_new_tokens=32 num_fewshot=0 "sweep.0.values=[32]" "sweep.1.values=[0.5]")
  for who in teacher student; do
    [ $who = teacher ] && weights=$model || weights=$student
    run sweep "recipes/sweep-$name.yaml" "model=$weights" "sweep.0.method=$who-vanilla" "sweep.1.method=$who-d3llm" \
      "out=$out/sweep-$name-$who" -- "${small[@]}" "${changes[@]}"
  done
  unmask aup "$out/sweep-$name-teacher/curves.yaml" "$out/sweep-$name-student/curves.yaml"
}

# questions TASK: with --smoke, a file with one document for it.
questions() {
  local file=$out/$1.jsonl
  case $1 in
    *gsm8k*) echo '{"question": "2 + 2?", "answer": "#### 4"}' ;;
    *math*) echo '{"problem": "2 + 2?", "solution": "\\boxed{4}", "answer": "4", "subject": "Algebra", "level": 1, "type": "Algebra", "unique_id": "1"}' ;;
    *humaneval*) echo '{"task_id": "HumanEval/0", "prompt": "def f(x):\n", "entry_point": "f", "canonical_solution": "", "test": "def check(f):\n    assert f(1) == 1\n"}' ;;
    *mbpp*) echo '{"task_id": 11, "text": "The same number.", "code": "", "test_list": ["assert f(1) == 1"], "test_setup_code": "", "challenge_test_list": []}' ;;
  esac >"$file"
  echo "$file"
}
