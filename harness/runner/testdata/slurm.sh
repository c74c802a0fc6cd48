#!/bin/sh
# A one-node Slurm in a folder, for tests and CI: no root, no systemd, no munge.
#   slurm.sh start DIR [PORT]   prints the value for SLURM_CONF when the node is idle
#   slurm.sh stop DIR
# Tried with slurm-wlm 22.05 (Debian 12). On Debian:
#   apt-get install --no-install-recommends slurmctld slurmd slurm-client
set -eu
dir=$2
conf=$dir/slurm.conf
case $1 in
start)
	port=${3:-16817}
	me=$(id -un)
	host=$(hostname -s)
	mkdir -p "$dir/state" "$dir/spool"
	# Two GPUs that are none: Slurm only counts their device files.
	printf 'Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n' >"$dir/gres.conf"
	cat >"$conf" <<-TXT
	ClusterName=hardneg
	SlurmctldHost=$host(127.0.0.1)
	SlurmUser=$me
	SlurmdUser=$me
	SlurmctldPort=$port
	SlurmdPort=$((port + 1))
	AuthType=auth/none
	CredType=cred/none
	StateSaveLocation=$dir/state
	SlurmdSpoolDir=$dir/spool
	SlurmctldPidFile=$dir/slurmctld.pid
	SlurmdPidFile=$dir/slurmd.pid
	SlurmctldLogFile=$dir/slurmctld.log
	SlurmdLogFile=$dir/slurmd.log
	ProctrackType=proctrack/linuxproc
	TaskPlugin=task/none
	JobAcctGatherType=jobacct_gather/none
	AccountingStorageType=accounting_storage/none
	SelectType=select/cons_tres
	SelectTypeParameters=CR_Core
	SchedulerParameters=sched_interval=1,batch_sched_delay=0
	SwitchType=switch/none
	MpiDefault=none
	ReturnToService=2
	MinJobAge=10
	KillWait=2
	GresTypes=gpu
	NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) Gres=gpu:2 State=UNKNOWN
	PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
	TXT
	export SLURM_CONF="$conf"
	slurmctld -i
	slurmd
	for _ in $(seq 100); do
		[ "$(sinfo -h -o %t 2>/dev/null)" = idle ] && { echo "$conf"; exit 0; }
		sleep 0.1
	done
	echo "the node does not become idle:" >&2
	tail -5 "$dir/slurmctld.log" "$dir/slurmd.log" >&2
	exit 1 ;;
stop)
	for p in slurmd slurmctld; do
		[ -f "$dir/$p.pid" ] || continue
		pid=$(cat "$dir/$p.pid")
		kill "$pid" 2>/dev/null || continue
		for _ in $(seq 100); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
	done ;;
esac
