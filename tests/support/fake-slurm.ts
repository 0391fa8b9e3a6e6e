/**
 * Slurm's commands as far as swp calls them, as shell scripts in a folder for PATH. They keep what there is of jobs in
 * files, which tests write, too. With `runs`, jobs run in the background, one after the other.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { SwpProject } from './swp-project.ts';

/** What all commands begin with: F is the folder. */
const COMMON = `#!/bin/bash
F=$(dirname "$(dirname "$0")")
echo "$(basename "$0") $*" >> "$F/calls"
away() { echo "$1 Unable to contact slurm controller (connect failure)" >&2; exit 1; }
option() { sed -n "s/^#SBATCH \\"\\{0,1\\}--$1=\\([^\\"]*\\)\\"\\{0,1\\}$/\\1/p" "$2"; }
elements() { option array "$1" | sed 's/%.*//' | tr , '\\n' | while IFS=- read -r a b; do seq "$a" "\${b:-$a}"; done; }
say() { echo "$1|$2|swp-$1" > "$F/new-$1" && mv "$F/new-$1" "$F/jobs/$1"; }
`;

const COMMANDS: Record<string, string> = {
  sbatch: `
[ -e "$F/away" ] && away 'sbatch: error: Batch job submission failed:'
id=$(($(cat "$F/last") + 1))
[ -e "$F/refuses" ] && [ "$id" -ge "$(cat "$F/refuses")" ] && {
  echo 'sbatch: error: invalid partition specified: nope' >&2
  echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2
  exit 1
}
echo "$id" > "$F/last"
cat > "$F/$id.sh"
for n in $(elements "$F/$id.sh"); do say "\${id}_$n" 'PENDING|Priority||0:00|1:00:00'; done
echo "$id"
[ "$(cat "$F/interrupts" 2> /dev/null)" = "$id" ] && kill -INT $PPID
[ -e "$F/runs" ] || exit 0
setsid "$F/bin/run-array" "$id" > "$F/$id.runner" 2>&1 < /dev/null &
`,
  'run-array': `
script="$F/$1.sh"
echo $$ > "$F/runner-$1"
for before in $(option dependency "$script" | tr : ' '); do
  while cat "$F/jobs/$before" "$F/jobs/\${before}"_* 2> /dev/null | grep -qE 'PENDING|RUNNING'; do sleep 0.1; done
done
for n in $(elements "$script"); do
  job="$1_$n"
  [ -e "$F/jobs/$job" ] || continue
  say "$job" 'RUNNING|None|n1|0:01|59:59'
  log=$(option output "$script" | sed "s/%a/$n/")
  (cd "$(option chdir "$script")" && env SLURM_JOB_ID="$1$n" SLURM_ARRAY_JOB_ID="$1" SLURM_ARRAY_TASK_ID="$n" \\
    SLURM_CPUS_PER_TASK=1 bash "$script") >> "$log" 2>&1 &&
    say "$job" 'COMPLETED|None|n1|0:02|59:58' || say "$job" 'FAILED|NonZeroExitCode|n1|0:02|59:58'
done
`,
  squeue: `
[ -e "$F/away" ] && away 'slurm_load_jobs error:'
ids=$(printf '%s\\n' "$@" | sed -n 's/^--jobs=//p' | tr , ' ')
for id in $ids; do cat "$F/jobs/$id" 2> /dev/null; done
exit 0
`,
  scontrol: `
[ -e "$F/away" ] && away 'slurm_load_jobs error:'
[ "$2" = config ] && echo 'MaxArraySize            = 1001' || echo "JobId=1 JobState=COMPLETING Reason=None Restarts=0"
`,
  scancel: `
[ -e "$F/away" ] && away 'scancel: error: Kill job error on job id 1:'
for id in "$@"; do rm -f "$F/jobs/$id" "$F/jobs/$id"_*; done
`,
};

export class FakeSlurm {
  readonly #folder: string;

  /** For one project: its commands are found first. */
  constructor(project: SwpProject) {
    this.#folder = project.path('.slurm');
    mkdirSync(join(this.#folder, 'bin'), { recursive: true });
    mkdirSync(join(this.#folder, 'jobs'));
    writeFileSync(join(this.#folder, 'last'), '0');
    for (const [name, lines] of Object.entries(COMMANDS)) {
      const path = join(this.#folder, 'bin', name);
      writeFileSync(path, COMMON + lines);
      chmodSync(path, 0o755);
    }
    project.env.PATH = `${join(this.#folder, 'bin')}${delimiter}${process.env.PATH}`;
    onTestFinished(() => this.#endRunners());
  }

  /** What sbatch takes from now on runs. */
  runsJobs(): void {
    writeFileSync(join(this.#folder, 'runs'), '');
  }

  /** Whether the controller is away. */
  set away(isAway: boolean) {
    const path = join(this.#folder, 'away');
    if (isAway) writeFileSync(path, '');
    else rmSync(path, { force: true });
  }

  /** sbatch refuses all arrays from the one with this number on. */
  refuseFrom(array: number): void {
    writeFileSync(join(this.#folder, 'refuses'), String(array));
  }

  /** Once sbatch has taken the array with this number, somebody presses Ctrl-C. */
  interruptAt(array: number): void {
    writeFileSync(join(this.#folder, 'interrupts'), String(array));
  }

  /** @param shown what squeue shows of a job after its id: state, reason, machine, time, time left */
  set(job: string, shown: string): void {
    writeFileSync(join(this.#folder, 'jobs', job), `${job}|${shown}|swp-${job}\n`);
  }

  /** As some minutes after its end. */
  forget(job: string): void {
    rmSync(join(this.#folder, 'jobs', job), { force: true });
  }

  /** Ids of the jobs that squeue knows. */
  get jobs(): string[] {
    return readdirSync(join(this.#folder, 'jobs')).sort();
  }

  /** The commands that were run, with their arguments. */
  get calls(): string[] {
    const path = join(this.#folder, 'calls');
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  }

  #endRunners(): void {
    for (const name of readdirSync(this.#folder).filter((each) => each.startsWith('runner-')))
      try {
        process.kill(-Number(readFileSync(join(this.#folder, name), 'utf8')), 'SIGKILL');
      } catch {
        // It has ended.
      }
  }
}
