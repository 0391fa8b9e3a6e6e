/** Leases: who computes a key, among real processes, and among hosts as far as one can be several. */
import { lstat, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { LeaseFolder, stopLease } from '../../src/cache/lease-files.ts';
import { LeaseStore, type Acquisition, type Lease } from '../../src/cache/lease-store.ts';
import { thisProcess } from '../../src/cache/process-identity.ts';
import { parseLease } from '../../src/cache/stored-lease.ts';
import { Scratch } from '../../src/cache/scratch.ts';
import { bundle } from '../engine/rig.ts';
import { FailingFiles } from '../support/failing-files.ts';
import { ManualClock } from '../support/manual-clock.ts';

const NAME = 'ab'.repeat(32);
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-lease-'));
  await mkdir(join(directory, 'tmp'));
});
afterEach(() => rm(directory, { recursive: true }));

const open = (options: ConstructorParameters<typeof LeaseStore>[1] = {}) => {
  const store = new LeaseStore(
    new LeaseFolder(join(directory, 'leases'), new Scratch(join(directory, 'tmp'))),
    options,
  );
  onTestFinished(() => store.close());
  return store;
};
const held = (acquisition: Acquisition): Lease => {
  if (acquisition.kind !== 'held') throw new Error(`busy: ${JSON.stringify(acquisition.holder)}`);
  return acquisition.lease;
};
/** Lets time pass for an observer that looks every few seconds and finds the lease held each time. */
async function watch(observer: LeaseStore, clock: ManualClock, milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 5_000) {
    expect((await observer.acquire(NAME, 'there')).kind).toBe('busy');
    clock.advance(Math.min(5_000, milliseconds - passed));
  }
}
/** Lets time pass until something is done. */
async function passUntil<Value>(clock: ManualClock, done: Promise<Value>, each = 500): Promise<Value> {
  let over = false;
  void done.finally(() => (over = true)).catch(() => {});
  while (!over) {
    clock.advance(each);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}
/** As a store on another machine sees it: process ids say nothing. */
const elsewhere = (clock: ManualClock, space = 'elsewhere') =>
  open({ clock, identity: { ...thisProcess(), host: space, space } });

describe('between processes', () => {
  let holder: string;
  beforeAll(async () => {
    holder = await bundle('tests/cache/lease-holder.ts');
  });
  const start = async () => {
    const child = execa(process.execPath, [holder, directory, NAME], { reject: false, stdin: 'pipe' });
    onTestFinished(() => void child.kill('SIGKILL'));
    let [text, wake] = ['', () => {}];
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
      wake();
    });
    const says = async (word: string) => {
      while (!text.includes(word)) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { child, says, kill: (signal: NodeJS.Signals) => void child.kill(signal) };
  };

  it('one holds it, the others get it one after the other', async () => {
    const children = await Promise.all([start(), start(), start()]);
    const waiting = new Set(children);
    while (waiting.size > 0) {
      const first = await Promise.race([...waiting].map(async (child) => (await child.says('held'), child)));
      const others = [...waiting].filter((child) => child !== first);
      await Promise.all(others.map((child) => child.says('busy')));
      waiting.delete(first);
      first.child.stdin.write('go on\n');
      expect((await first.child).exitCode).toBe(0);
    }
    expect(await readdir(join(directory, 'leases/holders'))).toEqual([]);
    expect(await readdir(join(directory, 'leases/ab'))).toEqual([]);
  });

  it('one that was killed loses it to who waits', async () => {
    const first = await start();
    await first.says('held');
    const second = await start();
    await second.says('busy');
    first.kill('SIGKILL');
    await second.says('held');
  });

  it('one that only stands still keeps it', async () => {
    const first = await start();
    await first.says('held');
    first.kill('SIGSTOP');
    expect(await open().acquire(NAME, 'here')).toMatchObject({
      kind: 'busy',
      holder: { pid: first.child.pid, place: `place of ${first.child.pid}` },
    });
    first.kill('SIGCONT');
  });

  it('one whose number another process has by now is dead', async () => {
    const store = open();
    held(await store.acquire(NAME, 'here'));
    const path = join(directory, 'leases/ab', `${NAME}.json`);
    const lease = JSON.parse(await readFile(path, 'utf8')) as { nonce: string; holder: { started: string } };
    await writeFile(path, JSON.stringify({ ...lease, nonce: 'old', holder: { ...lease.holder, started: '1' } }));
    expect((await open().acquire(NAME, 'there')).kind).toBe('held');
  });
});

