#!/usr/bin/env bash
# On a machine with a GPU and without a network, in a copy of this folder with what `make gpu-kit` has made:
#
#     bash bench/gpu.sh MINUTES OUT [STEP...]
#
# STEP: tests (pytest -m gpu), bench (mixed precision and one compiled graph), rows (of the paper profile, in order of
# worth, until MINUTES are up); all three if none is named. OUT gets a log, a summary and the finished cells, at most
# 8 files of 16 MiB: `make import-cells FROM=OUT` takes them elsewhere. What did not fit into OUT is packed by the next
# call on the same machine, and a row that was stopped goes on there; 0 minutes pack alone.
#
# JOBS: seeds side by side (5). ROWS: rows instead of the kit's, whose data must be there. PYTHON: the interpreter that has torch.
# Without a GPU everything runs on the processor, as a trial: `CUDA_VISIBLE_DEVICES= ROWS=digits_mlp bash bench/gpu.sh 1 OUT rows`.
set -eu -o pipefail
minutes=${1:?minutes} out=${2:?a folder for what comes of it}
shift 2
python=${PYTHON:-python3}
site=${TMPDIR:-/tmp}/gpu-kit-packages
"$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-index --no-deps --no-compile --no-cache-dir \
  --upgrade --target "$site" .gpu-kit/wheels/*.whl
export PYTHONPATH=$site PYTHONUNBUFFERED=1
unset PYTHONDONTWRITEBYTECODE
if [ -z "${CUDA_VISIBLE_DEVICES+set}" ]; then
  CUDA_VISIBLE_DEVICES=$(nvidia-smi --query-gpu=index --format=csv,noheader 2> /dev/null | paste -sd, || true)
  export CUDA_VISIBLE_DEVICES
fi
mkdir -p "$out"
exec "$python" -m bench.gpu "$minutes" "$out" "$@" 2>&1 | tee -a "$out/log.txt"
