/** A study of two small programs, one after the other: what they take, and how long, is as its parameters say. */
import type { SwpProject } from '../support/swp-project.ts';

const FILL = `
const { params, outputs } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const all = [];
for (let each = 0; each < params.megabytes; each++) all.push(Buffer.alloc(2 ** 20, 1));
require('node:fs').writeFileSync(outputs.out, String(params.number));
console.log(JSON.stringify({ metrics: { megabytes: all.length } }));
`;
const COPY = `
const { inputs, outputs } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
require('node:fs').copyFileSync(inputs.out, outputs.out);
console.log(JSON.stringify({ metrics: {} }));
`;
const OUT = { summary: 'A number.', file: 'out.txt' };

/** @param experiments the parameters of each: its `number`, and how many `megabytes` it fills */
export function programStudy(experiments: Record<string, { number: number; megabytes?: number }>): object {
  return {
    name: 'programs',
    dag: [
      { step: 'fill', stage: 'fill' },
      { step: 'copy', stage: 'copy', inputs: { out: 'fill.out' } },
    ],
    experiments: Object.fromEntries(Object.entries(experiments).map(([name, fill]) => [name, { params: { fill } }])),
  };
}

export async function writePrograms(project: SwpProject): Promise<void> {
  const integer = { type: 'integer', default: 1 };
  const stage = (name: string, more: object) => ({
    ...{ name, summary: 'A test.', command: ['node', `stages/${name}.cjs`], code: [`stages/${name}.cjs`] },
    outputs: { out: OUT },
    ...more,
  });
  const params = { type: 'object', additionalProperties: false, properties: { number: integer, megabytes: integer } };
  await project.write('stages/fill.stage.json', stage('fill', { params }));
  await project.write('stages/copy.stage.json', stage('copy', { inputs: { out: { summary: 'A number.' } } }));
  await project.write('stages/fill.cjs', FILL);
  await project.write('stages/copy.cjs', COPY);
}