describe('between hosts', () => {
  it('a holder is dead once it has given no sign for 30 seconds of the observer, and not before', async () => {
    const clock = new ManualClock();
    held(await open({ heartbeatMs: 1e9 }).acquire(NAME, 'here'));
    const observer = elsewhere(clock);
    await watch(observer, clock, 29_999);
    expect((await observer.acquire(NAME, 'there')).kind).toBe('busy');
    clock.advance(1);
    expect((await observer.acquire(NAME, 'there')).kind).toBe('held');
  });

  it('a sign of life starts the 30 seconds anew; the wall clock says nothing', async () => {
    const clock = new ManualClock();
    const holder = open({ heartbeatMs: 1e9 });
    held(await holder.acquire(NAME, 'here'));
    const observer = elsewhere(clock);
    expect((await observer.acquire(NAME, 'there')).kind).toBe('busy');
    for (const sign of ['1', '2', '3']) {
      await watch(observer, clock, 20_000);
      clock.jump(-1e9);
      for (const name of await readdir(join(directory, 'leases/holders')))
        await writeFile(join(directory, 'leases/holders', name), sign);
      expect((await observer.acquire(NAME, 'there')).kind).toBe('busy');
    }
  });

  it('who waits wakes when the lease is free, when the holder is dead, and when the result is there', async () => {
    const clock = new ManualClock();
    const holder = open({ heartbeatMs: 1e9 });
    const lease = held(await holder.acquire(NAME, 'here'));
    const observer = elsewhere(clock);
    let there = false;
    const result = observer.wait(NAME, async () => there);
    there = true;
    await passUntil(clock, result);
    await passUntil(
      clock,
      observer.wait(NAME, async () => false),
    ); // 30 seconds without a sign
    const free = observer.wait(NAME, async () => false);
    lease.release();
    await passUntil(clock, free);
  });

  it('who is dead is so for all its leases', async () => {
    const clock = new ManualClock();
    const holder = open({ heartbeatMs: 1e9 });
    held(await holder.acquire(NAME, 'here'));
    held(await holder.acquire('cd'.repeat(32), 'here'));
    const observer = elsewhere(clock);
    await watch(observer, clock, 30_000);
    held(await observer.acquire('cd'.repeat(32), 'there'));
  });

  it('of several that break the lease of a dead holder, one gets it', async () => {
    const clock = new ManualClock();
    held(await open({ heartbeatMs: 1e9 }).acquire(NAME, 'here'));
    const observers = Array.from({ length: 5 }, (_, index) => elsewhere(clock, `host ${index}`));
    for (let passed = 0; passed < 30_000; passed += 5_000) {
      for (const observer of observers) expect((await observer.acquire(NAME, 'there')).kind).toBe('busy');
      clock.advance(5_000);
    }
    const attempts = Promise.all(observers.map((observer) => observer.acquire(NAME, 'there')));
    const kinds = (await passUntil(clock, attempts, 10)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'held')).toHaveLength(1);
  });
});

it('a lease that was broken is not given back by who lost it', async () => {
  const clock = new ManualClock();
  const lost = held(await open({ heartbeatMs: 1e9 }).acquire(NAME, 'here'));
  const second = elsewhere(clock);
  await watch(second, clock, 30_000);
  held(await second.acquire(NAME, 'there'));
  lost.release();
  expect((await open().acquire(NAME, 'here')).kind).toBe('busy');
});

