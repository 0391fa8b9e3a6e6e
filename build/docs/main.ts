/**
 * Makes every number, table, console excerpt and picture of the pages that follows from a computation.
 *
 *   npm run docs                       # runs the studies that the pages quote, as far as no cache has them; renders
 *   npm run docs -- render             # pages and pictures only, from docs/measured
 *   npm run docs -- pilot detector     # some sources, then renders
 *   npm run docs -- --cache DIR --jobs 1
 *
 * Sources: pilot, learning-rate, detector, emergence. Two more run only where they are named: screenshots, which needs
 * a Chromium, and pilot-run, which times the pilot in an empty cache and wants a machine that does nothing else.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../src/base/package-root.ts';
import { writeMeasured } from './measured.ts';
import { takeScreenshots } from './screenshots.ts';
import { isCurrent, renderPages, renderPictures, troubles } from './render.ts';
import { runDetector, runEmergence, runLearningRate, runPilot, timePilot, type StudyPlace } from './studies.ts';

const STUDIES: Record<string, (place: StudyPlace) => Promise<void>> = {
  pilot: async (place) => writeMeasured('pilot', await runPilot(place)),
  'learning-rate': async (place) => writeMeasured('learning-rate', await runLearningRate(place)),
  detector: async (place) => writeMeasured('detector', await runDetector(place)),
  emergence: async (place) => writeMeasured('emergence', await runEmergence(place)),
};
/** What depends on more than the code: run only where it is named. */
const OTHERS: Record<string, (place: StudyPlace) => Promise<void>> = {
  'pilot-run': async () => writeMeasured('pilot-run', await timePilot()),
  screenshots: takeScreenshots,
};
const RENDER = 'render';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cache: { type: 'string' }, jobs: { type: 'string' } },
});
const sources = { ...STUDIES, ...OTHERS };
const unknown = positionals.find((name) => name !== RENDER && sources[name] === undefined);
if (unknown !== undefined)
  throw new Error(`There is no source ${unknown}; there are: ${[RENDER, ...Object.keys(sources)].join(', ')}.`);

const wanted = positionals.length === 0 ? Object.keys(STUDIES) : positionals.filter((name) => name !== RENDER);
for (const name of wanted) {
  console.log(`== ${name}`);
  await sources[name]!({ cache: values.cache, jobs: values.jobs });
}

let written = 0;
for (const file of [...(await renderPages()), ...(await renderPictures())]) {
  if (isCurrent(file)) continue;
  writeFileSync(join(packageRoot, file.path), file.content);
  console.log(`written: ${file.path}`);
  written += 1;
}
const wrong = await troubles();
for (const line of wrong) console.error(line);
console.log(`${written === 0 ? 'Nothing has changed' : `${written} files written`}; ${wrong.length} things to mend.`);
process.exitCode = wrong.length === 0 ? 0 : 1;
