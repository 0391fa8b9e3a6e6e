/** The configuration of a Slurm whose nodes are all on this machine. */
import { hostname } from 'node:os';
import { join } from 'node:path';

export interface SlurmOptions {
  /** How many node daemons; 1 if absent. */
  nodes?: number;
  /** Of each node; 8 if absent, however many this machine has. */
  cpus?: number;
  /** MB of each node; 8000 if absent. */
  memory?: number;
  /** Fake GPUs of each node, which jobs get as CUDA_VISIBLE_DEVICES; 2 if absent. */
  gpus?: number;
  /** Whether a job that takes more memory than it asked for is ended as OUT_OF_MEMORY. */
  confinesMemory?: boolean;
  /**
   * Gives the cluster a second partition, `urgent`, on the same nodes. Its jobs end those of `main` that are in their
   * way, after `graceSeconds` (0 if absent), and these are queued again or cancelled.
   */
  preemption?: { mode: 'REQUEUE' | 'CANCEL'; graceSeconds?: number };
  /** Further lines of slurm.conf. Where a setting stands twice, Slurm takes the last. */
  conf?: string[];
}

/** Where a cluster is, and what of this machine it takes. */
export interface SlurmPlace {
  directory: string;
  controllerPort: number;
  /** Names of the nodes with their ports. */
  nodes: { name: string; port: number }[];
}

export const MUNGE_SOCKET = 'munge/socket';
export const FAKE_GPU = 'dev/nvidia';

/** @returns the texts of slurm.conf, gres.conf and cgroup.conf */
export function slurmConf(place: SlurmPlace, options: SlurmOptions): Record<string, string> {
  const { cpus = 8, memory = 8_000, gpus = 2, confinesMemory = false, preemption, conf = [] } = options;
  const at = (path: string) => join(place.directory, path);
  const host = hostname().split('.')[0]!;
  const lines = [
    'ClusterName=test',
    `SlurmctldHost=${host}(127.0.0.1)`,
    'SlurmUser=root',
    'SlurmdUser=root',
    `SlurmctldPort=${place.controllerPort}`,
    'AuthType=auth/munge',
    // A job that is queued again waits for as long as credentials last: by default two minutes, at least 5 seconds.
    `AuthInfo=socket=${at(MUNGE_SOCKET)},cred_expire=5`,
    'CredType=cred/munge',
    `StateSaveLocation=${at('state')}`,
    `SlurmdSpoolDir=${at('spool')}/%n`,
    `SlurmctldPidFile=${at('pid')}/slurmctld`,
    `SlurmdPidFile=${at('pid')}/%n`,
    `SlurmctldLogFile=${at('log')}/slurmctld`,
    `SlurmdLogFile=${at('log')}/%n`,
    ...(confinesMemory
      ? ['ProctrackType=proctrack/cgroup', 'TaskPlugin=task/cgroup', 'JobAcctGatherType=jobacct_gather/cgroup']
      : ['ProctrackType=proctrack/linuxproc', 'TaskPlugin=task/none', 'JobAcctGatherType=jobacct_gather/none']),
    'MpiDefault=none',
    'SwitchType=switch/none',
    'AccountingStorageType=accounting_storage/none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core_Memory',
    'SlurmdParameters=config_overrides', // the nodes may have more than this machine
    'DefMemPerCPU=100',
    'GresTypes=gpu',
    // What takes minutes on a cluster takes seconds here.
    'SchedulerType=sched/backfill',
    'SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=5',
    'KillWait=2',
    'SlurmdTimeout=10',
    'SlurmctldTimeout=10',
    'JobRequeue=1',
    'ReturnToService=2', // a node that is back takes jobs, whatever it went down for
    ...(preemption ? ['PreemptType=preempt/partition_prio', `PreemptMode=${preemption.mode}`] : []),
    `NodeName=DEFAULT CPUs=${cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket=${cpus} ThreadsPerCore=1 ` +
      `RealMemory=${memory}${gpus > 0 ? ` Gres=gpu:fake:${gpus}` : ''} State=UNKNOWN`,
    ...place.nodes.map(({ name, port }) => `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port}`),
    `PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 ` +
      `GraceTime=${preemption?.graceSeconds ?? 0}`,
    ...(preemption ? ['PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10'] : []),
    ...conf,
  ];
  const gres = place.nodes.map(({ name }) => `NodeName=${name} Name=gpu Type=fake File=${at(FAKE_GPU)}[0-${gpus - 1}]`);
  // CgroupMountpoint is Slurm's default. Slurm reads the file whether or not cgroups are used.
  const cgroup = ['CgroupPlugin=cgroup/v1', ...(confinesMemory ? ['ConstrainRAMSpace=yes'] : [])];
  const text = (content: string[]) => `${content.join('\n')}\n`;
  return { 'slurm.conf': text(lines), 'gres.conf': text(gpus > 0 ? gres : []), 'cgroup.conf': text(cgroup) };
}