describe('a holder of which nothing shows that it lives is waited for as long as one elsewhere:', () => {
  const plant = async (holder: object) => {
    const { space, started } = thisProcess();
    const told = { host: 'h', user: 'u', since: 's', place: 'p', id: 'abc', space, started };
    await mkdir(join(directory, 'leases/ab'), { recursive: true });
    await writeFile(
      join(directory, 'leases/ab', `${NAME}.json`),
      JSON.stringify({ nonce: 'n', holder: { ...told, ...holder } }),
    );
  };

  it.each([
    ['process 1, without a start time, in the same namespace', { pid: 1, started: null }],
    ['a process that is there, but gives no heartbeat', { pid: process.pid }],
    ['a process that is there, with a start time of another type', { pid: process.pid, started: 7 }],
    ['a number that is gone here, but of another host of the same name', { pid: 2 ** 22 + 1, space: 'another boot' }],
  ])('%s', async (_, holder) => {
    await plant(holder);
    const clock = new ManualClock();
    const observer = open({ clock });
    await watch(observer, clock, 30_000);
    expect((await observer.acquire(NAME, 'here')).kind).toBe('held');
  });

  it('which has ended here is dead at once, and so is a lease of the observer itself that it does not hold', async () => {
    await plant({ pid: 2 ** 22 + 1 }); // no system has so many
    const store = open();
    const lease = held(await store.acquire(NAME, 'here'));
    const path = join(directory, 'leases/ab', `${NAME}.json`);
    const remnant = await readFile(path, 'utf8');
    lease.release();
    await writeFile(path, remnant);
    held(await store.acquire(NAME, 'here'));
  });

  it('for an observer that stood still itself, the time meanwhile does not count', async () => {
    const clock = new ManualClock();
    held(await open({ heartbeatMs: 1e9 }).acquire(NAME, 'here'));
    const observer = elsewhere(clock);
    expect((await observer.acquire(NAME, 'there')).kind).toBe('busy');
    clock.advance(3600_000);
    expect((await observer.acquire(NAME, 'there')).kind).toBe('busy');
  });
});

describe('of the stops of a trajectory', () => {
  it('an observer is told the nearest one before its own that somebody computes, and none beyond', async () => {
    const other = open();
    for (const at of [60, 100, 6_000]) held(await other.acquire(stopLease(NAME, at), `to ${at}`));
    held(await other.acquire(NAME, 'no stop'));
    const store = open();
    expect(await store.holderBefore(NAME, 60)).toBeUndefined();
    expect(await store.holderBefore(NAME, 6_000)).toMatchObject({
      name: stopLease(NAME, 100),
      holder: { place: 'to 100' },
    });
    other.close();
    expect(await store.holderBefore(NAME, 6_000)).toBeUndefined();
  });
});

