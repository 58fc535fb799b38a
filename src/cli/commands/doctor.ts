/** `latentmorph doctor`: checks everything that the service needs, and says what to do. */
import { diagnose } from '../doctor/diagnose.js';
import type { Finding } from '../doctor/finding.js';
import { argumentsOf, type Command, EXIT, Misused } from './command.js';

const MARK = { ok: '✓', warning: '!', failed: '✗' } as const;

export const doctor: Command = {
  summary:
    'checks Node, packages, settings, models, Python, Redis, ports, disk and device, and says what to do',
  usage: `Usage: latentmorph doctor [--json]

Looks at everything that the service needs on this machine, with the environment as it is. Changes nothing.
Ends with 1 where something keeps the service from running.
  --json   one JSON object: {"healthy":…,"findings":[…]}`,
  async run(args) {
    const { values, positionals } = argumentsOf(args, { json: { type: 'boolean', default: false } });
    if (positionals.length > 0) throw new Misused(`Unexpected '${positionals[0]}'.`);
    const findings = await diagnose({ nodeVersion: process.versions.node });
    const healthy = findings.every(({ state }) => state !== 'failed');
    console.log(values.json ? JSON.stringify({ healthy, findings }) : report(findings, healthy));
    return healthy ? EXIT.ok : EXIT.failed;
  },
};

function report(findings: readonly Finding[], healthy: boolean): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, found, advice }) => [
    `${MARK[state]} ${check.padEnd(width)}  ${found}`,
    ...(advice ? [`  ${' '.repeat(width)}  → ${advice}`] : []),
  ]);
  return [
    ...lines,
    '',
    healthy ? 'The service can run: npx latentmorph serve' : 'The service cannot run yet.',
  ].join('\n');
}
