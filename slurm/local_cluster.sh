#!/usr/bin/env bash
# A real Slurm of two nodes on this one machine, for tests and for trying out batch scripts.
# It keeps to one folder, with a munge of its own, and touches no Slurm that the machine has.
set -euo pipefail

readonly HELP="usage: slurm/local_cluster.sh start|stop|status|env

start   install Slurm and munge if need be (Debian and Ubuntu, as root), start the cluster, and wait
        until both nodes are idle
stop    cancel all jobs and end the cluster
status  show nodes and jobs
env     print the variable that sbatch, srun, squeue and scancel need:
            eval \"\$(slurm/local_cluster.sh env)\"

LRET_CLUSTER is the folder that it keeps to; default: /tmp/lret-cluster.
Exit codes: 3 where Slurm is not installed and cannot be, 2 for any other failure."

readonly ROOT=${LRET_CLUSTER:-/tmp/lret-cluster}
# Slurm loads PMIx by the name that only libpmix-dev brings.
readonly PACKAGES=(slurm-wlm munge libpmix-dev)
readonly NODES=(n1 n2)
readonly CONTROLLER_PORT=17000
export SLURM_CONF=$ROOT/slurm.conf
# Debian installs the daemons where only root looks for commands.
export PATH=$PATH:/usr/sbin:/sbin

main() {
  case "${1-}" in
  start) start ;;
  stop) stop ;;
  status) need_cluster && sinfo --Node && squeue ;;
  env) need_cluster && show_env ;;
  *) fail 2 "$HELP" ;;
  esac
}

need_cluster() {
  is_running "$ROOT/slurmctld.pid" || fail 2 "slurm/local_cluster.sh: no cluster runs in $ROOT: start one first"
}

start() {
  if is_running "$ROOT/slurmctld.pid"; then
    echo "Slurm runs already. In this shell: $(show_env)"
    return
  fi
  ((EUID == 0)) || fail 3 "slurm/local_cluster.sh: start needs root: slurmd runs jobs as their users"
  install_packages
  stop_daemons
  make_folder
  write_configuration
  start_munge
  slurmctld
  for node in "${NODES[@]}"; do slurmd -N "$node"; done
  wait_for_nodes
  echo "Slurm runs on the nodes ${NODES[*]}. In this shell: $(show_env)"
}

stop() {
  if is_running "$ROOT/slurmctld.pid"; then
    for partition in batch urgent; do timeout 20 scancel --partition="$partition" || true; done
    await 20 no_jobs || echo "slurm/local_cluster.sh: some jobs did not end" >&2
  fi
  stop_daemons
  rm -rf "$ROOT"
}

install_packages() {
  is_installed && return
  command -v apt-get >/dev/null ||
    fail 3 "slurm/local_cluster.sh: Slurm, munge or PMIx is missing, and there is no apt-get"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install -y --no-install-recommends "${PACKAGES[@]}"; } >"$ROOT-apt.log" 2>&1 ||
    fail 3 "slurm/local_cluster.sh: apt-get cannot install ${PACKAGES[*]}: $(tail -n 3 "$ROOT-apt.log")"
}

is_installed() {
  local program
  for program in slurmctld slurmd munged srun; do command -v "$program" >/dev/null || return 1; done
  ldconfig -p | grep -q 'libpmix\.so '
}

make_folder() {
  mkdir -p "$ROOT"/{munge,state}
  for node in "${NODES[@]}"; do mkdir -p "$ROOT/spool/$node" "$ROOT/tmp/$node"; done
  chmod 755 "$ROOT"
  chmod 1777 "$ROOT"/tmp/*
  dd if=/dev/urandom of="$ROOT/munge/key" bs=1024 count=1 status=none
  # munged takes neither a key nor a folder that others could read or replace.
  chown -R munge: "$ROOT/munge"
  chmod 400 "$ROOT/munge/key"
  chmod 711 "$ROOT/munge"
}

write_configuration() {
  local host memory
  host=$(hostname -s)
  getent hosts "$host" >/dev/null || echo "127.0.0.1 $host" >>/etc/hosts
  memory=$(awk '/^MemTotal/ { print int($2 / 1024 / 2) }' /proc/meminfo)
  cat >"$SLURM_CONF" <<CONF
ClusterName=lret
SlurmctldHost=$host
SlurmctldPort=$CONTROLLER_PORT
# MPI libraries name shared memory by the job: what killed jobs have left must not be met again.
FirstJobId=$(($(date +%s) % 50000000 + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$ROOT/munge/socket
StateSaveLocation=$ROOT/state
SlurmctldPidFile=$ROOT/slurmctld.pid
SlurmctldLogFile=$ROOT/slurmctld.log
SlurmdPidFile=$ROOT/slurmd-%n.pid
SlurmdLogFile=$ROOT/slurmd-%n.log
SlurmdSpoolDir=$ROOT/spool/%n
# Each node keeps the files of PMIx in a folder of its own: both would make one of the same name.
TmpFS=$ROOT/tmp/%n
# Jobs are neither bound to cores nor held to their memory: a container may do neither.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
# Jobs are started as soon as they can be, in the order that they came in.
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=$((memory / 4))
# A job of the partition "urgent" takes the place of one of "batch", which is put back in the queue.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
NodeName=${NODES[0]} NodeHostname=$host NodeAddr=127.0.0.1 Port=$((CONTROLLER_PORT + 1)) CPUs=2 RealMemory=$memory
NodeName=${NODES[1]} NodeHostname=$host NodeAddr=127.0.0.1 Port=$((CONTROLLER_PORT + 2)) CPUs=2 RealMemory=$memory
PartitionName=batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
}

start_munge() {
  runuser -u munge -- munged \
    --key-file="$ROOT/munge/key" --socket="$ROOT/munge/socket" --pid-file="$ROOT/munge/munged.pid" \
    --log-file="$ROOT/munge/munged.log" --seed-file="$ROOT/munge/munged.seed"
}

wait_for_nodes() {
  await 30 all_idle && return
  tail -n 20 "$ROOT"/*.log >&2
  fail 2 "slurm/local_cluster.sh: the nodes did not come up; the ends of the logs are above"
}

all_idle() { [[ $(sinfo --noheader --Node --partition=batch --states=idle 2>/dev/null | wc -l) -eq ${#NODES[@]} ]]; }

no_jobs() { [[ -z $(squeue --noheader 2>/dev/null) ]]; }

# Repeat a command until it succeeds, for so many seconds.
await() {
  local end=$((SECONDS + $1))
  until "$2"; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

stop_daemons() {
  local file pid
  for file in "$ROOT"/slurmd-*.pid "$ROOT/slurmctld.pid" "$ROOT/munge/munged.pid"; do
    is_running "$file" || continue
    pid=$(<"$file")
    kill "$pid"
    for _ in {1..100}; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
}

is_running() { [[ -s $1 ]] && kill -0 "$(<"$1")" 2>/dev/null; }

show_env() { echo "export SLURM_CONF='$SLURM_CONF'"; }

# Say what is wrong, and end with a code.
fail() {
  echo "$2" >&2
  exit "$1"
}

main "$@"