describe('garbage', () => {
  const path = () => join(directory, 'leases/ab', `${NAME}.json`);
  const good = { nonce: 'n', holder: { ...thisProcess(), id: 'abc', since: '', place: 'p' } };
  const texts: Record<string, string> = {
    nothing: '',
    'half of it': '{"nonce":',
    null: 'null',
    'a list': '[[[[]]]]',
    'another version': '{"version":2,"lease":{"owner":"x"}}',
    'a nonce that is none': JSON.stringify({ ...good, nonce: 7 }),
    'a process that is none': JSON.stringify({ ...good, holder: { ...good.holder, pid: 'x' } }),
    'a place that is no text': JSON.stringify({ ...good, holder: { ...good.holder, place: {} } }),
    'brackets without an end': '['.repeat(16_000),
    'more than a lease has': 'x'.repeat(10_000_000),
  };
  const things: Record<string, () => Promise<unknown>> = {
    'a folder': () => mkdir(join(path(), 'in it'), { recursive: true }),
    'a link that leads nowhere': () => symlink('/nowhere/at/all', path()),
    'a link to itself': () => symlink(path(), path()),
    'a link to a file without an end': () => symlink('/dev/zero', path()),
    'a pipe in which nobody writes': () => execa('mkfifo', [path()]),
    ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, () => writeFile(path(), text)])),
  };

  it.each(Object.keys(things))(
    'in place of a lease counts for as long as a holder that is silent: %s',
    async (name) => {
      const clock = new ManualClock();
      await mkdir(join(directory, 'leases/ab'), { recursive: true });
      await things[name]!();
      const store = open({ clock, deadAfterMs: 5_000 });
      await watch(store, clock, 5_000);
      held(await store.acquire(NAME, 'here')).release();
      expect(await readdir(join(directory, 'leases/ab'))).toEqual([]);
    },
  );

  it.each(Object.keys(things))('in place of a heartbeat is silence: %s', async (name) => {
    const clock = new ManualClock();
    const holder = open({ heartbeatMs: 1e9 });
    held(await holder.acquire(NAME, 'here'));
    const [id] = await readdir(join(directory, 'leases/holders'));
    const lease = await readFile(path(), 'utf8');
    await rm(path());
    await things[name]!();
    await rm(join(directory, 'leases/holders', id!));
    await rename(path(), join(directory, 'leases/holders', id!));
    await writeFile(path(), lease);
    const observer = open({ clock, deadAfterMs: 5_000, identity: { ...thisProcess(), space: 'elsewhere' } });
    await watch(observer, clock, 5_000);
    held(await observer.acquire(NAME, 'there'));
  });

  it('a heartbeat or a lease that cannot be written leaves nothing that a later attempt would take for another', async () => {
    const disk = new FailingFiles();
    const store = open();
    for (const only of ['writeSync', 'linkSync']) {
      disk.arm(directory, { code: 'ENOSPC', at: 0, lasting: true, only });
      await expect(store.acquire(NAME, 'here')).rejects.toMatchObject({
        failure: { kind: 'file', code: 'ENOSPC', path: expect.stringContaining(directory) as string },
      });
      disk.arm(directory);
    }
    held(await store.acquire(NAME, 'here'));
  });

  it('in place of a folder of leases is replaced', async () => {
    await mkdir(join(directory, 'leases'));
    await writeFile(join(directory, 'leases/ab'), 'a file');
    await symlink('/nowhere/at/all', join(directory, 'leases/holders'));
    held(await open().acquire(NAME, 'here'));
  });

  it('is not written through: a heartbeat whose file was replaced by a link begins another one', async () => {
    const clock = new ManualClock();
    await writeFile(join(directory, 'victim'), 'precious');
    held(await open({ clock }).acquire(NAME, 'here'));
    const [id] = await readdir(join(directory, 'leases/holders'));
    const beat = join(directory, 'leases/holders', id!);
    await rm(beat);
    await symlink(join(directory, 'victim'), beat);
    for (let beats = 0; beats < 3; beats++) {
      clock.advance(2_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await readFile(join(directory, 'victim'), 'utf8')).toBe('precious');
    expect([(await lstat(beat)).isFile(), await readFile(beat, 'utf8')]).toEqual([true, '3']);
  });

  it('is not what others see of a holder with a umask of its own: whoever enters the folder reads who lives', async () => {
    const umask = process.umask(0o077);
    try {
      held(await open().acquire(NAME, 'here'));
    } finally {
      process.umask(umask);
    }
    const [id] = await readdir(join(directory, 'leases/holders'));
    for (const file of [path(), join(directory, 'leases/holders', id!)])
      expect((await lstat(file)).mode & 0o777).toBe(0o664);
  });

  it('in what a holder says of itself reaches no terminal', () => {
    const { holder } = parseLease(
      JSON.stringify({ ...good, holder: { ...good.holder, user: '\u001b[2Jann', place: 'x'.repeat(999) } }),
    );
    expect([holder.user, holder.place.length]).toEqual(['?[2Jann', 200]);
  });
});

it('never has two holders that live, whatever is taken, given back, abandoned and broken', async () => {
  const names = [NAME, 'cd'.repeat(32)];
  const step = fc.record({
    store: fc.nat(2),
    name: fc.nat(1),
    deed: fc.constantFrom('acquire', 'release', 'pass', 'jump'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await rm(join(directory, 'leases'), { recursive: true, force: true });
      const clock = new ManualClock();
      const stores = [0, 1, 2].map((index) => elsewhere(clock, `host ${index}`));
      const leases = new Map<string, Lease>();
      for (const { store, name, deed } of steps) {
        const mine = `${store} ${name}`;
        if (deed === 'pass') clock.advance(10_000);
        else if (deed === 'jump') clock.jump(-86_400_000);
        else if (deed === 'release') {
          await leases.get(mine)?.release();
          leases.delete(mine);
        } else if (!leases.has(mine)) {
          // All of them give signs: whoever holds it lives.
          for (const id of await readdir(join(directory, 'leases/holders')).catch(() => []))
            await writeFile(join(directory, 'leases/holders', id), String(Math.random()));
          const acquisition = await stores[store]!.acquire(names[name]!, mine);
          const others = [...leases.keys()].filter((key) => key.endsWith(` ${name}`));
          expect(acquisition.kind).toBe(others.length === 0 ? 'held' : 'busy');
          if (acquisition.kind === 'held') leases.set(mine, acquisition.lease);
        }
      }
      for (const store of stores) await store.close();
    }),
    { numRuns: 40 },
  );
});
