#!/bin/bash
#PBS -N cvflow
#PBS -l select=32:ncpus=1
#PBS -l walltime=12:00:00

# qsub -v config=config.toml,run=run pbs.sh
#
# A Dask scheduler, a worker for each chunk of the job, and the run on them. Where the time is over before the run is done
# the job asks for itself again and the run goes on. As many chunks as the config has walkers are of use.
set -eu
: "${script:=pbs.sh}" # the queue runs a copy of this file under another name
cd "$PBS_O_WORKDIR"
mkdir -p "$run"
scheduler=$run.scheduler.json
rm -f "$scheduler"
export OMP_NUM_THREADS=1

dask scheduler --scheduler-file "$scheduler" --no-dashboard --port 0 > "$run.scheduler.log" 2>&1 &
until [ -s "$scheduler" ]; do kill -0 $!; sleep 1; done
# pbsdsh begins with an empty environment.
pbsdsh -- env PATH="$PATH" OMP_NUM_THREADS=1 "$(command -v dask)" worker --scheduler-file "$PWD/$scheduler" \
    --nthreads 1 --no-dashboard --death-timeout 60 --local-directory "${TMPDIR:-/tmp}" > "$run.workers.log" 2>&1 &
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT

code=0
if [ -e "$run/run.h5" ]; then
    cvflow resume "$run" --scheduler "$scheduler" --wall-time 11:50:00 --quiet || code=$?
else
    cvflow run "$config" --out "$run" --scheduler "$scheduler" --wall-time 11:50:00 --quiet || code=$?
fi
if [ $code -eq 75 ]; then
    qsub -v config="$config",run="$run" "$script"
fi
exit $code
