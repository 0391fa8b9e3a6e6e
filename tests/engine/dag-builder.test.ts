/** Building the DAG: sharing, wrong names, files that are not there. */
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DagBuilder } from '../../src/engine/dag-builder.ts';
import { KeyedParams } from '../../src/engine/keyed-params.ts';
import { label, Rig } from './rig.ts';

let rig: Rig;
let builder: DagBuilder;
beforeEach(async () => {
  rig = await Rig.create();
  builder = new DagBuilder({ loader: rig.loader, root: rig.directory });
});
afterEach(() => rig.remove());

it('merges equal nodes, with a label for each place', async () => {
  const node = { stage: 'text', params: { say: 'a' }, inputs: {} };
  const keys = [
    await builder.add({ ...node, label: label('A') }),
    await builder.add({ ...node, label: label('B') }),
    await builder.add({ ...node, label: label('A') }),
  ];
  expect(new Set(keys).size).toBe(1);
  expect(builder.dag.getNodeAttribute(keys[0]!, 'labels')).toEqual([label('A'), label('B')]);
});

it('looks at the places of a node as often for each of many as for each of a few', async () => {
  let looks = 0;
  const share = async (places: number) => {
    looks = 0;
    for (let index = 0; index < places; index++) {
      const counted = {
        ...label(`E${index}`),
        get experiment() {
          looks++;
          return `E${index}`;
        },
      };
      await builder.add({ stage: 'text', params: { say: String(places) }, inputs: {}, label: counted });
    }
    return looks;
  };
  expect(await share(400)).toBe(10 * (await share(40)));
});

it('keeps where a result stands out of its key', async () => {
  const [one, other] = await Promise.all(
    ['A/s0/r0/x', 'B/s1/r9/y'].map((place) =>
      builder.add({ stage: 'text', params: {}, inputs: {}, label: label(place) }),
    ),
  );
  expect(one).toBe(other);
});

it('names the nearest stage to one that does not exist', async () => {
  await expect(builder.add({ stage: 'txet', params: {}, inputs: {}, label: label('A') })).rejects.toMatchObject({
    failure: {
      kind: 'usage',
      message: 'There is no stage "txet".',
      expected: 'one of count, first, joined, list, text',
      suggestion: 'text',
    },
  });
});

it('is not led out of the folder of stages by a name', async () => {
  await writeFile(rig.path('outside.js'), 'throw new Error("was loaded")');
  for (const stage of ['../outside', 'constructor', '__proto__'])
    await expect(builder.add({ stage, params: {}, inputs: {}, label: label('A') })).rejects.toMatchObject({
      failure: { kind: 'usage' },
    });
});

it('says of a node which external file is not there, and what to do', async () => {
  const lack = async (params: object) =>
    builder.dag.getNodeAttribute(
      await builder.add({ stage: 'text', params: { ...params }, inputs: {}, label: label('A') }),
      'blocked',
    )?.failure;
  expect(await lack({ file: 'nowhere' })).toMatchObject({
    kind: 'file',
    path: rig.path('nowhere'),
    operation: 'read',
    code: 'ENOENT',
  });
  expect(await lack({ file: 'nowhere else', remedy: 'Look elsewhere.' })).toMatchObject({ remedy: 'Look elsewhere.' });
});

it('keys an external file by its name and content, not by where it lies', async () => {
  await writeFile(rig.path('data'), 'content');
  const here = await builder.add({ stage: 'text', params: { file: 'data' }, inputs: {}, label: label('A') });
  const { preimage, files } = builder.dag.getNodeAttributes(here);
  expect(preimage.files).toEqual({ data: files[0]!.sha256 });
  expect(files[0]!.path).toBe(rig.path('data'));
  expect(JSON.stringify(preimage)).not.toContain(rig.directory);
});

it('keys a parameter by what it names, where the stage says so, and can tell what the study called it', async () => {
  const add = (named: string) =>
    builder.add({ stage: 'text', params: { named, say: 'a' }, inputs: {}, label: label(named) });
  const key = await add('Mine');
  expect(await add('MINE')).toBe(key);
  expect(await add('yours')).not.toBe(key);
  const { params, preimage } = builder.dag.getNodeAttributes(key);
  expect([params, preimage.params]).toEqual([
    { named: 'Mine', say: 'a' },
    { named: 'mine', say: 'a' },
  ]);
  const keyed = new KeyedParams(builder.dag.mapNodes((_, node) => node));
  expect(keyed.declared('text', { named: 'mine', say: 'b' })).toEqual({ named: 'Mine', say: 'b' });
  expect(keyed.declared('text', { named: 'nobody' })).toEqual({ named: 'nobody' });
});

it('leaves the bytes of a file out of the key where the stage says so, and watches it all the same', async () => {
  await writeFile(rig.path('data'), 'content');
  const key = await builder.add({
    stage: 'text',
    params: { file: 'data', fileInKey: false },
    inputs: {},
    label: label('A'),
  });
  expect(builder.dag.getNodeAttribute(key, 'preimage').files).toEqual({});
  expect(builder.dag.getAttribute('watched').has(rig.path('data'))).toBe(true);
});

it('refuses inputs that a stage does not have, and artifacts that nobody makes', async () => {
  const key = await builder.add({
    stage: 'first',
    params: {},
    inputs: { from: { key: await source(), artifact: 'text' } },
    label: label('A'),
  });
  const add = (inputs: object, gathers = {}) =>
    builder.add({ stage: 'first', params: {}, inputs: inputs as never, gathers, label: label('B') });
  await expect(add({})).rejects.toThrow('B/s0/r0/step: required input "from" is not given.');
  await expect(add({ form: { key, artifact: 'text' } })).rejects.toThrow('stage first has no input "form"');
  await expect(add({ from: { key, artifact: 'size' } })).rejects.toThrow('stage first has no output "size"');
  await expect(add({ from: { key: 'f00', artifact: 'text' } })).rejects.toThrow('its input f00 is no node of the DAG');
  await expect(add({}, { from: [] })).rejects.toThrow('input "from" of first is not a gathered one');
});

function source(): Promise<string> {
  return builder.add({ stage: 'text', params: {}, inputs: {}, label: label('S') });
}
