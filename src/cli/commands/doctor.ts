/** swp doctor: which engines and devices work here, why the others do not, and what would change that. */
import { examineMachine, installPart } from '../../project/machine.ts';
import type { DoctorOptions } from '../declarations/doctor.ts';
import { doctorText } from '../doctor-text.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { openTerminal } from '../terminal.ts';

export async function doctor(options: DoctorOptions): Promise<void> {
  const terminal = openTerminal();
  if (options.install !== undefined) {
    // With --json, standard output is for the findings.
    const say = (line: string) => (options.json ? terminal.errorLine(line) : terminal.line(line));
    await installPart(options.install, say);
    say('');
  }
  const findings = await examineMachine(options);
  if (options.json) terminal.line(JSON.stringify(findings));
  else for (const line of doctorText(findings, terminal.colors)) terminal.line(line);
  if (!findings.ok) process.exitCode = EXIT_CODE.defaultTargetFails;
}
