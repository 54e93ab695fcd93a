#!/bin/bash
#SBATCH --job-name=cvflow
#SBATCH --ntasks=32
#SBATCH --cpus-per-task=1
#SBATCH --time=12:00:00

# sbatch slurm.sh config.toml run
#
# A Dask scheduler, a worker for each task of the job, and the run on them. Where the time is over before the run is done
# the job asks for itself again and the run goes on. As many tasks as the config has walkers are of use.
set -eu
config=$1
run=$2
mkdir -p "$run"
scheduler=$run.scheduler.json
rm -f "$scheduler"
export OMP_NUM_THREADS=1

dask scheduler --scheduler-file "$scheduler" --no-dashboard --port 0 > "$run.scheduler.log" 2>&1 &
until [ -s "$scheduler" ]; do kill -0 $!; sleep 1; done
srun dask worker --scheduler-file "$scheduler" --nthreads 1 --no-dashboard --death-timeout 60 \
    --local-directory "${TMPDIR:-/tmp}" > "$run.workers.log" 2>&1 &
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT

code=0
if [ -e "$run/run.h5" ]; then
    cvflow resume "$run" --scheduler "$scheduler" --wall-time 11:50:00 --quiet || code=$?
else
    cvflow run "$config" --out "$run" --scheduler "$scheduler" --wall-time 11:50:00 --quiet || code=$?
fi
if [ $code -eq 75 ]; then
    sbatch "$0" "$config" "$run"
fi
exit $code
