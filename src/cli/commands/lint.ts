/** swp lint: do the arms of each declared comparison differ in exactly what it names, and can it show anything? */
import type { ProjectOptions } from '../../project/location.ts';
import { lint as lintStudy, lintInputs, type LintedInputs, type LintResult } from '../../project/lint.ts';
import { openDeclaration } from '../../project/project.ts';
import type { LintFinding, LintSeverity } from '../../science/lint/finding.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { warningText } from '../failure-text.ts';
import { missingTexts } from '../missing-text.ts';
import { plural } from '../study-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function lint(options: ProjectOptions): Promise<void> {
  const declaration = await openDeclaration(options);
  const result = lintStudy(declaration.study);
  const { study, findings, openErrors } = result;
  const inputs = await lintInputs(declaration);
  const terminal = openTerminal();
  if (options.json)
    terminal.line(
      JSON.stringify({
        ...{ profile: study.profile.name, comparisons: study.comparisons.map(({ name }) => name), findings },
        ...inputs,
      }),
    );
  else {
    writeFindings(result, terminal);
    writeInputs(inputs, terminal);
  }
  const misdeclared = inputs.missingInputs.filter(({ failure: { kind } }) => kind === 'study' || kind === 'several');
  process.exitCode = openErrors + misdeclared.length > 0 ? EXIT_CODE.lintErrors : EXIT_CODE.ok;
}

/** What the study's nodes read, where that is missing or enters no key: warnings, since lint is about comparisons. */
function writeInputs({ missingInputs, warnings }: LintedInputs, { lines, colors }: Terminal): void {
  for (const text of missingTexts(missingInputs, colors, colors.red('blocked:'))) lines(text);
  for (const warning of warnings) lines(warningText(warning, colors));
}

function writeFindings({ study, findings, remedies }: LintResult, terminal: Terminal): void {
  const { profile, comparisons, experiments } = study;
  const { colors } = terminal;
  /** Findings that the profile accepts are listed once, below. */
  const isOfProfile = ({ rule, comparison, accepted }: LintFinding) =>
    accepted !== null && comparisons.find(({ name }) => name === comparison)?.accept[rule] === undefined;
  terminal.line(
    `${colors.bold(`Profile ${profile.name}`)}: ${plural(comparisons.length, 'comparison')} of ${plural(experiments.length, 'experiment')}.`,
  );
  for (const { name, arms, varies } of comparisons) {
    const own = findings.filter((each) => each.comparison === name && !isOfProfile(each));
    terminal.line();
    terminal.line(`${colors.bold(name)}: ${arms.join(', ')} by ${varies.join(', ')}`);
    for (const each of own) writeFinding(each, terminal);
    if (own.every(({ severity }) => severity === 'note')) terminal.line(`  ${colors.green('ok')}`);
  }
  terminal.line();
  for (const each of findings) if (each.comparison === null) writeFinding(each, terminal);
  const ofProfile = findings.filter(isOfProfile);
  for (const rule of new Set(ofProfile.map((each) => each.rule))) {
    const own = ofProfile.filter((each) => each.rule === rule);
    terminal.line(
      `  ${colors.green('=')} ${rule} (${plural(own.length, 'finding')}), accepted for the profile: ${own[0]!.accepted}`,
    );
  }

  const open = findings.filter(({ accepted }) => accepted === null);
  const count = (severity: LintSeverity) => plural(open.filter((each) => each.severity === severity).length, severity);
  const accepted = findings.length - open.length;
  terminal.line(
    `${count('error')}, ${count('warning')}, ${count('note')}${accepted > 0 ? `; ${accepted} accepted` : ''}.`,
  );
  const rules = new Set(open.filter(({ severity }) => severity !== 'note').map(({ rule }) => rule));
  for (const rule of rules) terminal.line(`${colors.dim(`${rule}:`)} ${remedies[rule]}`);
}

function writeFinding({ rule, severity, message, accepted }: LintFinding, { line, colors }: Terminal): void {
  const signs = { error: colors.red('×'), warning: colors.yellow('!'), note: colors.dim('·') };
  if (accepted === null)
    return line(`  ${signs[severity]} ${severity === 'note' ? colors.dim(rule) : rule}: ${message}`);
  line(`  ${colors.green('=')} ${rule}, accepted: ${accepted}`);
  line(`    ${colors.dim(message)}`);
}
